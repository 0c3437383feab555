"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.study import shown, verdict
from reports.study.contents import Report
from reports.study.shown import Shown
from reports.text import markdown, plural


def as_markdown(report: Report) -> str:
    """The report: headline, Table 5, all numbers, strengths, metrics, raters. Names are escaped."""
    title = f"User study: {report.title}" if report.title else "User study"
    parts = [f"# {markdown(title)}", f"**{markdown(verdict.headline(report))}**"]
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
        tied = [f"{a} and {b} do not differ significantly." for a, b in report.strengths.tied]
        noted = [f"{line}." for line in report.strengths.notes]
        parts.append(_list([verdict.STRENGTHS, *tied, *noted]))
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


def _list(lines: object) -> str:
    return "\n".join(f"- {markdown(line)}" for line in lines)  # type: ignore[attr-defined]
