"""What is wrong with the files of a data set, as far as names and headers tell.

Nothing here raises for a bad file and nothing is passed over: whatever keeps a photo from being
used is a `Fault`. Pixels are looked at in `wespe_bench.data.pixels`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wespe_bench import provenance
from wespe_bench.datasets import tree
from wespe_bench.datasets.headers import photo_size
from wespe_bench.datasets.survey import Part
from wespe_bench.errors import InputError

# Kinds of faults, as the table names them.
COUNT = "count"
UNREADABLE = "unreadable"
WRONG_SIZE = "wrong size"
NO_PAIR = "no pair"
NO_PHOTO = "pair without photo"
SAME_ID = "two files, one id"
CASE = "names that differ in case only"
DUPLICATE = "duplicate"
LEAK = "in training and test"
LIKENESS = "alike in training and test"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: of which part, of which kind, which file, and what about it."""

    part: str
    kind: str
    path: str
    detail: str = ""


@dataclass(slots=True)
class Place:
    """What was found in one folder of a part: its photos, or those of its references."""

    part: Part
    label: str
    folder: Path
    photos: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)


def look(part: Part, root: Path) -> tuple[list[Place], list[Fault], list[Fault]]:
    """The places of a part with their photos, what cannot be one, and remarks on the rest."""
    faults: list[Fault] = []
    remarks: list[Fault] = []
    places = [Place(part, part.label, part.folder)]
    if part.reference is not None:
        places.append(Place(part, f"{part.label}, pairs", part.reference))
    for place in places:
        for thing in _list(place, root):
            (remarks if thing.kind in tree.REMARKS else faults).append(thing)
    return places, faults, remarks


def _list(place: Place, root: Path) -> Iterator[Fault]:
    """Fill ``place.photos``; what is not one of them, with the reason."""
    if not place.folder.is_dir():
        if place.folder == place.part.reference:
            yield Fault(place.label, tree.UNREADABLE, str(place.folder), "no such folder")
        return
    folded: dict[str, str] = {}
    suffix = place.part.suffix
    for thing in tree.walk(place.folder, root):
        if thing.kind != tree.PHOTO:
            yield Fault(place.label, thing.kind, thing.path)
            continue
        if not thing.id.endswith(suffix):
            yield Fault(place.label, tree.OTHER, thing.path, f"does not end in {suffix}")
            continue
        id_ = thing.id[: len(thing.id) - len(suffix)]
        same = folded.setdefault(tree.folded(id_), id_)
        if same in place.photos:
            kind = SAME_ID if same == id_ else CASE
            yield Fault(place.label, kind, thing.path, f"as {place.photos[same]}")
            continue
        place.photos[id_] = thing.path


def headers(place: Place, step: Callable[[], object]) -> Iterator[Fault]:
    """Fill ``place.sizes``; files that are no photos or of a wrong size. ``step`` per file."""
    expected, smallest = place.part.size, place.part.smallest
    # The size of originals is the phone's; what their pairs were taken with has another.
    if place.folder == place.part.reference and expected != (100, 100):
        expected = None
    for id_, path in place.photos.items():
        step()
        try:
            width, height = size = photo_size(path)
        except InputError as error:
            yield Fault(place.label, UNREADABLE, path, str(error).removeprefix(f"{path}: "))
            continue
        place.sizes[id_] = size
        if expected is not None and size not in (expected, expected[::-1]):
            wanted = f"{expected[0]}x{expected[1]}"
            yield Fault(place.label, WRONG_SIZE, path, f"{width}x{height} instead of {wanted}")
        elif min(size) < smallest:
            yield Fault(place.label, WRONG_SIZE, path, f"{width}x{height}, below {smallest} px")


def unpaired(photos: Place, references: Place) -> Iterator[Fault]:
    """Photos without their pair, pairs without their photo, registered pairs unlike in size."""
    for id_, path in photos.photos.items():
        if id_ not in references.photos:
            yield Fault(photos.label, NO_PAIR, path, f"none in {references.folder}")
    for id_, path in references.photos.items():
        if id_ not in photos.photos:
            yield Fault(references.label, NO_PHOTO, path, f"none in {photos.folder}")
        elif photos.part.size is None:
            here, there = photos.sizes.get(id_), references.sizes.get(id_)
            if here and there and here != there:
                told = f"{there[0]}x{there[1]}, its photo {here[0]}x{here[1]}"
                yield Fault(references.label, WRONG_SIZE, path, told)


def duplicates(places: list[Place]) -> Iterator[Fault]:
    """Files with the same bytes in one place, or on both sides of a split.

    Only files of one length are read, and their hashes come from the cache where it knows them.
    """
    by_length: dict[int, list[tuple[Place, str]]] = defaultdict(list)
    for place in places:
        for path in place.photos.values():
            try:
                by_length[os.path.getsize(path)].append((place, path))  # noqa: PTH202
            except OSError:
                continue  # the header was unreadable too, and has been told
    for some in by_length.values():
        if len(some) < 2:
            continue
        first: dict[tuple[str, str], str] = {}
        sides: dict[str, tuple[str, str]] = {}
        for place, path in some:
            sha256 = provenance.content_of(Path(path))
            if sha256 == provenance.UNREADABLE:
                continue
            twin = first.setdefault((sha256, place.label), path)
            if twin != path:
                yield Fault(place.label, DUPLICATE, path, f"the bytes of {twin}")
            side, other = sides.setdefault(sha256, (place.part.side, path))
            if side and place.part.side and side != place.part.side:
                yield Fault(place.label, LEAK, path, f"the bytes of {other}")
