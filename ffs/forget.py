"""The verb ``ffs forget``: remove a photo and all that was made of it, for good.

Its JPEG, its copy in the data set, its row in ffs.csv, its rows in the raw replies and in the
state go. Its id stays in ``forgotten.txt``, so that it never comes back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffs import export, manifest, settings, updates
from ffs.photos import FOLDER
from ffs.replies import Replies
from ffs.state import State, one_line_errors, set_asides
from wespe_bench import atomic
from wespe_bench.datasets.tree import usable
from wespe_bench.errors import InputError


@dataclass(frozen=True)
class Forget:
    """Remove photos from a crawl and from the data set built of it, for good.

    For owners who ask for it. The labels of the other photos stay as they are.

    Example:
      wespe-bench ffs forget data/ffs 12345678901 12345678902
    """

    folder: str
    """The folder of the crawl, or of a data set built from a CSV."""
    ids: tuple[str, ...]
    """Ids of the photos."""


def main(config: Forget) -> int:
    """The verb ``ffs forget``."""
    from wespe_bench.lock import held

    folder, ids = Path(config.folder), set(config.ids)
    crawled = settings.read(folder) is not None
    if not crawled and not (folder / manifest.HEAD).exists():
        raise InputError(f"{folder}: neither a crawl nor a data set of ffs build")
    if not ids:
        raise InputError("no photo is named; give the ids of those to forget")
    if odd := sorted(id_ for id_ in ids if not _possible(id_, crawled)):
        raise InputError(f"{odd[0][:80]!r} is no id of a photo")
    with held(folder, f"ffs crawl {os.getpid()}"), one_line_errors(folder):
        state = State(folder) if crawled else None
        try:
            if state and (late := _not_applied(folder, state)):
                raise InputError(f"{folder}: {late} raw replies are new; run ffs crawl first")
            found = forget_photos(folder, ids, state, Replies(folder / "replies"))
        finally:
            if state:
                state.close()
    for id_ in sorted(ids - found):
        print(f"{id_}: not in this folder, or forgotten already; no crawl or build will bring it")
    print(f"{len(found)} {'photo' if len(found) == 1 else 'photos'} forgotten")
    return 0


def _possible(id_: str, crawled: bool) -> bool:
    """Whether a photo can have this id: digits on Flickr, else a path within the data set."""
    if crawled:
        return re.fullmatch("[0-9]{1,20}", id_) is not None
    return usable(id_) and max(len(part.encode()) for part in id_.split("/")) <= 250


def _not_applied(folder: Path, state: State) -> int:
    return sum(n > state.get("reply") for n in Replies(folder / "replies").numbers())


def forget_photos(folder: Path, ids: set[str], state: State | None, replies: Replies) -> set[str]:
    """Remove the photos; returns the ids of those that were here.

    Killed halfway, the same call does the rest. Raises OSError.
    """
    if not ids:
        return set()
    updates.forget(folder, ids)
    found = set()
    for id_ in ids:
        for place in (FOLDER, *manifest.SPLITS):
            path = folder / place / f"{id_}.jpg"
            if path.resolve().is_relative_to(folder.resolve()) and path.exists():
                path.unlink()
                found.add(id_)
    if (folder / manifest.HEAD).exists():
        before = manifest.read(folder)
        left = [photo for photo in before.photos if photo.id not in ids]
        if len(left) < len(before.photos):
            found |= ids & {photo.id for photo in before.photos}
            manifest.write(
                manifest.ratings(
                    folder, left, before.threshold, before.seed, before.note, before.label
                )
            )
    for number in replies.numbers():
        replies.scrub(number, lambda body: _scrub(body, ids))
    if state is not None:
        with state.transaction():
            for id_ in ids:
                if state.photo(id_) is not None:
                    found.add(id_)
                    state.remove(id_)
        state.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        # What --rebuild set aside, and a list that was exported before, name them too.
        for path in set_asides(folder):
            path.unlink(missing_ok=True)
        if (folder / export.NAME).exists():
            atomic.write_text(folder / export.NAME, export.export(folder)[0])
    return found


def _scrub(body: dict[str, Any], ids: set[str]) -> bool:
    """Take the photos out of an answer; whether any was in it."""
    page = body.get("photos")
    if isinstance(page, Mapping) and isinstance(page.get("photo"), list):
        rows = page["photo"]
        left = [row for row in rows if not (isinstance(row, dict) and _id(row) in ids)]
        body["photos"] = {**page, "photo": left}
        return len(left) < len(rows)
    photo = body.get("photo")
    if isinstance(photo, dict) and _id(photo) in ids:
        body["photo"] = {}
        return True
    if any(f"/{id_}_" in json.dumps(body.get("sizes", "")) for id_ in ids):
        body["sizes"] = {}
        return True
    return False


def _id(row: Mapping[str, Any]) -> str:
    return str(row.get("id", ""))
