"""What every test may use: the shared photos, and a cache and data folder of its own."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

# Workers of xdist share the cores, and threads that spin while another process has the core cost
# small trainings several times their work; nor would a forked process have them (tests.verbs).
# Set before anything imports numpy or torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Where the tests run in the background, Ctrl-C is ignored, by them and by all they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from hypothesis import settings

from tests import needs
from tests.shared_folders import made_once
from wespe_bench.arguments import cores
from wespe_bench.images import encode_png, write_png
from wespe_bench.metrics import precompile
from wespe_bench.registry import METRICS

# The browser starts when the first test asks for it.
pytest_plugins = ["tests.browser", "tests.verbs"]

# No test asserts a time, and in CI the same change gives the same answer.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="rewrite the golden files of tests/golden instead of comparing with them",
    )


def pytest_xdist_auto_num_workers() -> int:
    """One more than the cores: some tests wait for a server, a timeout or a killed process."""
    return cores() + 1


def pytest_configure(config: pytest.Config) -> None:
    """Share compiled code between all processes of all sessions, in pytest's own cache."""
    if hasattr(config, "workerinput"):
        return  # a worker of xdist has this process's environment
    folder = Path(config.rootpath, ".pytest_cache", "d")
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Without bytecode each of the many processes would compile all that it imports.
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    if not config.option.collectonly:
        precompile.finish(METRICS)


def pytest_collection_finish() -> None:
    """What is imported and collected stays: the garbage collector need not walk it again."""
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shared_data"):
        needs.shared_photos()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in needs.summary(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and weights."""
    return needs.shared_photos()


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the user's cache or data."""
    os.environ["WESPE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["WESPE_DATA"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """A verb that runs in the tests' process keeps its signal handlers to itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def _no_flushing() -> None:
    """Nothing that a test writes has to survive a power cut, and each flush waits for the disk."""
    os.fsync = lambda descriptor: os.fstat(descriptor) and None  # a closed file is still an error


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six small random photos, img1.png .. img6.png."""
    folder = tmp_path / "photos"
    rng = np.random.default_rng(7)
    for number in range(1, 7):
        write_png(folder / f"img{number}.png", rng.integers(0, 256, (24, 32, 3), np.uint8))
    return folder


@pytest.fixture
def references(tmp_path: Path, photos: Path) -> Path:
    """References for `photos`: the same names, other pixels."""
    folder = tmp_path / "references"
    rng = np.random.default_rng(8)
    for photo in sorted(photos.iterdir()):
        write_png(folder / photo.name, rng.integers(0, 256, (24, 32, 3), np.uint8))
    return folder


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures stay blank: to draw one takes longer than a small training."""
    from matplotlib.figure import Figure

    def blank(_: Figure, file: IO[bytes], **options: object) -> None:
        file.write(encode_png(np.zeros((1, 1, 3), np.uint8)))

    monkeypatch.setattr(Figure, "savefig", blank)


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run the real entry point in a process of its own, in ``tmp_path``; `verb` is quicker."""
    return partial(run_in, tmp_path)


def run_in(folder: Path, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the real entry point in a process of its own, in ``folder``."""
    return subprocess.run(
        [*entry_point(), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=options.pop("cwd", folder),
        timeout=300,
        check=False,
        **options,
    )


def entry_point() -> list[str]:
    """The installed ``wespe-bench`` of this environment."""
    return [str(Path(sys.executable).with_name("wespe-bench"))]


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``wespe-bench demo`` leaves, by a process of its own. To be read only."""

    def make(folder: Path) -> None:
        result = run_in(folder, "demo")
        assert result.returncode == 0, result.stderr
        (folder / "stdout").write_text(result.stdout, "utf-8")

    return made_once(tmp_path_factory, "demo", make) / "runs" / "demo"


@pytest.fixture(scope="session")
def mini_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``wespe-bench data mini`` writes. To be read only."""
    from wespe_bench.prepare import mini

    return made_once(tmp_path_factory, "mini", mini.write)


@pytest.fixture(scope="session")
def hosa_model(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The authors' HOSA model, imported."""
    from wespe_bench.cornia.importer import convert_hosa
    from wespe_bench.metrics import hosa

    path = tmp_path_factory.mktemp("hosa") / "hosa.safetensors"
    convert_hosa(shared / "cornia" / "hosa", path)
    return hosa.read(path)
