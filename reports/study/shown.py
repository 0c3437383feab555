"""The report's tables as rows of text, which Markdown and the page share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.study.cells import Cell
from reports.study.contents import Report
from reports.study.people import Agreement
from reports.study.strengths import Strengths
from reports.study.verdict import p_value
from reports.text import plain


@dataclass(frozen=True, slots=True)
class Shown:
    """A table: heads, rows of texts, and how many columns at the left are names."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1


def table5(report: Report) -> Shown:
    """The shape of the paper's Table 5: a row a pair, a column a data set, share ± spread."""
    datasets = sorted({cell.dataset for cell in report.cells})
    rows = []
    for rival, method in dict.fromkeys((cell.rival, cell.method) for cell in report.cells):
        of = {c.dataset: c for c in report.cells if (c.rival, c.method) == (rival, method)}
        texts = [share(of[name]) if name in of else "–" for name in datasets]
        rows.append((f"{plain(method)} against {plain(rival)}", *texts))
    return Shown(("Share of votes for the first", *map(plain, datasets)), tuple(rows))


def details(cells: Sequence[Cell]) -> Shown:
    """All numbers of some cells."""
    heads = (
        *("Method", "Against", "Data set", "Share ± sd", "95% interval", "Two-way bootstrap"),
        *("Wilson (these images)", "p (Holm)", "Votes", "Raters", "Images", "Alpha"),
    )
    rows = [
        (
            plain(cell.method),
            plain(cell.rival),
            plain(cell.dataset) or "all",
            share(cell),
            span(cell.interval.low, cell.interval.high),
            span(cell.interval.boot_low, cell.interval.boot_high),
            span(cell.wilson_low, cell.wilson_high),
            p_value(cell.p_holm),
            f"{cell.votes:,}",
            f"{cell.raters:,}",
            f"{len(cell.images):,}",
            number(cell.alpha),
            number(cell.agreement),
        )
        for cell in cells
    ]
    return Shown((*heads, "Raters agree"), tuple(rows), 3)


def images(cells: Sequence[Cell]) -> Shown:
    """The votes of each image."""
    rows = [
        (
            plain(image.dataset),
            plain(image.sample),
            f"{plain(cell.method)} against {plain(cell.rival)}",
            f"{image.share:.2f}",
            f"{image.won:,} of {image.votes:,}",
        )
        for cell in cells
        for image in cell.images
    ]
    return Shown(("Data set", "Photo", "Pair", "Share", "Votes"), tuple(rows), 3)


def strengths(found: Strengths) -> Shown:
    """Bradley and Terry's strengths, strongest first."""
    rows = [
        (
            plain(one.method),
            number(one.strength, signed=True),
            span(one.low, one.high, signed=True),
            f"{one.won:,} of {one.votes:,}",
        )
        for one in found.methods
    ]
    return Shown(("Method", "Strength", "95% interval", "Votes won"), tuple(rows))


def agreements(found: Sequence[Agreement]) -> Shown:
    """The agreement of each metric with people."""
    heads = ("Metric", "Agrees", "95% interval", "Questions", "Images", "Votes", "Majority")
    rows = [
        (
            one.title + ("" if one.directed else " (more taken as better)"),
            number(one.fraction),
            span(one.low, one.high),
            f"{one.agreed:,} of {one.questions:,}",
            f"{one.images:,}",
            number(one.votes),
            number(one.ceiling),
            number(one.rank, signed=True),
            f"{one.ranked:,}",
        )
        for one in found
    ]
    return Shown((*heads, "Spearman", "n"), tuple(rows))


def share(cell: Cell) -> str:
    """The share of a cell, as the paper prints it."""
    return f"{cell.share:.2f}" + ("" if math.isnan(cell.spread) else f" ± {cell.spread:.2f}")


def span(low: float, high: float, *, signed: bool = False) -> str:
    """An interval in brackets, a dash where there is none.

    >>> span(0.5, 0.75), span(math.nan, math.nan)
    ('[0.50, 0.75]', '–')
    """
    if math.isnan(low):
        return "–"
    return f"[{number(low, signed=signed)}, {number(high, signed=signed)}]"


def number(value: float, *, signed: bool = False) -> str:
    """Two digits after the point, a dash for no number.

    >>> number(-0.5, signed=True), number(-0.001), number(math.nan)
    ('−0.50', '0.00', '–')
    """
    if math.isnan(value):
        return "–"
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    text = text.lstrip("+-") if float(text) == 0 else text
    return text.replace("-", "−")
