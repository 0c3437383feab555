"""The verb ``ffs export-ids``: which photos, with their counts, as a list that may be shared.

Photos are their owners'; ids and counts are facts. With such a list anybody who has a key can
look the photos up; it holds no image, no title and no name.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ffs import manifest, settings
from ffs.manifest import escape_formula
from ffs.state import State, one_line_errors
from wespe_bench import atomic
from wespe_bench.errors import InputError

#: The list's name in the folder, where no other is given.
NAME = "ids.csv"
_FACTS = ("id", "page", "license", "license_url", "uploaded", "counted", "views", "faves")
COLUMNS = (*_FACTS, "label", "split", "revision")


@dataclass(frozen=True)
class ExportIds:
    """Write the ids, pages, licences and counts of a crawl's photos: a list without images.

    Label and split are empty until ffs build has drawn them.

    Example:
      wespe-bench ffs export-ids data/ffs --out ids.csv
    """

    folder: str
    """The folder of a crawl."""
    out: Annotated[str | None, "FILE"] = None
    """The CSV to write (default: ids.csv in the folder)."""


def main(config: ExportIds) -> int:
    """The verb ``ffs export-ids``."""
    folder = Path(config.folder)
    out = Path(config.out) if config.out else folder / NAME
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file name with --out")
    if out.name in (manifest.TABLE, manifest.HEAD):
        raise InputError(f"{out} would overwrite a part of a data set; choose another --out")
    text, count = export(folder)
    atomic.write_text(out, text)
    print(f"{count} photos -> {out}")
    return 0


def export(folder: Path) -> tuple[str, int]:
    """The list as CSV, sorted by id, and how many photos it has. Raises InputError."""
    if settings.read(folder) is None:
        raise InputError(f"{folder} is no crawl; only a crawl's photos have ids to share")
    built = (folder / manifest.HEAD).exists()
    ratings = manifest.read(folder) if built else None
    sides = {photo.id: photo for photo in ratings.photos} if ratings else {}
    with one_line_errors(folder):
        state = State(folder)
        try:
            rows = state.rows(
                "SELECT photos.*, licences.url AS license_url FROM photos LEFT JOIN licences "
                "ON licences.id = photos.license WHERE state = 'kept' ORDER BY photos.id"
            )
        finally:
            state.close()
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        side = sides.get(row["id"])
        table.writerow(
            escape_formula(value)
            for value in (
                row["id"],
                page(row["owner"], row["id"]),
                row["license"],
                row["license_url"] or "",
                settings.day(row["uploaded"]),
                settings.day(int(row["counted"])),
                row["views"],
                row["faves"],
                side.label if side else "",
                side.split if side else "",
                ratings.revision[:16] if ratings and side else "",
            )
        )
    return text.getvalue(), len(rows)


def page(owner: str, id_: str) -> str:
    """A photo's page, which names its owner.

    >>> page("12345678@N00", "987")
    'https://www.flickr.com/photos/12345678@N00/987'
    """
    return f"https://www.flickr.com/photos/{owner}/{id_}"
