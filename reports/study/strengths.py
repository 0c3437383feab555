"""More than two methods on one scale: Bradley and Terry's model (1952).

A method of strength a is chosen against one of strength b with the chance 1 / (1 + exp(b - a)).
Fitted by the package ``choix`` (Maystre and Grossglauser, "Fast and accurate inference of
Plackett-Luce models", 2015, iterated to the maximum of the likelihood).

Intervals are for other raters and other images, as those of the pairs: the two-way variance of
`reports.study.twoway`, of what each vote adds to a strength (its influence: the inverse of the
likelihood's curvature times the vote's slope).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.study.cells import Cell
from reports.study.twoway import reach
from reports.text import plain

if TYPE_CHECKING:
    import pandas as pd

#: Votes added each way between every two methods where the likelihood has no maximum.
ADDED = 0.5


@dataclass(frozen=True, slots=True)
class Strength:
    """A method's strength (natural log of odds, mean 0 over methods) and its 95% interval.

    The interval is over raters and images; NaN with one of either. ``won`` of its ``votes`` were
    for it.
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

    ``tied`` are neighbours of which neither is shown to be preferred.
    """

    methods: tuple[Strength, ...]
    tied: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def strengths(votes: pd.DataFrame, pairs: Sequence[Cell] = ()) -> Strengths | None:
    """The strengths of more than two methods from `reports.study.cells.oriented` votes.

    ``pairs`` are the cells of methods that were compared with each other: where such a cell shows
    no preference, the scale shows none either.

    None for two methods. The likelihood has no maximum where some methods were never compared,
    directly or through others, or where one won or lost every vote: half a vote each way is then
    added to every pair of methods, and a note says so.
    """
    import pandas as pd

    names = sorted({*votes["method"], *votes["rival"]})
    if len(names) < 3:
        return None
    place = {name: number for number, name in enumerate(names)}
    method, rival = (votes[name].map(place).to_numpy() for name in ("method", "rival"))
    won = votes["won"].to_numpy(bool)
    wins = _wins(method, rival, won, len(names))
    half = ADDED * (1 - np.eye(len(names)))
    loose = not _bounded(wins)
    counted = wins + half if loose else wins
    fitted = _fit(counted)
    adds = _influences(fitted, counted, method, rival, won)
    rater, _ = pd.factorize(votes["rater"], sort=True)
    image, _ = pd.factorize(pd.MultiIndex.from_frame(votes[["dataset", "sample"]]), sort=True)
    several = min(rater.max(), image.max()) > 0

    def reaches(away: np.ndarray) -> float:
        return reach(rater, image, away) if several else math.nan

    order = np.argsort(-fitted, kind="stable")
    table = []
    for i in order:
        far = reaches(adds[:, i])
        low, high = float(fitted[i]) - far, float(fitted[i]) + far
        count = int(wins[i].sum() + wins[:, i].sum())
        table.append(Strength(names[i], float(fitted[i]), low, high, int(wins[i].sum()), count))
    asked = {frozenset((cell.method, cell.rival)): cell for cell in pairs}
    tied = []
    for a, b in itertools.pairwise(order):
        apart = float(fitted[a] - fitted[b]) > reaches(adds[:, a] - adds[:, b])
        cell = asked.get(frozenset((names[a], names[b])))
        if not apart or (cell is not None and cell.preferred != names[a]):
            tied.append((names[a], names[b]))
    return Strengths(tuple(table), tuple(tied), tuple(_notes(wins, names, loose)))


def _influences(
    fitted: np.ndarray, wins: np.ndarray, method: np.ndarray, rival: np.ndarray, won: np.ndarray
) -> np.ndarray:
    """What each vote adds to each strength as a mean over votes: float64 (votes, methods)."""
    chance = 1 / (1 + np.exp(fitted - fitted[:, None]))  # [i, j]: i is preferred to j
    weight = (wins + wins.T) * chance * chance.T
    curvature = np.diag(weight.sum(axis=1)) - weight
    inverse = np.linalg.pinv(curvature)
    slope = won - chance[method, rival]
    adds: np.ndarray = len(won) * slope[:, None] * (inverse[method] - inverse[rival])
    return adds


def _wins(method: np.ndarray, rival: np.ndarray, won: np.ndarray, methods: int) -> np.ndarray:
    """How often each method won against each other: float64 (methods, methods)."""
    winner, loser = np.where(won, method, rival), np.where(won, rival, method)
    counts = np.bincount(winner * methods + loser, minlength=methods**2)
    return counts.astype(np.float64).reshape(methods, methods)


def _bounded(wins: np.ndarray) -> bool:
    """Whether the likelihood has a maximum: wins lead from each method to all (Ford, 1957)."""
    from scipy.sparse import csgraph

    parts, _ = csgraph.connected_components(wins, directed=True, connection="strong")
    return bool(parts == 1)


def _fit(wins: np.ndarray) -> np.ndarray:
    """The strengths of maximal likelihood, with mean 0; the maximum must exist (`_bounded`)."""
    import choix

    fitted: Any = choix.ilsr_pairwise_dense(wins, max_iter=10_000)
    return np.asarray(fitted - fitted.mean(), dtype=np.float64)


def _notes(wins: np.ndarray, names: list[str], loose: bool) -> list[str]:
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
    return found
