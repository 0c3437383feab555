"""Makes the tables that are asked for; the runs are read once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from reports.paper import counts, measures, scores, study
from reports.paper.choices import Choices
from reports.paper.gather import Gathered, gather
from reports.paper.grid import Grid
from reports.paper.printed import SCORES
from reports.text import plain, plural
from wespe_bench.errors import InputError

NUMBERS = tuple(range(1, 9))


def parse_numbers(words: Iterable[str | int]) -> tuple[int, ...]:
    """Table numbers from words: "2", "1-3", "all". Raises InputError.

    >>> parse_numbers(["2", "6-8"]), parse_numbers(["all"]) == NUMBERS
    ((2, 6, 7, 8), True)
    """
    found: set[int] = set()
    for word in words:
        first, _, last = str(word).partition("-")
        if word == "all":
            found.update(NUMBERS)
        elif first.isdecimal() and (last or first).isdecimal() and len(first + last) < 5:
            span = range(int(first), int(last or first) + 1)
            if not span or not set(span) <= set(NUMBERS):
                raise InputError(f"no table {word} in the paper; it has 1 to {NUMBERS[-1]}")
            found.update(span)
        else:
            raise InputError(f"{word!r}: expected a table's number, a span like 1-3, or all")
    return tuple(sorted(found))


def build(numbers: Sequence[int], root: Path | None, choices: Choices) -> list[Grid]:
    """The tables, in order. ``root`` is a run folder or a folder of runs, None for none.

    Raises InputError for choices that name what does not exist; a fault of a run is reported in
    the tables instead.
    """
    wanted = [number for number in numbers if number in SCORES]
    gathered = gather(root, choices, measures.METRICS) if wanted else None
    grids = []
    for number in numbers:
        if number in SCORES and gathered is not None:
            grids.append(scores.grid(number, gathered, choices))
        elif number == 5:
            grids.append(study.grid(choices.study))
        else:
            grids.append(counts.grid(number, choices.data))
    if gathered is not None:
        first = next(i for i, grid in enumerate(grids) if grid.number in SCORES)
        grids[first] = replace(
            grids[first],
            failures=(*gathered.failures, *grids[first].failures),
            notes=(*_unplaced(gathered), *grids[first].notes),
        )
    return grids


def _unplaced(gathered: Gathered) -> list[str]:
    """A note for when there are runs but none of them is placed in a table."""
    if gathered.at or not gathered.runs:
        return []
    first = gathered.runs[0].run
    count = plural(len(gathered.runs), "run")
    return [
        f"{count} here, and none is used in these tables: their data sets or methods are not the "
        f"paper's. To use one: --dataset 'PLACE={plain(first.dataset)}' (a PLACE is "
        f"iphone patches, kitti, ...) and --method 'METHOD={plain(first.label)}'"
    ]
