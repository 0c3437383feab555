"""The report's plot of ranks: a method's mean rank by the metrics that decide a leaderboard."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.contents import Section
from reports.ranking import RESAMPLES, rank
from reports.tables import DECIDING
from reports.text import listed, plain, shorten

#: Where the scale begins and how long it is, and the height of a line, in the plot's own units.
LEFT, SCALE, ROW = 200.0, 460.0, 26.0


@dataclass(frozen=True, slots=True)
class RankLine:
    """A method's line: the places of its mean rank and of the ends of its 95% interval."""

    label: str
    y: float
    at: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class RankPlot:
    """The lines from the best to the last, the scale's ticks (place, rank), and the caption."""

    lines: tuple[RankLine, ...]
    ticks: tuple[tuple[float, int], ...]
    height: float
    caption: str


def rank_plot(section: Section) -> RankPlot | None:
    """The ranks of the methods of a section, as the leaderboard has them.

    None for fewer than three methods, two photos, or without a metric of `DECIDING`.
    """
    table = section.table
    columns = [column for column in table.columns if column.metric in DECIDING]
    scores = {column.metric: section.values(column.metric) for column in columns}
    complete = [
        label
        for label in table.methods
        if all(len(scores[column.metric][label]) == len(table.used) for column in columns)
    ]
    methods = len(complete)
    if not columns or methods < 3 or len(table.used) < 2:
        return None
    values = np.array([[scores[column.metric][label] for column in columns] for label in complete])
    better = [bool(column.higher_is_better) for column in columns]
    mean = rank(values, better, [True] * len(columns)).mean
    order = sorted(range(methods), key=lambda i: (mean[i, 0], i))

    def place(value: float) -> float:
        return round(LEFT + SCALE * (value - 1) / (methods - 1), 2)

    lines = []
    for number, i in enumerate(order):
        label, (at, low, high) = plain(complete[i]), map(float, mean[i])
        text = f"{label}: mean rank {at:.3g} [{low:.3g}, {high:.3g}]"
        ends = (place(at), place(low), place(high))
        lines.append(RankLine(shorten(label, 24), ROW * (number + 1), *ends, text))
    step = max(1, math.ceil((methods - 1) / 11))
    return RankPlot(
        tuple(lines),
        tuple((place(tick), tick) for tick in range(1, methods + 1, step)),
        ROW * (methods + 1),
        f"The mean of a method's ranks by {listed([plain(c.title) for c in columns])}; 1 is the "
        f"best. Bars: 95% intervals, the photos drawn again {RESAMPLES:,} times, the same for all "
        "methods.",
    )
