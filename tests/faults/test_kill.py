"""Real processes, really killed: nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.conftest import Command, entry_point
from tests.faults.drivers import COUNT, SLOW_ENHANCER, csv, enhance, score
from tests.faults.injected import full_disk
from wespe_bench import store
from wespe_bench.images import write_png


def kill_at(arguments: list[str], cwd: Path, seconds: float, sign: int = signal.SIGKILL) -> bool:
    """Start the verb, kill its driver after ``seconds``; whether it was still alive then."""
    process = subprocess.Popen(
        [*entry_point(), *arguments],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    workers: list[psutil.Process] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            workers = psutil.Process(process.pid).children(recursive=True) or workers
        except psutil.NoSuchProcess:
            break
        time.sleep(0.01)
    alive = process.poll() is None
    process.send_signal(sign)
    process.wait(30)
    # Workers must not live on without their driver, nor write into the next attempt.
    _, left = psutil.wait_procs(workers, timeout=20)
    assert not left
    return alive


def undisturbed(command: Command, place: Path) -> tuple[bytes, float, float]:
    """Rows of a run nobody disturbed, and how long its two stages took."""
    begun = time.monotonic()
    assert command(*enhance("calm"), cwd=place).returncode == 0
    enhanced = time.monotonic()
    assert command(*score("calm"), cwd=place).returncode == 0
    done = time.monotonic()
    return csv(command, "calm", place), enhanced - begun, done - enhanced


def check(command: Command, place: Path, expected: bytes) -> None:
    for arguments in (enhance("hit"), score("hit")):
        result = command(*arguments, cwd=place)
        assert result.returncode == 0, result.stderr
    assert csv(command, "hit", place) == expected.replace(b"calm", b"hit")
    assert not list((place / "hit").rglob("*.tmp"))
    scores = store.load(place / "hit", "scores")
    assert len(scores) == COUNT * 5


def test_killed_once_in_each_stage(command: Command, place: Path) -> None:
    expected, enhancing, scoring = undisturbed(command, place)
    kill_at(enhance("hit"), place, enhancing * 0.7)
    assert command(*enhance("hit"), cwd=place).returncode == 0
    kill_at(score("hit"), place, scoring * 0.7)
    check(command, place, expected)


SLOW_METRIC = """
import time
from wespe_bench.types import Metric
def compute(image, reference, **_):
    time.sleep(0.1)
    return float(image[0, 0, 0]) - float(reference[0, 0, 0])
METRIC = Metric("slow", "1", "", True, True, compute)
"""


@pytest.mark.slow
def test_killed_ten_times_in_each_stage(command: Command, place: Path) -> None:
    (place / "slow.py").write_text(SLOW_ENHANCER.replace("0.02", "0.1"))
    (place / "slow_metric.py").write_text(SLOW_METRIC)
    metrics = ["--metrics", "slow_metric.py:METRIC", "ms_ssim"]
    stages = (enhance, lambda out: [*score(out), *metrics])
    for stage in stages:
        assert command(*stage("calm"), cwd=place).returncode == 0
    expected = csv(command, "calm", place)
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
        assert command(*stage("hit"), cwd=place).returncode == 0
    assert csv(command, "hit", place) == expected.replace(b"calm", b"hit")
    assert len(store.load(place / "hit", "scores")) == COUNT * 2
    assert not list((place / "hit").rglob("*.tmp"))


def test_interrupted_politely(command: Command, place: Path) -> None:
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


def test_killed_worker(command: Command, place: Path) -> None:
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


def test_photo_that_kills_its_worker_is_given_up(command: Command, place: Path) -> None:
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
    result = command("enhance", "deadly.py:enhance", "--input", "in", "--out", "out", cwd=place)
    assert result.returncode == 3, result.stderr
    assert "59 photos enhanced" in result.stdout
    assert "13: its worker process died 3 times" in result.stderr


def test_read_only_output(command: Command, place: Path) -> None:
    (place / "locked").mkdir(mode=0o555)
    # Nothing is read-only to root but what the kernel itself keeps.
    out = "locked/run" if os.geteuid() else "/proc/run"
    result = command("enhance", "identity", "--input", "in", "--out", out, cwd=place)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"cannot write the run folder {out}" in line
    assert "choose another --out" in line


def test_full_disk_keeps_what_is_done(command: Command, place: Path) -> None:
    arguments = [*enhance("hit")[:-1], "0"]
    result = command(*arguments, cwd=place, env=full_disk(place / "site", 40))
    assert result.returncode == 2
    line = result.stderr.strip().splitlines()[-1]
    assert "No space left on device" in line
    assert "Traceback" not in result.stderr
    images = list((place / "hit" / "images").glob("*.png"))
    assert images
    assert not list((place / "hit").rglob("*.tmp"))
    result = command(*enhance("hit"), cwd=place)
    assert result.returncode == 0, result.stderr
    assert len(store.load(place / "hit", "enhanced")) == COUNT
