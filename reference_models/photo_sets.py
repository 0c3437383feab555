"""The photos that a training's ``--source`` and ``--target`` name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from wespe_bench import provenance
from wespe_bench.datasets.packed import Packed
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.registry import DATASETS, load_dataset
from wespe_bench.types import Dataset

#: Suffix of a data set's name that stands for its references.
REFERENCES = ":reference"


def is_packed(spec: str) -> bool:
    """Whether ``spec`` is a folder that `wespe-bench data pack` wrote, or the references of one."""
    return (Path(spec.removesuffix(REFERENCES)) / "pack.json").exists()


def find(spec: str, data: str | None = None) -> tuple[Dataset, bool]:
    """The data set of a name or a folder, and whether its references are the photos.

    Raises InputError for what is neither, and for photos that cannot be listed.
    """
    name = spec.removesuffix(REFERENCES)
    references = name != spec
    if Path(name).is_dir():
        return load_dataset("folder", input=name), references
    if re.split("[:?]", name)[0] in DATASETS and name != "folder":
        return load_dataset(name, **({"data": data} if data else {})), references
    known = ", ".join(sorted(DATASETS.keys() - {"folder"}))
    raise InputError(f"{spec}: no such folder, nor a data set; known: {known}")


@dataclass(frozen=True)
class PhotoStream:
    """Photos that are decoded one after the other; memory holds one at a time."""

    name: str
    origin: Packed | tuple[Path, ...]
    ids: tuple[str, ...]
    references: bool

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Each photo, uint8 (H, W, 3). Raises InputError for one that cannot be read."""
        if isinstance(self.origin, Packed):
            view = self.origin.reference if self.references else self.origin.photo
            yield from (view(number) for number in range(len(self.ids)))
        else:
            yield from map(read_rgb, self.origin)

    @cached_property
    def revision(self) -> str:
        """A hash of the photos' files, the same as a training of WESPE on all of them records."""
        if isinstance(self.origin, Packed):
            column = "reference_source_sha256" if self.references else "source_sha256"
            rows = self.origin.rows()
            hashes = [rows[id_][column] for id_ in self.ids]
        else:
            hashes = [provenance.sha256_file(path) for path in self.origin]
        return provenance.revision(
            [(id_, found, None) for id_, found in zip(self.ids, hashes, strict=True)]
        )


def stream(spec: str, data: str | None = None) -> PhotoStream:
    """The photos of a data set's name, a folder or a packed set; ``:reference`` as in `find`.

    Args:
        spec: What ``--source`` or ``--target`` says.
        data: Where data sets are.

    Raises:
        InputError: There are no such photos, or no references where they are asked for.
    """
    folder = spec.removesuffix(REFERENCES)
    if is_packed(spec):
        packed, references = Packed.open(folder), folder != spec
        if references and not packed.paired:
            raise InputError(f"{folder}: packed without references")
        name = packed.name + (REFERENCES if references else "")
        return PhotoStream(name, packed, packed.ids, references)
    dataset, references = find(spec, data)
    if references and not dataset.paired:
        raise InputError(f"{dataset.name} is not paired: it has no references")
    name = dataset.name + (REFERENCES if references else "")
    paths = tuple(
        sample.reference if references and sample.reference else sample.path
        for sample in dataset.samples
    )
    return PhotoStream(name, paths, tuple(s.id for s in dataset.samples), references)
