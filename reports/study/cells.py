"""The cells of a study: one pair of methods on one data set, as in the paper's Table 5."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reports import paired
from reports.paper.choices import method_named
from reports.study import twoway

if TYPE_CHECKING:
    import pandas as pd


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


_PAIR = ["rival", "method"]


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a cell: how many of its ``votes`` were for the method."""

    dataset: str
    sample: str
    votes: int
    won: int

    @property
    def share(self) -> float:
        return self.won / self.votes


@dataclass(frozen=True, slots=True)
class Cell:
    """The votes on ``method`` against ``rival``; ``dataset`` is empty for all data sets together.

    ``share`` is of the votes, ``spread`` the standard deviation of the images' shares (n - 1),
    which the paper's ± most likely is; ``mean`` is the mean of those shares, equal to ``share``
    where all images have the same number of votes. ``interval`` is over raters and images,
    ``wilson_low`` and ``wilson_high`` over the votes on these images alone. ``p`` is the exact
    binomial test's of one half, ``p_holm`` the same corrected for all cells. ``alpha`` and
    ``agreement`` are of `agreements`.
    """

    dataset: str
    method: str
    rival: str
    votes: int
    raters: int
    images: tuple[Image, ...]
    share: float
    mean: float
    spread: float
    interval: twoway.Interval
    wilson_low: float
    wilson_high: float
    p: float
    alpha: float
    agreement: float
    p_holm: float = 1.0

    @property
    def shown(self) -> bool:
        """Whether a preference is shown: both intervals exclude 1/2, the test is significant."""
        low = min(self.interval.low, self.interval.boot_low)
        high = max(self.interval.high, self.interval.boot_high)
        beyond = low > 0.5 or high < 0.5
        return bool(beyond and self.p_holm < paired.LEVEL)

    @property
    def preferred(self) -> str:
        """The preferred method; empty where no preference is shown."""
        return "" if not self.shown else self.method if self.share > 0.5 else self.rival


def oriented(votes: pd.DataFrame) -> pd.DataFrame:
    """Checked votes with ``method``, ``rival`` and ``won`` (bool) in place of first and second.

    A pair that was asked in both orders gets the order of more questions, else that of names.
    """
    asked = Counter(_pairs(votes.drop_duplicates("question")))
    turned = {
        (first, second)
        for (first, second), count in asked.items()
        if (second, first) in asked
        and (asked[second, first], first > second) > (count, second > first)
    }
    turn = np.array([pair in turned for pair in _pairs(votes)], dtype=bool)
    rival = votes["second"].where(turn, votes["first"])
    method = votes["first"].where(turn, votes["second"])
    return votes.assign(method=method, rival=rival, won=votes["chosen"] == method)


def _pairs(votes: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(votes["first"], votes["second"], strict=True))


def cells(votes: pd.DataFrame) -> tuple[Cell, ...]:
    """A cell for each data set and pair of `oriented` votes, by pair, then by data set."""
    found = [_cell(rows, str(key[2])) for key, rows in votes.groupby([*_PAIR, "dataset"])]
    return _corrected(sorted(found, key=_order))


def overall(votes: pd.DataFrame) -> tuple[Cell, ...]:
    """A cell for each pair over all its data sets, with p values corrected apart from `cells`."""
    return _corrected(sorted((_cell(rows, "") for _, rows in votes.groupby(_PAIR)), key=_order))


def _order(cell: Cell) -> tuple[bool, str, str, str]:
    """Sort key: cells against the original photos first, the rest by name."""
    untouched = cell.rival == "identity" or method_named(cell.rival) == "original"
    return not untouched, cell.rival, cell.method, cell.dataset


def _cell(rows: pd.DataFrame, dataset: str) -> Cell:
    import pandas as pd
    from scipy import stats

    rater, raters = pd.factorize(rows["rater"], sort=True)
    unit = pd.MultiIndex.from_frame(rows[["dataset", "sample"]])
    image, images = pd.factorize(unit, sort=True)
    won = rows["won"].to_numpy(bool)
    counts = side_counts(image, won)
    shares = counts[:, 1] / counts.sum(axis=1)
    test = stats.binomtest(int(won.sum()), len(won))
    wilson = test.proportion_ci(method="wilson")
    return Cell(
        dataset=dataset,
        method=str(rows["method"].iloc[0]),
        rival=str(rows["rival"].iloc[0]),
        votes=len(rows),
        raters=len(raters),
        images=tuple(
            Image(str(of), str(sample), int(pair.sum()), int(pair[1]))
            for (of, sample), pair in zip(images, counts, strict=True)
        ),
        share=float(won.mean()),
        mean=math.fsum(shares) / len(shares),
        spread=float(np.std(shares, ddof=1)) if len(shares) > 1 else math.nan,
        interval=twoway.interval(rater, image, won),
        wilson_low=float(wilson.low),
        wilson_high=float(wilson.high),
        p=float(test.pvalue),
        alpha=alpha(counts),
        agreement=pairwise(counts),
    )


def _corrected(found: Sequence[Cell]) -> tuple[Cell, ...]:
    corrected = paired.holm([cell.p for cell in found])
    return tuple(replace(cell, p_holm=p) for cell, p in zip(found, corrected, strict=True))
