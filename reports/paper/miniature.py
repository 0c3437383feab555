"""Tables of the miniature: marked, and without the paper's numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from reports.paper.best import MARKS
from reports.paper.choices import Choices, place_of
from reports.paper.gather import Gathered
from reports.paper.grid import Entry, Grid
from reports.paper.printed import SCORES
from reports.text import plain
from wespe_bench.datasets.miniature import WORD, is_simulated, note_of
from wespe_bench.provenance import data_folder


def marked(grid: Grid, gathered: Gathered | None, choices: Choices) -> Grid:
    """The table as it is, or, where its photos or votes are a miniature's, as one."""
    note = _note(grid.number, gathered, choices)
    if not is_simulated(note):
        return grid
    # Counts and sizes are not the release's, and need no remark.
    entries = {
        place: replace(_alone(entry), notes=() if grid.number in (1, 4) else entry.notes)
        for place, entry in grid.entries.items()
    }
    counts = sorted({entry.n for entry in entries.values()} - {0})
    n = f", n = {counts[0]}" if counts else ""
    n += f" to {counts[-1]}" if len(counts) > 1 else ""
    n += " votes" if counts and grid.number == 5 else ""
    kept = [
        column
        for column in grid.columns
        if any(entries[row, column.key].is_filled for row in grid.rows)
        or any(entries[row, column.key].reason for row in grid.rows)
    ]
    return replace(
        grid,
        title=f"{WORD}{n}. {grid.title}",
        columns=tuple(kept),
        entries=entries,
        notes=(
            plain(note),
            "The paper's numbers are left out: nothing here can be compared with them",
            *([MARKS] if grid.number in SCORES else []),
        ),
        miniature=True,
    )


def _note(number: int, gathered: Gathered | None, choices: Choices) -> str:
    """The mark of what fills a table; empty where it is no miniature's."""
    data = note_of(Path(choices.data) if choices.data else data_folder())
    if number in (1, 4):
        return data
    if number == 5:
        return note_of(choices.study) if choices.study else data
    places = {place_of(row, number, choices) for row in SCORES[number].rows}
    at = gathered.at if gathered else {}
    notes = [one.run.note for (place, _), one in at.items() if place in places]
    return next((note for note in notes if is_simulated(note)), "" if notes else data)


def _alone(entry: Entry) -> Entry:
    """A cell of ours without the paper's number."""
    return replace(
        entry,
        paper=math.nan,
        difference=math.nan,
        paper_text="",
        paper_best=False,
        paper_second=False,
    )
