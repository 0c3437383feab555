"""The paper's tables as Markdown, CSV, JSON, LaTeX or HTML; the same tables give the same bytes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from reports.paper import grid as grids_
from reports.paper.grid import OURS, PAPER, READING, Column, Grid, marks, shown
from reports.text import fill_template, markdown, plain
from wespe_bench.runs import escape_csv_formula

_SUPERSCRIPTS = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")


def render(grids: Sequence[Grid], format: str) -> str:
    """The tables in one of the formats md, csv, json, tex, html."""
    if format == "md":
        return markdown_tables(grids)
    if format == "csv":
        return csv_tables(grids)
    if format == "json":
        return json_tables(grids)
    if format == "tex":
        return latex_tables(grids)
    return html_tables(grids)


def markdown_tables(grids: Sequence[Grid]) -> str:
    """Every table with its notes; names are escaped."""
    blocks = [f"*{markdown(READING)}*"]
    for grid in grids:
        blocks.append(f"## Table {grid.number}: {markdown(grid.title)}")
        blocks.append("\n".join(_markdown_lines(grid)))
        numbered = grid.numbered()
        if numbered:
            # Two blanks at the end of a line are a line break.
            lines = (
                f"{_superscript(number)} {markdown(text)}."
                for number, text in enumerate(numbered, 1)
            )
            blocks.append("  \n".join(lines))
        blocks.append("\n".join(f"- {markdown(text)}." for text in (*grid.notes, *grid.sources)))
    return "\n\n".join(blocks) + "\n"


def _markdown_lines(grid: Grid) -> Iterator[str]:
    heads = [markdown(grid.corner), "", *(markdown(head(column)) for column in grid.columns)]
    table = [heads]
    best = [[False] * len(heads)]
    numbered = grid.numbered()
    for row, title in grid.rows.items():
        for line in grid.lines(row):
            first = markdown(title) if line == OURS else ""
            cells = [first, line]
            bold = [False, False]
            for column in grid.columns:
                entry = grid.entry(row, column)
                text, top = shown(entry, column, line)
                if entry.ours_text if line == OURS else entry.paper_text and line == PAPER:
                    text = markdown(text)
                mark = _superscript(*marks(entry, numbered)) if line == OURS else ""
                cells.append((f"**{text}**" if top else text) + mark)
                bold.append(top)
            table.append(cells)
            best.append(bold)
    widths = [max(len(cells[i]) for cells in table) for i in range(len(heads))]
    for number, cells in enumerate(table):
        padded = (
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            rules = (
                ":" + "-" * (max(width, 2) - 1) if i < 2 else "-" * (max(width, 2) - 1) + ":"
                for i, width in enumerate(widths)
            )
            yield f"| {' | '.join(rules)} |"


def head(column: Column) -> str:
    """A column's heading, on one line."""
    return " ".join(filter(None, (column.group, column.title, column.arrow)))


def _superscript(*numbers: int) -> str:
    return ",".join(map(str, numbers)).translate(_SUPERSCRIPTS)


def csv_tables(grids: Sequence[Grid]) -> str:
    """A line for each cell; formulas are escaped for spreadsheets."""
    frame = grids_.frame(grids)
    for column in frame.columns:
        if frame[column].dtype == object or str(frame[column].dtype).startswith("str"):
            frame[column] = [escape_csv_formula(plain(text)) for text in frame[column]]
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text


def json_tables(grids: Sequence[Grid]) -> str:
    """An object for each table; missing numbers are null, infinite ones are texts."""
    tables = [
        {
            "table": grid.number,
            "title": grid.title,
            "cells": [
                {key: _json(value) for key, value in row.items() if key != "table"}
                for row in grids_.frame([grid]).to_dict("records")
            ],
            "notes": list(grid.notes),
            "sources": list(grid.sources),
            "failures": list(grid.failures),
        }
        for grid in grids
    ]
    return json.dumps(tables, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, str):
        return plain(value)
    return value.item() if hasattr(value, "item") else value


_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
}


def tex(text: object) -> str:
    """``text`` escaped for LaTeX, on one line.

    >>> print(tex("100% of \\\\input{x} & y_1"))
    100\\% of \\textbackslash{}input\\{x\\} \\& y\\_1
    """
    return re.sub(r".", lambda m: _ESCAPED.get(m[0], m[0]), plain(text))


def latex_tables(grids: Sequence[Grid]) -> str:
    """A table environment for each, with the notes beneath in small type."""
    blocks = ["% needs \\usepackage{booktabs}; \\textquotedbl needs \\usepackage[T1]{fontenc}"]
    blocks += ["\n".join(_table(grid)) for grid in grids]
    return "\n\n".join(blocks) + "\n"


def _table(grid: Grid) -> Iterator[str]:
    numbered = grid.numbered()
    yield r"\begin{table*}"
    yield rf"\caption{{Table {grid.number} of the WESPE paper, and ours: {tex(grid.title)}}}"
    yield r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"
    yield rf"\begin{{tabular}}{{ll{'r' * len(grid.columns)}}}"
    yield r"\toprule"
    if any(column.group for column in grid.columns):
        yield from _groups(grid)
    heads = [tex(" ".join(filter(None, (c.title, c.arrow)))) for c in grid.columns]
    yield f"{' & '.join([tex(grid.corner), '', *heads])} \\\\"
    for row, title in grid.rows.items():
        yield r"\midrule"
        for line in grid.lines(row):
            cells = [tex(title) if line == OURS else "", tex(line)]
            for column in grid.columns:
                entry = grid.entry(row, column)
                text, best = shown(entry, column, line)
                text = rf"\textbf{{{tex(text)}}}" if best else tex(text)
                found = marks(entry, numbered) if line == OURS else ()
                if found:
                    text += f"$^{{{','.join(map(str, found))}}}$"
                # LaTeX would read a bracket after \\ as its argument.
                cells.append(f"{{{text}}}" if text.startswith("[") else text)
            yield f"{' & '.join(cells)} \\\\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\begin{flushleft}\scriptsize"
    for number, text in enumerate(numbered, 1):
        yield rf"$^{{{number}}}$ {tex(text)}.\\"
    for text in (*grid.notes, *grid.sources):
        yield rf"{tex(text)}.\\"
    yield r"\end{flushleft}"
    yield r"\end{table*}"


def _groups(grid: Grid) -> Iterator[str]:
    """The line of headings that columns share, and the rules beneath them."""
    heads, rules, at = [], [], 3
    for group, columns in groupby(grid.columns, key=lambda column: column.group):
        width = len(list(columns))
        heads.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    yield f" & & {' & '.join(heads)} \\\\"
    yield "".join(rules)


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    best: bool
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    title: str
    span: int
    cells: tuple[_Cell, ...]


@dataclass(frozen=True, slots=True)
class _View:
    grid: Grid
    groups: tuple[tuple[str, int], ...]
    lines: tuple[_Line, ...]
    numbered: tuple[str, ...]


def html_tables(grids: Sequence[Grid]) -> str:
    """The page; every name in it is escaped by the template."""
    return fill_template(
        "tables.html",
        ("tables.css",),
        (),
        views=[_view(grid) for grid in grids],
        reading=READING,
    )


def _view(grid: Grid) -> _View:
    numbered = grid.numbered()
    groups = groupby(grid.columns, key=lambda column: column.group)
    lines = []
    for row, title in grid.rows.items():
        names = grid.lines(row)
        for name in names:
            cells = []
            for column in grid.columns:
                entry = grid.entry(row, column)
                text, best = shown(entry, column, name)
                found = marks(entry, numbered) if name == OURS else ()
                cells.append(_Cell(text, best, found))
            first = name == OURS
            lines.append(
                _Line(name, title if first else "", len(names) if first else 0, tuple(cells))
            )
    return _View(
        grid, tuple((group, len(list(of))) for group, of in groups), tuple(lines), numbered
    )
