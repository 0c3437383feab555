"""Bootstrap intervals of a mean over photos.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, the
percentile interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from reports.resamples import ENUMERATED, draws, ends

if TYPE_CHECKING:
    import pandas as pd

#: Bootstrap resamples of each cell.
RESAMPLES = 5000

#: The same for a metric with its own ``aggregate``, which is slow Python.
POOLED_RESAMPLES = 1000

#: From this many photos on the interval is computed from cumulants instead of sampled, unless
#: the distribution is too skewed.
LARGE_N = 1000

# Up to this skewness and excess kurtosis of the resampled mean the computed ends are more exact
# than sampled ones: 5000 draws leave an error of about 0.04 standard errors.
_MOST_SKEWED = 0.2

#: Below this many photos an interval by resampling is known to be too narrow.
SMALL_N = 10

# The middle 95% of what the resamples give lies between these quantiles.
_ENDS = ((1 - 0.95) / 2, 1 - (1 - 0.95) / 2)
_SEED = 2018


def bootstrap_interval(values: np.ndarray, *, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean of float64 (n,): (low, high).

    Photos are drawn with replacement ``resamples`` times from a fixed seed; up to
    `reports.resamples.ENUMERATED` photos all resamples there are count, by how likely each is. The
    result depends on the values, not on their order. (NaN, NaN) at n = 1. From `LARGE_N` photos on
    the interval is computed without sampling.

    >>> bootstrap_interval(np.array([3.0, 3.0, 3.0]))
    (3.0, 3.0)
    """
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        return float(ordered[0]), float(ordered[0])
    if n >= LARGE_N and (computed := _computed(ordered)):
        return computed
    if n <= ENUMERATED:
        (counts,) = draws(n, 0)
        low, high = ends(counts @ ordered / n, n, _ENDS)
        return float(low), float(high)
    rng = np.random.default_rng(_SEED)
    means = np.empty(resamples)
    step = max(1, 2**20 // n)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        means[start:stop] = ordered[rng.integers(0, n, (stop - start, n))].mean(axis=1)
    low, high = np.quantile(means, _ENDS)
    return float(low), float(high)


def _computed(values: np.ndarray) -> tuple[float, float] | None:
    """The bootstrap's interval from its cumulants; None where these are too far from normal.

    The mean of n draws with replacement has the values' mean, a variance of m2 / n, a skewness
    of m3 / m2^1.5 / sqrt(n) and an excess kurtosis of (m4 / m2^2 - 3) / n, m being central
    moments; Cornish and Fisher's expansion (1937) turns them into quantiles.
    """
    centre, scale = values.mean(), values[-1] - values[0]
    deviations = (values - centre) / scale  # at most 1, so that powers cannot overflow
    second, third, fourth = (float(np.mean(deviations**power)) for power in (2, 3, 4))
    skewness = third / second**1.5 / math.sqrt(len(values))
    kurtosis = (fourth / second**2 - 3) / len(values)
    if not max(abs(skewness), abs(kurtosis)) <= _MOST_SKEWED:
        return None
    error = scale * math.sqrt(second / len(values))
    z = 1.959963984540054  # the normal distribution's 97.5% quantile
    ends = [
        q
        + (q**2 - 1) * skewness / 6
        + (q**3 - 3 * q) * kurtosis / 24
        - (2 * q**3 - 5 * q) * skewness**2 / 36
        for q in (-z, z)
    ]
    return float(centre + error * ends[0]), float(centre + error * ends[1])


def pooled_interval(
    rows: pd.DataFrame, aggregate: Callable[[pd.DataFrame], float]
) -> tuple[float, float, float]:
    """The interval of a statistic that is not a mean: (low, high, standard error).

    ``aggregate`` is computed on resamples of ``rows``, which are drawn from a fixed seed. The
    error is NaN where a resample is infinite; all three are NaN at n = 1.
    """
    n = len(rows)
    if n < 2:
        return math.nan, math.nan, math.nan
    rng = np.random.default_rng(_SEED)
    draws = np.array([aggregate(rows.iloc[rng.integers(0, n, n)]) for _ in range(POOLED_RESAMPLES)])
    # A resample may be infinite (identical photos only); it counts as the largest.
    low, high = np.quantile(draws, _ENDS, method="inverted_cdf")
    error = float(np.std(draws, ddof=1)) if np.isfinite(draws).all() else math.nan
    return float(low), float(high), error
