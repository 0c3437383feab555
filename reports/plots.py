"""Plots for papers: correlation of metrics, distributions of scores, quality against cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from reports import distribution
from reports.contents import Section
from reports.cost import recorded
from reports.paired import ranks
from reports.text import plain, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_THEME = distribution.THEMES["light"]
_MARKERS = "oDs^vP*Xh"
# Okabe and Ito's for the colour-blind, without the yellow; 7 and 9 have no common divisor.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1d2125")
_NAMES_A_LINE = 5


def correlation(section: Section) -> tuple[np.ndarray, int]:
    """Spearman's rank correlation of each two metrics: float64 (m, m), and over how many results.

    A result is one photo by one method that has a finite score of every metric.
    """
    names = [column.metric for column in section.table.columns]
    wide = section.scores.pivot(index=["label", "sample"], columns="metric", values="value")
    values = wide[names].to_numpy(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    n = len(values)
    found = np.eye(len(names))
    if n < 3:
        found[found == 0] = math.nan
        return found, n
    apart = np.stack([ranks(column) for column in values.T]) - (n + 1) / 2
    norms = np.sqrt((apart**2).sum(axis=1))
    for i in range(len(names)):
        for j in range(i):
            scale = norms[i] * norms[j]
            rho = float(apart[i] @ apart[j] / scale) if scale else math.nan
            found[i, j] = found[j, i] = rho
    return found, n


def draw_correlation(section: Section, found: np.ndarray, figure: Figure, bottom: float) -> None:
    """Draw the matrix of `correlation` with its numbers."""
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
    for tick in axes.get_xticklabels():
        tick.set(rotation=35, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), [shorten(n, 18) for n in names], fontsize=9)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_distributions(section: Section, figure: Figure, bottom: float, columns: int) -> None:
    """Draw a panel for each metric, as on the page."""
    shown = section.table.columns
    rows = math.ceil(len(shown) / columns)
    wide = figure.get_figwidth()
    # Inches for each panel's labels; the panels share the rest.
    room = 0.22 + distribution.label_width(section.table)
    panel = max(0.5, 0.985 * wide / columns - room)
    tall, high = figure.get_figheight(), 0.27 * len(section.table.methods)
    grid = figure.add_gridspec(
        rows, columns, left=room / wide, right=(columns * (room + panel)) / wide,
        bottom=bottom + 0.62 / tall, top=1 - 0.08 / tall, wspace=room / panel, hspace=0.7 / high,
    )  # fmt: skip
    for number, column in enumerate(shown):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        distribution.draw(axes, section.table, column, section.values(column.metric), _THEME)
        name, _, way = axes.get_xlabel().partition(distribution.WAY)
        fits = int(72 * (room / 2 + panel) / 5.8)  # characters of 9 points, centred below
        axes.set_xlabel(f"{shorten(name, fits)}\n{way}".strip(), fontsize=9)


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


def _short(value: float) -> str:
    """A tick that leaves room for others.

    >>> _short(0.05), _short(200), _short(5000), _short(10_000_000)
    ('0.05', '200', '5 k', '10 M')
    """
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


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
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import LogLocator, NullLocator

    shown = section.table.columns
    rows = math.ceil(len(shown) / columns)
    tall = figure.get_figheight()
    grid = figure.add_gridspec(
        rows, columns, left=0.075, right=0.985, bottom=bottom + 0.45 / tall,
        top=1 - legend_height(len(taken)) / tall, wspace=0.28, hspace=0.35,
    )  # fmt: skip
    low, high = min(taken.values()), max(taken.values())
    aside = max(1.5, (high / low) ** 0.12)
    marks: list[Line2D] = []
    for number, column in enumerate(shown):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        axes.set_xscale("log")
        axes.set_xlim(low / aside, high * aside)
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high > 30 * low else (1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        bars: list[tuple[float, float, float, str]] = []
        for place, label in enumerate(section.table.methods):
            cell = section.table.cell(label, column.metric)
            if label not in taken or not cell.has_value:
                continue
            x, colour = taken[label], _COLOURS[place % len(_COLOURS)]
            if not math.isnan(cell.low):
                bars.append((x, cell.low, cell.high, colour))
            (mark,) = axes.plot(
                [x], [cell.mean], _MARKERS[place % len(_MARKERS)], color=colour, markersize=6,
                label=shorten(plain(label), 18),
            )  # fmt: skip
            marks += [] if any(m.get_label() == mark.get_label() for m in marks) else [mark]
        ends = [((x, low), (x, high)) for x, low, high, _ in bars]
        axes.add_collection(LineCollection(ends, colors=[bar[3] for bar in bars], linewidths=1.2))
        axes.autoscale_view()
        unit = f" ({plain(column.unit)})" if column.unit else ""
        name = shorten(f"{plain(column.title)}{unit}", 22)
        axes.set_ylabel(f"{name} {column.arrow}".strip(), fontsize=9)
        axes.set_xlabel(axis, fontsize=9, color=_THEME.muted)
        axes.xaxis.set_major_formatter(lambda value, _: _short(value))
        axes.margins(y=0.12)
        axes.grid(color=_THEME.grid, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8, length=0, which="both")
        for spine in axes.spines.values():
            spine.set_color(_THEME.grid)
    if marks:
        figure.legend(
            handles=marks, loc="upper center", ncols=_NAMES_A_LINE, fontsize=8.5, frameon=False
        )
