"""The best and the second of each row, and which methods are shown to be worse than the best."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reports import paired
from reports.cells import Cell, places
from reports.paper.grid import Entry
from reports.paper.measures import Measure

if TYPE_CHECKING:
    from wespe_bench.metric_scores import MetricScores

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
    """The entries with the paper's best and second of each row, and our average's.

    Ours of the other rows are marked already, by `reports.tables.summarize`, which knows their
    photos. What does not rate quality is not marked.
    """
    marked = dict(entries)
    methods = tuple(methods)
    for row in rows:
        for measure in (one for one in chosen if one.rates_quality):
            group = [(row, (method, measure.key)) for method in methods]
            better = measure.higher_is_better
            printed = places({place: marked[place].paper for place in group}, better)
            for place in group:
                at = printed.get(place)
                marked[place] = replace(marked[place], paper_best=at == 1, paper_second=at == 2)
            if row == average:
                ours = places({place: marked[place].ours for place in group}, better)
                for place, at in ours.items():
                    marked[place] = replace(marked[place], best=at == 1, second=at == 2)
    return marked


def worse_than_best(
    scores: Iterable[MetricScores],
    cells: Mapping[tuple[str, str], Cell],
    higher_is_better: Mapping[str, bool],
    pooled: Collection[str],
) -> set[tuple[str, str]]:
    """The (method, metric) of one data set that are shown to be worse than the best method.

    Args:
        scores: Scores labelled by method, of the photos that the cells are over.
        cells: The cells by (method, metric); the best of each metric is marked.
        higher_is_better: The direction of each metric.
        pooled: Metrics that are no mean over photos: none is worse by them.
    """
    import pandas as pd

    found = set()
    for metric, higher in higher_is_better.items():
        best = [of for (of, name), cell in cells.items() if name == metric and cell.place == 1]
        if len(best) != 1 or metric in pooled:
            continue
        values = {
            of.label: of.rows.set_index("sample")["value"] for of in scores if of.metric == metric
        }
        tested: list[str] = []
        p_values: list[float] = []
        for method in sorted(values.keys() - {best[0]}):
            wide = pd.concat([values[method], values[best[0]]], axis=1, join="inner")
            both = wide.dropna().to_numpy(np.float64)
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
