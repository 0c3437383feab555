"""Faults that only decoding shows: photos that are damaged, and photos that look alike.

Likeness is a 64-bit perceptual hash (a DCT of the photo at 32x32; imagehash). Photos whose
hashes differ in few bits are the same picture at another size, quality or exposure, or
neighbouring frames; smooth photos can be alike by chance, so a find is to be looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wespe_bench.datasets import splits
from wespe_bench.datasets.source import sources
from wespe_bench.datasets.splits import Photo
from wespe_bench.datasets.survey import groups_of
from wespe_bench.engines import Outcome, local
from wespe_bench.errors import InputError, one_line
from wespe_bench.prepare.faults import Place

if TYPE_CHECKING:
    from wespe_bench.prepare.faults import Place


#: Hashes that differ in at most this many of their 64 bits are alike. Of 259 photos, 33,411
#: pairs, the closest differ in 8 bits and the next in 14; at half the size or as JPEG of quality
#: 30 a photo differs from itself in at most 4, brightened by 30% in at most 6 for 97 of 100.
ALIKE = 6


def open_worker(_: None) -> Callable[[Sequence[str]], list[Outcome]]:
    """In each worker: decode a photo, hash its looks."""
    import imagehash
    from PIL import Image

    from wespe_bench.images import read_rgb

    def work(paths: Sequence[str]) -> list[Outcome]:
        outcomes = []
        for path in paths:
            try:
                bits = imagehash.phash(Image.fromarray(read_rgb(path))).hash
            except Exception as error:
                outcomes.append(Outcome(path, error=one_line(error)))
                continue
            look = int(np.packbits(bits).view(">u8")[0])
            outcomes.append(Outcome(path, rows=({"look": look},)))
        return outcomes

    return work


def decode(
    places: Sequence[Place], jobs: int, step: Callable[[], object]
) -> tuple[dict[str, int], dict[str, str]]:
    """Path -> perceptual hash of every photo that decodes, and path -> reason for the others.

    ``jobs`` processes work at once, none besides this one for 0. Raises InputError when
    workers die whatever they are given.
    """
    paths = [place.path(id_) for place in places for id_ in place.sizes]
    looks: dict[str, int] = {}
    broken: dict[str, str] = {}
    chunk = max(1, min(32, len(paths) // (4 * max(jobs, 1))))
    for outcome in local(open_worker, None, paths, jobs=jobs, chunk=chunk):
        step()
        if outcome.fatal:
            raise InputError(outcome.error)
        if outcome.error:
            broken[outcome.item] = outcome.error.removeprefix(f"{outcome.item}: ")
        else:
            looks[outcome.item] = outcome.rows[0]["look"]
    return looks, broken


def alike(
    train: Sequence[Path], test: Sequence[Path], looks: dict[str, int]
) -> Iterator[tuple[Path, Path, int]]:
    """Each test photo that looks like a training photo, the nearest one, and the bits between.

    Photos without a hash (undecodable) are left out.
    """
    train = [path for path in train if str(path) in looks]
    if not train:
        return
    hashes = np.array([looks[str(path)] for path in train], np.uint64)
    for path in test:
        if str(path) not in looks:
            continue
        differing = hashes ^ np.uint64(looks[str(path)])
        bits = _ones()[differing.view(np.uint16)].reshape(-1, 4).sum(axis=1)
        nearest = int(bits.argmin())
        if bits[nearest] <= ALIKE:
            yield path, train[nearest], int(bits[nearest])


@functools.cache
def _ones() -> np.ndarray:
    """How many bits are set, for each 16-bit number."""
    bits = np.unpackbits(np.arange(2**16, dtype=np.uint16).view(np.uint8)).reshape(-1, 16)
    return np.asarray(bits.sum(axis=1, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class Sides:
    """Label, training and test photos that must differ; or the reason why there are none.

    ``drawn``: by a seed, where the release has no sides.
    """

    pairs: tuple[tuple[str, Sequence[Path], Sequence[Path]], ...] = ()
    reason: str = ""
    drawn: bool = False


def of(name: str, places: Sequence[Place]) -> Sides:
    """The release's sides, for DPED phone by phone; else the sides that seed 0 draws."""
    inputs = [place for place in places if place.label == place.part.label]
    decided = [place for place in inputs if place.part.side]
    if decided:
        pairs = []
        for family in dict.fromkeys(_family(name, place) for place in decided):
            mine = [place for place in decided if _family(name, place) == family]
            sides = {
                side: [Path(p) for place in mine if place.part.side == side for p in place.paths()]
                for side in ("train", "test")
            }
            label = next(place.label for place in mine)
            if sides["train"] and sides["test"]:
                pairs.append((label, sides["train"], sides["test"]))
        return Sides(tuple(pairs), "" if pairs else "only one of the two is there")
    photos = []
    for place in inputs:
        groups = groups_of(place.part, {id_: Path(place.path(id_)) for id_ in place.endings})
        for id_ in place.endings:
            path = Path(place.path(id_))
            photos.append(Photo(place.part.prefix + id_, path, None, groups.get(id_, "")))
    counts = next(iter(sources()[name].counts), None)
    try:
        wanted = splits.counts(
            len(photos), counts.train if counts else None, counts.test if counts else None
        )
        test = max(1, round(splits.TEST_SHARE * len(photos))) if wanted[1] is None else wanted[1]
        drawn = splits.divide(photos, wanted[0], test)
    except InputError as error:
        return Sides(reason=str(error))
    if not drawn.train or not drawn.test:
        return Sides(reason="the data set has no test photos")
    label = inputs[0].label if inputs else name
    pair = (label, [p.path for p in drawn.train], [p.path for p in drawn.test])
    return Sides((pair,), drawn=True)


def _family(name: str, place: Place) -> str:
    """What is split together: a phone of DPED, everything elsewhere."""
    return place.part.prefix.partition("/")[0] if name == "dped" else name
