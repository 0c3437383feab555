"""Agreement between raters."""

from __future__ import annotations

import math

import numpy as np


def alpha(counts: np.ndarray) -> float:
    """Krippendorff's alpha, nominal, of int (units, 2): votes for either side of each unit.

    1 is perfect agreement, 0 what chance gives, below 0 less than that. NaN where no unit has two
    votes, and where all votes are the same. Source:
    Krippendorff, Content Analysis (2004), chapter 11, computed by the package ``krippendorff``.

    >>> alpha(np.array([[2, 0], [0, 2]]))
    1.0
    """
    paired = counts[counts.sum(axis=1) >= 2]
    if not len(paired) or not paired.sum(axis=0).all():
        return math.nan
    import krippendorff

    return float(krippendorff.alpha(value_counts=paired, level_of_measurement="nominal"))


def pairwise(counts: np.ndarray) -> float:
    """The share of pairs of raters that chose the same, over all units; NaN without a pair.

    >>> pairwise(np.array([[2, 1], [3, 0]]))
    0.6666666666666666
    """
    votes = counts.sum(axis=1)
    pairs = float((votes * (votes - 1)).sum())
    return float((counts * (counts - 1)).sum()) / pairs if pairs else math.nan


def side_counts(unit: np.ndarray, won: np.ndarray) -> np.ndarray:
    """Votes against and for, of each unit: int64 (units, 2), from codes (n,) and bool (n,)."""
    units = int(unit.max()) + 1
    return np.bincount(unit * 2 + won, minlength=units * 2).reshape(units, 2)
