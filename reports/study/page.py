"""The report as one HTML file that loads nothing from the network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.html import render
from reports.study import shown, verdict
from reports.study.cells import Cell
from reports.study.contents import Report
from reports.text import plain, shorten

# The plot's columns in units of its own: names, the scale from 0 to 1, a margin.
_LEFT, _WIDTH, _ROW = 250.0, 420.0, 34.0


@dataclass(frozen=True, slots=True)
class _Bar:
    """A cell in the plot: its interval, its share, its images' shares, in the plot's units."""

    label: str
    y: float
    low: float
    high: float
    share: float
    dots: tuple[float, ...]
    shown: bool
    has_interval: bool
    text: str


def as_html(report: Report) -> str:
    """The page; every name in it is escaped by the template."""
    one = len({cell.method for cell in report.cells}) == 1
    bars = [_bar(cell, number, one) for number, cell in enumerate(report.cells)]
    strengths, agreements = report.strengths, report.agreements
    return render(
        "study.html",
        ("page.css", "study.css"),
        (),
        title=plain(report.title) or "User study",
        headline=verdict.headline(report),
        left_out=report.left_out,
        raters=report.raters,
        images=report.images,
        revision=plain(report.revision[:12]),
        table5=shown.table5(report),
        sentences=[verdict.sentence(cell) for cell in report.cells],
        details=shown.details([*report.cells, *report.overall]),
        notes=verdict.notes(report),
        bars=bars,
        plot={"left": _LEFT, "width": _WIDTH, "height": _ROW * (len(bars) + 1) + 8},
        strengths=shown.strengths(strengths) if strengths else None,
        strength_notes=[
            verdict.STRENGTHS,
            *(f"{a} and {b} do not differ significantly." for a, b in strengths.tied),
            *(f"{line}." for line in strengths.notes),
        ]
        if strengths
        else [],
        agreements=shown.agreements(agreements) if agreements else None,
        asked=agreements is not None,
        agreement_sentences=[verdict.agreement_sentence(one) for one in agreements or ()],
        agreement_notes=verdict.agreement_notes(report),
        rater_lines=verdict.rater_lines(report.raters),
        every=shown.images(report.cells),
    )


def _bar(cell: Cell, number: int, one_method: bool) -> _Bar:
    of = cell.interval
    none = math.isnan(of.low)
    pair = "against" if one_method else f"{plain(cell.method)} against"
    name = f"{plain(cell.dataset)}: {pair} {plain(cell.rival)}"
    return _Bar(
        label=shorten(name, 34),
        y=_ROW * (number + 1),
        low=0.0 if none else _place(of.low),
        high=0.0 if none else _place(of.high),
        share=_place(cell.share),
        dots=tuple(_place(image.share) for image in cell.images[:200]),
        shown=cell.shown,
        has_interval=not none,
        text=verdict.sentence(cell),
    )


def _place(share: float) -> float:
    return round(_LEFT + _WIDTH * share, 2)
