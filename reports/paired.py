"""Two methods on the same photos: how far apart, how surely, on how many photos.

Everything rests on the differences of one photo's two scores, so that what makes photos easy
or hard for both drops out. Sources: the studentised ("bootstrap-t") interval, Efron and
Tibshirani, An Introduction to the Bootstrap (1993), chapter 12.5; Wilcoxon's signed-rank test
(1945) from scipy; Holm (1979); the matched-pairs rank-biserial correlation, Kerby (2014).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

#: Bootstrap resamples of a comparison.
RESAMPLES = 10_000

#: Two methods differ at this level or not at all.
LEVEL = 0.05

#: With fewer photos a resample too often holds one photo alone, and no interval can be given.
FEWEST = 4

_ENDS = ((1 - 0.95) / 2, 1 - (1 - 0.95) / 2)
_SEED = 2018
# Numbers of one block of resamples: it stays in the processor's cache.
_BLOCK = 2**19


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b of float64 (n,); where both are the same infinity, the two are equal.

    >>> differences(np.array([3.0, np.inf]), np.array([1.0, np.inf]))
    array([2., 0.])
    """
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b)


def draws(n: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each of ``n`` photos is drawn: float64 (some, n), ``resamples`` rows in all.

    Each row sums to n. Drawn with replacement from a fixed seed: the same n gives the same
    rows, so that methods and metrics are seen on the same resamples.
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

    Studentised: each resample's deviation from the mean is taken in its own standard errors,
    and the quantiles of those, instead of 1.96, are laid off from the mean. Where a tail is
    longer, so is that side; at few photos both are, which the percentile interval of a table
    misses (it is too narrow below some 20 photos). NaN below `FEWEST` photos; a column
    without spread is its own interval.

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
        # A photo drawn n times has no spread: it lies beyond every quantile.
        alone = variance < 1e-12
        with np.errstate(divide="ignore", invalid="ignore"):
            some = mean / np.sqrt(np.where(alone, 0, variance))
        t[row : row + len(counts)] = np.where(alone & (np.abs(mean) < 1e-12), 0, some)
        row += len(counts)
    # In units of the mean's standard error both the root of n cancel.
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
        # scipy goes through the same signs one by one, for a second.
        signs = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        middle = np.abs(ranks).sum() / 2
        away = np.abs(signs @ np.abs(ranks) - middle)
        return float(np.mean(away >= abs(ranks[ranks > 0].sum() - middle) - 1e-9))
    return float(stats.wilcoxon(ranks).pvalue)


def rank_biserial(values: np.ndarray) -> float:
    """The effect that belongs to the test: from -1 to 1, 0 without any difference.

    The ranks of positive differences less those of negative ones, as a share of all.

    >>> rank_biserial(np.array([1.0, 2.0, -3.0]))
    0.0
    """
    ranks = _signed_ranks(values)
    return float(ranks.sum() / np.abs(ranks).sum()) if len(ranks) else 0.0


def _signed_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks of the sizes of what is not zero, with the signs of the values."""
    from scipy import stats

    moved = values[values != 0]
    ranks: np.ndarray = np.sign(moved) * stats.rankdata(np.abs(moved))
    return ranks


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for being several, by Holm's steps down.

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
