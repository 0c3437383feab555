"""A paper table as the paper lays it out, or a line for each method where that is too wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from reports.paper.grid import INTERVAL, OURS, PAPER, Column, Grid, marks, shown

#: With more columns than these a table does not fit on a page at a readable size.
WIDEST = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """``place`` is 1 for the best of its group, 2 for the second; ``marks`` number its footnotes.

    ``is_words``: the text may be anything and is to be escaped; else it is a number or an interval.
    """

    text: str
    place: int = 0
    marks: tuple[int, ...] = ()
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``title`` and ``span`` (how many lines it heads) stand at a row's first one."""

    title: str
    name: str
    span: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """``heads`` are the columns' after the row's title and the line's name, ``names``.

    ``groups`` are heads that columns share, with how many each spans; empty for none.
    """

    names: tuple[str, str]
    heads: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    lines: tuple[Line, ...]


def as_in_paper(grid: Grid) -> Layout:
    """Methods side by side; ours, its interval, n, the paper's and the difference beneath."""
    numbered = grid.numbered()
    groups = tuple((group, len(list(of))) for group, of in groupby(grid.columns, _group))
    lines: list[Line] = []
    for row, title in grid.rows.items():
        names = grid.lines(row)
        cells = [
            (name, [_cell(grid, row, column, name, numbered) for column in grid.columns])
            for name in names
        ]
        lines += _block(title, cells)
    return Layout(
        (grid.corner, ""),
        tuple(f"{column.title} {column.arrow}".strip() for column in grid.columns),
        groups if any(group for group, _ in groups) else (),
        tuple(lines),
    )


def for_page(grid: Grid) -> Layout:
    """As the paper has it, but a line for each method where that is too wide for a page.

    There each measure has a column of ours, the interval beneath it, and one of the paper's
    numbers; the differences are left out.
    """
    if len(grid.columns) <= WIDEST:
        return as_in_paper(grid)
    numbered = grid.numbered()
    methods: dict[str, list[Column]] = {}
    for column in grid.columns:
        methods.setdefault(column.key[0], []).append(column)
    first = next(iter(methods.values()))
    printed = {
        column.key[1]
        for column in grid.columns
        if any(shown(grid.entry(row, column), column, PAPER)[0] != "–" for row in grid.rows)
    }
    heads = ["n"]
    for column in first:
        heads.append(f"{column.title} {column.arrow}".strip())
        heads += ["paper"] * (column.key[1] in printed)
    lines: list[Line] = []
    for row, title in grid.rows.items():
        cells: list[tuple[str, list[Cell]]] = []
        for columns in methods.values():
            values, intervals = [_photos(grid, row, columns)], [Cell("")]
            for column in columns:
                values.append(_cell(grid, row, column, OURS, numbered))
                interval = _cell(grid, row, column, INTERVAL, numbered)
                intervals.append(interval if interval.text != "–" else Cell(""))
                if column.key[1] in printed:
                    values.append(_cell(grid, row, column, PAPER, numbered))
                    intervals.append(Cell(""))
            cells.append((columns[0].group, values))
            if any(cell.text for cell in intervals):
                cells.append(("", intervals))
        lines += _block(title, cells)
    return Layout((grid.corner, "Method"), tuple(heads), (), tuple(lines))


def _group(column: Column) -> str:
    return column.group


def _block(title: str, lines: Sequence[tuple[str, Iterable[Cell]]]) -> Iterator[Line]:
    for number, (name, cells) in enumerate(lines):
        yield Line("" if number else title, name, 0 if number else len(lines), tuple(cells))


def _cell(grid: Grid, row: str, column: Column, line: str, numbered: Sequence[str]) -> Cell:
    entry = grid.entry(row, column)
    text, place = shown(entry, column, line)
    words = entry.ours_text if line == OURS else entry.paper_text if line == PAPER else ""
    return Cell(text, place, marks(entry, numbered) if line == OURS else (), bool(words))


def _photos(grid: Grid, row: str, columns: Iterable[Column]) -> Cell:
    """How many photos a method's means are over, "5/6" where that differs between measures."""
    counts = sorted({grid.entry(row, column).n for column in columns} - {0})
    return Cell("/".join(f"{count:,}" for count in counts) or "–")
