"""The three phones of Table 4 whose photos were never published: a folder of your own.

    htc_m9/*        HTC One M9, 5376x3752
    huawei_p9/*     Huawei P9, 3968x2976
    iphone6/*       iPhone 6, 3264x2448

Folders may be nested, and named otherwise: ``htc_m9:FOLDER``. Shots taken within seconds of
each other stay on one side of the split.
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.locations import locate
from wespe_bench.datasets.source import Counts, Source
from wespe_bench.datasets.survey import CAPTURE, Part, Survey

COUNTS = {
    "htc_m9": Counts(4, "HTC One M9", 5376, 3752, 1443, 57),
    "huawei_p9": Counts(4, "Huawei P9", 3968, 2976, 1386, 57),
    "iphone6": Counts(4, "iPhone 6", 3264, 2448, 4011, 57),
}


def survey(name: str, folder: str = "", *, data: Path | str | None = None) -> Survey:
    """One part, the folder. Raises InputError when there is none."""
    root, parts = check_parts(name, folder, data)
    counts = COUNTS[name]
    return Survey(name, root, parts, counts.train, counts.test, split="test")


def check_parts(name: str, argument: str, data: Path | str | None) -> tuple[Path, tuple[Part, ...]]:
    """The root, and the folder with the size Table 4 gives. Raises InputError."""
    root = surveys.folder_of(name, argument) if argument else locate(name, data)
    counts = COUNTS[name]
    size = (counts.width or 0, counts.height or 0)
    return root, (Part(name, root, size=size, group=CAPTURE),)


def _phone(name: str) -> Source:
    title = COUNTS[name].camera
    return Source(
        name=name,
        title=title,
        summary=f"{title}: your own photos with that phone, {name}:FOLDER.",
        survey=survey,
        check_parts=check_parts,
        get="never published as far as we found: a folder of photos of your own with that phone",
        counts=(COUNTS[name],),
    )


HTC_M9, HUAWEI_P9, IPHONE6 = map(_phone, COUNTS)
