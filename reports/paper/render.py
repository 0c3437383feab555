"""The paper's tables as Markdown, CSV, JSON, LaTeX or HTML; the same tables give the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from reports.latex import NEEDS, cell, latex_table, tex
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
    numbered = grid.numbered()
    for row, title in grid.rows.items():
        for line in grid.lines(row):
            first = markdown(title) if line == OURS else ""
            cells = [first, line]
            for column in grid.columns:
                entry = grid.entry(row, column)
                text, rank = shown(entry, column, line)
                if entry.ours_text if line == OURS else entry.paper_text and line == PAPER:
                    text = markdown(text)
                text = text.replace("*", "\\*") if entry.worse else text
                mark = _superscript(*marks(entry, numbered)) if line == OURS else ""
                text = {1: f"**{text}**", 2: f"<ins>{text}</ins>"}.get(rank, text)
                cells.append(text + mark)
            table.append(cells)
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


def latex_tables(grids: Sequence[Grid]) -> str:
    """A table environment for each, with the notes beneath in small type."""
    return "\n\n".join([NEEDS, *map(_latex, grids)]) + "\n"


def _latex(grid: Grid) -> str:
    numbered = grid.numbered()
    rows: list[list[str] | None] = []
    for row, title in grid.rows.items():
        rows += [None] if rows else []
        for line in grid.lines(row):
            cells = [cell(title if line == OURS else ""), cell(line)]
            for column in grid.columns:
                entry = grid.entry(row, column)
                text, rank = shown(entry, column, line)
                raised = marks(entry, numbered) if line == OURS else ()
                cells.append(cell(text, best=rank == 1, second=rank == 2, marks=raised))
            rows.append(cells)
    spans = [(group, len(list(of))) for group, of in groupby(grid.columns, lambda c: c.group)]
    return latex_table(
        f"Table {grid.number} of the WESPE paper, and ours: {grid.title}",
        [cell(grid.corner), "", *(cell(f"{c.title} {c.arrow}".strip()) for c in grid.columns)],
        rows,
        names=2,
        groups=spans if any(group for group, _ in spans) else (),
        notes=[
            *(f"$^{{{number}}}$ {tex(text)}." for number, text in enumerate(numbered, 1)),
            *(f"{tex(text)}." for text in (*grid.notes, *grid.sources)),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    rank: int
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
                text, rank = shown(entry, column, name)
                found = marks(entry, numbered) if name == OURS else ()
                cells.append(_Cell(text, rank, found))
            first = name == OURS
            lines.append(
                _Line(name, title if first else "", len(names) if first else 0, tuple(cells))
            )
    return _View(
        grid, tuple((group, len(list(of))) for group, of in groups), tuple(lines), numbered
    )
