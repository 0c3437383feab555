"""Manifests: which photos are on which side of a split, each by its SHA-256.

A manifest holds ids and hashes, no folders, so it can be shared beside a paper: on any copy of
the data, however its files are ordered, moved or touched, it gives the same split and the same
revision, or says what differs. Photos are found by id, and where that fails by content.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wespe_bench import atomic, provenance, reading
from wespe_bench.datasets.folder import natural_key, some
from wespe_bench.datasets.splits import Photo, Split
from wespe_bench.datasets.tree import usable
from wespe_bench.errors import InputError

#: The format's number; a file with a larger one is a newer wespe-bench's.
SCHEMA = 1
_KEY = "wespe_bench_manifest"


@dataclass(frozen=True, slots=True)
class Row:
    """One photo: id, side ("train", "test" or "unused"), SHA-256 of it and of its pair."""

    id: str
    split: str
    sha256: str
    reference_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was read from ``path``."""

    path: Path
    dataset: str
    seed: int
    rows: tuple[Row, ...]


def write(path: Path, dataset: str, seed: int, split: Split) -> dict[str, str]:
    """Write the manifest of ``split``; returns the revision of each side.

    Raises InputError when a photo cannot be read, and OSError when ``path`` cannot be written.
    """
    rows = []
    for side in ("train", "test", "unused"):
        for photo in getattr(split, side):
            pair = None if photo.reference is None else provenance.sha256_file(photo.reference)
            rows.append(Row(photo.id, side, provenance.sha256_file(photo.path), pair))
    revisions = _revisions(rows)
    head = {_KEY: SCHEMA, "dataset": dataset, "seed": seed, "revisions": revisions}
    lines = ",\n".join(f"  {json.dumps(_plain(row), ensure_ascii=False)}" for row in rows)
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
    atomic.write_text(path, f'{text},\n "photos": [\n{lines}\n ]\n}}\n')
    return revisions


def read(path: Path) -> Manifest:
    """Read a manifest. Raises InputError: none there, not one, newer, cut or edited."""
    missing, damaged = (
        f"no such manifest: {path}",
        "not a manifest; wespe-bench data split writes one",
    )
    content = reading.read_layout(path, _KEY, SCHEMA, missing=missing, damaged=damaged)
    try:
        rows = tuple(_row(entry) for entry in content["photos"])
        revisions = dict(content["revisions"])
        dataset, seed = str(content["dataset"]), content["seed"]
        if type(seed) is not int:
            raise ValueError(f"seed {seed!r}")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: a damaged manifest ({error})") from None
    double = [id_ for id_, n in Counter(row.id for row in rows).items() if n > 1]
    if double:
        raise InputError(f"{path}: names some photos twice: {some(double)}")
    if _revisions(rows) != revisions:
        raise InputError(f"{path}: its photos do not give its revisions; it was edited or cut")
    return Manifest(path, dataset, seed, rows)


def choose(
    manifest: Manifest, photos: Sequence[Photo], split: str, root: Path
) -> tuple[Photo, ...]:
    """The manifest's photos of one side ("all": both), each checked against its hash.

    Raises InputError that says what differs: photos that changed, and photos that are not
    there. Photos the manifest does not know are left out with a warning.
    """
    there = {photo.id: photo for photo in photos}
    known = {row.id for row in manifest.rows}
    sides = ("train", "test") if split == "all" else (split,)
    by_content: dict[tuple[str, str | None], Photo] | None = None
    chosen: list[Photo] = []
    changed: list[str] = []
    missing: list[str] = []
    moved: set[str] = set()
    for row in (row for row in manifest.rows if row.split in sides):
        photo = there.get(row.id)
        hashes = None if photo is None else _hashes(photo)
        if hashes != (row.sha256, row.reference_sha256):
            if by_content is None:
                by_content = {_hashes(other): other for other in photos}
            found = by_content.get((row.sha256, row.reference_sha256))
            if found is None:
                (missing if photo is None else changed).append(row.id)
                continue
            moved.add(found.id)
            photo = found
        if photo is not None:
            chosen.append(Photo(row.id, photo.path, photo.reference, photo.group, row.split))
    if changed or missing:
        texts = [
            f"{len(ids)} {what} ({some(ids)})"
            for ids, what in ((changed, "changed"), (missing, "not there"))
            if ids
        ]
        raise InputError(
            f"{manifest.path} does not match {root}: {'; '.join(texts)} "
            f"of the {len(chosen) + len(changed) + len(missing)} photos of split={split}"
        )
    if not chosen:
        raise InputError(f"{manifest.path} has no photos of split={split}")
    contents = {(row.sha256, row.reference_sha256) for row in manifest.rows}
    unknown = sorted(there.keys() - known - moved, key=natural_key)
    extra = [id_ for id_ in unknown if _hashes(there[id_]) not in contents]
    if extra:
        warnings.warn(
            f"{len(extra)} photos are not in {manifest.path} and are left out: {some(extra)}",
            stacklevel=3,
        )
    return tuple(chosen)


def _hashes(photo: Photo) -> tuple[str, str | None]:
    pair = None if photo.reference is None else provenance.content_of(photo.reference)
    return provenance.content_of(photo.path), pair


def _revisions(rows: Iterable[Row]) -> dict[str, str]:
    """The revision of each side, as `load_dataset` would give it."""
    sides: dict[str, list[tuple[str, str, str | None]]] = {"train": [], "test": []}
    for row in rows:
        if row.split in sides:
            sides[row.split].append((row.id, row.sha256, row.reference_sha256))
    return {side: provenance.revision(rows_) for side, rows_ in sides.items()}


def _plain(row: Row) -> dict[str, str]:
    plain = {"id": row.id, "split": row.split, "sha256": row.sha256}
    return plain if row.reference_sha256 is None else plain | {"reference": row.reference_sha256}


def _row(entry: dict[str, Any]) -> Row:
    row = Row(entry["id"], entry["split"], entry["sha256"], entry.get("reference"))
    texts = [row.id, row.split, row.sha256, row.reference_sha256 or ""]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"photo {row.id!r}")
    if row.split not in ("train", "test", "unused") or not usable(row.id):
        raise ValueError(f"photo {row.id!r}")
    return row
