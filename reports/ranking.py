"""Ranks of methods, with bootstrap intervals over the photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.resamples import draws, ends

#: Bootstrap resamples of a ranking.
RESAMPLES = 5000

#: Of fewer photos no order of two methods is beyond chance: even if all agree on it, a sign test
#: gives p = 0.0625 at five.
FEWEST = 6


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks from 1, the best; ties share their mean rank.

    ``metric`` is float64 (methods, metrics, 3): rank, lower and upper end of its 95% interval;
    ``mean`` (methods, 3) the same of the mean rank over the deciding metrics. NaN where a method
    lacks a metric; its mean rank is NaN then too.

    ``place`` (methods, 2) holds the best and the last place of 95% of the resamples when methods
    are ordered by that mean rank: methods without a clear order share places. NaN where there
    is no mean rank, and with fewer than `FEWEST` photos.
    """

    metric: np.ndarray
    mean: np.ndarray
    place: np.ndarray


def rank(values: np.ndarray, higher_is_better: Sequence[bool], deciding: Sequence[bool]) -> Ranks:
    """Rank methods by their means over photos.

    ``values`` is float64 (methods, metrics, photos): NaN where there is no score, and all NaN where
    a method lacks the metric. ``deciding`` says which metrics enter the mean rank. Means are over
    the photos on which every method with a finite score of the metric has one, so that no method
    with infinite scores is ranked by a mean over fewer photos than the others. Every resample draws
    the same photos for all methods and metrics.
    """
    methods, metrics, photos = values.shape
    signs = np.where(higher_is_better, -1.0, 1.0)
    finite = np.isfinite(values)
    # A method without any finite score must not exclude photos for the others.
    finite = finite & (finite | ~finite.any(axis=2, keepdims=True)).all(axis=0)
    there = np.asarray(finite.any(axis=2))
    flat = np.where(finite, values, 0.0).reshape(methods * metrics, photos).T
    whole = bool(finite[there].all())
    mask = finite.reshape(methods * metrics, photos).T.astype(np.float64)

    def ranked(counts: np.ndarray) -> np.ndarray:
        """(draws, methods, metrics) from (draws, photos)."""
        total = counts.sum(axis=1, keepdims=True) if whole else counts @ mask
        with np.errstate(divide="ignore", invalid="ignore"):
            # Rounded, so that equal methods tie in spite of rounding errors.
            means = np.round(counts @ flat / total, 12)
            means = means.reshape(len(counts), methods, metrics) * signs
        found = np.full(means.shape, np.nan)
        for metric in range(metrics):
            rows = np.flatnonzero(there[:, metric])
            if len(rows):
                # A method without a finite score in a resample is ranked last there.
                some = np.nan_to_num(means[:, rows, metric], nan=np.inf)
                found[:, rows, metric] = _ranked(some)
        return found

    none = np.full((methods, 3), np.nan)
    if not metrics:
        return Ranks(np.empty((methods, 0, 3)), none, none[:, :2])
    (observed,) = ranked(np.ones((1, photos)))
    drawn = np.concatenate([ranked(counts) for counts in draws(photos, RESAMPLES)])
    if photos < 2:
        drawn = np.full_like(drawn, np.nan)
    by_metric = np.stack([observed, *ends(drawn, photos)], axis=-1)
    if not any(deciding):
        return Ranks(by_metric, none, none[:, :2])
    chosen = np.asarray(deciding)
    mean, means = observed[:, chosen].mean(axis=1), drawn[:, :, chosen].mean(axis=2)
    return Ranks(
        metric=by_metric,
        mean=np.stack([mean, *ends(means, photos)], axis=-1),
        place=_places(means, photos) if photos >= FEWEST else none[:, :2],
    )


def _places(means: np.ndarray, photos: int) -> np.ndarray:
    """The ends of the places, (methods, 2), from mean ranks (draws, methods)."""
    found = np.full((means.shape[1], 2), np.nan)
    some = np.flatnonzero(~np.isnan(means).any(axis=0))
    if len(some):
        found[some] = ends(_ranked(means[:, some], "min"), photos).T
    return found


def _ranked(values: np.ndarray, ties: Literal["average", "min"] = "average") -> np.ndarray:
    """The ranks within each row of float64 (n, methods), from 1, the least."""
    import pandas as pd  # scipy.stats has it too, and takes half a second to import

    return pd.DataFrame(values).rank(axis=1, method=ties).to_numpy()
