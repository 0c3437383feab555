"""The samples of a large data set as packed texts, and what hashing them gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import overload

from wespe_bench.compact import Packed, hashes, in_order, picked, texts
from wespe_bench.paths import to_path
from wespe_bench.types import Sample


class SampleList(Sequence[Sample]):
    """Samples whose ids and paths are packed texts; each is made when it is asked for.

    The i-th sample is made of what stands at ``order[i]``; an empty text in ``references`` is none.
    """

    __slots__ = ("_ids", "_order", "_paths", "_references")

    def __init__(
        self,
        ids: Packed[str],
        paths: Packed[str],
        references: Packed[str] | None = None,
        order: Sequence[int] | None = None,
    ) -> None:
        self._ids, self._paths, self._references = ids, paths, references
        self._order = range(len(ids)) if order is None else order

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> SampleList:
        """The same samples, packed. Their paths are of this machine, or made by `to_path`."""
        packed = ids, paths, references = texts(), texts(), texts()
        for sample in samples:
            ids.append(sample.id)
            paths.append(str(sample.path))
            references.append("" if sample.reference is None else str(sample.reference))
        return cls(*packed)

    @property
    def ids(self) -> Sequence[str]:
        """The ids, without the paths that making a sample makes."""
        return picked(self._ids, self._order)  # pyrefly: ignore[bad-argument-type]

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, place: int | slice) -> Sample | tuple[Sample, ...]:
        if isinstance(place, slice):
            return tuple(map(self._make, self._order[place]))
        return self._make(self._order[place])

    def __iter__(self) -> Iterator[Sample]:
        return map(self._make, self._order)

    def _make(self, place: int) -> Sample:
        reference = self._references[place] if self._references is not None else ""
        path = _path(self._paths[place])
        return Sample(self._ids[place], path, _path(reference) if reference else None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"SampleList of {len(self)} samples"


def _path(text: str) -> Path:
    # A file of this machine is what its path says, also where that begins with "~".
    return to_path(text) if "://" in text else Path(text)


def ids_of(samples: Sequence[Sample]) -> Sequence[str]:
    """The samples' ids, in their order."""
    return samples.ids if isinstance(samples, SampleList) else [sample.id for sample in samples]


class HashedSamples:
    """Of each of ``samples``, in their order: (id, the photo's hash, its reference's or None)."""

    __slots__ = ("ids", "photos", "references")

    def __init__(
        self,
        samples: Sequence[Sample],
        photos: Iterable[str],
        references: Iterable[str | None],
    ) -> None:
        self.ids = ids_of(samples)
        self.photos, self.references = hashes(photos), hashes(references)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, place: int) -> tuple[str, str, str | None]:
        return self.ids[place], self.photos[place] or "", self.references[place]

    def __iter__(self) -> Iterator[tuple[str, str, str | None]]:
        return map(self.__getitem__, range(len(self)))

    def by_id(self) -> Iterator[tuple[str, str, str]]:
        """Sorted, with "" for no reference."""
        rows = (self[place] for place in in_order(self.ids))
        for _, same in groupby(rows, key=lambda row: row[0]):
            yield from sorted((id_, photo, reference or "") for id_, photo, reference in same)
