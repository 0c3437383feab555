"""Resamples of photos for the bootstrap: drawn from a fixed seed, or all of them of few photos."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

#: Up to so many photos every resample is enumerated: 6,435 distinct ones at eight.
ENUMERATED = 8

_SEED = 2018
# Numbers in one block of resamples, which should fit the processor's cache.
_BLOCK = 2**19


def draws(n: int, resamples: int) -> Iterator[np.ndarray]:
    """How often each of ``n`` photos is drawn: float64 (some, n), each row summing to n.

    Up to `ENUMERATED` photos all distinct resamples, in one block; they are not equally likely,
    which `ends` takes into account. Otherwise ``resamples`` rows in all, drawn with replacement
    from a fixed seed: the same n gives the same rows, so that all methods and metrics use the same
    resamples.
    """
    if n <= ENUMERATED:
        yield _enumerated(n)[0]
        return
    rng = np.random.default_rng(_SEED)
    step = max(1, _BLOCK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        picks = rng.integers(0, n, (rows, n))
        picks += n * np.arange(rows)[:, None]
        yield np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def ends(drawn: np.ndarray, n: int, shares: Sequence[float] = (0.025, 0.975)) -> np.ndarray:
    """Quantiles of a statistic over the resamples of `draws`: float64 (len(shares), ...).

    ``drawn`` is float64 (resamples, ...), in the order of `draws`; it may hold infinities. A
    quantile is the smallest value that at least its share of the resamples does not exceed. NaN
    where any resample is NaN.
    """
    drawn = drawn.astype(np.float64, copy=False)
    if n > ENUMERATED:
        found: np.ndarray = np.quantile(drawn, shares, axis=0, method="inverted_cdf")
    else:
        flat = drawn.reshape(len(drawn), -1)
        order = np.argsort(flat, axis=0)
        reached = np.cumsum(_enumerated(n)[1][order], axis=0)
        # The weights' sum misses 1 by rounding errors.
        rows = [(reached < share - 1e-12).sum(axis=0) for share in shares]
        values = np.take_along_axis(flat, order, axis=0)
        found = np.take_along_axis(values, np.minimum(rows, len(flat) - 1), axis=0)
        found = found.reshape(len(shares), *drawn.shape[1:])
    # A quantile of NaN is unspecified with numpy's method.
    found[:, np.isnan(drawn).any(axis=0)] = np.nan
    return found


@cache
def _enumerated(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every resample of ``n`` photos as counts (rows, n), and how likely each is (rows,)."""
    picks = np.array(list(itertools.combinations_with_replacement(range(n), n))).reshape(-1, n)
    counts = (picks[:, :, None] == np.arange(n)).sum(axis=1)
    factorials = np.array([math.factorial(k) for k in range(n + 1)], np.float64)
    chances = factorials[n] / factorials[counts].prod(axis=1) / float(n) ** n
    return counts.astype(np.float64), chances
