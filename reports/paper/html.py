"""The paper's tables as one HTML file that loads nothing from the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from reports.html import render
from reports.paper.grid import OURS, READING, Grid, marks, shown


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
    return render(
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
