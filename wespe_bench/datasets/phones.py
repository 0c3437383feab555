"""The three phones of Table 4 whose photos were never published: a folder of your own.

    htc_m9/*        HTC One M9, 5376x3752
    huawei_p9/*     Huawei P9, 3968x2976
    iphone6/*       iPhone 6, 3264x2448

Folders may be nested, and named otherwise: ``htc_m9:FOLDER``. Shots taken within seconds of
each other stay on one side of the split.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.facts import FACTS
from wespe_bench.datasets.locations import locate
from wespe_bench.datasets.survey import CAPTURE, Part, Survey
from wespe_bench.types import Dataset


def _phone(name: str) -> Callable[..., Dataset]:
    def load(
        folder: str = "",
        *,
        data: Path | str | None = None,
        split: str = "",
        seed: int | str = 0,
        train: str = "",
        test: str = "",
        manifest: str = "",
    ) -> Dataset:
        found = survey(name, folder, data=data)
        return surveys.load(
            found, split=split, seed=seed, train=train, test=test, manifest_file=manifest
        )

    load.__doc__ = f"{FACTS[name].title}: your own photos with that phone, {name}:FOLDER."
    return load


htc_m9, huawei_p9, iphone6 = _phone("htc_m9"), _phone("huawei_p9"), _phone("iphone6")


def survey(name: str, folder: str = "", *, data: Path | str | None = None) -> Survey:
    """One part, the folder. Raises InputError when there is none."""
    root, parts = check_parts(name, folder, data)
    counts = FACTS[name].counts[0]
    return Survey(name, root, parts, counts.train, counts.test, split="test")


def check_parts(name: str, argument: str, data: Path | str | None) -> tuple[Path, tuple[Part, ...]]:
    """The root, and the folder with the size Table 4 gives. Raises InputError."""
    root = surveys.folder_of(name, argument) if argument else locate(name, data)
    counts = FACTS[name].counts[0]
    size = (counts.width or 0, counts.height or 0)
    return root, (Part(name, root, size=size, group=CAPTURE),)
