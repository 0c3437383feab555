"""Folders, files and clocks that misbehave under a run: the rows equal those of a calm one."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.faults.drivers import (
    COUNT,
    agree,
    await_images,
    enhance,
    finish,
    score,
    start,
    succeeds,
)
from tests.faults.injected import injected
from tests.verbs import run_here
from wespe_bench import store


@pytest.mark.slow
def test_two_drivers_on_one_run(place: Path, expected: bytes) -> None:
    for stage in (enhance, score):
        both = [start(stage("hit", jobs=1), place) for _ in range(2)]
        for process in both:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
    agree(place, expected)


@pytest.mark.slow
def test_the_photos_vanish_and_come_back(place: Path, expected: bytes) -> None:
    process = start(enhance("hit"), place)
    await_images(process, place / "hit", 5)
    (place / "in").rename(place / "away")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 3, errors
    assert "No such file or directory" in errors and "Traceback" not in errors
    kept = len(store.load(place / "hit", "enhanced"))
    assert 5 <= kept < COUNT
    (place / "away").rename(place / "in")
    assert f"{COUNT - kept} photos enhanced" in succeeds(enhance("hit", jobs=0), place)
    finish(place)
    agree(place, expected)


@pytest.mark.slow
def test_the_run_folder_vanishes(place: Path, expected: bytes) -> None:
    process = start(enhance("hit"), place)
    await_images(process, place / "hit", 5)
    shutil.rmtree(place / "hit", ignore_errors=True)
    _, errors = process.communicate(timeout=120)
    # Photos under way may fail first; the folder's end is what is said last.
    assert process.returncode == 2, errors
    assert "its run.json has gone" in errors and "Traceback" not in errors
    shutil.rmtree(place / "hit")
    finish(place)
    agree(place, expected)


@pytest.mark.slow
@pytest.mark.parametrize("when", [1.0, 4e9])
def test_clocks_play_no_role(place: Path, expected: bytes, when: float) -> None:
    """Every file of the run as if written in 1970, or in 2096: nothing is done twice."""
    succeeds([*enhance("hit", jobs=0), "--shard", "1/2"], place)
    for path in [*(place / "hit").rglob("*"), *(place / "in").iterdir()]:
        os.utime(path, (when, when))
    output = succeeds(enhance("hit", jobs=0), place)
    assert f"{COUNT // 2} photos enhanced" in output
    assert f"{COUNT // 2} were there already" in output
    finish(place)
    agree(place, expected)


# A quarter of the photos in, the clock of the driver, and of each worker at its second look,
# goes back an hour; and somebody watches the bar.
CLOCK = """
import sys, time
sys.stderr.isatty = lambda: True
looks = 0
def put_back(really):
    def look():
        global looks
        looks += 1
        return really() - (3600 if really.__name__ == "time" else 3600 * 10**9) * (looks > LOOKS)
    return look
LOOKS = 20 if "wespe-bench" in sys.argv[0] else 1
time.time, time.time_ns = put_back(time.time), put_back(time.time_ns)
"""


@pytest.mark.slow
def test_the_clock_is_put_back(command: Command, place: Path, expected: bytes) -> None:
    environment = injected(place / "site", CLOCK)
    for stage in (enhance, score):
        result = command(*stage("hit"), cwd=place, env=environment)
        assert result.returncode == 0, result.stderr
        assert "Traceback" not in result.stderr
        # The bar goes on, and neither the time spent nor the time left is below zero.
        shown = re.findall(r"(\d+)/60 \[([^<]*)<([^,]*)", result.stderr)
        assert len({int(count) for count, _, _ in shown}) >= 3, result.stderr
        assert not [times for _, *times in shown if "-" in "".join(times)]
    agree(place, expected)


# What a file system that hangs would do: the photo is read only once all others are done.
SLOW_FILE = """
import pathlib, time
def read_bytes(path, really=pathlib.Path.read_bytes):
    if path.parts[-2:] == ("in", "13.png"):
        end = time.monotonic() + 240
        while len(list(pathlib.Path("hit/images").glob("*.png"))) < 59 and time.monotonic() < end:
            time.sleep(0.01)
        pathlib.Path("others").write_text(str(len(list(pathlib.Path("hit/images").iterdir()))))
    if path.parts[-2:] == ("ref", "7.png"):
        time.sleep(2)
    return really(path)
pathlib.Path.read_bytes = read_bytes
"""


@pytest.mark.slow
def test_a_slow_file_holds_up_no_other(command: Command, place: Path, expected: bytes) -> None:
    environment = injected(place / "site", SLOW_FILE)
    for stage in (enhance, score):
        result = command(*stage("hit"), cwd=place, env=environment)
        assert result.returncode == 0, result.stderr
    assert (place / "others").read_text() == "59"
    agree(place, expected)


@pytest.mark.slow
def test_a_half_written_part(place: Path, expected: bytes) -> None:
    """A disk that lost the end of a file: the part is named, and without it all is done again."""
    finish(place)
    part = max((place / "hit" / "scores").iterdir(), key=lambda path: path.stat().st_size)
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    result = run_here(place, *score("hit", jobs=0))
    assert result.returncode == 2
    assert part.name in result.stderr and "Traceback" not in result.stderr
    part.unlink()
    finish(place)
    agree(place, expected)
