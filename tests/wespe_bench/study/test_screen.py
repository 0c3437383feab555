"""What a page reports of its screen: taken as it is, refused where no page would say it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.wespe_bench.study.studies import make_study
from wespe_bench.errors import InputError
from wespe_bench.study import database
from wespe_bench.study.orders import Turn
from wespe_bench.study.register import encode_turns
from wespe_bench.study.screen import Screen, parse
from wespe_bench.study.votes import load_votes

SENT = {"surround": "#777777", "width": 1280, "height": 720, "ratio": 2}


def test_a_screen_is_taken_as_sent() -> None:
    assert parse(SENT) == Screen("#777777", 1280, 720, 2.0)
    assert parse(None) is None


@pytest.mark.parametrize(
    "change",
    [
        {"surround": "red"},
        {"surround": "#77777"},
        {"surround": 7},
        {"width": 1.5},
        {"width": -1},
        {"height": True},
        {"height": 10**9},
        {"ratio": 0},
        {"ratio": "1"},
        {"ratio": float("nan")},
        {"ratio": float("inf")},
        {"agent": "x"},
    ],
)
def test_what_no_page_reports_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="screen"):
        parse({**SENT, **change})


def first_layout(folder: Path, revision: str) -> None:
    """A votes.sqlite as older versions wrote it, with one vote."""
    with contextlib.closing(sqlite3.connect(folder / database.FILE)) as old:
        old.executescript(database._TABLES[0])
        old.execute("INSERT INTO study VALUES (?, 0)", (revision,))
        plan = encode_turns([Turn(0, True)])
        old.execute("INSERT INTO raters VALUES (1, ?, 'server', ?)", ("a" * 32, plan))
        old.execute("INSERT INTO votes VALUES (1, ?, 1, 0, 1, 900, 0)", (b"0" * 16,))
        old.execute("PRAGMA user_version = 1")
        old.commit()


def test_votes_of_the_first_layout_are_read_and_the_file_is_brought_up(tmp_path: Path) -> None:
    folder, study = make_study(tmp_path, questions=3)
    (folder / database.FILE).unlink(missing_ok=True)
    first_layout(folder, study.revision)
    for _ in range(2):
        (row,) = load_votes(folder).to_dict("records")
        assert (row["milliseconds"], row["choice"], row["window"]) == (900, "left", "")
    with contextlib.closing(database.connect(folder, study)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == database.LAYOUT


def test_an_altered_file_of_the_first_layout_is_refused(tmp_path: Path) -> None:
    folder, study = make_study(tmp_path, questions=3)
    (folder / database.FILE).unlink(missing_ok=True)
    first_layout(folder, study.revision)
    with contextlib.closing(sqlite3.connect(folder / database.FILE)) as old:
        old.execute("CREATE TRIGGER t AFTER INSERT ON votes BEGIN DELETE FROM raters; END")
        old.commit()
    with pytest.raises(InputError, match="altered; move it away"):
        load_votes(folder)
