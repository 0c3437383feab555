"""Real processes, really killed: nothing is lost, nothing doubled."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.conftest import Command, entry_point
from tests.faults.drivers import COUNT, SLOW_ENHANCER, agree, csv, enhance, finish, score, succeeds
from tests.faults.injected import full_disk, injected
from wespe_bench import store
from wespe_bench.images import write_png


def kill_at(
    arguments: list[str],
    cwd: Path,
    seconds: float = 0.0,
    begun: Callable[[], bool] = lambda: True,
    environment: dict[str, str] | None = None,
) -> bool:
    """Start the verb, kill its driver ``seconds`` after ``begun``; whether it was alive then."""
    process = subprocess.Popen(
        [*entry_point(), *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    workers: list[psutil.Process] = []
    end = time.monotonic() + seconds if begun() else math.inf
    while time.monotonic() < end and process.poll() is None:
        try:
            workers = psutil.Process(process.pid).children(recursive=True) or workers
        except psutil.NoSuchProcess:
            break
        if end == math.inf and begun():
            end = time.monotonic() + seconds
        time.sleep(0.01)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    # Workers must not live on without their driver, nor write into the next attempt.
    _, left = psutil.wait_procs(workers, timeout=20)
    assert not left
    return alive


#: Reading a reference leaves a mark, so that a test can see how far the scoring is.
MARKS = """
import pathlib
def read_bytes(path, really=pathlib.Path.read_bytes):
    if path.parent.name == "ref":
        with open("marks", "a") as file:
            file.write(".")
    return really(path)
pathlib.Path.read_bytes = read_bytes
"""


@pytest.mark.slow
def test_killed_once_in_each_stage(place: Path, expected: bytes) -> None:
    def enhanced() -> bool:
        return len(list((place / "hit").glob("images/*.png"))) >= COUNT // 2

    def scored() -> bool:
        return (place / "marks").exists() and (place / "marks").stat().st_size >= COUNT // 2

    environment = injected(place / "site", MARKS)
    assert kill_at(enhance("hit"), place, begun=enhanced)
    left = COUNT - len(list((place / "hit").glob("images/*.png")))
    assert 0 < left <= COUNT // 2
    succeeds(enhance("hit", jobs=0), place)
    (place / "marks").unlink(missing_ok=True)
    assert kill_at(score("hit"), place, begun=scored, environment=environment)
    finish(place)
    agree(place, expected)


SLOW_METRIC = """
import time
from wespe_bench.types import Metric
def compute(image, reference, **_):
    time.sleep(0.1)
    return float(image[0, 0, 0]) - float(reference[0, 0, 0])
METRIC = Metric("slow", "1", "", True, True, compute)
"""


@pytest.mark.long
def test_killed_ten_times_in_each_stage(place: Path) -> None:
    (place / "slow.py").write_text(SLOW_ENHANCER.replace("0.02", "0.1"))
    (place / "slow_metric.py").write_text(SLOW_METRIC)
    metrics = ["--metrics", "slow_metric.py:METRIC", "ms_ssim"]
    stages = (enhance, lambda out: [*score(out), *metrics])
    for stage in stages:
        succeeds(stage("calm"), place)
    expected = csv("calm", place)
    rng = random.Random(11)
    for stage in stages:
        hits = 0
        for _ in range(40):
            hits += kill_at(stage("hit"), place, rng.uniform(0.5, 5.0))
            if hits == 10:
                break
            done = store.load(place / "hit", "scores" if stage is stages[1] else "enhanced")
            if len(done) >= COUNT:
                # All done before ten kills: begin again, on the same folder.
                for part in (
                    place / "hit" / ("scores" if stage is stages[1] else "enhanced")
                ).iterdir():
                    part.unlink()
        assert hits == 10
        succeeds(stage("hit"), place)
    assert csv("hit", place) == expected.replace(b"calm", b"hit")
    assert len(store.load(place / "hit", "scores")) == COUNT * 2
    assert not list((place / "hit").rglob("*.tmp"))


@pytest.mark.slow
def test_interrupted_politely(place: Path) -> None:
    (place / "slow.py").write_text(SLOW_ENHANCER.replace("0.02", "0.2"))
    for sign in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [*entry_point(), *enhance("hit")], cwd=place, stderr=subprocess.PIPE, text=True
        )
        # The rows of the first photos are on their way for sure once later ones are written.
        images = place / "hit" / "images"
        while len(list(images.glob("*.png"))) < 6 and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(sign)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        assert "the same command resumes" in stderr
        assert "Traceback" not in stderr
        # What had come back was written down before the end.
        assert len(store.load(place / "hit", "enhanced")) > 0
        shutil.rmtree(place / "hit")


@pytest.mark.slow
def test_killed_worker(place: Path) -> None:
    process = subprocess.Popen(
        [*entry_point(), *enhance("hit")], cwd=place, stderr=subprocess.PIPE, text=True
    )
    while not list((place / "hit" / "images").glob("*.png")) and process.poll() is None:
        time.sleep(0.02)
    workers = [
        child
        for child in psutil.Process(process.pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert workers
    os.kill(workers[0].pid, signal.SIGKILL)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert len(store.load(place / "hit", "enhanced")) == COUNT


def test_photo_that_kills_its_worker_is_given_up(verb: Command, place: Path) -> None:
    (place / "deadly.py").write_text(
        "import os, signal\n"
        "def enhance(image):\n"
        "    if image[0, 0, 0] == 7:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return image\n"
    )
    for number in range(COUNT):
        image = np.full((8, 8, 3), 7 if number == 13 else 99, np.uint8)
        write_png(place / "in" / f"{number}.png", image)
    arguments = ("enhance", "deadly.py:enhance", "--input", "in", "--out", "out", "--jobs", "2")
    result = verb(*arguments)
    assert result.returncode == 3, result.stderr
    assert "59 photos enhanced" in result.stdout
    assert "13: its worker process died 3 times" in result.stderr


def test_read_only_output(verb: Command, place: Path) -> None:
    (place / "locked").mkdir(mode=0o555)
    # Nothing is read-only to root but what the kernel itself keeps.
    out = "locked/run" if os.geteuid() else "/proc/run"
    result = verb("enhance", "identity", "--input", "in", "--out", out)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"cannot write the run folder {out}" in line
    assert "choose another --out" in line


@pytest.mark.slow
def test_full_disk_keeps_what_is_done(command: Command, place: Path) -> None:
    result = command(*enhance("hit", jobs=0), cwd=place, env=full_disk(place / "site", 40))
    assert result.returncode == 2
    line = result.stderr.strip().splitlines()[-1]
    assert "No space left on device" in line
    assert "Traceback" not in result.stderr
    images = list((place / "hit" / "images").glob("*.png"))
    assert images
    assert not list((place / "hit").rglob("*.tmp"))
    succeeds(enhance("hit", jobs=0), place)
    assert len(store.load(place / "hit", "enhanced")) == COUNT
