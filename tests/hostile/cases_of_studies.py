"""Hostile folders of user studies: study.json, what links lead to, the database of votes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile import studies
from tests.hostile.cases import Case

TITLE = "Folders of user studies"

_PLACE = "out/study"
_CLOSE = f"study close {_PLACE}"
_SERVE = f"study serve {_PLACE} --port 0"
_REPORT = f"study report {_PLACE} --out out"
_DAMAGED = f"{_PLACE}/study.json: damaged ({{}}); build the study again"
_TEXT = "ValueError: {} holds control characters or lone surrogates"
_OTHER = f"{_PLACE}/votes.sqlite: a database of another program, or altered; move it away"
_LINK = (
    f"{_PLACE}/{{}}: a link, which could lead anywhere; delete it, a study's folder may hold only "
    "its own files"
)
_VOTES = f"{_PLACE}/votes.sqlite: damaged ({{}})"


def _forged(change: studies.Change, seal: bool = True) -> Callable[[Path], object]:
    return lambda folder: studies.forge(folder / _PLACE, change, seal)


def _raw(text: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        studies.write(folder / _PLACE, studies.study())
        (folder / _PLACE / "study.json").write_text(text)

    return make


def _picture(**change: Any) -> Callable[[Path], object]:
    return _forged(lambda manifest: next(iter(manifest["pictures"].values())).update(change))


def _level(**change: Any) -> Callable[[Path], object]:
    def forge(manifest: Any) -> None:
        for picture in manifest["pictures"].values():
            picture["levels"][0].update(change)

    return _forged(forge)


def _renamed(name: str) -> Callable[[Path], object]:
    def forge(manifest: Any) -> None:
        manifest["pictures"][name] = manifest["pictures"].pop(f"{studies.FIRST[:-1]}0")
        manifest["questions"][0]["first"] = name

    return _forged(forge)


def _deep(manifest: Any) -> None:
    manifest["more"] = json.loads("[" * 900 + "]" * 900)


def _linked(name: str, target: str) -> Callable[[Path], object]:
    """A study one of whose files is a link to a file of another's, or its folder one."""

    def make(folder: Path) -> None:
        others = folder / "others"
        (others / "kept").mkdir(parents=True)
        (others / "notes.txt").write_text("not for readers")
        made = studies.study()
        studies.write(folder / _PLACE, made)
        path = folder / _PLACE / name
        if path.is_dir():
            path.rename(path.with_name("moved"))
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to((folder / "others" / target).resolve())

    return make


def _locked(folder: Path) -> None:
    from tests.reports.runs import make_run

    make_run(folder / "theirs", "identity", {"psnr": [20.0, 21.0]}, revision="0" * 64)
    (folder / "notes.txt").write_text("not for readers")
    (folder / "out").mkdir()
    (folder / "out" / ".wespe-bench.lock").symlink_to((folder / "notes.txt").resolve())


def _pipe(folder: Path) -> None:
    import os

    studies.write(folder / _PLACE, studies.study())
    os.mkfifo(folder / _PLACE / "votes.sqlite")


def _database(*statements: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        studies.voted(folder / _PLACE)
        studies.alter(folder / _PLACE, *statements)

    return make


def _file(name: str, data: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        studies.write(folder / _PLACE, studies.study())
        (folder / _PLACE / name).write_bytes(data)

    return make


def _endless(column: str) -> str:
    return (
        f"CREATE VIEW votes AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        f'SELECT i AS number, i AS vote, 1 AS rater, {column} AS place, 1 AS "left", '
        "1 AS milliseconds, 0 AS revised FROM n"
    )


def _secret(token: str) -> Callable[[Path], object]:
    return _file("secret.json", json.dumps({"salt": "0" * 64, "token": token}).encode())


CASES = (
    Case(
        "a study whose picture is `../../escaped`",
        _renamed("../../escaped"),
        _SERVE,
        _DAMAGED.format("ValueError: '../../escaped' is not an id of 16 hexadecimal digits"),
    ),
    Case(
        "a study whose picture is `/etc/passwd`",
        _renamed("/etc/passwd"),
        _CLOSE,
        _DAMAGED.format("ValueError: '/etc/passwd' is not an id of 16 hexadecimal digits"),
    ),
    Case(
        "a study nested 200,000 deep",
        _raw("[" * 200_000),
        _SERVE,
        _DAMAGED.format("ValueError: nested too deeply"),
    ),
    Case(
        "a study with 900 lists in each other beside what belongs there",
        _forged(_deep),
        _CLOSE,
        f"{_PLACE}/study.json: ...",
    ),
    Case(
        "a study with lists in lists for a method's name",
        _picture(method=json.loads("[" * 900 + "]" * 900)),
        _CLOSE,
        _DAMAGED.format("ValueError: method is no text"),
    ),
    Case(
        "a study with a picture of NaN pixels",
        _picture(width=float("nan")),
        _SERVE,
        _DAMAGED.format("ValueError: picture aaaaaaaaaaaaaaa0: its levels are no sizes"),
    ),
    Case(
        "a study with a picture of 10^400 pixels",
        _picture(width=10**400),
        _SERVE,
        _DAMAGED.format("ValueError: picture aaaaaaaaaaaaaaa0: its levels are no sizes"),
    ),
    Case(
        "a study with 10^12 tiles for a small picture",
        _level(columns=10**6, rows=10**6),
        _SERVE,
        _DAMAGED.format(
            "ValueError: picture aaaaaaaaaaaaaaa0: its tiles are not those of its size"
        ),
    ),
    Case(
        "a study with a number of 5,000 digits",
        _raw('{"format": 1, "seed": ' + "1" * 5000 + "}"),
        _SERVE,
        f"{_PLACE}/study.json: damaged (ValueError: ...); build the study again",
    ),
    Case(
        "a study with one question twice",
        _forged(lambda manifest: manifest["questions"].append(manifest["questions"][0])),
        _SERVE,
        _DAMAGED.format("ValueError: no questions, or one twice"),
    ),
    Case(
        "a study edited to other methods than were shown",
        _forged(
            lambda manifest: manifest["pictures"][f"{studies.FIRST[:-1]}0"].update(method="x"),
            False,
        ),
        _SERVE,
        f"{_PLACE}/study.json: edited after it was built (its revision does not fit); build the "
        "study again, into another --out if there are votes",
    ),
    Case(
        "a study whose title sets the terminal's colour",
        _forged(lambda manifest: manifest.update(title="\x1b[31mred")),
        _SERVE,
        _DAMAGED.format(_TEXT.format("title")),
    ),
    Case(
        "a study whose title is half a character",
        _forged(lambda manifest: manifest.update(title="\ud800")),
        _CLOSE,
        _DAMAGED.format(_TEXT.format("title")),
    ),
    Case(
        "a study whose token sets the terminal's colour",
        _secret("\x1b[31m" + "a" * 9),
        f"{_SERVE} --host 0.0.0.0",
        f"{_PLACE}/secret.json: damaged; delete it and build the study again (ids and token "
        "change)",
    ),
    *(
        Case(
            f"a study whose {name} is a link to a {kind} of another's",
            _linked(name, target),
            verb,
            _LINK.format(name),
        )
        for name, kind, target, verb in (
            ("votes.sqlite", "file", "notes.txt", _CLOSE),
            ("votes.sqlite-wal", "file", "notes.txt", _CLOSE),
            (".wespe-bench.lock", "file", "notes.txt", _SERVE),
            ("secret.json", "file", "notes.txt", _SERVE),
            ("tiles", "folder", "kept", _SERVE),
            ("static/tiles", "folder", "kept", _CLOSE),
        )
    ),
    Case(
        "a lock that is a link to a file of another's, in a folder of results",
        _locked,
        "study build --runs theirs --method identity --images 1 --out out",
        "out/.wespe-bench.lock: a link, which could lead anywhere; delete it, a study's folder may "
        "hold only its own files",
    ),
    Case(
        "votes.sqlite that is a pipe",
        _pipe,
        _CLOSE,
        f"{_PLACE}/votes.sqlite: no file; delete it, a study's folder may hold only its own files",
    ),
    Case(
        "votes.sqlite that is no database",
        _file("votes.sqlite", b"not one" * 99),
        _CLOSE,
        f"{_PLACE}/votes.sqlite: cannot be used (file is not a database)",
    ),
    Case(
        "votes.sqlite with a trigger that deletes votes",
        _database("CREATE TRIGGER harm AFTER UPDATE ON study BEGIN DELETE FROM votes; END"),
        _CLOSE,
        _OTHER,
    ),
    Case(
        "votes.sqlite whose votes are a view without an end",
        _database("DROP TABLE votes", _endless("0")),
        _REPORT,
        _OTHER,
    ),
    Case(
        "votes.sqlite with another column",
        _database("ALTER TABLE votes ADD COLUMN more TEXT"),
        _REPORT,
        _OTHER,
    ),
    Case(
        "votes.sqlite of a browser",
        _database(
            "DROP TABLE votes",
            "DROP TABLE raters",
            "DROP TABLE study",
            "CREATE TABLE moz_places (id INTEGER)",
            "PRAGMA user_version = 0",
        ),
        _CLOSE,
        _OTHER,
    ),
    Case(
        "votes.sqlite of a layout to come",
        _database("PRAGMA user_version = 9"),
        _CLOSE,
        f"{_PLACE}/votes.sqlite: written by a newer wespe-bench (layout 9); upgrade wespe-bench",
    ),
    Case(
        "votes.sqlite with a plan of 100 MB",
        _database("UPDATE raters SET plan = CAST(zeroblob(100000000) AS TEXT)"),
        _REPORT,
        f"{_PLACE}/votes.sqlite: ...(...string or blob too big)",
    ),
    Case(
        "votes.sqlite with a plan nested 200,000 deep",
        _database(f"UPDATE raters SET plan = '{'[' * 200_000}'"),
        _REPORT,
        _VOTES.format("ValueError: nested too deeply"),
    ),
    Case(
        "votes.sqlite with a plan of -1",
        _database("UPDATE raters SET plan = '[[-1,0]]'"),
        _REPORT,
        _VOTES.format("ValueError: a damaged plan"),
    ),
    Case(
        "votes.sqlite with texts where times belong",
        _database("UPDATE votes SET milliseconds = 'soon'"),
        _REPORT,
        _VOTES.format("ValueError: a vote of rater '...' has fields that are not numbers"),
    ),
    Case(
        "votes.sqlite with votes at place -1",
        _database("UPDATE votes SET place = -1"),
        _REPORT,
        _VOTES.format("ValueError: a vote of rater '...' has fields that are not numbers"),
    ),
    Case(
        "votes.sqlite with bytes for a rater",
        _database("UPDATE raters SET rater = zeroblob(32) WHERE number = 1"),
        _REPORT,
        _VOTES.format("ValueError: rater is no text"),
    ),
)
