"""A crawl in this process, and the command line with a key."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ffs import retries
from ffs.crawl import Crawler
from ffs.flickr import Key
from ffs.settings import Crawl, Settings
from ffs.settings import write as write_settings
from tests.ffs.clocks import Jumping
from tests.ffs.flickr import KEY, SINCE, UNTIL, World
from tests.ffs.rated import make
from tests.ffs.server import Server
from wespe_bench.images import write_png

#: When the tests' crawls take place.
NOW = UNTIL + 100 * 86400.0
#: The same year as words.
DAYS = ("--since", "2015-01-01", "--until", "2016-01-01")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", KEY)


def settings(**options: Any) -> Settings:
    return Settings(**{"since": SINCE, "until": UNTIL} | options)


@contextmanager
def crawling(server: Server, folder: Path, photos: int, **options: Any) -> Iterator[Crawler]:
    """A crawl of ``server`` in this process; ``options`` are the verb's, or the settings'."""
    folder.mkdir(exist_ok=True)
    names = set(Settings.__slots__)
    chosen = settings(**{k: v for k, v in options.items() if k in names})
    rest = {k: v for k, v in options.items() if k not in names}
    config = Crawl(out=str(folder), photos=photos, **{"calls": 0} | rest)
    write_settings(folder, chosen)
    made = Crawler(folder, chosen, Key(KEY), server.clock, config, server.transport())
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def world() -> World:
    """Twenty thousand photos of one year."""
    return World(20_000, seed=1, base="https://flickr.test")


@pytest.fixture
def server(world: World) -> Server:
    world.removed.clear()
    world.base = "https://flickr.test"
    return Server(world, Jumping(NOW))


Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verb(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Verb:
    """The command line in this process: exit code, what it printed, its complaint."""
    from wespe_bench import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([str(word) for word in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert KEY not in out + err
        return code, out, err

    return run


Loopback = tuple[Server, list[str]]


@pytest.fixture
def loopback(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server on loopback, a clock that jumps, and the verb's words to crawl there."""
    world.removed.clear()
    server = Server(world, Jumping(NOW))
    monkeypatch.setattr(retries, "System", lambda: server.clock)
    with server.served() as api:
        words = ["ffs", "crawl", "--out", "out", "--api", api, *DAYS]
        yield server, words


def environment(key: str = KEY) -> dict[str, str]:
    return os.environ | {"FLICKR_API_KEY": key, "OMP_NUM_THREADS": "1"}


#: The first line of the CSV of `rated`, and options that build it quickly.
HEAD = "path,views,faves,owner,uploaded"
SMALL = ("--size", "256x224", "--validation", 6, "--test", 8, "--jobs", 0)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `rated` copies."""
    folder = tmp_path_factory.mktemp("rated")
    rng = np.random.default_rng(0)
    lines = [HEAD]
    for n in range(60):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        write_png(folder / "in" / f"=p{n}.png", np.asarray(coarse.resize((320, 240))))
        lines.append(f"=p{n}.png,1000,{n // 2},=owner{n // 2},2016-0{n % 9 + 1}-03T10:00:00Z")
    (folder / "in" / "photos.csv").write_text("\ufeff" + "\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def rated(drawn: Path, tmp_path: Path) -> Path:
    """Sixty small photos and their CSV; photo n has n // 2 faves of 1000 views."""
    shutil.copytree(drawn / "in", tmp_path / "in")
    return tmp_path / "in" / "photos.csv"


@pytest.fixture
def built(drawn: Path, rated: Path, tmp_path: Path, verb: Verb) -> Path:
    """The folder ``set``, built from `rated` once and then copied."""
    if not (kept := drawn / "set").exists():
        assert verb("ffs", "build", rated, "--out", "set", *SMALL)[0] == 0
        shutil.copytree(tmp_path / "set", kept, symlinks=True)
    else:
        shutil.copytree(kept, tmp_path / "set", symlinks=True)
    return tmp_path / "set"


@pytest.fixture(scope="session")
def few_rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `place` copies."""
    make(folder := tmp_path_factory.mktemp("few") / "ratings")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_rated: Path) -> Path:
    """The current folder, with ``ratings`` of a few photos."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(few_rated, tmp_path / "ratings")
    return tmp_path
