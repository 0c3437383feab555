"""Intervals of a share of votes over both raters and images.

Votes of one rater are correlated, and so are votes on one image. Two intervals account for both:

- the **two-way bootstrap**: raters and images are resampled independently (McCullagh 2000;
  Owen, "The pigeonhole bootstrap", 2007), and the interval is the middle 95% of the shares. It
  counts the noise of single votes three times, so it is too wide where votes differ by chance
  only; as a percentile interval it is too narrow where few images differ much;
- the **two-way t interval**, on which claims are based: its variance is that between raters
  plus that between images less the residual, which both contain (analysis of variance; with
  gaps as in Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011), the
  degrees of freedom Satterthwaite's (1946), computed on the logit scale, which keeps it within 0
  and 1.

Where all votes agree, resampling is of no use: `unanimous` then counts each image or each
rater, whichever are fewer, as one vote.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Bootstrap resamples of each cell.
RESAMPLES = 2000

#: With more raters than this half as many resamples are drawn, to save time.
MANY = 5000

_LEVEL = 0.95
_ENDS = ((1 - _LEVEL) / 2, 1 - (1 - _LEVEL) / 2)
_SEED = 2018
# Numbers of one block of resamples.
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class Interval:
    """A share's two-way t interval and the plain two-way percentile bootstrap; NaN where none.

    ``certain``: all votes agreed, and both intervals are `unanimous`.
    """

    low: float = math.nan
    high: float = math.nan
    boot_low: float = math.nan
    boot_high: float = math.nan
    certain: bool = False


def interval(rater: np.ndarray, image: np.ndarray, won: np.ndarray) -> Interval:
    """95% intervals of the share of ``won`` (bool (n,)) with int codes (n,) of rater and image.

    Codes count from 0 without gaps. NaN with one rater or one image. The order of votes does
    not matter.
    """
    raters, images = int(rater.max()) + 1, int(image.max()) + 1
    if min(raters, images) < 2:
        return Interval()
    if won.all() or not won.any():
        low, high = unanimous(bool(won[0]), min(raters, images))
        return Interval(low, high, low, high, True)
    from scipy import special

    share = float(won.mean())
    far = reach(rater, image, won - share) / (share * (1 - share))
    low, high = special.expit(special.logit(share) + np.array([-far, far]))
    resamples = RESAMPLES if raters <= MANY else RESAMPLES // 2
    boot = np.quantile(bootstrap(rater, image, won, resamples=resamples), _ENDS)
    return Interval(float(low), float(high), float(boot[0]), float(boot[1]))


def variance_of(rater: np.ndarray, image: np.ndarray, away: np.ndarray) -> tuple[float, float]:
    """The variance of a mean over votes with other raters and images, and its degrees of freedom.

    ``away`` is what each vote adds to the mean, less the mean: float64 (n,). The residual's share
    is not taken off below the larger of the two others, which keeps the variance positive.
    """
    n = len(away)
    parts, squares = [], []
    for code in (rater, image):
        sums, counts = np.bincount(code, away), np.bincount(code)
        parts.append(float((sums**2).sum()) / n**2 * len(counts) / (len(counts) - 1))
        squares.append(float((sums**2 / counts).sum()))
    freedoms = [int(rater.max()), int(image.max())]
    left = n - 1 - sum(freedoms)
    total = float((away**2).sum())
    residual = max(total - sum(squares), 0.0) / left / n if left > 0 else 0.0
    variance = max(sum(parts) - residual, *parts)
    spread = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    spread += residual**2 / left if left > 0 else 0.0
    return variance, max(variance**2 / spread, 1.0) if spread else 1.0


def reach(rater: np.ndarray, image: np.ndarray, away: np.ndarray) -> float:
    """How far the 95% two-way t interval of such a mean reaches to either side."""
    from scipy import stats

    variance, freedom = variance_of(rater, image, away)
    return float(stats.t.ppf(_ENDS[1], freedom)) * math.sqrt(variance)


def bootstrap(
    rater: np.ndarray, image: np.ndarray, won: np.ndarray, *, resamples: int = RESAMPLES
) -> np.ndarray:
    """The shares of crossed resamples: float64 (resamples,); those without a vote are left out.

    A vote counts as often as its rater was drawn times as often as its image was.
    """
    from scipy import sparse

    shape = (int(image.max()) + 1, int(rater.max()) + 1)
    votes = sparse.csr_array((np.ones(len(won)), (image, rater)), shape=shape)
    wins = sparse.csr_array((won.astype(np.float64), (image, rater)), shape=shape)
    found = []
    for of_raters, of_images in _weights(shape[1], shape[0], resamples):
        total = ((votes @ of_raters.T) * of_images.T).sum(axis=0)
        won_again = ((wins @ of_raters.T) * of_images.T).sum(axis=0)
        found.append(won_again[total > 0] / total[total > 0])
    return np.concatenate(found)


def _weights(raters: int, images: int, resamples: int) -> Iterator[tuple[Any, Any]]:
    """How often each rater and each image is drawn: float64 (some, raters), (some, images)."""
    streams = [np.random.default_rng([_SEED, stream]) for stream in (0, 1)]
    step = max(1, _BLOCK // (raters + images))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        yield (
            draws(streams[0], raters, rows),
            draws(streams[1], images, rows),
        )


def draws(rng: np.random.Generator, n: int, rows: int) -> np.ndarray:
    """How often each of ``n`` is drawn in n draws with replacement: float64 (rows, n)."""
    picks = rng.integers(0, n, (rows, n))
    picks += n * np.arange(rows)[:, None]
    return np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def unanimous(won: bool, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95% interval (1934) of n votes out of n, or of none.

    >>> [round(end, 3) for end in unanimous(True, 7)]
    [0.59, 1.0]
    """
    edge = _ENDS[0] ** (1 / n)
    return (edge, 1.0) if won else (0.0, 1 - edge)
