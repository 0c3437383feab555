"""A crawl in this process, and the command line with a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ffs import retries
from ffs.crawl import Crawler
from ffs.flickr import Key
from ffs.settings import Crawl, Settings
from ffs.settings import write as write_settings
from tests.ffs.clocks import Jumping
from tests.ffs.flickr import KEY, SINCE, UNTIL, World
from tests.ffs.server import Server

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
