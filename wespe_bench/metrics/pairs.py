"""What every metric asks of its photos."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from wespe_bench.errors import Missing
from wespe_bench.images import check_rgb

if TYPE_CHECKING:
    import pandas as pd


# What the paired checks say when a second photo is missing.
_ALONE = "this metric compares with a reference, and there is none"


def check_alone(image: np.ndarray, reference: np.ndarray | None) -> None:
    """Raise ValueError unless ``image`` is uint8 (H, W, 3) and there is no reference."""
    if reference is not None:
        raise ValueError("this metric looks at one photo alone, and was given a reference as well")
    check_rgb(image)


def check_pair(image: np.ndarray, reference: np.ndarray | None, smallest: int = 1) -> None:
    """Raise ValueError unless both are uint8 (H, W, 3) of one shape, sides >= ``smallest``."""
    if reference is None:
        raise ValueError(_ALONE)
    check_rgb(image)
    check_rgb(reference, "reference")
    if image.shape != reference.shape:
        raise ValueError(
            f"image is {image.shape[1]}x{image.shape[0]} but its reference is "
            f"{reference.shape[1]}x{reference.shape[0]}; nothing is resized or cropped"
        )
    if min(image.shape[:2]) < smallest:
        raise ValueError(
            f"image is {image.shape[1]}x{image.shape[0]}; this metric needs at least "
            f"{smallest} pixels on each side"
        )


def row_bands(
    image: np.ndarray, reference: np.ndarray, pixels: int = 1 << 16
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same rows of both photos, about ``pixels`` at a time, so that memory stays small."""
    rows = max(pixels // image.shape[1], 1)
    for top in range(0, len(image), rows):
        yield image[top : top + rows], reference[top : top + rows]


def check_batch(images: np.ndarray, references: np.ndarray | None, smallest: int = 1) -> None:
    """Raise ValueError unless both are uint8 (N, H, W, 3) of one shape, sides >= ``smallest``."""
    if references is None:
        raise ValueError(_ALONE)
    for name, batch in (("images", images), ("references", references)):
        if not isinstance(batch, np.ndarray) or batch.ndim != 4 or not len(batch):
            raise ValueError(f"{name}: expected uint8 (N, H, W, 3) with N >= 1")
    if len(images) != len(references):
        raise ValueError(f"{len(images)} images but {len(references)} references")
    check_pair(images[0], references[0], smallest)


#: Photos in one of the DPED release's test batches.
DPED_BATCH = 50


@functools.lru_cache(maxsize=2**17)  # tables resample the same rows a thousand times
def _parse(extras: str) -> dict[str, float]:
    parsed: dict[str, float] = json.loads(extras)
    return parsed


def extra(rows: pd.DataFrame, name: str) -> np.ndarray:
    """The number ``name`` in each row's "extras" (JSON): float64 (n,); KeyError if absent."""
    return np.array([_parse(text)[name] for text in rows["extras"]], np.float64)


@functools.lru_cache(maxsize=2**17)
def natural(sample_id: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that counts: "test/9" before "test/10", as files named by number are read.

    >>> sorted(["a/10", "a/9", "a/b"], key=natural)
    ['a/9', 'a/10', 'a/b']
    """
    parts = re.split(r"(\d+)", sample_id)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def batches(rows: pd.DataFrame, size: int = DPED_BATCH) -> list[pd.DataFrame]:
    """The full batches of ``size`` rows in the natural order of their samples; the rest is dropped.

    Raises Missing when there is not one full batch.
    """
    if len(rows) < size:
        raise Missing(f"needs {size} photos to fill a batch, has {len(rows)}")
    keys = [natural(sample) for sample in rows["sample"]]
    order = sorted(range(len(rows)), key=keys.__getitem__)
    return [
        rows.iloc[order[start : start + size]] for start in range(0, len(rows) - size + 1, size)
    ]
