"""The parts of a paper table: entries, columns, and the grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reports.cells import infinity

if TYPE_CHECKING:
    import pandas as pd

#: How to read the tables.
READING = (
    "ours: the mean over n photos, measured here; beneath it a 95% interval (the photos drawn "
    "again with replacement) that says how far the mean would move with other photos of the "
    "kind. paper: what the paper printed, never measured here. difference: ours less the "
    "paper's; left out where a table has a line for each method, to fit on a page. A dash is a "
    "number that is not there."
)

_MINIATURE = READING.partition(" paper:")[0] + " A dash is a number that is not there."

#: The lines of a row, from top to bottom: ours, then the paper's.
OURS, INTERVAL, N, PAPER, DIFFERENCE = "ours", "95% interval", "n", "paper", "difference"
LINES = (OURS, INTERVAL, N, PAPER, DIFFERENCE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of a table: our measurement, and the paper's number.

    ``ours`` is the mean over ``n`` photos, ``low`` and ``high`` its 95% interval; NaN where
    there is none, and ``reason`` then says why. ``paper`` is NaN where the paper has no such
    number. ``difference`` is ours less the paper's, NaN where the scales differ. ``ours_text`` and
    ``paper_text`` replace the numbers in cells of words. ``best`` and ``second`` are ours of its
    row, ``worse`` says that it is shown to be worse than that best, photo by photo. ``notes`` are
    footnotes.
    """

    ours: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    paper: float = math.nan
    difference: float = math.nan
    best: bool = False
    second: bool = False
    worse: bool = False
    paper_best: bool = False
    paper_second: bool = False
    ours_text: str = ""
    paper_text: str = ""
    metric: str = ""
    version: str = ""
    run: str = ""
    dataset: str = ""
    revision: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_filled(self) -> bool:
        return bool(self.ours_text) or not math.isnan(self.ours)

    @property
    def footnotes(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.reason, *self.notes)))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``group`` is the heading it shares with its neighbours, a method for instance.

    ``arrow`` says which way is better, empty where none is. ``decimals`` are those of ours,
    ``printed`` those of the paper's numbers and of differences from them.
    """

    key: tuple[str, str]
    group: str
    title: str
    arrow: str = ""
    decimals: int = 2
    printed: int = 2

    def number(self, value: float, *, signed: bool = False, printed: bool = False) -> str:
        """``value`` as this column prints it, a dash for none.

        >>> column = Column(("ape", "psnr"), "APE", "PSNR")
        >>> column.number(-0.004, signed=True), column.number(1.5), column.number(float("nan"))
        ('0.00', '1.50', '–')
        """
        if math.isnan(value):
            return "–"
        if math.isinf(value):
            return infinity([value])
        digits = self.printed if printed or signed else self.decimals
        text = f"{value:{'+' if signed else ''}.{digits}f}"
        return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


@dataclass(frozen=True, slots=True)
class Scene:
    """A photo as every method left it: (name, data: address) of pictures of one size."""

    title: str
    width: int
    height: int
    pictures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as the paper lays it out.

    ``rows`` maps their keys to their titles. ``notes`` are printed beneath without a number,
    ``sources`` name the runs and photos of our numbers, ``failures`` what was refused or could
    not be read, one line each. ``miniature``: simulated, without the paper's numbers.
    ``pictures``: a photo by every method, for the page alone.
    """

    number: int
    title: str
    corner: str
    rows: Mapping[str, str]
    columns: tuple[Column, ...]
    entries: Mapping[tuple[str, tuple[str, str]], Entry]
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    failures: tuple[str, ...] = field(default=())
    miniature: bool = False
    pictures: tuple[Scene, ...] = ()

    def entry(self, row: str, column: Column) -> Entry:
        return self.entries[row, column.key]

    def row(self, row: str) -> list[Entry]:
        return [self.entry(row, column) for column in self.columns]

    def lines(self, row: str) -> tuple[str, ...]:
        """The lines of a row that are not empty in every cell."""
        entries = self.row(row)
        needed = {
            INTERVAL: any(not math.isnan(entry.low) for entry in entries),
            N: any(entry.n for entry in entries),
            PAPER: not self.miniature,
            DIFFERENCE: any(not math.isnan(entry.difference) for entry in entries),
        }
        return tuple(line for line in LINES if needed.get(line, True))

    def numbered(self) -> tuple[str, ...]:
        """The footnotes, in the order of their first cells."""
        found: dict[str, None] = {}
        for row in self.rows:
            for entry in self.row(row):
                found.update(dict.fromkeys(entry.footnotes))
        return tuple(found)


def shown(entry: Entry, column: Column, line: str) -> tuple[str, int]:
    """The text of a line of a cell, and 1 or 2 where it is the best or second of its group."""
    if line == OURS:
        text = entry.ours_text or column.number(entry.ours) + "*" * entry.worse
        return text, 1 if entry.best else 2 * entry.second
    if line == INTERVAL:
        if math.isnan(entry.low):
            return "–", 0
        return f"[{column.number(entry.low)}, {column.number(entry.high)}]", 0
    if line == N:
        return f"{entry.n:,}" if entry.n else "–", 0
    if line == PAPER:
        text = entry.paper_text or column.number(entry.paper, printed=True)
        return text, 1 if entry.paper_best else 2 * entry.paper_second
    return column.number(entry.difference, signed=True), 0


def reading(grids: Iterable[Grid]) -> str:
    """How to read these tables."""
    return _MINIATURE if all(grid.miniature for grid in grids) else READING


def marks(entry: Entry, numbered: Sequence[str]) -> tuple[int, ...]:
    """The numbers of a cell's footnotes, from 1."""
    return tuple(numbered.index(text) + 1 for text in entry.footnotes)


#: The columns of `frame`.
FRAME = (
    *("table", "row", "method", "quantity", "ours", "low", "high", "n", "paper", "difference"),
    *(
        "best",
        "second",
        "worse",
        "paper_best",
        "paper_second",
        "ours_text",
        "paper_text",
        "metric",
        "metric_version",
        "run",
    ),
    *("dataset", "revision", "reason", "notes"),
)


def frame(grids: Iterable[Grid]) -> pd.DataFrame:
    """All cells, one row each: the columns `FRAME`, notes joined by "; "."""
    import pandas as pd

    rows = []
    for grid in grids:
        for row in grid.rows:
            for column in grid.columns:
                entry = grid.entry(row, column)
                fields = {name: getattr(entry, name) for name in Entry.__slots__}
                fields |= {"table": grid.number, "row": row, "notes": "; ".join(entry.notes)}
                fields |= dict(zip(("method", "quantity"), column.key, strict=True))
                fields["metric_version"] = entry.version
                rows.append({name: fields[name] for name in FRAME})
    return pd.DataFrame(rows, columns=list(FRAME))
