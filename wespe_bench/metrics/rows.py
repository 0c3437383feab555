"""What a metric's ``aggregate`` reads from the rows of a table cell."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING

import numpy as np

from wespe_bench.errors import Missing

if TYPE_CHECKING:
    import pandas as pd

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
