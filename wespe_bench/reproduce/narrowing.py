"""Parts of the plan: those of some tables, cameras or names, with all that they need."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace

from wespe_bench.errors import InputError, unknown
from wespe_bench.reproduce.steps import Step

#: The tables that steps fill; 1 and 4 take photos alone.
TABLES = (2, 3, 5, 6, 7, 8)


def narrowed(steps: Sequence[Step], tables: Sequence[int], cameras: Sequence[str]) -> list[Step]:
    """The steps that some tables and cameras take, with those they need. Raises InputError."""
    if not tables and not cameras:
        return list(steps)
    for number in tables:
        if number not in TABLES:
            why = "takes photos alone: wespe-bench data check" if number in (1, 4) else "unknown"
            raise InputError(f"--tables {number}: {why}; tables with steps: 2, 3, 5, 6, 7, 8")
    there = list(dict.fromkeys(step.camera for step in steps if step.camera))
    for camera in cameras:
        if camera not in there:
            raise unknown("camera", camera, there)
    wanted = [
        step
        for step in steps
        if (set(step.tables) & set(tables or TABLES))
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
