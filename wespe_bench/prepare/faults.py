"""What is wrong with the files of a data set, as far as names and headers show.

Nothing here raises for a bad file and nothing is passed over: whatever keeps a photo from being
used is a `Fault`. Pixels are looked at in `wespe_bench.prepare.check_pixels`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from wespe_bench import paths, provenance
from wespe_bench.datasets import tree
from wespe_bench.datasets.folder import some as shortened
from wespe_bench.datasets.headers import photo_size
from wespe_bench.datasets.survey import FOLDER, Part
from wespe_bench.errors import InputError

# Kinds of faults, as the table names them.
COUNT = "count"
EMPTY = "no photos"
GAP = "missing frames"
CAMERAS = "cameras differ"
TWICE = "city or scene twice"
UNREADABLE = "unreadable"
WRONG_SIZE = "wrong size"
NO_PAIR = "no pair"
NO_PHOTO = "pair without photo"
COPY = "reference is its photo"
SAME_ID = "two files, one id"
CASE = "names that differ in case only"
DUPLICATE = "duplicate"
LEAK = "in training and test"
LIKENESS = "alike in training and test"

_PNG = b"\x89PNG\r\n\x1a\n"
# Bytes at a PNG's end in which its last chunk has to begin: some writers append a little.
_TAIL = 4096

# Files below this many bytes are hashed without the cache.
_SMALL = 1 << 16


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: of which part, of which kind, which file, and what about it."""

    part: str
    kind: str
    path: str
    detail: str = ""


@dataclass(slots=True)
class Place:
    """What was found in one folder of a part: its photos, or those of its references.

    ``endings`` holds the end of each photo's path, ".jpg", by id: half a million patches have to
    fit in memory, and their paths follow from their ids. ``sizes`` (width, height) are of those
    whose header can be read.
    """

    part: Part
    label: str
    folder: Path
    endings: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def path(self, id_: str) -> str:
        """The path of the photo with that id."""
        return f"{self.folder}{os.sep}{id_}{self.endings[id_]}"

    def paths(self) -> Iterator[str]:
        """The paths of all photos."""
        return (self.path(id_) for id_ in self.endings)


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
    if not places[0].endings:
        faults.append(Fault(part.label, EMPTY, str(part.folder)))
    if part.recording:
        faults += _gaps(places[0])
    elif part.numbered:
        remarks += _gaps(places[0])
    faults += _cameras(places[0])
    faults += _empty_scenes(places[0])
    return places, faults, remarks


def _list(place: Place, root: Path) -> Iterator[Fault]:
    """Fill ``place.endings``; what is not one of them, with the reason."""
    if not place.folder.is_dir():
        if place.folder == place.part.reference:
            yield Fault(place.label, tree.UNREADABLE, str(place.folder), "no such folder")
        return
    if not paths.inside(os.path.realpath(place.folder), os.path.realpath(root)):
        yield Fault(place.label, tree.LINKED, str(place.folder))
    folded: dict[str, str] = {}
    suffix = place.part.suffix
    for thing in tree.walk(place.folder, root, place.part.reference):
        if thing.kind != tree.PHOTO:
            yield Fault(place.label, thing.kind, thing.path)
            continue
        if not thing.id.endswith(suffix):
            yield Fault(place.label, tree.OTHER, thing.path, f"does not end in {suffix}")
            continue
        id_ = thing.id[: len(thing.id) - len(suffix)]
        plain = tree.folded(id_)
        same = folded.setdefault(id_ if plain == id_ else plain, id_)
        if same in place.endings:
            kind = SAME_ID if same == id_ else CASE
            yield Fault(place.label, kind, thing.path, f"as {place.path(same)}")
            continue
        if thing.linked:
            yield Fault(place.label, tree.LINKED, thing.path)
        place.endings[id_] = sys.intern(thing.path[len(str(place.folder)) + 1 + len(id_) :])


def _gaps(place: Place) -> Iterator[Fault]:
    """Runs of numbers that lack between a recording's frames."""
    numbers = sorted(int(id_) for id_ in place.endings if id_.isascii() and id_.isdecimal())
    for before, after in pairwise(numbers):
        if after > before + 1:
            detail = f"{after - before - 1} between {before} and {after}"
            yield Fault(place.label, GAP, str(place.folder), detail)


def _cameras(place: Place) -> Iterator[Fault]:
    """Frames that one of two cameras has and the other lacks; nothing where it has no folder."""
    beside = place.part.beside
    if beside is None or not beside.is_dir() or not place.endings:
        return
    other = {thing.id for thing in tree.walk(beside) if thing.kind == tree.PHOTO}
    for folder, lacking in (
        (beside, place.endings.keys() - other),
        (place.folder, other - place.endings.keys()),
    ):
        if lacking:
            detail = (
                f"lacks {len(lacking)} of the other camera's frames: {shortened(sorted(lacking))}"
            )
            yield Fault(place.label, CAMERAS, str(folder), detail)


def _scenes(place: Place) -> set[str]:
    """The subfolders that hold a photo."""
    return {id_.partition("/")[0] for id_ in place.endings if "/" in id_}


def _empty_scenes(place: Place) -> Iterator[Fault]:
    """Cities and scenes without a photo."""
    part = place.part
    by_folder = part.group == FOLDER and part.expected is not None
    if not (part.scenes or by_folder) or not place.endings:
        return
    filled = {*_scenes(place), part.reference.name if part.reference else ""}
    for path in sorted(place.folder.iterdir()):
        if path.is_dir() and path.name not in filled and not path.name.startswith("."):
            yield Fault(place.label, EMPTY, str(path))


def scenes_twice(places: Sequence[Place]) -> Iterator[Fault]:
    """Cities and scenes that two parts have: their frames would be on two sides of a split."""
    first: dict[str, Place] = {}
    for place in places:
        for scene in sorted(_scenes(place)) if place.part.scenes else ():
            other = first.setdefault(scene, place)
            if other is not place:
                also = f"as {other.folder / scene}"
                yield Fault(place.label, TWICE, str(place.folder / scene), also)


def headers(place: Place, step: Callable[[], object]) -> Iterator[Fault]:
    """Fill ``place.sizes``; files that are no photos or of a wrong size. ``step`` per file."""
    expected, smallest = place.part.size, place.part.smallest
    # The size of originals is the phone's; what their pairs were taken with has another.
    if place.folder == place.part.reference and expected != (100, 100):
        expected = None
    known: dict[tuple[int, int], tuple[int, int]] = {}
    for id_ in place.endings:
        step()
        path = place.path(id_)
        try:
            width, height = size = photo_size(path)
        except InputError as error:
            yield Fault(place.label, UNREADABLE, path, str(error).removeprefix(f"{path}: "))
            continue
        if _cut_short(path):
            yield Fault(place.label, UNREADABLE, path, "cut short: a PNG without its end")
            continue
        place.sizes[id_] = known.setdefault(size, size)
        if expected is not None and size not in (expected, expected[::-1]):
            wanted = f"{expected[0]}x{expected[1]}"
            yield Fault(place.label, WRONG_SIZE, path, f"{width}x{height} instead of {wanted}")
        elif min(size) < smallest:
            yield Fault(place.label, WRONG_SIZE, path, f"{width}x{height}, below {smallest} px")


def _cut_short(path: str) -> bool:
    """Whether a PNG lacks the chunk that ends it, as partial downloads do."""
    with open(path, "rb") as file:
        if file.read(len(_PNG)) != _PNG:
            return False
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        return b"IEND" not in file.read(_TAIL)


def unpaired(photos: Place, references: Place) -> Iterator[Fault]:
    """Photos without their pair, pairs without their photo, registered pairs unlike in size."""
    used: set[str] = set()
    for id_ in photos.endings:
        other = photos.part.paired_with(id_)
        used.add(other)
        if other not in references.endings:
            yield Fault(photos.label, NO_PAIR, photos.path(id_), f"none in {references.folder}")
        elif photos.part.size is None:
            here, there = photos.sizes.get(id_), references.sizes.get(other)
            if here and there and here != there:
                sizes = f"{there[0]}x{there[1]}, its photo {here[0]}x{here[1]}"
                yield Fault(references.label, WRONG_SIZE, references.path(other), sizes)
    for id_ in references.endings:
        if id_ not in used:
            path = references.path(id_)
            yield Fault(references.label, NO_PHOTO, path, f"none in {photos.folder}")


def copies(photos: Place, references: Place) -> Iterator[Fault]:
    """References that are their own photo: a link to it, or the same bytes."""
    for id_ in photos.endings:
        other = photos.part.paired_with(id_)
        if other not in references.endings:
            continue
        path, reference = photos.path(id_), references.path(other)
        try:
            length, same = (os.path.getsize(one) for one in (path, reference))  # noqa: PTH202
        except OSError:
            continue  # the header was unreadable too and is already reported
        if length == same and _sha256(path, length) == _sha256(reference, length) != b"":
            yield Fault(references.label, COPY, reference, f"the bytes of {path}")


def duplicates(places: Sequence[Place]) -> Iterator[Fault]:
    """Files with the same bytes in one place, or on both sides of a split.

    Only files of one length are read; the hashes of large ones come from the cache.
    """
    by_length: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for number, place in enumerate(places):
        for id_ in place.endings:
            try:
                by_length[os.path.getsize(place.path(id_))].append((number, id_))  # noqa: PTH202
            except OSError:
                continue  # the header was unreadable too and is already reported
    for length, some in by_length.items():
        if len(some) < 2:
            continue
        first: dict[tuple[bytes, str], tuple[int, str]] = {}
        sides: dict[bytes, tuple[int, str]] = {}
        for number, id_ in some:
            place = places[number]
            path = place.path(id_)
            sha256 = _sha256(path, length)
            if not sha256:
                continue
            twin = first.setdefault((sha256, place.label), (number, id_))
            if twin != (number, id_):
                yield Fault(place.label, DUPLICATE, path, f"the bytes of {_path(places, twin)}")
            other = sides.setdefault(sha256, (number, id_))
            side, others = place.part.side, places[other[0]].part.side
            if side and others and side != others:
                yield Fault(place.label, LEAK, path, f"the bytes of {_path(places, other)}")


def _path(places: Sequence[Place], where: tuple[int, str]) -> str:
    return places[where[0]].path(where[1])


def _sha256(path: str, length: int) -> bytes:
    """Empty for a file that cannot be read."""
    if length < _SMALL:  # sooner read than looked up
        try:
            return hashlib.sha256(Path(path).read_bytes()).digest()
        except OSError:
            return b""
    sha256 = provenance.content_of(Path(path))
    return b"" if sha256 == provenance.UNREADABLE else bytes.fromhex(sha256)
