"""Which of DPED's phones the photos of a data set name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wespe_bench.types import Dataset

#: The phones of the DPED data set, by the names its files use.
CAMERAS = ("iphone", "blackberry", "sony")


def named_in(texts: Iterable[str]) -> list[str]:
    """The phones that some texts name as a word of their own, in alphabetical order.

    >>> named_in(["dped_Sony_patches_test", "iphone/0001", "iphones"])
    ['iphone', 'sony']
    """
    words = {word for text in texts for word in re.split(r"[^a-z]+", text.lower())}
    return sorted(words.intersection(CAMERAS))


def other_camera(file: str, camera: str, dataset: Dataset) -> str:
    """A warning where the photos name another phone than ``camera``; "" where they do not."""
    mine = named_in([camera])
    found = named_in([dataset.name, *(sample.id for sample in dataset.samples)])
    others = [name for name in found if name not in mine]
    if not camera or not others:
        return ""
    return (
        f"{file} was trained for {camera} photos, data set {dataset.name!r} holds "
        f"{' and '.join(others)} photos: expect over-correction"
    )
