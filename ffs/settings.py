"""What a crawl looks for: its range of time, its search, its filters; kept in ``crawl.json``."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from ffs.hd import parse_size
from wespe_bench import atomic, reading
from wespe_bench.errors import InputError

FILE = "crawl.json"
#: The layout's number; a file with a larger one is a newer wespe-bench's.
SCHEMA = 1
DAY = 86400
#: Seconds from 1970 that still are a date, in the year 3871 or 69.
_END_OF_TIME = 6 * 10**10


@dataclass(frozen=True, slots=True)
class Settings:
    """One crawl. Times are seconds since 1970; ``licenses`` are ids, "1,2,3".

    What stands under "filters" is judged here and may change with --rebuild; the rest is part
    of what Flickr was asked.
    """

    seed: int = 0
    since: int = 0
    until: int = 0
    licenses: str = "1,2,3,4,5,6,7,8,9,10"
    safe_search: int = 1
    size: str = "1280x720"
    # filters
    long_side: int = 1600
    short_side: int = 1200
    min_views: int = 50
    min_age: int = 30
    per_owner: int = 3


FILTERS = ("long_side", "short_side", "min_views", "min_age", "per_owner")


def check(settings: Settings) -> None:
    """Raise InputError for a value out of its range."""
    ranges = {
        "long_side": (0, 10**6),
        "short_side": (0, 10**6),
        "min_views": (1, 10**12),
        "min_age": (0, 36500),
        "per_owner": (1, 10**9),
        "safe_search": (1, 3),
        "seed": (-(2**62), 2**62),
    }
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            option = name.replace("_", "-")
            raise InputError(f"--{option} {value}: expected a number from {low} to {high}")
    parse_size(settings.size)
    if settings.until <= settings.since:
        raise InputError(
            f"--since {day(settings.since)} is not before --until {day(settings.until)}"
        )


def licence_ids(text: str) -> str:
    """The ids in "1-3,9", in order: "1,2,3,9". Raises InputError.

    >>> licence_ids("9,1-3")
    '1,2,3,9'
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part, flags=re.ASCII)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise InputError(
                f"--license {text!r}: expected ids of Flickr's licences, as 4,5,9 or 1-10 "
                "(0 is all rights reserved)"
            )
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return ",".join(map(str, sorted(found)))


def moment(text: str, option: str) -> int:
    """Seconds since 1970 of a day, 2016-05-31, at its beginning in UTC. Raises InputError."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        raise InputError(f"--{option} {text!r}: expected a day, as 2016-05-31") from None


def day(seconds: int) -> str:
    """The ISO date of a moment, in UTC.

    >>> day(1464652800)
    '2016-05-31'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def read(folder: Path) -> Settings | None:
    """The crawl in ``folder``, None where there is none. Raises InputError."""
    path = folder / FILE
    try:
        content = reading.read_json(path)
        if reading.layout_number(content["wespe_bench_crawl"]) > SCHEMA:
            raise InputError(f"{path}: written by a newer wespe-bench; upgrade to read it")
        stored = {f.name: content[f.name] for f in fields(Settings)}
        if any(type(value) is not type(getattr(Settings(), n)) for n, value in stored.items()):
            raise ValueError
        if max(abs(stored["since"]), abs(stored["until"])) > _END_OF_TIME:
            raise ValueError
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except InputError:
        raise
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: damaged, or not written by ffs crawl; choose another --out"
        ) from None
    return Settings(**stored)


def write(folder: Path, settings: Settings) -> None:
    """Write ``crawl.json``. Raises OSError."""
    content = {"wespe_bench_crawl": SCHEMA} | asdict(settings)
    atomic.write_text(folder / FILE, json.dumps(content, indent=1) + "\n")


def resumed(before: Settings, now: Settings, *, rebuild: bool, out: Path) -> Settings:
    """What goes on in ``out``, where ``before`` was begun. Raises InputError when they differ.

    With ``rebuild`` the filters may.
    """
    for name in (f.name for f in fields(Settings)):
        old, new = getattr(before, name), getattr(now, name)
        if old == new or (rebuild and name in FILTERS):
            continue
        option = {"licenses": "license"}.get(name, name.replace("_", "-"))
        shown = (day(old), day(new)) if name in ("since", "until") else (old, new)
        remedy = "add --rebuild to judge anew what was fetched, or " if name in FILTERS else ""
        raise InputError(
            f"{out} was begun with --{option} {shown[0]}, now {shown[1]}; {remedy}choose "
            "another --out"
        )
    return now
