"""Runs to disturb: sixty photos, the two verbs over them, and what must be there in the end."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np

from tests.conftest import entry_point
from tests.verbs import run_here
from wespe_bench import store
from wespe_bench.images import write_png

COUNT = 60

SLOW_ENHANCER = """
import time
def enhance(image):
    time.sleep(0.02)
    return 255 - image
"""


def fill(folder: Path) -> None:
    """The same photos each time."""
    rng = np.random.default_rng(1)
    for number in range(COUNT):
        for side in ("in", "ref"):
            image = rng.integers(0, 256, (96, 128, 3), np.uint8)
            write_png(folder / side / f"{number}.png", image)
    (folder / "slow.py").write_text(SLOW_ENHANCER)


def enhance(out: str, jobs: int = 2) -> list[str]:
    photos = ["--input", "in", "--reference", "ref"]
    return ["enhance", "slow.py:enhance", *photos, "--out", out, "--jobs", str(jobs)]


def score(out: str, jobs: int = 2) -> list[str]:
    return ["score", out, "--jobs", str(jobs)]


def csv(out: str, cwd: Path) -> bytes:
    """The rows of a run, as exported."""
    succeeds(["export", "scores", out], cwd)
    return (cwd / out / "scores.csv").read_bytes()


def succeeds(arguments: list[str], cwd: Path) -> str:
    """A verb in this process that ends well; what it printed."""
    result = run_here(cwd, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def finish(cwd: Path, out: str = "hit") -> None:
    """What is left to enhance and to score, in this process."""
    succeeds(enhance(out, jobs=0), cwd)
    succeeds(score(out, jobs=0), cwd)


def start(
    arguments: list[str], cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*entry_point(), *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_images(process: subprocess.Popen[str], run: Path, count: int) -> None:
    while len(list(run.glob("images/*.png"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def agree(place: Path, expected: bytes) -> None:
    """The run `hit` has the rows of the undisturbed one, each once, and leaves no other files."""
    assert csv("hit", place) == expected.replace(b"calm", b"hit")
    assert len(store.load(place / "hit", "scores")) == COUNT * 5
    assert len(store.load(place / "hit", "enhanced")) == COUNT
    assert not list((place / "hit").rglob("*.tmp"))
