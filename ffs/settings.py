"""The options of ``ffs crawl``, and those that define the crawl, kept in ``crawl.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from ffs.licences import parse
from wespe_bench import atomic, reading
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_ranges

FILE = "crawl.json"
#: The layout's number; a file with a larger one is a newer wespe-bench's. From 2 on licences have
#: names.
SCHEMA = 2
DAY = 86400
#: Seconds from 1970 that still are a date, in the year 3871 or 69.
_END_OF_TIME = 6 * 10**10


#: Names of this machine: what goes there nobody on the way can read or change.
HERE = ("localhost", "127.0.0.1", "::1")

# As `ffs.flickr.API`, which loads the HTTP client.
_API = "https://api.flickr.com/services/rest/"


@dataclass(frozen=True)
class Crawl:
    """Crawl photos with their views and faves from Flickr. Needs a key in FLICKR_API_KEY.

    Photos are found by search in windows of upload time drawn at random, filtered, downloaded
    and brought to HD. Kill it at any moment: the same command goes on. Read ffs/README.md first:
    what Flickr's terms ask of you.

    Example:
      FLICKR_API_KEY=... wespe-bench ffs crawl --out data/ffs --photos 16000
      wespe-bench ffs build data/ffs
    """

    out: str | None = None
    """The folder to write (default: ffs where data sets live, $WESPE_DATA or data/)."""
    photos: int = 16000
    """How many photos to have in the end."""
    calls: int = 3600
    """Most calls of Flickr's API in this run (0: no limit); Flickr allows 3600 an hour."""
    since: Annotated[str | None, "DAY"] = None
    """First day of upload (default: 2010-01-01)."""
    until: Annotated[str | None, "DAY"] = None
    """Day of upload to stop before (default: --min-age days ago)."""
    license: str | None = None
    """Licences by name (open: all but all rights reserved; cc, cc-by, cc0 ...) or by Flickr's ids,
    as 4,5,9 or 0-16 (default: open)."""
    long_side: int = 1600
    """Photos have a long side above this, in pixels."""
    short_side: int = 1200
    """Photos have a short side above this, in pixels."""
    min_views: int = 50
    """Photos have at least so many views."""
    min_age: int = 30
    """Photos have been on Flickr for at least so many days."""
    per_owner: int = 3
    """At most so many photos of one owner."""
    safe_search: int = 1
    """Flickr's safe search: 1 safe, 2 moderate, 3 restricted."""
    size: str = "1280x720"
    """Width and height that photos are cropped and resized to, 224 or more each."""
    seed: int = 0
    """Of the windows of upload time."""
    counts_only: bool = False
    """List photos with their counts, download none."""
    refresh: bool = False
    """Read the counts of the photos that are here again, and remove those that are gone."""
    rebuild: bool = False
    """Rebuild the state from the raw replies first: after damage, or with other filters."""
    calls_per_second: float = 1.0
    """At most so many calls of the API a second."""
    downloads_per_second: float = 2.0
    """At most so many downloads a second."""
    api: str = _API
    """Address of the API."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One crawl. Times are seconds since 1970; ``licenses`` as `ffs.licences.parse`.

    What stands under "filters" is judged here and may change with --rebuild; the rest is part
    of what Flickr was asked.
    """

    seed: int = 0
    since: int = 0
    until: int = 0
    licenses: str = "open"
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
    from ffs.crops import parse_size

    ranges = {
        "long_side": (0, 10**6),
        "short_side": (0, 10**6),
        "min_views": (1, 10**12),
        "min_age": (0, 36500),
        "per_owner": (1, 10**9),
        "safe_search": (1, 3),
        "seed": (-(2**62), 2**62),
    }
    check_ranges(settings, ranges)
    parse_size(settings.size)
    if settings.until <= settings.since:
        raise InputError(
            f"--since {day(settings.since)} is not before --until {day(settings.until)}"
        )


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
        remedy = "add --rebuild to filter again what was fetched, or " if name in FILTERS else ""
        raise InputError(
            f"{out} was begun with --{option} {shown[0]}, now {shown[1]}; {remedy}choose "
            "another --out"
        )
    return now


def check_options(config: Crawl) -> None:
    """Raise InputError for an option that is no setting, when its value is out of range."""
    check_ranges(config, {"photos": (1, 10**7)})
    if config.calls < 0:
        raise InputError(f"--calls {config.calls}: expected a number of calls, 0 for no limit")
    address = urlsplit(config.api)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise InputError(f"--api {config.api!r}: no address; expected https://HOST/PATH")
    near = address.hostname in HERE
    if address.scheme == "http" and not near:
        raise InputError(f"--api {config.api}: the key would be sent unencrypted; use https")
    for name, most in (("calls_per_second", 1.0), ("downloads_per_second", 2.0)):
        value = getattr(config, name)
        if not 0 < value <= (10**6 if near else most):
            option = name.replace("_", "-")
            raise InputError(f"--{option} {value}: expected a number above 0, at most {most:g}")


def chosen(config: Crawl, folder: Path, before: Settings | None, now: float) -> Settings:
    """The settings that ``config`` asks for, or of the crawl that goes on."""
    since = moment(config.since or "2010-01-01", "since")
    until = int(now) - max(0, config.min_age) * DAY
    if config.until:
        until = min(until, moment(config.until, "until"))
    elif before is not None:
        until = before.until
    licenses = Settings().licenses if before is None else before.licenses
    if config.license is not None:
        licenses = parse(config.license)
    names = set(asdict(Settings())) - {"since", "until", "licenses"}
    asked = Settings(
        since=since,
        until=until,
        licenses=licenses,
        **{name: getattr(config, name) for name in names},
    )
    check(asked)
    if before is None:
        return asked
    return resumed(before, asked, rebuild=config.rebuild, out=folder)
