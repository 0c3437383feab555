"""The paper's tables as Markdown, CSV, JSON, LaTeX or HTML; the same tables give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from reports.latex import NEEDS, cell, latex_table, tex
from reports.paper import grid as grids_
from reports.paper.grid import Grid
from reports.paper.layout import as_in_paper, for_page
from reports.text import emphasised, fill_template, markdown, plain
from wespe_bench.json_output import json_score, json_text
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
    blocks = [f"*{markdown(grids_.reading(grids))}*"]
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
    found = for_page(grid)
    spread = [group for group, width in found.groups for _ in range(width)]
    heads = found.heads
    if spread:
        heads = tuple(f"{group} {one}".strip() for group, one in zip(spread, heads, strict=True))
    table = [[markdown(text) for text in (*found.names, *heads)]]
    for line in found.lines:
        cells = [markdown(line.title), markdown(line.name)]
        for one in line.cells:
            text = markdown(one.text) if one.is_words else one.text.replace("*", "\\*")
            cells.append(emphasised(text, one.place) + _superscript(*one.marks))
        table.append(cells)
    widths = [max(len(cells[i]) for cells in table) for i in range(len(table[0]))]
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
    return json_text(tables)


def _json(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else json_score(value)


def latex_tables(grids: Sequence[Grid]) -> str:
    """A table environment for each, with the notes beneath in small type.

    Why a cell is empty, and the command that fills it, is left to the other formats: with it the
    notes do not fit on a page.
    """
    return "\n\n".join([NEEDS, *map(_latex, grids)]) + "\n"


def _latex(grid: Grid) -> str:
    entries = {place: replace(entry, reason="") for place, entry in grid.entries.items()}
    grid = replace(grid, entries=entries)
    found = for_page(grid)
    rows: list[list[str] | None] = []
    for line in found.lines:
        rows += [None] if rows and line.span else []
        cells = [cell(line.title), cell(line.name)]
        for one in line.cells:
            cells.append(cell(one.text, place=one.place, marks=one.marks))
        rows.append(cells)
    return latex_table(
        f"Table {grid.number} of the WESPE paper, and ours: {grid.title}",
        [cell(text) for text in (*found.names, *found.heads)],
        rows,
        names=2,
        groups=found.groups,
        notes=[
            *(f"$^{{{number}}}$ {tex(text)}." for number, text in enumerate(grid.numbered(), 1)),
            *(f"{tex(text)}." for text in (*grid.notes, *grid.sources)),
        ],
    )


def html_tables(grids: Sequence[Grid]) -> str:
    """The page; every name in it is escaped by the template."""
    return fill_template(
        "tables.html",
        ("page.css", "tables.css"),
        (),
        views=[(grid, as_in_paper(grid), grid.numbered()) for grid in grids],
        reading=grids_.reading(grids),
    )
