"""The verb ``ffs export``: what may be shared of a data set of rated photos.

Photos are their owners'; ids and counts are facts. ``ids`` lists the photos without their images:
with such a list anybody who has a key can look them up, and it holds no title and no name.
``huggingface`` and ``webdataset`` hold beside that list the photos whose licence allows it:

    OUT/README.md, OUT/croissant.json     the data set card, for people and for programs
    OUT/ids.csv                           all photos
    OUT/data/SPLIT/ID.jpg, metadata.jsonl     huggingface: `datasets` reads it as an imagefolder
    OUT/data/SPLIT-000000.tar                 webdataset: NUMBER.jpg and NUMBER.json

croissant.json is written last: while it is empty, the export is not complete.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ffs import data_card, licences, manifest, settings
from ffs.manifest import SPLITS, Photo, Ratings, escape_formula
from ffs.state import State, one_line_errors
from wespe_bench import atomic, provenance
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_choices, check_out

#: The list's name in the folder, where no other is given.
NAME = "ids.csv"
FORMATS = ("ids", "huggingface", "webdataset")
_FACTS = ("id", "page", "license", "license_url", "uploaded", "counted", "views", "faves")
COLUMNS = (*_FACTS, "label", "split", "revision")
#: Licences under which anybody may pass a changed photo on, for any purpose.
FREE = "cc-by,cc-by-sa,cc0,pdm,us-government"
#: Photos of a tar file: some 150 MB.
SHARD = 500


@dataclass(frozen=True)
class Export:
    """Write what may be shared of a data set: its ids and counts, or photos with a card as well.

    The list has every photo's id, page, licence and counts. Photos go with it only where their
    licence lets anybody pass on a cropped copy; ND never does. Label and split are empty until ffs
    build has drawn them.

    Examples:
      wespe-bench ffs export data/ffs --format webdataset --out share/
      wespe-bench ffs export data/ffs --out ids.csv
    """

    folder: str
    """The folder of a crawl, or one that ffs build wrote."""
    format: str = "ids"
    """ids: the list alone; huggingface: photos as an imagefolder of `datasets`; webdataset: in tar
    files. The last two have a card with Croissant metadata."""
    out: Annotated[str | None, "PATH"] = None
    """The CSV of ids (default: ids.csv in the folder), or the folder of the others."""
    license: str = FREE
    """Photos of these licences are shared, as in ffs crawl --license; add cc-by-nc,cc-by-nc-sa
    where all who get them stay non-commercial."""


def main(config: Export) -> int:
    """The verb ``ffs export``."""
    check_choices(config, {"format": FORMATS})
    folder = Path(config.folder)
    if config.format == "ids":
        out = Path(config.out) if config.out else folder / NAME
        if out.is_dir():
            raise InputError(f"{out} is a folder; give a file name with --out")
        if out.name in (manifest.TABLE, manifest.HEAD):
            raise InputError(f"{out} would overwrite a part of a data set; choose another --out")
        text, count = export(folder)
        atomic.write_text(out, text)
        print(f"{count} photos -> {out}")
        return 0
    if not config.out:
        raise InputError(f"--format {config.format} writes a folder: say which with --out")
    wanted = licences.parse(config.license)
    check_out(Path(config.out), data_card.CROISSANT)
    if not (folder / manifest.HEAD).exists():
        raise InputError(f"{folder}: not built; run ffs build {folder}, which draws the splits")
    return share(folder, Path(config.out), config.format, wanted)


def export(folder: Path) -> tuple[str, int]:
    """The list as CSV, sorted by id, and how many photos it has. Raises InputError."""
    rows = _rows(folder)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([escape_formula(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue(), len(rows)


def _rows(folder: Path) -> list[dict[str, Any]]:
    """What is known of each photo, sorted by id: `COLUMNS`, and "kind", "owner_name"."""
    crawled, built = settings.read(folder), (folder / manifest.HEAD).exists()
    if crawled is None and not built:
        raise InputError(f"{folder} is neither a crawl nor a data set of ffs build")
    ratings = manifest.read(folder) if built else None
    sides = {photo.id: photo for photo in ratings.photos} if ratings else {}
    if crawled is None:
        rows: list[dict[str, Any]] = [
            {"id": p.id, "license": p.licence, "kind": p.licence, "uploaded": p.uploaded}
            | {"views": p.views, "faves": p.faves, "owner_name": p.owner}
            for p in sides.values()
        ]
    else:
        rows = [
            dict(row)
            | {
                "page": page(row["owner"], row["id"]),
                "kind": licences.kind(row["license_url"] or ""),
            }
            | {name: settings.day(int(row[name])) for name in ("uploaded", "counted")}
            for row in _kept(folder)
        ]
    empty = dict.fromkeys((*COLUMNS, "owner_name"), "")
    for number, row in enumerate(rows):
        side = sides.get(row["id"])
        rows[number] = empty | {name: value for name, value in row.items() if value is not None}
        if ratings and side:
            revision = ratings.revision[:16]
            rows[number] |= {"label": side.label, "split": side.split, "revision": revision}
    return rows


def _kept(folder: Path) -> Sequence[Any]:
    with one_line_errors(folder):
        state = State(folder)
        try:
            return state.rows(
                "SELECT photos.*, licences.url AS license_url FROM photos LEFT JOIN licences "
                "ON licences.id = photos.license WHERE state = 'kept' ORDER BY photos.id"
            )
        finally:
            state.close()


def page(owner: str, id_: str) -> str:
    """A photo's page, which names its owner.

    >>> page("12345678@N00", "987")
    'https://www.flickr.com/photos/12345678@N00/987'
    """
    return f"https://www.flickr.com/photos/{owner}/{id_}"


def share(folder: Path, out: Path, form: str, wanted: str) -> int:
    """Write a folder with the photos that ``wanted`` (`licences.parse`) takes; the exit code.

    Raises InputError: a photo is missing or changed, or none may be shared.
    """
    ratings = manifest.read(folder)
    known = {row["id"]: row for row in _rows(folder)}
    shared, left = [], Counter[str]()
    for photo in ratings.photos:
        licence = known[photo.id]["kind"] if photo.id in known else "removed"
        if licences.taken(wanted, licence) and "-nd" not in licence:
            shared.append(photo)
        else:
            left[licence or "licence unknown or none"] += 1
    why = ", ".join(f"{n} {licence}" for licence, n in sorted(left.items()))
    if not shared:
        raise InputError(f"no photo may be shared under --license {wanted}: there are {why}")
    atomic.write_text(out / data_card.CROISSANT, "")
    files = _folders if form == "huggingface" else _shards
    written = {NAME: export(folder)[0].encode()}
    atomic.write_bytes(out / NAME, written[NAME])
    hashes = {NAME: provenance.sha256_bytes(written[NAME])}
    for split in SPLITS:
        some = [photo for photo in shared if photo.split == split]
        for name, data in files(split, some, ratings, known):
            atomic.write_bytes(out / name, data)
            hashes[name] = provenance.sha256_bytes(data)
    for path in sorted((out / "data").rglob("*")):  # of an export before
        if path.is_file() and path.relative_to(out).as_posix() not in hashes:
            path.unlink()
    kinds = {photo.id: known[photo.id]["kind"] for photo in shared}
    card = data_card.Facts(ratings, kinds, form, hashes)
    atomic.write_text(out / "README.md", data_card.readable(card))
    atomic.write_text(out / data_card.CROISSANT, data_card.croissant(card))
    if left:
        print(f"ids and counts only: {why}")
    print(f"{len(shared)} of {len(ratings.photos)} photos -> {out}")
    return 0


def _read(photo: Photo, ratings: Ratings) -> bytes:
    """The photo's file. Raises InputError when it is missing, or not the one that was rated."""
    path = ratings.folder / photo.path
    data = path.read_bytes() if path.is_file() else b""
    if provenance.sha256_bytes(data) != photo.sha256:
        raise InputError(f"{path}: missing or changed; run ffs build {ratings.folder} again")
    return data


def _facts(photo: Photo, row: Mapping[str, Any]) -> dict[str, Any]:
    """What goes with a shared photo; its licence asks for the owner's name."""
    names = ("id", "page", "owner_name", "license_url", "uploaded", "views", "faves")
    return {name: row[name] for name in names} | {
        "license": row["kind"],
        "faves_per_view": photo.score,
        "label": photo.label,
        "split": photo.split,
    }


def _folders(
    split: str, photos: Sequence[Photo], ratings: Ratings, known: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, bytes]]:
    """Path and content of an imagefolder's files of one split."""
    lines = []
    for photo in photos:
        name = photo.path.removeprefix(f"{split}/")
        yield f"data/{split}/{name}", _read(photo, ratings)
        lines.append(json.dumps({"file_name": name} | _facts(photo, known[photo.id])) + "\n")
    if lines:
        yield f"data/{split}/metadata.jsonl", "".join(lines).encode()


def _shards(
    split: str, photos: Sequence[Photo], ratings: Ratings, known: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, bytes]]:
    """Path and content of the tar files of one split: the same bytes for the same photos."""
    for first in range(0, len(photos), SHARD):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for number, photo in enumerate(photos[first : first + SHARD], first):
                facts = json.dumps(_facts(photo, known[photo.id])).encode()
                # A loader takes what is before the first dot for the sample: ids may have dots.
                for ending, data in (("jpg", _read(photo, ratings)), ("json", facts)):
                    member = tarfile.TarInfo(f"{number:08d}.{ending}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
        yield f"data/{split}-{first // SHARD:06d}.tar", buffer.getvalue()
