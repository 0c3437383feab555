"""Checks of options' values: ranges, words, seeds, a folder to write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from wespe_bench.errors import InputError, short

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
        named = range(first, last + 1)
        if twice := found.intersection(named):
            raise InputError(f"--seeds {text!r}: seed {min(twice)} is given twice")
        found.update(named)
    return tuple(sorted(found))


def is_positional(one: Field[Any]) -> bool:
    """Whether a field is a positional argument."""
    required = one.default is MISSING and one.default_factory is MISSING
    return required or bool(one.metadata.get("positional"))


def option_name(one: Field[Any]) -> str:
    """How the user writes a field: METHODS for an argument, --input-suffix for an option."""
    return one.name.replace("_", "-").upper() if is_positional(one) else flag_name(one.name)


# Fields that hold words, or a cluster, and no path.
_WORDS = ("engine", "label", "name", "note", "question", "title", "track")

# At the start, or after a spec's own "camera:" and its options' "manifest="; the words of a
# command (cmd:...) are left alone.
_ADDRESS = re.compile(r"(?:\S*[:=])?([A-Za-z][A-Za-z0-9+.-]*)://")


def refuse_addresses(parsed: Any, taken: Sequence[str]) -> None:
    """Raise InputError for an address where a path is needed: it would be a folder "s3:" here."""
    for one in fields(parsed):
        value = getattr(parsed, one.name)
        for text in value if isinstance(value, tuple) else (value,):
            address = _ADDRESS.match(text) if isinstance(text, str) else None
            if address and one.name not in (*taken, *_WORDS):
                raise InputError(
                    f"{option_name(one)} {text}: a path of this machine is needed here, not an "
                    f"address ({address[1]}://)"
                )


def refuse_empty(parsed: Any) -> None:
    """Raise InputError for a text that is empty where a name or a path has to be.

    The ends of file names may be empty, and what is empty anyway when it is not given.
    """
    for one in fields(parsed):
        if getattr(parsed, one.name) != "" or one.default == "":
            continue
        if not one.name.endswith("suffix"):
            raise InputError(f"{option_name(one)} is empty; is a variable unset?")


def refuse_control_characters(parsed: Any) -> None:
    """Raise InputError for a folder or file to write whose name holds a line break or the like."""
    out = getattr(parsed, "out", None)
    if isinstance(out, str) and any(ord(c) < 32 for c in out):
        raise InputError(f"--out {short(out)}: a name with a line break or other control character")
