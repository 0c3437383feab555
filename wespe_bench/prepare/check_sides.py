"""Which photos of a data set are training photos and which are test photos, faulty or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.datasets import splits
from wespe_bench.datasets.source import sources
from wespe_bench.datasets.splits import Photo
from wespe_bench.datasets.survey import groups_of
from wespe_bench.errors import InputError
from wespe_bench.prepare.faults import Place


@dataclass(frozen=True, slots=True)
class Sides:
    """Label, training and test photos that must differ; or the reason why there are none."""

    pairs: tuple[tuple[str, Sequence[Path], Sequence[Path]], ...] = ()
    reason: str = ""


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
    return Sides(((label, [p.path for p in drawn.train], [p.path for p in drawn.test]),))


def _family(name: str, place: Place) -> str:
    """What is split together: a phone of DPED, everything elsewhere."""
    return place.part.prefix.partition("/")[0] if name == "dped" else name
