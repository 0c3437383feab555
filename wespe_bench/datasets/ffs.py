"""FFS: Flickr photos larger than 1600x1200, for the Flickr Faves Score.

    ffs/*                              split by seed, 15600 and 400 as in Table 4, or
    ffs/{train,validation,test}/*      split when they were crawled

The validation photos count as training ones, as Table 4 counts them. Views, faves and owners
are not looked at here.
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import locate
from wespe_bench.datasets.source import Counts, Source
from wespe_bench.datasets.survey import Part, Survey

#: Subfolder -> the side it is on.
SIDES = {"train": "train", "validation": "train", "test": "test"}


def survey(name: str, folder: str = "", *, data: Path | str | None = None) -> Survey:
    """One part, or one for each subfolder of `SIDES`. Raises InputError."""
    root, parts = check_parts(name, folder, data)
    counts = SOURCE.counts[0]
    return Survey(name, root, parts, counts.train, counts.test, split="test")


def check_parts(name: str, argument: str, data: Path | str | None) -> tuple[Path, tuple[Part, ...]]:
    """The root, and its parts. Raises InputError when there is no such folder."""
    root = surveys.folder_of(name, argument) if argument else locate(name, data)
    sides = [side for side in SIDES if (root / side).is_dir()]
    if "test" in sides and len(sides) > 1:
        return root, tuple(Part(s, root / s, f"{s}/", side=SIDES[s]) for s in sides)
    return root, (Part(name, root),)


SOURCE = Source(
    name="ffs",
    title="Flickr photos with views and faves, for the Flickr Faves Score",
    summary="Flickr photos, in ffs/ or ffs:FOLDER, for the Flickr Faves Score.",
    survey=survey,
    check_parts=check_parts,
    page="https://www.flickr.com/services/api/",
    licence="each photo's own; not to be redistributed",
    get="crawl your own with a Flickr key; put the photos in ffs/, or in ffs/train, "
    "ffs/validation and ffs/test",
    counts=(Counts(4, "Flickr Faves Score", None, None, 15600, 400),),
)
