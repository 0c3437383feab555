"""The verb ``ffs crawl``: photos with their views and faves from Flickr, into a folder.

DIR/crawl.json      the settings
DIR/replies/        Flickr's answers as they came, gzip'd; all else is made of them
DIR/crawl.sqlite    windows, photos, licences: where the crawl stands
DIR/photos/ID.jpg   the photos, at HD
DIR/forgotten.txt   ids that were removed and never come back
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wespe_bench.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ffs.settings import Settings

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
    since: str | None = None
    """First day of upload (default: 2010-01-01)."""
    until: str | None = None
    """Day of upload to stop before (default: --min-age days ago)."""
    license: str = "1-10"
    """Ids of Flickr's licences: 0 is all rights reserved, 1-6 Creative Commons 2.0, 7-10 free."""
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
    """Width and height that photos are cropped and resized to."""
    seed: int = 0
    """Of the windows of upload time."""
    counts_only: bool = False
    """List photos with their counts, download none."""
    refresh: bool = False
    """Read the counts of the photos that are here anew, and remove those that are gone."""
    rebuild: bool = False
    """Make the state anew from the raw replies first: after damage, or with other filters."""
    calls_per_second: float = 1.0
    """At most so many calls of the API a second."""
    downloads_per_second: float = 2.0
    """At most so many downloads a second."""
    api: str = _API
    """Address of the API."""


def main(config: Crawl) -> int:
    """The verb ``ffs crawl``."""
    from wespe_bench.arguments import check_out

    _check(config)
    from ffs import pace, settings
    from ffs.crawling import Crawling
    from ffs.key import from_environment
    from ffs.state import set_aside, told
    from wespe_bench import atomic
    from wespe_bench.data.journal import make_folder
    from wespe_bench.provenance import data_folder

    folder = Path(config.out) if config.out else data_folder() / "ffs"
    key, clock = from_environment(), pace.System()
    before = settings.read(folder)
    if before is None:
        check_out(folder, settings.FILE)
    if config.refresh and before is None:
        raise InputError(f"{folder} is no crawl yet; there is nothing to refresh")
    chosen = _settings(config, folder, before, clock.now())
    make_folder(folder)
    with _alone(folder), told(folder):
        atomic.remove_leftovers(folder)
        if before != chosen:
            settings.write(folder, chosen)
        if config.rebuild:
            set_aside(folder)
        crawling = Crawling(folder, chosen, key, clock, config)
        try:
            return crawling.refresh() if config.refresh else crawling.crawl()
        finally:
            crawling.close()


def _check(config: Crawl) -> None:
    if not 1 <= config.photos <= 10**7:
        raise InputError(f"--photos {config.photos}: expected a number from 1 to 10000000")
    if config.calls < 0:
        raise InputError(f"--calls {config.calls}: expected a number of calls, 0 for no limit")
    address = urlsplit(config.api)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise InputError(f"--api {config.api!r}: no address; expected https://HOST/PATH")
    near = address.hostname in ("localhost", "127.0.0.1", "::1")
    if address.scheme == "http" and not near:
        raise InputError(f"--api {config.api}: the key would travel in the open; use https")
    for name, most in (("calls_per_second", 1.0), ("downloads_per_second", 2.0)):
        value = getattr(config, name)
        if not 0 < value <= (10**6 if near else most):
            option = name.replace("_", "-")
            raise InputError(f"--{option} {value}: expected a number above 0, at most {most:g}")


def _settings(config: Crawl, folder: Path, before: Settings | None, now: float) -> Settings:
    """The settings that ``config`` asks for, or of the crawl that goes on."""
    from ffs import settings
    from ffs.settings import DAY, Settings

    since = settings.moment(config.since or "2010-01-01", "since")
    until = int(now) - max(0, config.min_age) * DAY
    if config.until:
        until = min(until, settings.moment(config.until, "until"))
    elif before is not None:
        until = before.until
    names = set(asdict(Settings())) - {"since", "until", "licenses"}
    chosen = Settings(
        since=since,
        until=until,
        licenses=settings.licence_ids(config.license),
        **{name: getattr(config, name) for name in names},
    )
    settings.check(chosen)
    if before is None:
        return chosen
    return settings.resumed(before, chosen, rebuild=config.rebuild, out=folder)


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Keep another crawl out of the folder; the lock is the kernel's, so a killed one has none."""
    import os

    from wespe_bench.lock import held

    return held(folder, f"ffs crawl {os.getpid()}")
