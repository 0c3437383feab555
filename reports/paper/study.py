"""Table 5: what people preferred, from the folder of a study's report.

``study report`` writes ``table5.json``::

    {"format": 1,
     "study": "words on raters and photos",
     "cells": [{"rival": "original", "dataset": "cityscapes", "share": 0.9, "spread": 0.04,
                "low": 0.85, "high": 0.94, "votes": 266, "method": "WESPE [DIV2K]"}, ...]}

``rival`` is original or ape, ``dataset`` a row of Table 6, ``share`` the share of ``votes`` for
the method, ``spread`` the standard deviation of the photos' shares (n - 1), ``low`` and ``high``
a 95% interval; ``method`` is the method used for WESPE [DIV2K], ``rival_method`` that used for
the rival.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from reports.paper import doubts
from reports.paper.grid import Column, Entry, Grid
from reports.paper.printed import RIVALS, STUDY, TABLE5, TITLE5, WILD
from reports.text import plain
from wespe_bench import reading
from wespe_bench.errors import InputError

#: The file that ``study report`` writes for this table.
FILE = "table5.json"

FORMAT_VERSION = 1

_NONE = (
    "No study yet: Table 5 needs people's votes. tables 5 --study FOLDER reads the report of a "
    "study"
)


def grid(folder: Path | None) -> Grid:
    """Table 5, from a study's report in ``folder``; all cells are empty without one.

    Raises InputError when the report is missing or damaged.
    """
    summary, cells = _read(folder) if folder else ("", {})
    columns = tuple(Column((name, "share"), "", title) for name, title in WILD.items())
    entries: dict[tuple[str, tuple[str, str]], Entry] = {}
    for (rival, dataset), (share, spread) in TABLE5.items():
        entry = _entry(cells.get((rival, dataset)), share, folder)
        entries[rival, (dataset, "share")] = _printed(entry, share, spread)
    return Grid(
        number=5,
        title=TITLE5,
        corner="Comparison",
        rows=RIVALS,
        columns=columns,
        entries=entries,
        notes=(
            "± is the standard deviation of the photos' shares; the interval, where there is one, "
            "is the study's own",
            f"The paper's: {STUDY.participants} people, {STUDY.photos_per_dataset} photos of each "
            f"data set, {STUDY.votes_per_cell} votes a cell",
            *doubts.REMARKS[5],
        ),
        sources=(f"Study in {plain(folder)}: {summary}",) if folder else (),
    )


def _entry(cell: dict[str, Any] | None, paper: float, folder: Path | None) -> Entry:
    if cell is None:
        reason = "This study did not ask for it" if folder else _NONE
        return Entry(reason=reason)
    share, spread = float(cell["share"]), float(cell.get("spread", math.nan))
    stands = [
        f"{plain(cell[key])} stood for {title}"
        for key, title in (("method", "WESPE [DIV2K]"), ("rival_method", "the rival"))
        if cell.get(key) and plain(cell[key]) != title
    ]
    return Entry(
        ours=share,
        ours_text=f"{share:.2f} ± {spread:.2f}" if not math.isnan(spread) else f"{share:.2f}",
        low=float(cell.get("low", math.nan)),
        high=float(cell.get("high", math.nan)),
        n=int(cell["votes"]),
        difference=share - paper,
        metric="share of votes",
        notes=tuple(stands),
    )


def _printed(entry: Entry, share: float, spread: float) -> Entry:
    import dataclasses

    return dataclasses.replace(entry, paper=share, paper_text=f"{share:.2f} ± {spread:.2f}")


def _read(folder: Path) -> tuple[str, dict[tuple[str, str], dict[str, Any]]]:
    path = folder / FILE
    try:
        content = reading.read_json(path)
        if content["format"] != FORMAT_VERSION:
            raise ValueError(f"format {content['format']!r}, this version reads {FORMAT_VERSION}")
        cells = {}
        for cell in content["cells"]:
            key = (cell["rival"], cell["dataset"])
            if key not in TABLE5 or key in cells:
                raise ValueError(f"no cell {key!r} in Table 5, or two of them")
            if not 0 <= float(cell["share"]) <= 1 or int(cell["votes"]) < 1:
                raise ValueError(f"{key!r}: a share from 0 to 1, of at least one vote, is expected")
            for name in ("spread", "low", "high"):  # each may be absent
                float(cell.get(name, 0))
            cells[key] = dict(cell)
        return plain(content.get("study", "")), cells
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); wespe-bench study report makes it in the "
            "study's folder"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        reason = plain(error)[:120]
        raise InputError(f"{path}: no report of a study, or damaged ({reason})") from None
