"""Checks of options' values: ranges, words, seeds, a folder to write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wespe_bench.errors import InputError

#: Most seeds; more are taken for a typing error.
MOST_SEEDS = 1000


def check_jobs(jobs: int) -> None:
    """Raise InputError unless ``jobs`` is a number of processes."""
    if not 0 <= jobs <= 1024:
        raise InputError(
            f"--jobs {jobs}: expected a number of processes, from 0 (work in this process) to 1024"
        )


def check_out(out: Path, *marks: str) -> None:
    """Raise InputError when ``out``, where a folder is to be written, is a file.

    ``marks`` are files that show that this verb made the folder: a folder that holds others
    and none of them is refused too. Hidden files do not count.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with --out")
    if not marks:
        return
    there = sorted(path.name for path in out.glob("*") if not path.name.startswith("."))
    if there and not set(marks) & set(there):
        raise InputError(f"{out} holds {there[0]}, not made here; choose another --out")


def check_choices(config: Any, one_of: Mapping[str, tuple[str, ...]]) -> None:
    """Raise InputError when a field is none of its possible values."""
    for name, values in one_of.items():
        if (value := getattr(config, name)) not in values:
            raise InputError(f"{flag_name(name)} {value}: expected one of {', '.join(values)}")


def check_ranges(config: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise InputError when a field is not a number from ``low`` to ``high``, both included."""
    for name, (low, high) in ranges.items():
        if not low <= (value := getattr(config, name)) <= high:
            raise InputError(f"{flag_name(name)} {value}: expected a number from {low} to {high}")


def flag_name(field: str) -> str:
    """The option of a field: ``input_suffix`` is --input-suffix."""
    return "--" + field.replace("_", "-")


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds in a text, ascending. Raises InputError for a text that is not one of seeds.

    >>> parse_seeds("0-2,7")
    (0, 1, 2, 7)
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part.strip(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MOST_SEEDS:
            raise InputError(f"--seeds {text!r}: expected seeds such as 0-4 or 0,1,7")
        found.update(range(first, last + 1))
    return tuple(sorted(found))
