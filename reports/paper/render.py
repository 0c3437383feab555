"""The paper's tables as Markdown, CSV, JSON, LaTeX or HTML; the same tables give the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from reports.paper import grid as grids_
from reports.paper.grid import OURS, PAPER, READING, Column, Grid, marks, shown
from reports.paper.html import html_tables
from reports.paper.latex import latex_tables
from reports.text import markdown, plain
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
