"""Plots for papers: correlation of metrics, distributions of scores, quality against cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from reports import distribution
from reports.contents import Section
from reports.cost import recorded
from reports.text import plain, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_THEME = distribution.THEMES["light"]
_MARKERS = "oDs^vP*Xh"
_NAMES_A_LINE = 6


def correlation(section: Section) -> tuple[np.ndarray, int]:
    """Spearman's rank correlation of each two metrics: float64 (m, m), and over how many results.

    A result is one photo by one method that has a finite score of every metric.
    """
    from scipy.stats import spearmanr

    names = [column.metric for column in section.table.columns]
    wide = section.scores.pivot(index=["label", "sample"], columns="metric", values="value")
    values = wide[names].to_numpy(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    found = np.eye(len(names))
    for i in range(len(names)):
        for j in range(i):
            some = len(values) > 2 and np.ptp(values[:, i]) > 0 and np.ptp(values[:, j]) > 0
            rho = float(spearmanr(values[:, i], values[:, j]).statistic) if some else math.nan
            found[i, j] = found[j, i] = rho
    return found, len(values)


def draw_correlation(section: Section, figure: Figure, bottom: float) -> int:
    """Draw the matrix of `correlation` with its numbers; returns the number of results."""
    found, n = correlation(section)
    names = [f"{plain(c.title)} {c.arrow}".strip() for c in section.table.columns]
    axes = figure.add_axes((0.2, bottom + 0.03, 0.6, 0.85 - bottom))
    axes.imshow(found, cmap="RdBu_r", vmin=-1, vmax=1)
    for i, row in enumerate(found):
        for j, rho in enumerate(row):
            text = "–" if math.isnan(rho) else f"{rho:.2f}".replace("-", "−")
            colour = "white" if abs(rho) > 0.6 else _THEME.text
            axes.text(j, i, text, ha="center", va="center", fontsize=9, color=colour)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(names)), [shorten(n, 14) for n in names], fontsize=9)
    axes.tick_params(axis="x", labelrotation=20)
    axes.set_yticks(range(len(names)), [shorten(n, 18) for n in names], fontsize=9)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return n


def draw_distributions(section: Section, figure: Figure, bottom: float, columns: int) -> None:
    """Draw a panel for each metric, as on the page."""
    shown = section.table.columns
    rows = math.ceil(len(shown) / columns)
    wide = figure.get_figwidth()
    # Inches for each panel's labels; the panels share the rest.
    room = 0.15 + distribution.label_width(section.table)
    panel = max(0.5, 0.985 * wide / columns - room)
    grid = figure.add_gridspec(
        rows, columns, left=room / wide, right=(columns * (room + panel)) / wide,
        bottom=bottom + 0.16 / rows, top=0.98, wspace=room / panel, hspace=0.35,
    )  # fmt: skip
    for number, column in enumerate(shown):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        distribution.draw(axes, section.table, column, section.values(column.metric), _THEME)


def costs(section: Section, what: str) -> Mapping[str, tuple[float, int]]:
    """(value, over how many photos) by method, where there is one.

    ``what`` is a column of `reports.cost.recorded`, or a count that is no photo's: parameters,
    multiply_adds.
    """
    if what in ("parameters", "multiply_adds"):
        counts = {run.label: getattr(run, what) for run in section.runs}
        return {label: (float(count), 0) for label, count in counts.items() if count}
    found = {run.label: recorded(run, what) for run in section.runs}
    return {label: taken for label, taken in found.items() if taken}


def legend_height(methods: int) -> float:
    """Height in inches of the legend of `draw_cost`."""
    return 0.14 + 0.19 * math.ceil(methods / _NAMES_A_LINE)


def draw_cost(
    section: Section,
    taken: Mapping[str, float],
    axis: str,
    figure: Figure,
    bottom: float,
    columns: int,
) -> None:
    """Draw a panel for each metric: mean and interval against cost, on a logarithmic ``axis``."""
    shown = section.table.columns
    rows = math.ceil(len(shown) / columns)
    tall = figure.get_figheight()
    grid = figure.add_gridspec(
        rows, columns, left=0.075, right=0.985, bottom=bottom + 0.45 / tall,
        top=1 - legend_height(len(taken)) / tall, wspace=0.28, hspace=0.35,
    )  # fmt: skip
    marks: list[Line2D] = []
    for number, column in enumerate(shown):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        axes.set_xscale("log")
        for place, label in enumerate(section.table.methods):
            cell = section.table.cell(label, column.metric)
            if label not in taken or not cell.has_value:
                continue
            x, colour = taken[label], f"C{place % 10}"
            if not math.isnan(cell.low):
                axes.plot([x, x], [cell.low, cell.high], color=colour, linewidth=1.2)
            (mark,) = axes.plot(
                [x], [cell.mean], _MARKERS[place % len(_MARKERS)], color=colour, markersize=6,
                label=shorten(plain(label), 18),
            )  # fmt: skip
            marks += [] if any(m.get_label() == mark.get_label() for m in marks) else [mark]
        unit = f" ({plain(column.unit)})" if column.unit else ""
        axes.set_ylabel(f"{plain(column.title)}{unit} {column.arrow}".strip(), fontsize=9)
        axes.set_xlabel(axis, fontsize=9, color=_THEME.muted)
        axes.xaxis.set_major_formatter(
            lambda value, _: f"{value:,.0f}" if value >= 1000 else f"{value:g}"
        )
        axes.xaxis.set_minor_formatter(lambda *_: "")
        axes.margins(x=0.12, y=0.12)
        axes.grid(color=_THEME.grid, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8, length=0, which="both")
        for spine in axes.spines.values():
            spine.set_color(_THEME.grid)
    if marks:
        figure.legend(
            handles=marks, loc="upper center", ncols=_NAMES_A_LINE, fontsize=8.5, frameon=False
        )
