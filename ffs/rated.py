"""Photos with views and faves before they are a data set: from a crawl, or from anybody's CSV."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ffs import crops, settings, updates
from ffs.flickr import whole
from ffs.licences import kind, named
from ffs.photos import FOLDER, encode_jpeg
from ffs.state import State, one_line_errors
from wespe_bench import reading
from wespe_bench.datasets.tree import folded, usable
from wespe_bench.engines import FATAL, Outcome
from wespe_bench.errors import InputError, one_line, short

_COLUMNS = "path,views,faves[,owner,uploaded,licence]"
_NAMES = ("path", "views", "faves", "owner", "uploaded", "licence")


@dataclass(frozen=True, slots=True)
class Rated:
    """One photo: its JPEG is ``photos/ID.jpg`` below the data set's folder, with this SHA-256."""

    id: str
    views: int
    faves: int
    owner: str
    uploaded: str
    sha256: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a CSV: where the photo is, and its counts."""

    id: str
    path: Path
    views: int
    faves: int
    owner: str
    uploaded: str
    licence: str = ""


def from_crawl(folder: Path) -> tuple[list[Rated], str]:
    """The photos that a crawl has kept, and a note of where they are from. Raises InputError."""
    chosen = settings.read(folder)
    if chosen is None:
        raise InputError(f"{folder} is no crawl; wespe-bench ffs crawl --out {folder} makes one")
    with one_line_errors(folder):
        state = State(folder)
        try:
            rows = state.rows("SELECT * FROM photos WHERE state = 'kept' ORDER BY id")
            left_out = updates.left_out(state)
            known = state.licences()
        finally:
            state.close()
    if not rows:
        raise InputError(f"{folder} has no photos yet; run wespe-bench ffs crawl --out {folder}")
    days = sorted(settings.day(int(row["counted"])) for row in rows)
    note = (
        f"crawled from Flickr, counts of {days[0]} to {days[-1]}; uploaded "
        f"{settings.day(chosen.since)} to {settings.day(chosen.until)}, licences "
        f"{chosen.licenses}, sides above {chosen.long_side} and {chosen.short_side}, at least "
        f"{chosen.min_views} views and {chosen.min_age} days; HD is {chosen.size}; windows of "
        f"seed {chosen.seed}; {left_out}"
    )
    return [
        Rated(
            row["id"],
            row["views"],
            row["faves"],
            row["owner"],
            settings.day(row["uploaded"]),
            row["sha256"],
            kind(known.get(row["license"], "")) or str(row["license"]),
        )
        for row in rows
    ], note


def read_csv(path: Path) -> list[Row]:
    """The lines of a CSV with the columns path, views, faves and, if it has them, owner, uploaded.

    Paths are relative to the CSV's folder. Raises InputError that names the line.
    """
    text = reading.wanted_text(
        path,
        missing=f"no such file: {path}; ffs crawl makes a crawl's folder, or give a CSV",
        strange="not UTF-8; save it as CSV in UTF-8",
    )
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)  # "," where there are none
    lines = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True
    )
    rows: list[Row] = []
    try:
        names = [name.strip().lower() for name in lines.fieldnames or []]
        lines.fieldnames = names
        if lacking := [name for name in ("path", "views", "faves") if name not in names]:
            among = f" among {short(', '.join(names))}" if names else ""
            raise InputError(
                f"{path}: no column {lacking[0]}{among}; "
                f"expected {_COLUMNS}, separated by commas, semicolons or tabs"
            )
        if double := [name for name in _NAMES if names.count(name) > 1]:
            raise InputError(f"{path}: two columns are named {double[0]}")
        for line in lines:
            rows.append(_row(line, path, lines.line_num))
    except csv.Error as error:
        raise InputError(f"{path}: line {lines.line_num}: {error}") from None
    if not rows:
        raise InputError(f"{path}: has no photos; expected lines of {_COLUMNS}")
    twice = [id_ for id_, n in Counter(folded(row.id) for row in rows).items() if n > 1]
    if twice:
        raise InputError(f"{path}: photo {twice[0]} is in it twice, by its name without ending")
    return rows


def _row(line: dict[str, Any], path: Path, number: int) -> Row:
    def bad(what: str) -> InputError:
        return InputError(f"{path}: line {number}: {what}")

    cells = {name: (line.get(name) or "").strip() for name in _NAMES}
    views, faves = (whole(_without_zeros(line.get(name))) for name in ("views", "faves"))
    for name, value in (("views", views), ("faves", faves)):
        if line.get(name) is None:
            raise bad("too few fields; is a quote left open above?")
        if value is None:
            raise bad(f"{name} {short(line[name])} is no whole number from 0")
    if not cells["path"]:
        raise bad("no path")
    if cells["uploaded"]:
        if (day := _day(cells["uploaded"])) is None:
            raise bad(
                f"uploaded {short(cells['uploaded'])} is no day; write it as 2016-05-31, or as "
                "seconds since 1970"
            )
        cells["uploaded"] = day
    if "://" in cells["path"]:
        raise bad(
            f"path {short(cells['path'])} is an address; download the photo, paths are local files"
        )
    photo = path.parent / cells["path"]
    inside = Path(os.path.normpath(photo))  # links in it stay as they are
    base = Path(os.path.normpath(path.parent))
    below = inside.relative_to(base) if inside.is_relative_to(base) else Path(inside.name)
    id_ = below.with_suffix("").as_posix() if below.name else ""
    if not usable(id_):
        raise bad(
            f"path {short(cells['path'])} is no photo's: it has control characters, a "
            "backslash (folders are parted by /), no name, or a name of dots"
        )
    licence = named(cells["licence"])
    return Row(id_, photo, views or 0, faves or 0, cells["owner"], cells["uploaded"], licence)


def _without_zeros(text: Any) -> Any:
    """ "204.0", as spreadsheets write counts, is "204"."""
    return re.sub(r"\.0+$", "", text.strip()) if isinstance(text, str) else text


def _day(text: str) -> str | None:
    """The ISO date of "2016-05-31T10:00", "2016/05/31", "20160531" or Unix seconds, else None.

    Orders that differ between countries, as 31/05/2016, are not guessed.

    >>> _day("2016/5/3"), _day("1464652800.0"), _day("03.05.2016")
    ('2016-05-03', '2016-05-31', None)
    """
    if re.fullmatch(r"[0-9]{9,11}(\.[0-9]+)?", text):
        return settings.day(int(float(text)))
    match = re.match(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])", text)
    match = match or re.match(r"([0-9]{4})()([0-9]{2})([0-9]{2})(?![0-9])", text)
    try:
        return date(int(match[1]), int(match[3]), int(match[4])).isoformat() if match else None
    except ValueError:
        return None


def from_csv(
    rows: Sequence[Row], out: Path, size: tuple[int, int], jobs: int
) -> tuple[list[Rated], list[str], int]:
    """Bring a CSV's photos to HD, into ``out``/photos; those that are there already stay.

    Returns the photos, a line for each that could not be had, and how many were enlarged.
    Raises InputError when ``out`` holds something else, and for a full disk.
    """
    from wespe_bench import provenance
    from wespe_bench.engines import chunk_of
    from wespe_bench.journal import Journal, work_through

    journal = Journal(out / "prepared")
    if not journal.folder.is_dir():
        journal.claim("other photos")
    noted = journal.rows()
    gone = updates.forgotten(out)
    here = [row for row in rows if row.id not in gone]

    def stands(row: Row) -> bool:
        known = noted.get(row.id, {})
        source, made = provenance.content_of(row.path), out / FOLDER / f"{row.id}.jpg"
        return (known.get("source_sha256"), known.get("size")) == (source, list(size)) and (
            provenance.content_of(made) == known.get("sha256")
        )

    todo = [row for row in here if not stands(row)]
    done, failures = work_through(
        open_worker,
        (out / FOLDER, size),
        todo,
        journal,
        title="prepare",
        jobs=jobs,
        chunk=chunk_of((row.path for row in todo), len(todo)),
        sample_of=lambda row: str(row.id),
    )
    failed = {failure.sample for failure in failures}
    noted |= done
    rated = [
        Rated(
            *(row.id, row.views, row.faves, row.owner, row.uploaded),
            *(noted[row.id]["sha256"], row.licence),
        )
        for row in here
        if row.id not in failed
    ]
    enlarged = sum(bool(noted[photo.id].get("enlarged")) for photo in rated)
    return rated, [f"{failure.sample}: {failure.error}" for failure in failures], enlarged


def open_worker(context: tuple[Path, tuple[int, int]]) -> Callable[[Sequence[Row]], list[Outcome]]:
    """In each worker: bring photos to HD."""
    from wespe_bench import atomic, provenance
    from wespe_bench.images import read_rgb

    folder, size = context

    def one(row: Row) -> Outcome:
        try:
            source = reading.read_bytes(row.path)
            image = read_rgb(source, name=str(row.path))
        except OSError as error:
            return Outcome(row, error=f"{row.path}: cannot be read ({error.strerror})")
        except (InputError, MemoryError) as error:
            return Outcome(row, error=one_line(error))
        jpeg = encode_jpeg(crops.prepare_hd(image, size))
        try:
            atomic.write_bytes(folder / f"{row.id}.jpg", jpeg)
        except OSError as error:
            why = f"cannot write {folder}: {error.strerror or error}"
            return Outcome(row, error=why, fatal=error.errno in FATAL)
        made = {
            "sample": row.id,
            "source_sha256": provenance.sha256_bytes(source),
            "sha256": provenance.sha256_bytes(jpeg),
            "size": list(size),
            "enlarged": crops.enlarges(image.shape[1], image.shape[0], size),
        }
        return Outcome(row, rows=(made,))

    return lambda rows: [one(row) for row in rows]
