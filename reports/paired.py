"""Paired statistics of two methods on the same photos.

All are computed from the differences of the two scores of each photo, so that what makes a
photo easy or hard for both cancels. Sources: the studentised ("bootstrap-t") interval, Efron and
Tibshirani, An Introduction to the Bootstrap (1993), chapter 12.5; Wilcoxon's signed-rank test
(1945), as scipy takes it; Holm (1979); the matched-pairs rank-biserial correlation, Kerby (2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from reports.resamples import draws, ends

#: Bootstrap resamples of a comparison.
RESAMPLES = 10_000

#: The significance level.
LEVEL = 0.05

#: With fewer photos there is no interval.
FEWEST = 3

#: From this many photos on the interval is studentised; below, a studentised one is mostly wider
#: than the data (at four photos half of them are twice Student's, one in twenty sixteen times:
#: benchmarks/results/coverage.md). No test can show a difference there either: see `smallest_p`.
STUDENTISED = 6

# Student's t, 97.5%, with n - 1 degrees of freedom; importing it from scipy takes half a second.
_STUDENT = {3: 4.302652729911275, 4: 3.182446305284263, 5: 2.7764451051977987}


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b of float64 (n,); where both are the same infinity, 0.

    >>> differences(np.array([3.0, np.inf]), np.array([1.0, np.inf]))
    array([2., 0.])
    """
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b)


def intervals(values: np.ndarray, *, resamples: int = RESAMPLES) -> np.ndarray:
    """95% intervals of the means of the columns of finite float64 (n, m): float64 (m, 2).

    From `STUDENTISED` photos on a studentised bootstrap interval: each resample's deviation from
    the mean is divided by its own standard error, and the quantiles of these ratios replace 1.96.
    It is longer on the side of a longer tail, and wider with few photos, where the percentile
    interval of a table is too narrow (below some 20 photos). Below `STUDENTISED` Student's t
    interval; NaN below `FEWEST` photos; (x, x) for a column of values x that are equal but for
    rounding.

    >>> intervals(np.array([[3.0], [3.0], [3.0], [3.0]]))
    array([[3., 3.]])
    """
    n, columns = values.shape
    found = np.full((columns, 2), np.nan)
    if n < FEWEST:
        return found
    means = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1)
    # Rounding is no spread: it would be resampled like one, with infinite ratios.
    still = np.ptp(values, axis=0) <= 1e-10 * np.abs(values).max(axis=0)
    found[still] = values[0, still, None]
    moving = np.flatnonzero(~still)
    if not len(moving):
        return found
    if n < STUDENTISED:
        half = _STUDENT[n] * spread[moving] / math.sqrt(n)
        found[moving] = np.stack([means[moving] - half, means[moving] + half], axis=1)
        return found
    scaled = (values[:, moving] - means[moving]) / spread[moving]
    both = np.hstack([scaled, scaled**2]) / n
    blocks = []
    for counts in draws(n, resamples):
        sums = counts @ both
        mean, square = sums[:, : len(moving)], sums[:, len(moving) :]
        variance = (square - mean**2) * n / (n - 1)
        # A resample of one photo n times has no spread: its ratio is infinite.
        alone = variance < 1e-12
        with np.errstate(divide="ignore", invalid="ignore"):
            some = mean / np.sqrt(np.where(alone, 0, variance))
        blocks.append(np.where(alone & (np.abs(mean) < 1e-12), 0, some))
    # sqrt(n) cancels between the ratio and the standard error.
    low, high = ends(np.concatenate(blocks), n)
    found[moving, 0] = means[moving] - high * spread[moving]
    found[moving, 1] = means[moving] - low * spread[moving]
    return found


def signed_rank(values: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test on differences (n,), which may be infinite.

    Photos without a difference are left out; p is 1 where all are. Exact up to 13 photos, ties
    included, and up to 50 without ties; the normal approximation above.

    >>> signed_rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    0.0625
    """
    signed = _signed_ranks(values)
    n = len(signed)
    if not n:
        return 1.0
    sizes = np.abs(signed)
    _, ties = np.unique(sizes, return_counts=True)
    total, positive = float(sizes.sum()), float(signed[signed > 0].sum())
    if n <= 13 or (n <= 50 and len(ties) == n):
        # How many choices of signs give each sum of positive ranks; twice the ranks are integers.
        ways = np.zeros(round(2 * total) + 1)
        ways[0] = 1
        for step in np.rint(2 * sizes).astype(int):
            ways[step:] += ways[:-step].copy()
        away = np.abs(np.arange(len(ways)) - total)
        return float(ways[away >= abs(2 * positive - total) - 1e-9].sum() / 2.0**n)
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((ties**3 - ties).sum()) / 48
    return math.erfc(abs(positive - total / 2) / math.sqrt(2 * variance))


def rank_biserial(values: np.ndarray) -> float:
    """The effect size of the test: from -1 to 1, 0 without any difference.

    The sum of the ranks of positive differences, less that of negative ones, over the total.

    >>> rank_biserial(np.array([1.0, 2.0, -3.0]))
    0.0
    """
    signed = _signed_ranks(values)
    return float(signed.sum() / np.abs(signed).sum()) if len(signed) else 0.0


def _signed_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks of the absolute values that are not 0, with the values' signs."""
    moved = values[values != 0]
    signed: np.ndarray = np.sign(moved) * ranks(np.abs(moved))
    return signed


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 as float64 (n,); equal values share the mean of theirs.

    >>> ranks(np.array([5.0, 2.0, 5.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return found


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for multiple tests by Holm's step-down method.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    corrected = [1.0] * len(p)
    worst = 0.0
    for step, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (len(p) - step)))
        corrected[i] = worst
    return corrected


def photos_needed(values: np.ndarray, tests: int) -> int:
    """How many photos with differences like ``values`` the signed-rank test needs at 80% power.

    ``values`` is finite float64 (n,); the level is `LEVEL` divided by ``tests``. From the normal
    approximation of the t test's power and the rank test's efficiency beside it under normal
    differences, 3 / pi. 0 where no number follows: fewer than `FEWEST` values, equal values, a mean
    of 0, or beyond a million.

    >>> photos_needed(np.array([3.0, -2.0, 4.0, 1.0, -1.0, 2.0]), tests=1)
    33
    """
    if len(values) < FEWEST or np.ptp(values) == 0:
        return 0
    effect = abs(float(values.mean())) / float(values.std(ddof=1))
    quantile = NormalDist().inv_cdf
    quantiles = quantile(1 - LEVEL / 2 / tests) + quantile(0.8)
    if effect < 1e-3 * quantiles:
        return 0
    count = math.ceil((quantiles / effect) ** 2 * math.pi / 3)
    while smallest_p(count) * tests >= LEVEL:
        count += 1
    return count


def smallest_p(n: int) -> float:
    """The smallest p that the exact test can give with ``n`` photos.

    >>> smallest_p(5)
    0.0625
    """
    return math.ldexp(1.0, 1 - n)
