"""One photo as Flickr lists it: what the crawler keeps of that, and whether it is wanted."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ffs.crops import enlarges, parse_size
from ffs.flickr import SIZES, clean, whole
from ffs.retries import is_safe
from ffs.settings import DAY, Settings

#: Why a photo is left out whose owner shows only small files.
NO_LARGE_FILE = "no file as large as --size"


@dataclass(frozen=True, slots=True)
class Listed:
    """A photo's row in a reply; None where Flickr does not say.

    ``width`` and ``height`` are of the largest size known; ``url`` is the file to download, of
    ``url_width`` x ``url_height`` pixels. Titles, tags, places and faces are not taken.
    """

    id: str
    owner: str
    owner_name: str
    license: int | None
    uploaded: int | None
    views: int | None
    faves: int | None
    width: int | None
    height: int | None
    url: str
    url_width: int | None
    url_height: int | None


def listed(row: Any, size: tuple[int, int]) -> Listed | None:
    """A row of `flickr.photos.search`; None where it has no id or is no photo."""
    if not isinstance(row, dict):
        return None
    id_ = str(row.get("id", ""))
    if not re.fullmatch("[0-9]{1,20}", id_) or row.get("media", "photo") != "photo":
        return None
    files = []
    for letter in SIZES:
        address = row.get(f"url_{letter}")
        wide, high = whole(row.get(f"width_{letter}")), whole(row.get(f"height_{letter}"))
        if isinstance(address, str) and wide and high:
            files.append((wide, high, address))
    url, url_width, url_height, width, height = best_of(files, size)
    width = whole(row.get("o_width")) or width
    height = whole(row.get("o_height")) or height
    return Listed(
        id_,
        clean(row.get("owner")),
        clean(row.get("ownername")),
        whole(row.get("license")),
        whole(row.get("dateupload")),
        whole(row.get("views")),
        whole(row.get("count_faves")),
        width,
        height,
        url,
        url_width,
        url_height,
    )


def best_of(
    files: list[tuple[int, int, str]], size: tuple[int, int]
) -> tuple[str, int | None, int | None, int | None, int | None]:
    """The file to download, its width and height, and those of the largest file.

    The smallest that need not be enlarged to ``size``, else the largest.
    """
    safe = [f for f in files if re.match(r"https?://[^\s]+$", f[2]) and is_safe(f[2])]
    if not safe:
        return "", None, None, None, None
    by_area = sorted(safe, key=lambda file: file[0] * file[1])
    enough = [file for file in by_area if not enlarges(file[0], file[1], size)]
    chosen = (enough or by_area[-1:])[0]
    return chosen[2], chosen[0], chosen[1], by_area[-1][0], by_area[-1][1]


def sizes_of(body: dict[str, Any], size: tuple[int, int]) -> tuple[Any, ...]:
    """`best_of` what `flickr.photos.getSizes` lists."""
    rows = (body.get("sizes") or {}).get("size") if isinstance(body.get("sizes"), dict) else None
    files = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("media", "photo") == "photo":
            wide, high = whole(row.get("width")), whole(row.get("height"))
            if wide and high and isinstance(row.get("source"), str):
                files.append((wide, high, row["source"]))
    return best_of(files, size)


def judge(
    photo: Listed, settings: Settings, licences: Collection[int], at: float
) -> tuple[str, str]:
    """Whether the photo is wanted, by everything but its owner: (state, why).

    "out" with the filter's name, "incomplete" when it passes as far as is known but its faves
    or its size are missing, else "wanted". ``licences`` are the ids that the crawl takes, ``at`` is
    when its counts were read.
    """
    if photo.license not in licences:
        return "out", "licence"
    if photo.uploaded is None or not settings.since <= photo.uploaded < settings.until:
        return "out", "upload date"
    if photo.uploaded > at - settings.min_age * DAY:
        return "out", "age"
    if photo.views is None:
        return "out", "views unknown"
    if photo.views < settings.min_views:
        return "out", "views"
    if photo.width is None or photo.height is None or not photo.url:
        return "incomplete", "size"
    long, short = max(photo.width, photo.height), min(photo.width, photo.height)
    if long <= settings.long_side or short <= settings.short_side:
        return "out", "resolution"
    width, height = photo.url_width or 0, photo.url_height or 0
    if enlarges(width, height, parse_size(settings.size)):
        return "out", NO_LARGE_FILE
    if photo.faves is None:
        return "incomplete", "faves"
    return "wanted", ""
