"""Paired statistics of two methods on the same photos.

All are computed from the differences of the two scores of each photo, so that what makes a
photo easy or hard for both cancels. Sources: the studentised ("bootstrap-t") interval, Efron and
Tibshirani, An Introduction to the Bootstrap (1993), chapter 12.5; Wilcoxon's signed-rank test
(1945) from scipy; Holm (1979); the matched-pairs rank-biserial correlation, Kerby (2014).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

#: Bootstrap resamples of a comparison.
RESAMPLES = 10_000

#: The significance level.
LEVEL = 0.05

#: With fewer photos there is no interval: too many resamples hold a single photo n times.
FEWEST = 4

_ENDS = ((1 - 0.95) / 2, 1 - (1 - 0.95) / 2)
_SEED = 2018
# Numbers in one block of resamples, which should fit the processor's cache.
_BLOCK = 2**19


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b of float64 (n,); where both are the same infinity, 0.

    >>> differences(np.array([3.0, np.inf]), np.array([1.0, np.inf]))
    array([2., 0.])
    """
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b)


def draws(n: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each of ``n`` photos is drawn: float64 (some, n), ``resamples`` rows in all.

    Each row sums to n. Drawn with replacement from a fixed seed: the same n gives the same rows,
    so that all methods and metrics use the same resamples.
    """
    rng = np.random.default_rng(_SEED)
    step = max(1, _BLOCK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        picks = rng.integers(0, n, (rows, n))
        picks += n * np.arange(rows)[:, None]
        yield np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def intervals(values: np.ndarray, *, resamples: int = RESAMPLES) -> np.ndarray:
    """95% intervals of the means of the columns of finite float64 (n, m): float64 (m, 2).

    Studentised: each resample's deviation from the mean is divided by its own standard error, and
    the quantiles of these ratios replace 1.96. The interval is longer on the side of a longer
    tail, and wider with few photos, where the percentile interval of a table is too narrow
    (below some 20 photos). NaN below `FEWEST` photos; (x, x) for a column of equal values x.

    >>> intervals(np.array([[3.0], [3.0], [3.0], [3.0]]))
    array([[3., 3.]])
    """
    n, columns = values.shape
    found = np.full((columns, 2), np.nan)
    if n < FEWEST:
        return found
    means = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1)
    still = np.ptp(values, axis=0) == 0
    found[still] = values[0, still, None]
    moving = np.flatnonzero(~still)
    if not len(moving):
        return found
    scaled = (values[:, moving] - means[moving]) / spread[moving]
    both = np.hstack([scaled, scaled**2]) / n
    t = np.empty((resamples, len(moving)))
    row = 0
    for counts in draws(n, resamples):
        sums = counts @ both
        mean, square = sums[:, : len(moving)], sums[:, len(moving) :]
        variance = (square - mean**2) * n / (n - 1)
        # A resample of one photo n times has no spread: its ratio is infinite.
        alone = variance < 1e-12
        with np.errstate(divide="ignore", invalid="ignore"):
            some = mean / np.sqrt(np.where(alone, 0, variance))
        t[row : row + len(counts)] = np.where(alone & (np.abs(mean) < 1e-12), 0, some)
        row += len(counts)
    # sqrt(n) cancels between the ratio and the standard error.
    low, high = np.quantile(t, _ENDS, axis=0, method="inverted_cdf")
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
    from scipy import stats

    ranks = _signed_ranks(values)
    n = len(ranks)
    if not n:
        return 1.0
    if n <= 13 and len(np.unique(np.abs(ranks))) < n:
        # As scipy does, but vectorised: it takes a second there.
        signs = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        middle = np.abs(ranks).sum() / 2
        away = np.abs(signs @ np.abs(ranks) - middle)
        return float(np.mean(away >= abs(ranks[ranks > 0].sum() - middle) - 1e-9))
    return float(stats.wilcoxon(ranks).pvalue)


def rank_biserial(values: np.ndarray) -> float:
    """The effect size of the test: from -1 to 1, 0 without any difference.

    The sum of the ranks of positive differences, less that of negative ones, over the total.

    >>> rank_biserial(np.array([1.0, 2.0, -3.0]))
    0.0
    """
    ranks = _signed_ranks(values)
    return float(ranks.sum() / np.abs(ranks).sum()) if len(ranks) else 0.0


def _signed_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks of the absolute values that are not 0, with the values' signs."""
    from scipy import stats

    moved = values[values != 0]
    ranks: np.ndarray = np.sign(moved) * stats.rankdata(np.abs(moved))
    return ranks


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


def smallest_p(n: int) -> float:
    """The smallest p that the exact test can give with ``n`` photos.

    >>> smallest_p(5)
    0.0625
    """
    return math.ldexp(1.0, 1 - n)
