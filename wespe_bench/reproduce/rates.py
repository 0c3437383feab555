"""How fast this device is: from what earlier steps took, or from iterations timed now."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wespe_bench import provenance, store
from wespe_bench.errors import InputError
from wespe_bench.reproduce import child
from wespe_bench.reproduce.states import State, last_iteration
from wespe_bench.reproduce.steps import Step

#: Iterations that `measure` lets pass before the clock starts, and that it then times.
_BEFORE, _TIMED = 1, 3


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of one unit: an iteration, or a megapixel of a photo. ``source`` says from what."""

    seconds: float
    source: str


def trainings(journal: Mapping[str, Any]) -> dict[tuple[str, str], Rate]:
    """Seconds an iteration by kind and options, of trainings that `--go` has run on this device."""
    found: dict[tuple[str, str], Rate] = {}
    machine = f"{provenance.machine()}"
    for name, entry in journal.items():
        seconds, count = entry.get("seconds"), entry.get("iterations")
        if entry.get("machine") != machine or not isinstance(seconds, int | float):
            continue
        if isinstance(count, int) and count > 0 and seconds > 0:
            key = (str(entry.get("kind")), str(entry.get("options")))
            found[key] = Rate(seconds / count, f"{count:,} iterations of {name}")
    return found


def options_of(step: Step) -> str:
    """What decides how long an iteration takes: a training's options but its folders and length."""
    words = list(step.commands[0][2:])
    kept = []
    skip = ("--source", "--target", "--camera", "--out", "--data", "--iterations", "--seed")
    while words:
        word = words.pop(0)
        if word.partition("=")[0] in skip:
            if "=" not in word and words:
                words.pop(0)
            continue
        kept.append(word)
    return " ".join(kept)


def runs(steps: Sequence[Step]) -> dict[tuple[str, str], Rate]:
    """Seconds a megapixel of enhancing and of scoring, by (what, which), from earlier runs."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for step in steps:
        if step.kind != "run" or not (step.out / "run.json").is_file():
            continue
        try:
            enhanced = store.load(step.out, "enhanced")
            scores = store.load(step.out, "scores")
        except (InputError, OSError):
            continue
        if len(enhanced):
            found = seconds.setdefault(("enhance", enhancer_of(step)), [])
            found += [float(s) / step.size for s in enhanced["seconds"]]
        for metric, rows in scores.groupby("metric"):
            of_metric = seconds.setdefault(("score", str(metric)), [])
            of_metric += [float(s) / step.size for s in rows["seconds"]]
    return {
        key: Rate(math.fsum(times) / len(times), f"{len(times)} photos of earlier runs")
        for key, times in seconds.items()
    }


def enhancer_of(step: Step) -> str:
    """What an enhancer's pace depends on: its prefix, or its name."""
    return step.commands[0][1].partition("=")[2].partition(":")[0]


def measure(step: Step, log: Path) -> Rate:
    """Train a few iterations in a folder of their own, and time those after the first.

    Raises InputError when the training fails.
    """
    folder = step.out.parent.with_name(f"{step.out.parent.name}.measured")
    shutil.rmtree(folder, ignore_errors=True)
    last = _BEFORE + _TIMED
    command = [*step.commands[0], "--out", str(folder), "--iterations", str(last)]
    command += ["--log-every", "1", "--preview-every", str(last)]
    if step.kind == "train wespe":
        command += ["--warmup", "0"]  # its steps are cheaper than all that follow
    begun, ended, first = 0.0, 0.0, 0
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        worker = stack.enter_context(contextlib.closing(child.Child()))
        worker.begin([command], log)
        while (code := worker.poll()) is None and not ended:
            time.sleep(0.005)
            at = last_iteration(folder)
            if at >= _BEFORE and not begun:
                begun, first = time.monotonic(), at
            if begun and at >= last:
                ended = time.monotonic()
        if not ended or first >= last:
            while code is None:
                time.sleep(0.005)
                code = worker.poll()
            raise InputError(
                f"{step.name} cannot be timed: {child.last_words(log) or 'too fast to be seen'}"
            )
    count = last - first
    return Rate((ended - begun) / count, f"{count} iterations timed now")


def estimate(
    step: Step,
    state: State,
    jobs: int,
    trained: Mapping[tuple[str, str], Rate],
    paced: Mapping[tuple[str, str], Rate],
) -> tuple[float, str] | None:
    """Seconds left of a step and what that rests on; None where nothing was measured."""
    if state.left is None:
        return None
    if step.kind in ("train wespe", "train dped"):
        rate = trained.get((step.kind, options_of(step)))
        return (state.left * rate.seconds, rate.source) if rate else None
    if step.kind != "run":
        return None
    parts = [("enhance", enhancer_of(step)), *(("score", metric) for metric in step.metrics)]
    rates = [paced.get(part) for part in parts]
    known = [rate for rate in rates if rate]
    if len(known) < len(parts):
        return None
    total = state.left * step.size * math.fsum(rate.seconds for rate in known)
    return total / max(1, jobs), min((rate.source for rate in known), key=len)
