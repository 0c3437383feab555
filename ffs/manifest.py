"""The data set of rated photos on disk: ``ffs.csv``, a row a photo, and ``ffs.json`` beside it.

    DIR/ffs.csv     id,path,views,faves,owner,uploaded,faves_per_view,label,split,sha256[,licence]
    DIR/ffs.json    layout number, seed, threshold, counts, revision, how it was made

It holds ids, counts and hashes, no pixels: paths are relative to the folder. In the CSV a text
that a spreadsheet would run as a formula stands behind an apostrophe, which `read` takes away.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wespe_bench import atomic, provenance, reading
from wespe_bench.datasets.tree import usable
from wespe_bench.errors import InputError
from wespe_bench.runs import escape_csv_formula

#: The layout's number; a file with a larger one is a newer wespe-bench's. In layout 1 the column
#: faves_per_view is called score.
SCHEMA = 2
TABLE, HEAD = "ffs.csv", "ffs.json"
SPLITS = ("train", "validation", "test")
LABELS = ("high", "low")
_SCORE = "faves_per_view"
COLUMNS = ("id", "path", "views", "faves", "owner", "uploaded", _SCORE, "label", "split", "sha256")


@dataclass(frozen=True, slots=True)
class Photo:
    """One rated photo.

    ``path`` is relative to the manifest's folder, with "/". ``views`` >= 1; ``faves`` >= 0.
    ``owner`` is empty where unknown, ``uploaded`` an ISO date (2016-05-31) or empty. ``label``
    is "high" for a score above the data set's threshold, else "low", or by the rule of the data
    set's ``label``; ``split`` is "train",
    "validation" or "test"; ``sha256`` is of the file at ``path``; ``licence`` a short name
    (`ffs.licences.kind`), Flickr's id, or empty where unknown.
    """

    id: str
    path: str
    views: int
    faves: int
    owner: str
    uploaded: str
    label: str
    split: str
    sha256: str
    licence: str = ""

    @property
    def score(self) -> float:
        """Faves per view: the Flickr Faves Score of the WESPE paper, on [0, inf)."""
        return self.faves / self.views


@dataclass(frozen=True, slots=True)
class Ratings:
    """The photos below ``folder``, sorted by id.

    ``threshold`` is the median score of the training split; ``revision`` a SHA-256 over the
    sorted rows; ``note`` says how the data set was made, ``label`` how labels were
    (`ffs.labels.Rule` as text).
    """

    folder: Path
    photos: tuple[Photo, ...]
    threshold: float
    seed: int
    revision: str
    note: str
    label: str = "median"

    def of(self, split: str) -> tuple[Photo, ...]:
        """The photos of one split."""
        return tuple(photo for photo in self.photos if photo.split == split)


def ratings(
    folder: Path,
    photos: Iterable[Photo],
    threshold: float,
    seed: int,
    note: str,
    label: str = "median",
) -> Ratings:
    """`Ratings` of these photos, sorted, with their revision."""
    rows = tuple(sorted(photos, key=lambda photo: photo.id))
    return Ratings(folder, rows, threshold, seed, revision(rows), note, label)


def revision(photos: Iterable[Photo]) -> str:
    """SHA-256 over the rows sorted by id: any changed field changes it, the folder does not."""
    digest = hashlib.sha256()
    for photo in sorted(photos, key=lambda photo: photo.id):
        fields = list(asdict(photo).values())
        if not photo.licence:  # as revisions were before licences
            fields.pop()
        digest.update(json.dumps(fields, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def write(ratings: Ratings) -> None:
    """Write both files into ``ratings.folder``. Raises OSError."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    columns = (*COLUMNS, "licence") if any(p.licence for p in ratings.photos) else COLUMNS
    plain.writerow(columns)
    for photo in ratings.photos:
        row = asdict(photo) | {_SCORE: repr(photo.score)}
        cells = [escape_formula(row[column]) for column in columns]
        # Python before 3.13 leaves a lone carriage return bare, and reads it as a line's end.
        (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)
    head = {
        "wespe_bench_ffs": SCHEMA,
        "note": ratings.note,
        "seed": ratings.seed,
        "threshold": ratings.threshold,
        "counts": counts(ratings.photos),
        "revision": ratings.revision,
        "versions": provenance.versions(),
    }
    if ratings.label != "median":
        head["label"] = ratings.label
    atomic.write_text(ratings.folder / TABLE, text.getvalue())
    head_text = json.dumps(head, indent=1, ensure_ascii=False)
    atomic.write_text(ratings.folder / HEAD, head_text + "\n")


def counts(photos: Iterable[Photo]) -> dict[str, dict[str, int]]:
    """Split -> label -> number of photos."""
    found = Counter((photo.split, photo.label) for photo in photos)
    return {split: {label: found[split, label] for label in LABELS} for split in SPLITS}


def read(path: Path | str) -> Ratings:
    """The data set in a folder, or at its ffs.json or ffs.csv.

    The photos themselves are not looked at. Raises InputError: none there, not one, newer,
    damaged, cut or edited.
    """
    folder = Path(path)
    if folder.name in (HEAD, TABLE):
        folder = folder.parent
    head = _read_head(folder / HEAD)
    try:
        seed, threshold, note = head["seed"], head["threshold"], head["note"]
        if type(seed) is not int or not isinstance(note, str):
            raise ValueError("seed or note")
        if not (isinstance(threshold, float | int) and math.isfinite(threshold)):
            raise ValueError(f"threshold {threshold!r}")
        stated, label = str(head["revision"]), str(head.get("label", "median"))
    except (KeyError, ValueError) as error:
        raise InputError(f"{folder / HEAD}: damaged ({error}); run ffs build again") from None
    photos = _read_table(folder / TABLE)
    found = ratings(folder, photos, float(threshold), seed, note, label)
    double = [id_ for id_, n in Counter(photo.id for photo in photos).items() if n > 1]
    if double:
        raise InputError(f"{folder / TABLE}: names photo {double[0]} twice; run ffs build again")
    if found.revision != stated:
        raise InputError(
            f"{folder / TABLE}: its rows do not give the revision of {HEAD}; it was edited or "
            "cut: run ffs build again"
        )
    for photo in found.photos if label == "median" else ():
        if photo.label != label_of(photo.score, found.threshold):
            raise InputError(
                f"{folder / TABLE}: photo {photo.id} is on the wrong side of the threshold; "
                "run ffs build again"
            )
    return found


def label_of(score: float, threshold: float) -> str:
    """Which half a score is in; a tie with the threshold is low.

    >>> label_of(0.02, 0.01), label_of(0.01, 0.01)
    ('high', 'low')
    """
    return "high" if score > threshold else "low"


def _read_head(path: Path) -> Mapping[str, Any]:
    return reading.read_layout(
        path,
        "wespe_bench_ffs",
        SCHEMA,
        missing=f"no such file: {path}; wespe-bench ffs build writes it",
        damaged="damaged, or not written by ffs build",
    )


def _read_table(path: Path) -> tuple[Photo, ...]:
    text = reading.wanted_text(
        path,
        missing=f"no such file: {path}; wespe-bench ffs build writes it",
        strange="damaged (not UTF-8); run ffs build again",
    )
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        columns = tuple(_SCORE if name == "score" else name for name in next(lines, ()))
        if columns not in (COLUMNS, (*COLUMNS, "licence")):
            raise InputError(f"{path}: its first line is not {','.join(COLUMNS)}")
        return tuple(_photo(columns, [unescape_formula(cell) for cell in line]) for line in lines)
    except (ValueError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        what = f"{path}: line {lines.line_num}: {error}"
        raise InputError(f"{what}; run ffs build again") from None


def _photo(columns: tuple[str, ...], cells: list[str]) -> Photo:
    """One row. Raises ValueError."""
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells, expected {len(columns)}")
    row = dict(zip(columns, cells, strict=True))
    if not row["id"] or not usable(row["path"]) or row["path"].startswith("/"):
        raise ValueError(f"photo {row['id']!r} at {row['path']!r}")
    views, faves = int(row["views"]), int(row["faves"])
    if views < 1 or faves < 0:
        raise ValueError(f"{views} views and {faves} faves")
    if row["split"] not in SPLITS or row["label"] not in LABELS:
        raise ValueError(f"split {row['split']!r}, label {row['label']!r}")
    if not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
        raise ValueError(f"sha256 {row['sha256']!r}")
    texts = {name: row[name] for name in ("id", "path", "owner", "uploaded", "label", "split")}
    licence = row.get("licence", "")
    return Photo(**texts, views=views, faves=faves, sha256=row["sha256"], licence=licence)


def escape_formula(value: Any) -> str:
    """A cell that no spreadsheet runs; texts with an apostrophe of their own get one too.

    >>> escape_formula("=1+1"), escape_formula("'tis"), escape_formula(7)
    ("'=1+1", "''tis", '7')
    """
    text = str(value)
    return f"'{text}" if text.startswith("'") else str(escape_csv_formula(text))


def unescape_formula(cell: str) -> str:
    """The text that `escape_formula` made ``cell`` of.

    >>> unescape_formula("'=1+1"), unescape_formula("''tis"), unescape_formula("7")
    ('=1+1', "'tis", '7')
    """
    return cell.removeprefix("'")
