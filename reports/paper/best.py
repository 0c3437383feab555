"""The best and the second of each row, and which methods are shown to be worse than the best."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reports import paired
from reports.cells import Cell
from reports.paper.grid import Entry
from reports.paper.measures import Measure

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, tuple[str, str]]

#: What the marks mean.
MARKS = (
    "Bold marks the best of a row's methods for each metric, an underline the second, computed "
    "from the numbers shown, for ours and for the paper's apart"
)
WORSE = (
    "* marks what is shown to be worse than the best of its row on the same photos: a "
    "95% studentised interval of the differences leaves 0 out, and Wilcoxon's signed-rank test "
    f"gives p below {paired.LEVEL} after Holm's correction over the row's methods; from "
    f"{paired.STUDENTISED} photos on"
)


def with_best(
    entries: Mapping[Place, Entry],
    rows: Iterable[str],
    average: str,
    chosen: Iterable[Measure],
    methods: Iterable[str],
) -> dict[Place, Entry]:
    """The entries with the paper's best and second of each row, ours' second, and our average's.

    Our best of the other rows is marked already, by `reports.tables.summarize`, which knows their
    photos.
    """
    marked = dict(entries)
    methods = tuple(methods)
    for row in rows:
        for measure in chosen:
            group = [(row, (method, measure.key)) for method in methods]
            first, second = _two({p: marked[p].paper for p in group}, measure.higher_is_better)
            for place in group:
                top, next_ = place in first, place in second
                marked[place] = replace(marked[place], paper_best=top, paper_second=next_)
            ours = {place: marked[place].ours for place in group}
            first, second = _two(ours, measure.higher_is_better)
            best = {place for place in group if marked[place].best}
            if row == average:
                for place in first:
                    marked[place] = replace(marked[place], best=True)
            elif best != first:  # means over different photos: none is best, nor second
                continue
            for place in second:
                marked[place] = replace(marked[place], second=True)
    return marked


def _two(values: Mapping[Place, float], higher: bool) -> tuple[set[Place], set[Place]]:
    """The places of the best value and of the second; no second where several are the best."""
    left = {place: value for place, value in values.items() if not math.isnan(value)}
    if len(left) < 2:
        return set(), set()
    ordered = sorted(set(left.values()), reverse=higher)
    first = {place for place, value in left.items() if value == ordered[0]}
    if len(first) > 1:
        return first, set()
    return first, {place for place, value in left.items() if value == ordered[1]}


def worse_than_best(
    rows: pd.DataFrame,
    cells: Mapping[tuple[str, str], Cell],
    higher_is_better: Mapping[str, bool],
    pooled: Collection[str],
) -> set[tuple[str, str]]:
    """The (method, metric) of one data set that are shown to be worse than the best method.

    Args:
        rows: Scores labelled by method, of the photos that the cells are over.
        cells: The cells by (method, metric); the best of each metric is marked.
        higher_is_better: The direction of each metric.
        pooled: Metrics that are no mean over photos: none is worse by them.
    """
    found = set()
    for metric, higher in higher_is_better.items():
        best = [method for (method, name), cell in cells.items() if name == metric and cell.best]
        if len(best) != 1 or metric in pooled:
            continue
        wide = rows[rows["metric"] == metric].pivot(index="sample", columns="label", values="value")
        tested: list[str] = []
        p_values: list[float] = []
        for method in wide.columns.drop(best[0]):
            both = wide[[method, best[0]]].dropna().to_numpy(np.float64)
            apart = paired.differences(both[:, 0], both[:, 1]) * (1 if higher else -1)
            finite = apart[np.isfinite(apart)]
            if len(finite) < paired.STUDENTISED:
                continue
            high = paired.intervals(finite[:, None])[0, 1]
            tested.append(str(method) if high < 0 else "")
            p_values.append(paired.signed_rank(apart))
        for method, p in zip(tested, paired.holm(p_values), strict=True):
            if method and p < paired.LEVEL:
                found.add((method, metric))
    return found
