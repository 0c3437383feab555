"""Where every photo of a packed set goes, decided before anything is decoded.

Patches of one size get a place each, by their number alone; photos of differing sizes get
theirs from the sizes in the files' heads. So workers write in any order, a killed pack is
resumed, and the same data set gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.datasets.headers import upright_size
from wespe_bench.errors import InputError, writing
from wespe_bench.journal import check_room
from wespe_bench.types import Dataset, Sample

#: Photos with a longer side than this are not taken for patches, even if all are of one size.
LARGEST_PATCH = 512


@dataclass(frozen=True, slots=True)
class Item:
    """One photo to pack, to byte ``offset``: its files, and the size it has to have."""

    sample: str
    paths: tuple[str, ...]
    offset: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where every photo goes. ``items`` is empty of those in ``unreadable`` (id, reason)."""

    kind: str
    shape: tuple[int, ...]
    items: tuple[Item, ...]
    unreadable: tuple[tuple[str, str], ...]

    def key(self, revision: str) -> str:
        """Names the files: the same bytes in the same places have the same key."""
        places = [[i.sample, i.offset, i.height, i.width] for i in self.items]
        text = json.dumps([revision, self.kind, self.shape, places], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def lay_out(dataset: Dataset, kind: str) -> Layout:
    """Give every photo its place, from the files' heads alone."""
    samples = dataset.samples
    if kind == "auto":
        kind = _kind(samples)
    if kind == "patches":
        height, width = _first_size(dataset)
        size = height * width * 3
        items = [Item(s.id, _paths(s), n * size, height, width) for n, s in enumerate(samples)]
        return Layout(kind, (len(samples), height, width, 3), tuple(items), ())
    items, unreadable, end = [], [], 0
    for sample in samples:
        try:
            height, width = upright_size(sample.path)
        except InputError as error:
            unreadable.append((sample.id, str(error)))
            continue
        items.append(Item(sample.id, _paths(sample), end, height, width))
        end += height * width * 3
    return Layout(kind, (end,), tuple(items), tuple(unreadable))


def _paths(sample: Sample) -> tuple[str, ...]:
    both = (sample.path,) if sample.reference is None else (sample.path, sample.reference)
    return tuple(map(str, both))


def _kind(samples: Sequence[Sample]) -> str:
    """Patches, if a few dozen photos from all over the set are small and of one size."""
    sizes: Counter[tuple[int, int]] = Counter()
    for sample in samples[:: max(1, len(samples) // 32)]:
        try:
            sizes[upright_size(sample.path)] += 1
        except InputError:
            continue
    small = all(max(size) <= LARGEST_PATCH for size in sizes)
    if len(sizes) == 1 and small:
        return "patches"
    ((height, width), most), *others = sizes.most_common() or [((0, 0), 0)]
    if others and max(height, width) <= LARGEST_PATCH and 2 * most > sizes.total():
        warnings.warn(
            f"packed as photos of any size: of {sizes.total()} looked at, {most} are "
            f"{width}x{height} and {sizes.total() - most} are not; --kind patches packs those "
            "of one size and names the others",
            stacklevel=4,
        )
    return "photos"


def _first_size(dataset: Dataset) -> tuple[int, int]:
    """The size that most of the first readable photos have."""
    sizes: Counter[tuple[int, int]] = Counter()
    reason = "no photos"
    for sample in dataset.samples:
        try:
            sizes[upright_size(sample.path)] += 1
        except InputError as error:
            reason = str(error)
        if sizes.total() == 9:
            break
    if not sizes:
        raise InputError(f"{dataset.name}: no photo can be read; {reason}")
    return sizes.most_common(1)[0][0]


def allocate(path: Path, shape: tuple[int, ...]) -> None:
    """The .npy file of uint8 ``shape``, zeros where nothing was written; kept if it is there."""
    import numpy as np

    header = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    size = len(header.getvalue()) + int(np.prod(shape, dtype=np.int64))
    there = getattr(path.stat(), "st_blocks", 0) * 512 if path.exists() else 0
    check_room(path.parent, size, "of pixels", there)
    with writing(path), open(path, "r+b" if path.exists() else "w+b") as file:
        file.write(header.getvalue())
        file.truncate(size)
