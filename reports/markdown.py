"""A report as Markdown."""

from __future__ import annotations

import csv
import io
import math

from reports.cells import Cell, Column, Table
from reports.contents import Contents, Section
from reports.cost import cost_markdown
from reports.notes import BEST, READING, notes, row_n
from reports.text import emphasised, markdown, plain, plural
from wespe_bench.runs import escape_csv_formula

_SUPERSCRIPTS = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")


def markdown_report(contents: Contents) -> str:
    """The whole report: a section for each data set, then how the runs were made."""
    parts = [f"# {markdown(contents.title)}", READING + " " + BEST]
    if contents.left_out:
        parts.append("\n".join(f"- {markdown(line)}" for line in contents.left_out))
    for section in contents.sections:
        parts += _section(section)
    parts.append(_provenance(contents))
    parts.append("## Cite this\n\n```bibtex\n" + "\n\n".join(contents.citations) + "\n```")
    return "\n\n".join(parts) + "\n"


def csv_table(table: Table) -> str:
    """A line for each method and metric, missing numbers empty; formulas are escaped."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("dataset", "method", "metric", "version", "unit", "n", "mean", "low", "high"))
    for label in table.methods:
        for column in table.columns:
            cell = table.cell(label, column.metric)
            names = (table.dataset, label, column.metric, column.version, column.unit)
            numbers = ("" if math.isnan(x) else repr(x) for x in (cell.mean, cell.low, cell.high))
            writer.writerow((*(escape_csv_formula(plain(x)) for x in names), cell.n, *numbers))
    return buffer.getvalue()


def markdown_table(table: Table) -> str:
    """Methods x metrics, "mean [low, high]", the best bold, the second underlined, notes beneath.

    Every name is escaped.
    """
    found = notes(table)
    head = ["Method", "n", *(markdown(column.head) for column in table.columns)]
    lines = [_line(head), _line([":--", *("--:" for _ in head[1:])])]
    for label in table.methods:
        cells = [
            _cell(
                table.cell(label, column.metric),
                column,
                found.marks[label, column.metric],
            )
            for column in table.columns
        ]
        lines.append(_line([markdown(label), row_n(table, label), *cells]))
    blocks = ["\n".join(lines)]
    if found.numbered:
        blocks.append(
            "\n".join(
                f"{_superscript(number)} {markdown(text)}  "
                for number, text in enumerate(found.numbered, 1)
            )
        )
    if found.general:
        blocks.append("\n".join(f"- {markdown(text)}" for text in found.general))
    if found.conventions:
        blocks.append("How the metrics are taken:")
        blocks.append(
            "\n".join(
                f"- {markdown(title)}: {markdown(summary or 'no description')} "
                f"(version {markdown(version)})"
                for title, summary, version in found.conventions
            )
        )
    return "\n\n".join(blocks)


def _section(section: Section) -> list[str]:
    table = section.table
    note = f" ({markdown(table.note)})" if table.note else ""
    count, revision = plural(table.n_expected, "photo"), markdown(table.revision[:12])
    parts = [
        f"## {markdown(table.dataset)}{note}",
        f"{plural(len(table.methods), 'method')}, {count}, revision {revision}.",
        markdown_table(table),
        *cost_markdown(section.costs),
        "### The methods",
        "\n".join(f"- {markdown(method.sentence)}" for method in section.origins),
    ]
    if section.warnings():
        parts.append("### Warnings")
        parts.append("\n".join(f"- {markdown(line)}" for line in section.warnings()))
    if section.failed:
        parts.append(f"### Failed ({section.failed})")
        parts.append(
            "\n".join(
                f"- {markdown(label)}, {markdown(stage)}, {markdown(samples)}: {markdown(error)}"
                for label, stage, samples, error in section.failures()
            )
        )
    return parts


def _provenance(contents: Contents) -> str:
    lines = ["## Where the numbers come from", ""]
    for run in contents.runs:
        made = [f"enhancer {run.enhancer}", f"fingerprint {run.fingerprint}", f"made {run.created}"]
        made += [f"on {run.device}", f"seed {run.seed}"]
        lines.append(f"- **{markdown(run.name)}**: {', '.join(map(markdown, made))}")
    facts = [
        *((f"Data set {s.table.dataset}, revision", s.table.revision) for s in contents.sections),
        *((f"Data set {s.table.dataset}, terms", s.terms) for s in contents.sections),
        # Each run's line has its device and seed already.
        *(
            (name, value)
            for name, values in contents.facts.items()
            if name not in ("Device", "Seed")
            for value in values
        ),
    ]
    lines.append("")
    lines += [f"- {markdown(name)}: {markdown(value)}" for name, value in facts if value]
    return "\n".join(lines)


def _cell(cell: Cell, column: Column, marks: tuple[int, ...]) -> str:
    mean, interval = column.show_cell(cell)
    return f"{emphasised(mean, cell.place)} {interval}".rstrip() + _superscript(*marks)


def _superscript(*numbers: int) -> str:
    return ",".join(map(str, numbers)).translate(_SUPERSCRIPTS)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
