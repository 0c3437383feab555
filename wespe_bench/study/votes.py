"""The votes of a study's folder as a table; `reports.study.votes` reads a votes.csv."""

from __future__ import annotations

import contextlib
import csv
import io
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.runs import escape_csv_formula
from wespe_bench.study import database, manifest
from wespe_bench.study.register import turns_of
from wespe_bench.study.screen import parse as parse_screen

if TYPE_CHECKING:
    import pandas as pd

#: Columns and their types, in order.
COLUMNS = {
    "rater": "string",
    "question": "string",
    "dataset": "string",
    "sample": "string",
    "first": "string",
    "second": "string",
    "left": "string",
    "right": "string",
    "choice": "string",
    "chosen": "string",
    "check": "string",
    "correct": "boolean",
    "position": "int64",
    "milliseconds": "int64",
    "revised": "int64",
    "source": "string",
    "surround": "string",
    "window": "string",
    "pixel_ratio": "string",
}

#: What older votes.csv files lack.
SCREEN = ("surround", "window", "pixel_ratio")

#: Most bytes of its first line.
_MOST_HEAD = 4096

_STANDING = """
SELECT raters.number, votes.place, votes."left", votes.milliseconds, votes.revised,
  screens.surround, screens.width, screens.height, screens.ratio
FROM votes JOIN raters ON raters.number = votes.rater
LEFT JOIN screens ON screens.vote = votes.number
WHERE votes.number = (
  SELECT max(number) FROM votes AS later
  WHERE later.rater = votes.rater AND later.place = votes.place
)
ORDER BY raters.number, votes.place
"""


def load_votes(folder: Path) -> pd.DataFrame:
    """The standing votes of the study in ``folder``, one row each.

    Columns: rater (opaque), question, dataset, sample, first and second (methods; the rival
    first), left and right (methods as shown), choice ("left" or "right"), chosen (method), check
    ("", "first", "second"), correct (of a check, else missing), position (1-based place in the
    rater's order), milliseconds, revised (times changed), source ("server" or "file"), surround
    (#rrggbb), window (1280x720, CSS pixels), pixel_ratio, the three as the page reported them or
    empty. Sorted by rater's arrival and position. Raters who have not finished are among them.

    Raises InputError for a folder that is no study, votes of another revision, damage.
    """
    import pandas as pd

    return pd.DataFrame(rows(folder), columns=list(COLUMNS)).astype(COLUMNS)


def to_csv(folder: Path) -> str:
    """The standing votes of a study's folder as CSV, with the columns of `load_votes`.

    Text that a spreadsheet would run as a formula gets an apostrophe. Raises InputError.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(escape_csv_formula, row) for row in rows(folder))
    return text.getvalue()


def rows(folder: Path) -> list[tuple[Any, ...]]:
    """The standing votes of a study's folder, as tuples in the order of `COLUMNS`.

    Without pandas, whose loading a running server would feel. Raises InputError.
    """
    study = manifest.read(folder)
    if not database.count(folder):
        return []
    with contextlib.closing(database.connect(folder, study)) as connection:
        try:
            return _rows(connection, study)
        except (sqlite3.Error, ValueError, TypeError, LookupError) as error:
            raise InputError(
                f"{folder / database.FILE}: damaged ({one_line(error)[:120]})"
            ) from None


def _rows(connection: sqlite3.Connection, study: manifest.Study) -> list[tuple[Any, ...]]:
    raters = {
        number: (manifest.check_text(rater, "rater")[:16], _source(source), turns_of(plan))
        for number, rater, source, plan in connection.execute(
            "SELECT number, rater, source, plan FROM raters"
        )
    }
    # What a row says of its question, by whether the first picture is left and the left chosen.
    described: dict[tuple[int, bool, bool], tuple[Any, ...]] = {}
    for number, question in enumerate(study.questions):
        first, second = (study.pictures[p].method for p in (question.first, question.second))
        fixed = (question.id, question.dataset, question.sample, first, second)
        for first_left in (False, True):
            left, right = (first, second) if first_left else (second, first)
            for chose_left in (False, True):
                chosen = "first" if chose_left == first_left else "second"
                described[number, first_left, chose_left] = (
                    *fixed,
                    left,
                    right,
                    "left" if chose_left else "right",
                    first if chosen == "first" else second,
                    question.check or "",
                    chosen == question.check if question.check else None,
                )
    found = []
    for number, place, left, milliseconds, revised, *screen in connection.execute(_STANDING):
        rater, source, turns = raters[number]
        if not all(type(n) is int and 0 <= n <= 2**53 for n in (place, milliseconds, revised)):
            raise ValueError(f"a vote of rater {rater!r} has fields that are not numbers")
        turn = turns[place]
        what = described[turn.question, turn.first_left, bool(left)]
        found.append((rater, *what, place + 1, milliseconds, revised, source, *_shown(*screen)))
    return found


def _shown(surround: Any, width: Any, height: Any, ratio: Any) -> tuple[str, str, str]:
    """The three columns of `SCREEN`. Raises ValueError for what no page reports."""
    if surround is None:
        return "", "", ""
    parse_screen({"surround": surround, "width": width, "height": height, "ratio": ratio})
    return surround, f"{width}x{height}", f"{ratio:g}"


def check_head(path: Path) -> None:
    """Raise ValueError for a first line that no votes.csv has: pandas takes hours for some.

    Raises OSError as opening does, and for what is no regular file.
    """
    reading.check_regular(path)
    with open(path, "rb") as file:
        head = file.readline(_MOST_HEAD)
    if len(head) == _MOST_HEAD or head.count(b",") > 4 * len(COLUMNS):
        raise ValueError("its first line names more columns than votes have")


def _source(text: Any) -> str:
    if text not in ("server", "file"):
        raise ValueError(f"a rater's source is server or file, not {text!r}")
    return str(text)
