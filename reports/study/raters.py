"""Statistics of the raters: side bias, fast votes, attention checks, unfinished sessions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from reports.study.votes import Kept

#: A vote given sooner than this after the pair appeared is called fast (milliseconds).
FAST = 1000

#: A rater with more than this share of fast votes is named.
OFTEN_FAST = 1 / 3

#: A rater who always chose one side is named from this many votes on: chance gives 1 in 512.
ONE_SIDED = 10

# Enough of a rater's id to find the rater's votes.
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Raters:
    """The statistics of the raters.

    ``left`` of ``votes`` were for the left side, p of the exact binomial test of one half with
    Wilson's interval; ``one_sided`` are raters who never chose the other side. ``fast`` votes
    took under `FAST` ms, ``fast_raters`` cast many such; ``median`` is a vote's time in ms.
    ``checks`` were answered, ``failed`` wrongly, by ``failed_raters``. ``unfinished`` raters
    answered fewer than ``asked`` questions (checks included); ``revised`` votes were changed,
    ``from_files`` came from files of the static page. ``windows`` (smallest and largest by area),
    ``ratios`` and ``surrounds`` are what the pages reported with the votes, not so for
    ``screenless`` votes. Raters are named by the first eight characters of their ids.
    """

    count: int
    votes: int
    left: int
    left_low: float
    left_high: float
    left_p: float
    one_sided: tuple[str, ...]
    fast: int
    fast_raters: tuple[str, ...]
    median: float
    checks: int
    failed: int
    failed_raters: tuple[str, ...]
    asked: int
    unfinished: tuple[str, ...]
    revised: int
    from_files: int
    windows: tuple[str, ...]
    ratios: tuple[str, ...]
    surrounds: tuple[str, ...]
    screenless: int

    @property
    def biased(self) -> bool:
        """Whether one side was chosen significantly more often than the other."""
        return self.left_p < 0.05


def raters(kept: Kept, asked: int | None = None) -> Raters:
    """The statistics of the raters; ``asked`` is the study's number of questions.

    Its default is the largest position of any vote. Sides and times are of the votes that
    count, checks and unfinished raters of all.
    """
    from scipy import stats

    votes, every = kept.votes, kept.every
    left = votes["choice"] == "left"
    test = stats.binomtest(int(left.sum()), len(votes))
    interval = test.proportion_ci(method="wilson")
    sides = left.groupby(votes["rater"]).agg(["mean", "size"])
    fast = votes["milliseconds"] < FAST
    often = fast.groupby(votes["rater"]).mean()
    wrong = kept.checks[~kept.checks["correct"].astype(bool)]
    asked = asked or int(every["position"].max())
    done = every.groupby("rater").size()
    screens = votes[votes["window"] != ""]
    windows = sorted(set(screens["window"]), key=_area)
    return Raters(
        count=votes["rater"].nunique(),
        votes=len(votes),
        left=int(left.sum()),
        left_low=float(interval.low),
        left_high=float(interval.high),
        left_p=float(test.pvalue),
        one_sided=_named(
            sides.index[sides["mean"].isin([0.0, 1.0]) & (sides["size"] >= ONE_SIDED)]
        ),
        fast=int(fast.sum()),
        fast_raters=_named(often.index[often > OFTEN_FAST]),
        median=float(votes["milliseconds"].median()),
        checks=len(kept.checks),
        failed=len(wrong),
        failed_raters=_named(wrong["rater"].unique()),
        asked=asked,
        unfinished=_named(done.index[done < asked]),
        revised=int((votes["revised"] > 0).sum()),
        from_files=int((votes["source"] == "file").sum()),
        windows=tuple(dict.fromkeys(windows[:1] + windows[-1:])),
        ratios=tuple(sorted(set(screens["pixel_ratio"]))),
        surrounds=tuple(sorted(set(screens["surround"]))),
        screenless=len(votes) - len(screens),
    )


def _area(window: str) -> tuple[int, str]:
    """Of "1280x720", to sort by."""
    sides = [int(side) for side in re.findall(r"\d{1,6}", window)]
    return math.prod(sides), window


def _named(ids: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted(str(rater)[:_SHOWN] for rater in ids))
