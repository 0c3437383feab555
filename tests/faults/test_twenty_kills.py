"""Twenty kills of each verb that writes a folder for long: its files are an undisturbed run's.

Kills come at random moments; a run that ends before its kill is compared, and its folder made
empty again.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import entry_point
from tests.faults.drivers import csv, enhance, score, succeeds
from tests.ffs import rated

KILLS = 20


def files(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file that is not hidden."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def tables(folder: Path) -> dict[str, str]:
    """What a training learned: the card in the weights' file holds its duration."""
    from safetensors.numpy import load_file

    weights = load_file(folder / "rater.safetensors")
    found = {name: hashlib.sha256(value.tobytes()).hexdigest() for name, value in weights.items()}
    for name in ("train.csv", "test.csv"):
        if (folder / name).exists():
            found[name] = (folder / name).read_text()
    return found


def rows(folder: Path) -> dict[str, str]:
    """A run's images, and its rows as exported: parts differ by the order of what arrived."""
    exported = csv(f"{folder.name}/run", folder.parent).decode()
    return {**files(folder / "run" / "images"), "rows": exported.replace(folder.name, "")}


def shards(place: Path) -> None:
    for number in (1, 2, 3):
        more = ["--shard", f"{number}/3"]
        succeeds([*enhance(f"shard{number}/run", jobs=0), *more], place)
        succeeds([*score(f"shard{number}/run", jobs=0), *more], place)


def whole(place: Path) -> None:
    shards(place)
    succeeds(["merge", "shard1", "shard2", "shard3", "--out", "run"], place)


@dataclass(frozen=True)
class Verb:
    """Words before the folder's name, what they need, and what must be equal of the folder."""

    words: tuple[str, ...]
    prepare: Callable[[Path], object]
    content: Callable[[Path], dict[str, str]]


#: A full training of six steps, each of which is kept.
SHORT = (
    *("--epochs", "2", "--batch", "2"),
    *("--checkpoint-minutes", "0", "--evaluate-every", "2"),
)


def few(place: Path) -> None:
    rated.make(place / "ratings", (6, 2, 2))


def train(words: tuple[str, ...]) -> tuple[str, ...]:
    at = words.index("--out")
    return (*words[:at], *words[at + 2 :], "--out")


VERBS = {
    "merge": Verb(("merge", "shard1", "shard2", "shard3", "--out"), shards, rows),
    "data pack": Verb(("data", "pack", "--input", "in", "--out"), lambda place: None, files),
    "data make": Verb(("data", "make", "--input", "in", "--out"), lambda place: None, files),
    "export scores": Verb(("export", "scores", "run", "--out"), whole, files),
    "ffs train frozen": Verb(train(rated.FROZEN), few, tables),
    "ffs train full": Verb(train((*rated.FULL, *SHORT)), few, tables),
}


@pytest.mark.long
@pytest.mark.parametrize("name", VERBS)
def test_twenty_kills(place: Path, name: str) -> None:
    verb = VERBS[name]
    verb.prepare(place)
    end = "/scores.csv" if name == "export scores" else ""
    begun = time.monotonic()
    for folder in ("calm", "hit"):
        (place / folder).mkdir()
    run(verb, place, f"calm{end}")
    seconds = time.monotonic() - begun
    expected = verb.content(place / "calm")
    rng = random.Random(f"{name} 20")
    kills = ended = 0
    while kills < KILLS:
        begun = time.monotonic()
        if killed(verb, place, f"hit{end}", rng.uniform(0, seconds)):
            kills += 1
            continue
        ended += 1
        seconds = min(seconds, time.monotonic() - begun)
        assert verb.content(place / "hit") == expected
        shutil.rmtree(place / "hit")
        (place / "hit").mkdir()
    run(verb, place, f"hit{end}")
    assert verb.content(place / "hit") == expected
    assert not list((place / "hit").rglob("*.tmp"))
    print(f"{name}: {kills} kills, {ended} runs ended before theirs; equal each time")


def run(verb: Verb, place: Path, out: str) -> None:
    done = subprocess.run(
        [*entry_point(), *verb.words, out], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def killed(verb: Verb, place: Path, out: str, seconds: float) -> bool:
    """Start the verb and kill it after so long; whether it was still at work."""
    process = subprocess.Popen(
        [*entry_point(), *verb.words, out],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait(60) == -signal.SIGKILL
    assert code == 0
    return False
