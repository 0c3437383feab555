"""Cityscapes: street scenes of fifty cities (Cordts et al., CVPR 2016).

    cityscapes/leftImg8bit/{train,val,test}/CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png

The paper's 2876 + 143 frames fit no official split. Here training frames are drawn by seed from
``train`` and test frames from ``val``, so no city is on both sides; ``test`` is not used unless
it is asked for. The car's own bonnet is at the bottom of every frame.
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import locate, wrong_layout
from wespe_bench.datasets.source import Counts, Source
from wespe_bench.datasets.survey import Part, Survey

#: Frames of the fine split.
OFFICIAL = {"train": 2975, "val": 500, "test": 1525}

_SUFFIX = "_leftImg8bit"


def survey(name: str, *, data: Path | str | None = None) -> Survey:
    """The parts train and val. Raises InputError."""
    root, parts = check_parts(name, "", data)
    counts = SOURCE.counts[0]
    used = tuple(part for part in parts if part.side)
    here = surveys.warn_absent(name, used)
    if not here:
        raise wrong_layout(name, root, "leftImg8bit/train and leftImg8bit/val")
    return Survey(name, root, here, counts.train, counts.test, split="test")


def check_parts(name: str, argument: str, data: Path | str | None) -> tuple[Path, tuple[Part, ...]]:
    """The root, and the three official parts. Raises InputError when none is there."""
    surveys.no_argument(name, argument)
    root = locate(name, data)
    left = "leftImg8bit"
    homes = [root / left, root, root / left / left, root / f"{left}_trainvaltest" / left]
    home = next((h for h in homes if any((h / part).is_dir() for part in OFFICIAL)), None)
    if home is None:
        raise wrong_layout(name, root, "leftImg8bit/train and leftImg8bit/val")
    sides = {"train": "train", "val": "test", "test": ""}
    return root, tuple(
        Part(
            part,
            home / part,
            f"{part}/",
            _SUFFIX,
            side=sides[part],
            size=(2048, 1024),
            expected=count,
            scenes=True,
        )
        for part, count in OFFICIAL.items()
    )


SOURCE = Source(
    name="cityscapes",
    title="Cityscapes: street scenes of fifty cities",
    summary="Cityscapes: test frames from its val, training frames from its train.",
    survey=survey,
    check_parts=check_parts,
    page="https://www.cityscapes-dataset.com/downloads/",
    licence="its own: non-commercial research, registration",
    get="register, download leftImg8bit_trainvaltest.zip, unpack so that "
    "cityscapes/leftImg8bit/train is there",
    gigabytes=11.0,  # of that file, by the page's list as quoted in scripts that download it
    counts=(Counts(4, "Cityscapes", 2048, 1024, 2876, 143),),
)
