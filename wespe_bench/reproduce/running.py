"""Running the plan: one step after the other, a progress view, and a journal of what ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from wespe_bench import atomic, progress, provenance
from wespe_bench.errors import InputError
from wespe_bench.reproduce import child
from wespe_bench.reproduce.rates import options_of
from wespe_bench.reproduce.states import (
    BEGUN,
    JOURNAL,
    READY,
    WAITS,
    Stock,
    last_iteration,
    look,
    read_journal,
)
from wespe_bench.reproduce.steps import Step

LOCK = ".reproduce.lock"

# How long an earlier command's last step may take to end after the command was killed.
_PATIENCE = 60.0


def go(steps: Sequence[Step], out: Path, stock: Stock, threads: int = 0) -> list[str]:
    """Run all that can run, in order; returns a line for each step that failed.

    A step whose needs failed is left out; ``threads`` are those of `child.Child`. Raises InputError
    while another command works in ``out``; on KeyboardInterrupt the step at work ends first.
    """
    out.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    failed: set[str] = set()
    with _held(out) as lock:
        states = look(steps, stock, read_journal(out))
        todo = [s for s in steps if states[s.name].kind in (BEGUN, READY, WAITS)]
        worker = child.Child(lock, threads)
        with progress.bar(len(todo), "reproduce", "step") as bar, contextlib.closing(worker):
            for step in todo:
                bar.set_postfix_str("", refresh=False)
                bar.set_description_str(step.name)
                waits = [need for need in step.needs if need in failed]
                if waits:
                    failed.add(step.name)
                    failures.append(f"{step.name}: left out, because {waits[0]} failed")
                elif said := _step(step, out, worker, bar):
                    failed.add(step.name)
                    failures.append(f"{step.name}: {said}")
                bar.update()
    return failures


def log_of(out: Path, step: Step) -> Path:
    """Where a step's own words go."""
    return out / "logs" / f"{re.sub(r'[^0-9A-Za-z_-]+', '-', step.name).strip('-')}.log"


def _step(step: Step, out: Path, worker: child.Child, bar: Any) -> str:
    """Run one step's verbs; what went wrong in a line, empty when nothing did."""
    log = log_of(out, step)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    begun = time.monotonic()
    seen: list[tuple[float, int]] = []
    worker.begin(step.commands, log)
    while (code := worker.poll()) is None:
        time.sleep(0.1)
        _watch(step, seen, bar)
    _watch(step, seen, bar)
    if code == 3:  # done in part: the steps after it take what there is
        return f"done in part ({child.last_words(log)}); see {log}"
    if code:
        return f"{child.last_words(log) or f'ended with {code}'}; see {log}"
    _record(out, step, seen, time.monotonic() - begun)
    return ""


def _watch(step: Step, seen: list[tuple[float, int]], bar: Any) -> None:
    """Show how far a training is, and note when it got there."""
    if not step.iterations:
        return
    at = last_iteration(step.out.parent)
    if at and (not seen or at > seen[-1][1]):
        seen.append((time.monotonic(), at))
        bar.set_postfix_str(f"{at:,} of {step.iterations:,} iterations")


def _record(out: Path, step: Step, seen: Sequence[tuple[float, int]], seconds: float) -> None:
    """Add an ended step to the journal, with the pace of its iterations."""
    entry: dict[str, Any] = {"commands": step.commands, "kind": step.kind, "took": seconds}
    entry["machine"] = provenance.machine()
    if len(seen) > 1:  # loading photos and weights is no iteration
        entry["iterations"] = seen[-1][1] - seen[0][1]
        entry["seconds"] = seen[-1][0] - seen[0][0]
        entry["options"] = options_of(step)
    steps = read_journal(out) | {step.name: entry}
    atomic.write_text(out / JOURNAL, json.dumps({"steps": steps}, indent=1) + "\n")


@contextlib.contextmanager
def _held(out: Path) -> Generator[tuple[int, ...]]:
    """Keep other commands out of the folder; the descriptors that steps inherit.

    The lock is the kernel's, held by this process and its step: of a killed command the step
    still ends properly, and only then is the folder free.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield ()
        return
    with open(out / LOCK, "a", encoding="utf-8") as file:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise InputError(
                        f"{out}: another wespe-bench reproduce works there; wait for it, or "
                        "choose another --out"
                    ) from None
                time.sleep(0.2)
        os.set_inheritable(file.fileno(), True)
        yield (file.fileno(),)
