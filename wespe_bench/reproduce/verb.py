"""The verb ``reproduce``: the plan as a table, and running it."""

from __future__ import annotations

import fnmatch
import os
import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wespe_bench.errors import InputError, print_failures, unknown
from wespe_bench.option_checks import check_jobs, check_out
from wespe_bench.reproduce import child, rates, running
from wespe_bench.reproduce.mini import finish, plan_mini, settings
from wespe_bench.reproduce.rates import Rate
from wespe_bench.reproduce.states import (
    BEGUN,
    DONE,
    MISSING,
    READY,
    WAITS,
    State,
    Stock,
    look,
    read_journal,
)
from wespe_bench.reproduce.steps import Reproduce, Step, plan


def main(config: Reproduce) -> int:
    """Print the plan, or run it: 0 when nothing that could run is left, 3 when some failed."""
    check_jobs(config.jobs)
    if config.plan and config.go:
        raise InputError("--plan and --go: say one of them")
    config = settings(config) if config.mini else config
    steps = plan_mini(config) if config.mini else plan(config)
    out = Path(config.out)
    check_out(out)
    steps = chosen(narrowed(steps, config.tables, config.cameras), config.only)
    stock = Stock(config.data)
    # One thread a step: what is so small gains nothing from more.
    failures = running.go(steps, out, stock, int(config.mini)) if config.go else []
    if config.mini and config.go:
        finish(config)
    states = look(steps, stock, read_journal(out))
    trained = rates.trainings(read_journal(out))
    if config.measure and not config.go:
        trained |= _measured(steps, states, out)
    print("\n".join(_lines(config, steps, states, trained)))
    return print_failures("failed", failures)


def narrowed(steps: Sequence[Step], tables: Sequence[int], cameras: Sequence[str]) -> list[Step]:
    """The steps that some tables and cameras take, with those they need. Raises InputError."""
    if not tables and not cameras:
        return list(steps)
    known = (2, 3, 5, 6, 7, 8)
    for number in tables:
        if number not in known:
            why = "takes photos alone: wespe-bench data check" if number in (1, 4) else "unknown"
            raise InputError(f"--tables {number}: {why}; tables with steps: 2, 3, 5, 6, 7, 8")
    there = list(dict.fromkeys(step.camera for step in steps if step.camera))
    for camera in cameras:
        if camera not in there:
            raise unknown("camera", camera, there)
    wanted = [
        step
        for step in steps
        if (set(step.tables) & set(tables or known))
        and (not cameras or not step.camera or step.camera in cameras)
    ]
    # Ratings and the study are of the runs: without any they have nothing to do.
    runs = {number for step in wanted if step.camera for number in step.tables}
    names = {step.name for step in wanted if step.camera or runs & set(step.tables)}
    if not names:
        raise InputError(
            f"--tables {' '.join(map(str, tables))} takes no photos of {', '.join(cameras)}"
        )
    return _with_needs(steps, names)


def _with_needs(steps: Sequence[Step], names: set[str]) -> list[Step]:
    """The named steps and all that they need; rating and asking about the runs among them alone."""
    wanted = set(names)
    for step in reversed(steps):
        wanted |= set(step.needs) if step.name in wanted else set()
    folders = {s.name: str(s.out.parent) for s in steps if s.kind == "run"}
    kept = {folder for name, folder in folders.items() if name in wanted}
    left_out = set(folders.values()) - kept if kept else set()
    return [
        replace(
            step,
            commands=tuple(
                tuple(word for word in command if word not in left_out)
                for command in step.commands
                if command[1] not in left_out
            ),
        )
        for step in steps
        if step.name in wanted
    ]


def chosen(steps: Sequence[Step], patterns: Sequence[str]) -> list[Step]:
    """The steps whose names fit, with those they need. Raises InputError when none does."""
    if not patterns:
        return list(steps)
    wanted: set[str] = set()
    for pattern in patterns:
        # Brackets are part of names ("[DIV2K]"), not of patterns.
        plain = pattern.replace("[", "[[]")
        fits = [step.name for step in steps if fnmatch.fnmatchcase(step.name, plain)]
        if not fits:
            raise InputError(
                f"--only {pattern!r}: no step is called so; wespe-bench reproduce shows their names"
            )
        wanted |= set(fits)
    return _with_needs(steps, wanted)


def _measured(
    steps: Sequence[Step], states: Mapping[str, State], out: Path
) -> dict[tuple[str, str], Rate]:
    """A rate for each kind of training of which one can run."""
    found: dict[tuple[str, str], Rate] = {}
    for step in steps:
        key = (step.kind, rates.options_of(step)) if step.iterations else None
        if key is None or key in found or states[step.name].kind not in (READY, BEGUN):
            continue
        print(f"timing {step.name} ...", file=sys.stderr)
        log = out / "logs" / "measure.log"
        found[key] = rates.measure(step, child.begin, log)
    return found


def _lines(
    config: Reproduce,
    steps: Sequence[Step],
    states: Mapping[str, State],
    trained: Mapping[tuple[str, str], Rate],
) -> Iterator[str]:
    from tabulate import tabulate

    paced = rates.runs(steps)
    rows, total, unknown = [], 0.0, 0
    sources: dict[str, None] = {}
    lacking: dict[str, list[str]] = {}
    for step in steps:
        state = states[step.name]
        if state.kind == MISSING:
            lacking.setdefault(state.detail, []).append(step.name)
            continue
        # An import takes a second, and a fit no longer than its photos take to read.
        left = state.kind in (READY, BEGUN, WAITS) and step.kind not in ("import", "fit")
        guess = rates.estimate(step, state, config.jobs, trained, paced) if left else None
        if guess:
            total += guess[0]
            sources[f"{step.kind}: {guess[1]}"] = None
        elif left:
            unknown += 1
        time = _duration(guess[0]) if guess else "?" if left else ""
        rows.append((step.name, state.kind, state.detail, time))
    rows += [(_together(names), MISSING, detail, "") for detail, names in lacking.items()]
    yield tabulate(rows, ("step", "state", "", "time"), "simple", disable_numparse=True)
    yield ""
    counts = {
        kind: sum(states[step.name].kind == kind for step in steps)
        for kind in (DONE, BEGUN, READY, WAITS, MISSING)
    }
    yield ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    if any(counts[kind] for kind in (BEGUN, READY, WAITS)):
        noun = "step" if unknown == 1 else "steps"
        rest = f"; {unknown} {noun} of unknown length" if unknown else ""
        yield f"left to do here: {_duration(total) if sources else 'not measured'}{rest}"
        for source in sources:
            yield f"  measured: {source}"
        if unknown:
            yield (
                "  unknown: --measure times trainings; enhancing and scoring are known once one "
                "such run is there"
            )
    remedies: dict[str, list[str]] = {}
    for step in steps:
        if states[step.name].kind == MISSING:
            remedies.setdefault(states[step.name].remedy, []).append(step.name)
    if remedies:
        yield ""
        yield "missing:"
    for remedy, names in remedies.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"  for {names[0]}{more}: {remedy}"
    yield ""
    yield f"the tables so far: wespe-bench tables all --runs {shlex.quote(config.out)}"


def _together(names: Sequence[str]) -> str:
    """Names of steps in a cell; what the runs of one place begin with is said once.

    >>> _together(["run sony full DPED", "run sony full ape_like"])
    'run sony full: DPED, ape_like'
    """
    shared = os.path.commonprefix(names).rpartition(" ")[0]  # noqa: RUF071 - texts, not paths
    text = ", ".join(names)
    if len(names) > 1 and shared.count(" ") > 0 and shared.startswith("run "):
        text = f"{shared}: " + ", ".join(name[len(shared) + 1 :] for name in names)
    return textwrap.fill(text, 64, subsequent_indent="  ", break_long_words=False)


def _duration(seconds: float) -> str:
    """In the unit that a reader thinks in.

    >>> _duration(12), _duration(4000), _duration(2e6)
    ('12 s', '1.1 h', '23 days')
    """
    for size, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= (2 if unit == "days" else 1) * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    return f"{seconds:.0f} s"
