"""The report as one HTML file that loads nothing from the network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.study import shown, verdict
from reports.study.cells import Cell
from reports.study.contents import Report
from reports.study.shown import Shown
from reports.text import fill_template, markdown, plain, plural, shorten


def as_markdown(report: Report) -> str:
    """The report: headline, Table 5, all numbers, strengths, metrics, raters. Names are escaped."""
    title = f"User study: {report.title}" if report.title else "User study"
    parts = [f"# {markdown(title)}"]
    if report.simulated:
        parts.append(f"**{markdown(report.simulated)}**")
    parts.append(f"**{markdown(verdict.headline(report))}**")
    if report.left_out:
        parts.append("\n".join(f"**{markdown(line)}.**" for line in report.left_out))
    parts += [
        f"{plural(report.raters.count, 'rater')}, {plural(report.raters.votes, 'vote')}, "
        f"{plural(report.images, 'image')}.",
        "## What people preferred",
        _table(shown.table5(report)),
        _list(verdict.sentence(cell) for cell in report.cells),
        _table(shown.details([*report.cells, *report.overall])),
        _list(verdict.notes(report)),
    ]
    if report.strengths is not None:
        parts += ["## All methods on one scale", _table(shown.strengths(report.strengths))]
        parts.append(_list(verdict.scale_notes(report.strengths)))
    if report.agreements is not None:
        parts.append("## Do metrics say what people say?")
        if report.agreements:
            parts.append(_list(map(verdict.agreement_sentence, report.agreements)))
            parts.append(_table(shown.agreements(report.agreements)))
        parts.append(_list(verdict.agreement_notes(report)))
    parts += ["## The raters", _list(verdict.rater_lines(report.raters))]
    parts += ["## Image by image", _table(shown.images(report.cells))]
    if report.revision:
        parts.append(f"Study {markdown(report.revision[:12])}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(table: Shown) -> str:
    left = table.names
    lines: list[Sequence[str]] = [
        [markdown(head) for head in table.heads],
        [":--" if number < left else "--:" for number in range(len(table.heads))],
        *(
            [*map(markdown, row[:left]), *(text.replace("<", "&lt;") for text in row[left:])]
            for row in table.rows
        ),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {markdown(line)}" for line in lines)


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
    return fill_template(
        "study.html",
        ("page.css", "plots.css"),
        (),
        title=plain(report.title) or "User study",
        headline=verdict.headline(report),
        left_out=report.left_out,
        simulated=report.simulated,
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
        strength_notes=verdict.scale_notes(strengths) if strengths else [],
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
