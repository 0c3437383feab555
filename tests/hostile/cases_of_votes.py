"""Hostile votes: files of raters for `study import`, a votes.csv for `study report`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile import studies
from tests.hostile.cases import Case
from tests.hostile.cases_of_names import FORMULA
from tests.hostile.cases_of_study_names import report_is_inert

TITLE = "Votes of user studies"

_PLACE = "out/study"
_IMPORT = f"study import {_PLACE} votes.json"
_REPORT = "study report votes.csv --out out"
_ALTERED = "votes.json: no file of votes, or altered ({})"
_NO_TABLE = "votes.csv: no table of votes ({})"
_AT = "vote 1 (rater {}, question {}): {}; export the votes again"


def _votes(change: studies.Change) -> Callable[[Path], object]:
    """A rater's file, changed."""

    def make(folder: Path) -> None:
        made = studies.study()
        studies.write(folder / _PLACE, made)
        votes_file = studies.file_of_votes(made)
        change(votes_file)
        (folder / "votes.json").write_text(json.dumps(votes_file))

    return make


def _first(**change: Any) -> Callable[[Path], object]:
    return _votes(lambda votes_file: votes_file["votes"][0].update(change))


def _raw(text: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _votes(lambda _: None)(folder)
        (folder / "votes.json").write_bytes(text)

    return make


def _again(votes_file: dict[str, Any]) -> None:
    votes_file["votes"][1] = votes_file["votes"][0] | {"position": 2}


def _contradicting(folder: Path) -> None:
    """Two files of one rater, the second with another choice."""
    _votes(lambda _: None)(folder)
    votes_file = json.loads((folder / "votes.json").read_text())
    votes_file["votes"][0]["choice"] = "right"
    (folder / "more.json").write_text(json.dumps(votes_file))


def _csv(change: Callable[[list[list[str]]], object]) -> Callable[[Path], object]:
    """A votes.csv by its cells, changed."""

    def make(folder: Path) -> None:
        text = studies.csv_of(folder / "out" / "made")
        rows = [line.split(",") for line in text.splitlines()]
        change(rows)
        (folder / "votes.csv").write_text("\n".join(map(",".join, rows)) + "\n", "utf-8")

    return make


def _cell(name: str, value: str) -> Callable[[Path], object]:
    def change(rows: list[list[str]]) -> None:
        rows[1][rows[0].index(name)] = value

    return _csv(change)


def _bytes(data: Callable[[bytes], bytes], name: str = "votes.csv") -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(data(studies.csv_of(folder / "out" / "made").encode()))

    return make


def _many_methods(rows: list[list[str]]) -> None:
    """10,000 questions, each of a data set and methods of its own."""
    head, row = rows[0], rows[1]
    del rows[1:]
    for number in range(10_000):
        one = dict(zip(head, row, strict=True)) | {
            "question": f"q{number}",
            "dataset": f"d{number}",
            "first": f"a{number}",
            "second": f"b{number}",
            "left": f"a{number}",
            "right": f"b{number}",
            "choice": "left",
            "chosen": f"a{number}",
        }
        rows.append([one[name] for name in head])


CASES = (
    Case(
        "a file of votes nested 200,000 deep",
        _raw(b"[" * 200_000),
        _IMPORT,
        _ALTERED.format("ValueError: nested too deeply"),
    ),
    Case("a file of votes that is a list", _raw(b"[]"), _IMPORT, _ALTERED.format("TypeError: ...")),
    Case(
        "a file of votes of 3 MB",
        _raw(b" " * 3_000_000),
        _IMPORT,
        _ALTERED.format("ValueError: larger than 2000000 bytes"),
    ),
    Case(
        "a file of votes of another study",
        _votes(lambda votes_file: votes_file.update(study="0" * 64)),
        _IMPORT,
        "votes.json: votes of another study, or of another revision of this one",
    ),
    Case(
        "a file of votes whose rater is `../../escaped`",
        _votes(lambda votes_file: votes_file.update(rater="../../escaped")),
        _IMPORT,
        _ALTERED.format("ValueError: rater is not an id"),
    ),
    Case(
        "a file of votes with one question twice",
        _votes(_again),
        _IMPORT,
        _ALTERED.format("ValueError: a question twice"),
    ),
    Case(
        "a file of votes on a question that was not asked",
        _first(question="f" * 16),
        _IMPORT,
        _ALTERED.format("ValueError: vote 1: no such question"),
    ),
    Case(
        "a file of votes on other pictures",
        _first(left="/etc/passwd"),
        _IMPORT,
        _ALTERED.format("ValueError: vote 1: not the pictures of its question"),
    ),
    Case(
        "a file of votes with NaN milliseconds",
        _first(milliseconds=float("nan")),
        _IMPORT,
        _ALTERED.format("ValueError: nan is no number from 0 to ..."),
    ),
    Case(
        "a file of votes with a place of 10^400",
        _first(position=10**400),
        _IMPORT,
        _ALTERED.format("ValueError: ..."),
    ),
    Case(
        "a file of votes with a place of -1",
        _first(position=-1),
        _IMPORT,
        _ALTERED.format("ValueError: -1 is no number from 1 to 1099511627776"),
    ),
    Case(
        "a rater's second file, which says otherwise",
        _contradicting,
        f"{_IMPORT} more.json",
        "more.json: contradicts an earlier file of this rater; altered?",
        3,
    ),
    Case(
        "a votes.csv with a zero byte in a name",
        _bytes(lambda d: d.replace(b"one", b"o\0ne", 1)),
        _REPORT,
        "...",
    ),
    Case(
        "a votes.csv with a cell of 50 MB",
        _bytes(lambda d: d.replace(b"one", b"o" * 50_000_000, 1)),
        _REPORT,
        "...",
    ),
    Case(
        "a votes.csv with 100,000 columns",
        _bytes(lambda d: d.replace(b"rater,", b"rater," + b"x," * 100_000, 1)),
        _REPORT,
        "...",
    ),
    Case(
        "a votes.csv with a quote that does not end",
        _bytes(lambda d: d.replace(b"one", b'"', 1)),
        _REPORT,
        "...",
    ),
    Case(
        "a votes.csv that is no UTF-8",
        _bytes(lambda d: b"\xff\xfe" + d),
        _REPORT,
        _NO_TABLE.format("UnicodeDecodeError: ..."),
    ),
    Case(
        "a votes.csv.gz that inflates to 2 GB",
        _bytes(lambda d: gzip.compress(d) + gzip.compress(bytes(2**24)) * 128, "votes.csv.gz"),
        "study report votes.csv.gz --out out",
        "votes.csv.gz: no table of votes (...)",
    ),
    Case(
        "a votes.csv with a rater's votes twice",
        _csv(lambda rows: rows.append(rows[1])),
        _REPORT,
        "vote 7 (...): this rater's second vote on one question; export the votes again",
    ),
    Case(
        "a votes.csv of a pair that was not asked",
        _cell("left", "another"),
        _REPORT,
        "vote 1 (...): left and right are not the question's two methods; export the votes again",
    ),
    Case(
        "a votes.csv with infinite milliseconds",
        _cell("milliseconds", "1e999"),
        _REPORT,
        "vote 1 (...): milliseconds is no whole number from 0; export the votes again",
    ),
    Case(
        "a votes.csv with 10,000 data sets and 20,000 methods", _csv(_many_methods), _REPORT, "..."
    ),
    Case(
        "a formula as a rater in votes.csv",
        _csv(
            lambda rows: [
                row.__setitem__(0, f"'{FORMULA.replace(',', ';')}")
                for row in rows[1:]
                if row[0] == rows[1][0]
            ]
        ),
        _REPORT,
        "...",
        0,
        report_is_inert,
    ),
)
