"""More than two methods on one scale: Bradley and Terry's model (1952).

A method of strength a is chosen against one of strength b with the chance 1 / (1 + exp(b - a)).
Fitted by the package ``choix`` (Maystre and Grossglauser, "Fast and accurate inference of
Plackett-Luce models", 2015, iterated to the maximum of the likelihood).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.study.twoway import draws
from reports.text import plain, plural

if TYPE_CHECKING:
    import pandas as pd

#: Bootstrap resamples of the raters.
RESAMPLES = 500

#: Votes added each way between every two methods where the likelihood has no maximum.
ADDED = 0.5

_ENDS = (0.025, 0.975)
_SEED = 1952


@dataclass(frozen=True, slots=True)
class Strength:
    """A method's strength (natural log of odds, mean 0 over methods) and its 95% interval.

    The interval is over raters, for these images. ``won`` of its ``votes`` were for it.
    """

    method: str
    strength: float
    low: float
    high: float
    won: int
    votes: int


@dataclass(frozen=True, slots=True)
class Strengths:
    """The methods, strongest first, and notes about the fit.

    ``tied`` are neighbours that do not differ significantly.
    """

    methods: tuple[Strength, ...]
    tied: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def strengths(votes: pd.DataFrame) -> Strengths | None:
    """The strengths of more than two methods from `reports.study.cells.oriented` votes.

    None for two methods. The likelihood has no maximum where some methods were never compared,
    directly or through others, or where one won or lost every vote: half a vote each way is then
    added to every pair of methods, and a note says so.
    """
    names = sorted({*votes["method"], *votes["rival"]})
    if len(names) < 3:
        return None
    per_rater = _wins(votes, names)
    wins = per_rater.sum(axis=0)
    half = ADDED * (1 - np.eye(len(names)))
    loose = not _bounded(wins)
    fitted = _fit(wins + half if loose else wins)
    rng = np.random.default_rng(_SEED)
    again = np.empty((RESAMPLES, len(names)))
    mended = 0
    flat = per_rater.reshape(len(per_rater), -1)
    step = max(1, 2**20 // len(per_rater))
    row = 0
    while row < RESAMPLES:
        weights = draws(rng, len(per_rater), min(step, RESAMPLES - row))
        for drawn in weights @ flat:
            one = drawn.reshape(wins.shape)
            mend = loose or not _bounded(one)
            mended += mend
            again[row] = _fit(one + half if mend else one, fitted)
            row += 1
    single = len(per_rater) < 2
    low, high = np.quantile(again, _ENDS, axis=0)
    if single:
        low[:] = high[:] = np.nan
    order = np.argsort(-fitted, kind="stable")
    table = tuple(
        Strength(
            names[i],
            float(fitted[i]),
            float(low[i]),
            float(high[i]),
            int(wins[i].sum()),
            int(wins[i].sum() + wins[:, i].sum()),
        )
        for i in order
    )
    tied = tuple(
        (names[a], names[b])
        for a, b in itertools.pairwise(order)
        if single or np.quantile(again[:, a] - again[:, b], _ENDS[0]) <= 0
    )
    return Strengths(table, tied, tuple(_notes(wins, names, loose, mended)))


def _wins(votes: pd.DataFrame, names: list[str]) -> np.ndarray:
    """How often each method won against each other: float64 (raters, methods, methods)."""
    import pandas as pd

    place = {name: number for number, name in enumerate(names)}
    rater, raters = pd.factorize(votes["rater"], sort=True)
    method, rival = (votes[name].map(place).to_numpy() for name in ("method", "rival"))
    won = votes["won"].to_numpy(bool)
    winner, loser = np.where(won, method, rival), np.where(won, rival, method)
    m = len(names)
    code = (rater * m + winner) * m + loser
    counts = np.bincount(code, minlength=len(raters) * m * m).astype(np.float64)
    return counts.reshape(len(raters), m, m)


def _bounded(wins: np.ndarray) -> bool:
    """Whether the likelihood has a maximum: wins lead from each method to all (Ford, 1957)."""
    from scipy.sparse import csgraph

    parts, _ = csgraph.connected_components(wins, directed=True, connection="strong")
    return bool(parts == 1)


def _fit(wins: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """The strengths of maximal likelihood, with mean 0; the maximum must exist (`_bounded`)."""
    import choix

    fitted: Any = choix.ilsr_pairwise_dense(wins, initial_params=start, max_iter=10_000)
    return np.asarray(fitted - fitted.mean(), dtype=np.float64)


def _notes(wins: np.ndarray, names: list[str], loose: bool, mended: int) -> list[str]:
    from scipy.sparse import csgraph

    found = []
    parts, label = csgraph.connected_components(wins, directed=False)
    if parts > 1:
        groups = [
            " and ".join(plain(name) for name, at in zip(names, label, strict=True) if at == part)
            for part in range(parts)
        ]
        found.append(
            f"Nobody compared {'; with '.join(groups)}: how these groups stand to each other rests "
            f"on the half votes alone and means nothing"
        )
    for number, name in enumerate(names):
        lost, won = wins[:, number].sum(), wins[number].sum()
        if not lost or not won:
            word = "won" if won else "lost"
            found.append(
                f"{plain(name)} {word} every vote, so its strength has no end: the one shown is "
                "what half a vote against that leaves"
            )
    if loose:
        found.append(
            "No finite strengths fit best, so half a vote each way was added between every two "
            "methods"
        )
    elif mended:
        found.append(
            f"In {plural(mended, 'resample')} of {RESAMPLES} no finite strengths fitted best; "
            "half a vote each way was added there"
        )
    return found
