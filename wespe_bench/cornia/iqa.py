"""Lists of rated photos: our own CSV, and those of LIVE, TID2013, CSIQ, KADID-10k, KonIQ-10k.

Ours has the columns ``image``, ``score`` and, if photos belong together (distortions of one
scene), ``group``. The five databases' lists have ``dis_img_path``, ``score`` and mostly
``ref_img_path``, and paths that begin with the database's name; which way their scores run is
known. Nothing of them is part of wespe-bench.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wespe_bench import reading
from wespe_bench.cornia.outputs import plain
from wespe_bench.errors import InputError

#: database -> whether more is better, and what its scores are called
DATABASES = {
    "LIVE": (False, "LIVE DMOS"),
    "CSIQ": (False, "CSIQ DMOS"),
    "TID2013": (True, "TID2013 MOS"),
    "KADID-10k": (True, "KADID-10k MOS"),
    "KonIQ-10k": (True, "KonIQ-10k MOS"),
}

_COLUMNS = ("image", "score", "group", "dis_img_path", "ref_img_path")
_MOST = 1e9


@dataclass(frozen=True, slots=True)
class Rated:
    """A photo with its score; photos of one group stay on one side of the split."""

    path: Path
    score: float
    group: str


@dataclass(frozen=True, slots=True)
class Ratings:
    """The photos of a list, and what their scores mean."""

    photos: tuple[Rated, ...]
    scale: str
    higher_is_better: bool


def read_list(path: Path, images: Path | None = None, better: str = "") -> Ratings:
    """The rated photos in ``path``; relative paths start at ``images``, absolute ones stay.

    ``images`` defaults to the list's folder; for a database it may also be the database's own
    folder. ``better`` ("higher", "lower") says which way unknown scores run. Raises
    InputError, with the line, for columns or values that are wrong, an empty list, a photo
    listed twice (whatever its path is written like), photos that are not there and rows of
    two databases.
    """
    rows = _rows(path)
    columns = set(rows[0][1]) if rows else set()
    theirs = "dis_img_path" in columns
    image, group = ("dis_img_path", "ref_img_path") if theirs else ("image", "group")
    folder = path.parent if images is None else images
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    found: list[Rated] = []
    missing: list[str] = []
    seen: dict[str, int] = {}
    files: dict[Path, tuple[str, int]] = {}
    database = ""
    places = _Places(folder, theirs)
    for line, row in rows:
        name = (row[image] or "").strip()
        where = f"{path} line {line}"
        if not name:
            raise InputError(f"{where}: no {image}")
        if name in seen:
            raise InputError(f"{where}: {name} is listed twice (line {seen[name]} has it too)")
        seen[name] = line
        score = _score(row["score"], where)
        if theirs:
            other = _parts(name)[0] if _parts(name) else ""
            if line != rows[0][0] and other != database and {other, database} & DATABASES.keys():
                raise InputError(
                    f"{where}: {name} is not of {database} like the first row; fit one database "
                    "at a time, their scores differ in scale and direction"
                )
            database = other
        place = places.find(name)
        if place is None:
            missing.append(name)
            continue
        same, before = files.setdefault(place.resolve(), (name, line))
        if before != line:
            raise InputError(f"{where}: {name} is listed twice (line {before} has it as {same})")
        found.append(Rated(place, score, (row.get(group) or "").strip() or name))
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of {len(rows)} photos are not below {folder}, for instance "
            f"{missing[0]}; give their folder with --images, or take them off the list"
        )
    return Ratings(tuple(found), *_scale(database, better, path))


def _rows(path: Path) -> list[tuple[int, Mapping[str, str | None]]]:
    """(line, row) of each row, the needed columns checked."""
    reader = csv.DictReader(reading.wanted_text(path).splitlines())
    try:
        names = reader.fieldnames or []
        if not ({"image", "score"} <= set(names) or {"dis_img_path", "score"} <= set(names)):
            raise InputError(
                f"{path}: expected a first line with the columns image,score[,group] "
                f"(or dis_img_path,ref_img_path,score), found {', '.join(names) or 'nothing'}"
            )
        twice = next((n for n in names if names.count(n) > 1 and n in _COLUMNS), None)
        if twice:
            raise InputError(f"{path}: two columns are called {twice}")
        rows: list[tuple[int, Mapping[str, str | None]]] = []
        for row in reader:
            if None in row:  # what the header has no name for
                raise InputError(
                    f"{path} line {reader.line_num}: {len(names) + len(row[None])} fields, the "
                    f"header has {len(names)}; decimals need a point"
                )
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}: not CSV ({error})") from None
    if not rows:
        raise InputError(f"{path}: no photos, only the line of column names")
    return rows


def _score(text: str | None, where: str) -> float:
    text = text or ""
    try:
        if not text.isascii() or "_" in text:  # which Python would read as numbers too
            raise ValueError
        score = float(text)
    except ValueError:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise InputError(f"{where}: the score {shown!r} is not a number") from None
    if not math.isfinite(score):
        raise InputError(f"{where}: the score is {score}; leave the photo out")
    if abs(score) > _MOST:
        raise InputError(f"{where}: the score is {score}; expected {-_MOST:g} to {_MOST:g}")
    return score


def _scale(database: str, better: str, path: Path) -> tuple[str, bool]:
    if better not in ("", "higher", "lower"):
        raise InputError(f"--better {better!r}: expected higher or lower")
    if database in DATABASES:
        higher, scale = DATABASES[database]
        if better and (better == "higher") != higher:
            raise InputError(
                f"--better {better}: {database}'s scores are better when they are "
                f"{'higher' if higher else 'lower'}"
            )
        return scale, higher
    if not better:
        raise InputError(
            f"{path}: say which way its scores run with --better higher (MOS) or lower (DMOS)"
        )
    return f"scale of {plain(path.stem)}", better == "higher"


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts


class _Places:
    """Finds listed photos from a folder, also where its files are written in other case.

    ``theirs``: paths begin with the database's name, which ``folder`` itself may be.
    """

    def __init__(self, folder: Path, theirs: bool) -> None:
        self.folder = folder
        self._theirs = theirs
        self._names: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path | None:
        parts = _parts(name)
        # The folder above the database's own, or that itself.
        for few in (parts, parts[1:]) if self._theirs else (parts,):
            try:
                if few and (place := self._descend(few)) is not None and place.is_file():
                    return place
            except OSError:  # a name that no file can have
                return None
        return None

    def _descend(self, parts: tuple[str, ...]) -> Path | None:
        place = self.folder.joinpath(*parts)
        if place.exists():
            return place
        place = self.folder
        for part in parts:
            if place not in self._names:
                there = place.iterdir() if place.is_dir() else ()
                self._names[place] = {entry.name.casefold(): entry.name for entry in there}
            known = self._names[place].get(part.casefold())
            if known is None:
                return None
            place = place / known
        return place
