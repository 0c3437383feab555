"""Plots of the distribution of scores: each photo, the middle half, the mean and its interval.

SVG with a transparent background and real text, one for light pages and one for dark. The
same scores give the same bytes.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.cells import Column, Table, infinity
from reports.text import plain, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A row shows at most this many dots; of more photos, evenly spaced order statistics.
MOST_POINTS = 150

#: Width of a plot in CSS pixels, readable on a phone.
WIDTH = 340

#: How to read the plots.
CAPTION = (
    "A dot is a photo. The box holds the middle half of them, and its line is the median. The "
    "diamond is the mean, the bar through it the 95% interval of the mean; the best is in colour."
)


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a plot; texts have a contrast of 4.5:1 or more against their page."""

    text: str
    muted: str
    grid: str
    point: str
    box: str
    mean: str
    best: str


THEMES: Mapping[str, Theme] = {
    "light": Theme("#1d2125", "#59636e", "#e3e6ea", "#6f7b88", "#5f6b78", "#1d2125", "#0a5fb4"),
    "dark": Theme("#e6e9ed", "#a4afbb", "#2c333b", "#8694a3", "#95a1ae", "#e6e9ed", "#7cbaff"),
}

#: Between the name of an axis and which way is better.
WAY = " · "

# Longest label in characters, so that half of the plot is left for the scores.
_LONGEST = 16

_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def height(table: Table) -> int:
    """Height of a plot of ``table`` in CSS pixels."""
    return 46 + 26 * len(table.methods)


def label_width(table: Table) -> float:
    """Width in inches of the labels that `draw` shows."""
    from matplotlib.textpath import TextPath

    texts = [shorten(plain(label), _LONGEST) for label in table.methods]
    widths = [TextPath((0, 0), text, size=11).get_extents().width for text in texts if text]
    return float(max(widths, default=0.0)) / 72


def draw_svg(
    table: Table,
    column: Column,
    values: Mapping[str, np.ndarray],
) -> bytes:
    """SVG of one metric's distribution over the photos, a row for each method of ``table``.

    ``values`` maps labels to float64 (n,); infinite ones are counted at the right edge.
    `WIDTH` by `height` CSS pixels, in the light theme.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    colours = THEMES["light"]
    settings: dict[Any, Any] = {
        "svg.hashsalt": "wespe-bench",
        "svg.fonttype": "none",
        "font.family": ["DejaVu Sans"],
        "font.size": 9,
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "path.simplify": False,
    }
    tall = height(table)
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A label may use letters that this font lacks; browsers have others.
        warnings.simplefilter("ignore")
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        figure = Figure(figsize=(WIDTH / 72, tall / 72))
        FigureCanvasSVG(figure)
        longest = max((len(shorten(plain(label), _LONGEST)) for label in table.methods), default=1)
        left = (8 + 6.8 * longest) / WIDTH
        axes = figure.add_axes(
            (left, 38 / tall, 1 - left - 0.03, (tall - 42) / tall),
            facecolor="none",
        )
        draw(axes, table, column, values, colours)
        buffer = io.BytesIO()
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None},
        )
    # Laid out with the font that matplotlib ships; shown with the page's.
    return buffer.getvalue().replace(b"'DejaVu Sans'", _FONTS.encode())


def darkened(svg: bytes) -> bytes:
    """The same plot in the dark theme."""
    for light, dark in zip(astuple(THEMES["light"]), astuple(THEMES["dark"]), strict=True):
        svg = svg.replace(light.encode(), dark.encode())
    return svg


def draw(
    axes: Axes, table: Table, column: Column, values: Mapping[str, np.ndarray], colours: Theme
) -> None:
    """One metric's distribution into ``axes``, a row for each method; see `distribution`."""
    infinite = False
    dots, boxes, bars = list[np.ndarray](), list[tuple[float, ...]](), list[Any]()
    for row, label in enumerate(table.methods):
        found = np.asarray(values[label], np.float64)
        finite = np.sort(found[np.isfinite(found)])
        if len(finite) < len(found) or not len(finite):
            infinite = True
            many = len(found) - len(finite)
            axes.text(
                1.0, row, f"{many} × {infinity(found)}" if many else "no value",
                transform=axes.get_yaxis_transform(), ha="right", va="center",
                color=colours.muted, fontsize=10,
            )  # fmt: skip
        if not len(finite):
            continue
        dots.append(_dots(finite, row))
        if len(finite) >= 4:
            boxes.append((row, *np.quantile(finite, [0.25, 0.5, 0.75])))
        cell = table.cell(label, column.metric)
        if cell.has_value:
            ends = np.clip([cell.low, cell.high], finite[0], finite[-1])
            bars.append((row, cell.mean, *ends, colours.best if cell.place == 1 else colours.mean))
    _marks(axes, dots, boxes, bars, colours)
    axes.set_ylim(len(table.methods) - 0.45, -0.55)
    axes.set_yticks(
        range(len(table.methods)),
        [shorten(plain(label), _LONGEST) for label in table.methods],
    )
    axes.margins(x=0.03)
    if infinite:
        low, high = axes.get_xlim()  # room for the count of infinite values
        axes.set_xlim(low, high + 0.2 * (high - low))
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color=colours.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, colors=colours.muted, labelsize=10)
    axes.tick_params(axis="y", colors=colours.text, labelsize=11, pad=5)
    unit = f" ({plain(column.unit)})" if column.unit else ""
    way = {"↑": "more is better", "↓": "less is better", "": ""}[column.arrow]
    way = way if column.rates_quality else "not a quality score"
    axes.set_xlabel(
        f"{plain(column.title)}{unit}{WAY * bool(way)}{way}",
        color=colours.muted,
        fontsize=10,
        labelpad=4,
    )


def caption(table: Table) -> str:
    """How to read the plots of ``table``."""
    if len(table.used) <= MOST_POINTS:
        return CAPTION
    return CAPTION.replace(
        "A dot is a photo.", f"The dots are {MOST_POINTS} photos, evenly spaced by their rank."
    )


def describe(table: Table, column: Column) -> str:
    """The plot in words: its alternative text."""
    means = []
    for label in table.methods:
        cell = table.cell(label, column.metric)
        if cell.has_value:
            best = ", the best" if cell.place == 1 else ""
            means.append(f"{plain(label)} {column.show(cell.mean)}{best}")
        else:
            means.append(f"{plain(label)} none")
    return f"Distribution of {plain(column.title)} over the photos. Means: {'; '.join(means)}."


def _dots(finite: np.ndarray, row: int) -> np.ndarray:
    """Places (2, n) of at most `MOST_POINTS` of a method's sorted scores."""
    shown = finite
    if len(finite) > MOST_POINTS:
        shown = finite[np.linspace(0, len(finite) - 1, MOST_POINTS).round().astype(int)]
    # Spread by the golden ratio: even, and the same for the same scores.
    offsets = (np.arange(len(shown)) * 0.6180339887498949) % 1 - 0.5
    return np.stack([shown, row + 0.42 * offsets])


def _marks(
    axes: Axes,
    dots: Sequence[np.ndarray],
    boxes: Sequence[tuple[float, ...]],
    bars: Sequence[Any],
    colours: Theme,
) -> None:
    """Draw what `draw` found, each kind at once: an artist a method would take most of the time.

    ``boxes`` are (row, quartiles), ``bars`` (row, mean, low, high, colour).
    """
    from matplotlib.collections import PolyCollection

    def points(x: Any, y: Any, marker: str, size: float, colour: str, **options: Any) -> None:
        axes.plot(
            x, y, marker, markersize=size, markerfacecolor=colour, markeredgecolor="none", **options
        )

    if dots:
        x, y = np.concatenate(dots, axis=1)
        points(x, y, "o", 4, colours.point, alpha=0.75, zorder=4)
    if boxes:
        row, lower, median, upper = np.array(boxes).T
        corners = [(lower, row - 0.31), (upper, row - 0.31), (upper, row + 0.31)]
        outlines = np.array([*corners, (lower, row + 0.31)]).transpose(2, 0, 1)  # (boxes, 4, 2)
        axes.add_collection(
            PolyCollection(
                list(outlines), facecolors="none", edgecolors=colours.box, linewidths=0.9, zorder=3
            )
        )
        axes.vlines(median, row - 0.31, row + 0.31, colours.box, linewidth=1.4, zorder=3)
    for colour in (colours.mean, colours.best):
        some = [bar[:4] for bar in bars if bar[4] == colour]
        if some:
            row, mean, low, high = np.array(some, np.float64).T
            there = ~np.isnan(low)
            axes.hlines(
                row[there], low[there], high[there], colour,
                linewidth=2, capstyle="butt", zorder=5,
            )  # fmt: skip
            points(mean, row, "D", 5.5, colour, zorder=6)
