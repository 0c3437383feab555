"""votes.sqlite: raters, the plan of each, and every vote that was cast.

A vote that was changed stays in its place; of a rater's votes on one question the latest stands.
Nothing says who a rater is: no name, no address, no time of day. A rater's row is found by the
hash of the word that the rater's browser holds, so the file lets nobody vote in another's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

from wespe_bench.errors import InputError
from wespe_bench.lock import held
from wespe_bench.study.manifest import Study
from wespe_bench.study.screen import Screen

FILE = "votes.sqlite"

#: Most bytes of a cell; the plan of 2,000 questions takes 20,000.
_MOST_CELL = 1_000_000

#: What a damaged file raises; sqlite3 fails to decode its own message where that quotes damage.
FAULTS = (sqlite3.Error, UnicodeDecodeError)

#: How long (s) a writer waits for another process's transaction.
PATIENCE = 10

# What each layout adds to the one before.
_TABLES = (
    """\
CREATE TABLE study (revision TEXT NOT NULL, closed INTEGER NOT NULL);
CREATE TABLE raters (
  number INTEGER PRIMARY KEY, rater TEXT NOT NULL UNIQUE, source TEXT NOT NULL, plan TEXT NOT NULL
);
CREATE TABLE votes (
  number INTEGER PRIMARY KEY, vote BLOB NOT NULL UNIQUE, rater INTEGER NOT NULL REFERENCES raters,
  place INTEGER NOT NULL, "left" INTEGER NOT NULL, milliseconds INTEGER NOT NULL,
  revised INTEGER NOT NULL
);
CREATE INDEX votes_of ON votes (rater, place)""",
    """\
CREATE TABLE screens (
  vote INTEGER PRIMARY KEY REFERENCES votes, surround TEXT NOT NULL, width INTEGER NOT NULL,
  height INTEGER NOT NULL, ratio REAL NOT NULL
)""",
)

#: Layout number of the file, in SQLite's user_version.
LAYOUT = len(_TABLES)


def key_of(rater: str) -> str:
    """The name under which a rater's word is kept: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(rater.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@contextlib.contextmanager
def alone(folder: Path, complaint: str) -> Generator[None]:
    """Hold the study's folder. Raises InputError with ``complaint`` while another process does."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder, f"study {os.getpid()}"))
        except InputError:
            raise InputError(f"{folder} {complaint}") from None
        yield


def reason(error: Exception) -> str:
    """What SQLite says, in one line: of a damaged file it may quote statements of several.

    >>> reason(ValueError("CREATE TABLE raters (\\n  number"))
    'CREATE TABLE raters ( number'
    """
    return " ".join(str(error).split())


def connect(folder: Path, study: Study) -> sqlite3.Connection:
    """The study's votes, made where there are none; every commit is on disk when it returns.

    Raises InputError for a damaged or newer file, for one with other tables, triggers or views,
    and when there are raters of another revision of the study: it was edited after voting began.
    """
    path = folder / FILE
    connection = None
    try:
        connection = _open(path, isolation_level=None, check_same_thread=False)
        _check_tables(connection, path)  # before anything is written: it may be another's
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with transaction(connection):
            _check_layout(connection, path)
            _check_revision(connection, path, study)
    except InputError:
        if connection:
            connection.close()
        raise
    except FAULTS as error:
        if connection:
            connection.close()
        raise InputError(f"{path}: cannot be used ({reason(error)})") from None
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """All of it or nothing; no other process writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def count(folder: Path) -> int:
    """How many raters there are; 0 without a file. Raises InputError for a damaged one."""
    path = folder / FILE
    if not path.is_file():
        return 0
    try:
        with contextlib.closing(_open(path)) as connection:
            _check_tables(connection, path)
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                return 0  # killed before the first transaction
            return int(connection.execute("SELECT count(*) FROM raters").fetchone()[0])
    except FAULTS as error:
        raise InputError(f"{path}: cannot be used ({reason(error)})") from None


def is_closed(connection: sqlite3.Connection) -> bool:
    """Whether voting is over."""
    return bool(connection.execute("SELECT closed FROM study").fetchone()[0])


def _open(path: Path, **options: Any) -> sqlite3.Connection:
    """The file as data: no cell is larger than ours are, and nothing in it is run."""
    connection: sqlite3.Connection = sqlite3.connect(path, timeout=PATIENCE, **options)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_CELL)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Raise InputError unless what is there is nothing, or what is made here, to the letter.

    A trigger would run with our next write, and a view with our next question.
    """
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= layout <= LAYOUT:
        return  # `_check_layout` says what is wrong
    found = _tables(connection)
    with contextlib.closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(";".join(_TABLES[: layout or LAYOUT]))
        if found and found != _tables(ours):
            raise InputError(f"{path}: a database of another program, or altered; move it away")


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    # SQLite's own tables of statistics do nothing; its own indexes have no text.
    return connection.execute(
        "SELECT type, name, sql FROM sqlite_master "
        "WHERE NOT (type IN ('table', 'index') AND name LIKE 'sqlite~_%' ESCAPE '~') ORDER BY name"
    ).fetchall()


def _check_layout(connection: sqlite3.Connection, path: Path) -> None:
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    if layout > LAYOUT:
        raise InputError(
            f"{path}: written by a newer wespe-bench (layout {layout}); upgrade wespe-bench"
        )
    for tables in _TABLES[layout:]:
        for statement in tables.split(";\n"):
            connection.execute(statement)
    if not layout:
        connection.execute("INSERT INTO study VALUES ('', 0)")
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def add_screen(connection: sqlite3.Connection, vote: int | None, screen: Screen | None) -> None:
    """Keep the screen of the vote with this number."""
    if screen is not None:
        connection.execute(
            "INSERT INTO screens VALUES (?, ?, ?, ?, ?)",
            (vote, screen.surround, screen.width, screen.height, screen.ratio),
        )


def _check_revision(connection: sqlite3.Connection, path: Path, study: Study) -> None:
    (before,) = connection.execute("SELECT revision FROM study").fetchone()
    if before == study.revision:
        return
    raters = connection.execute("SELECT count(*) FROM raters").fetchone()[0]
    if raters:
        raise InputError(
            f"{path.parent}: the study was edited after voting began ({raters} raters saw another "
            "revision); bring its study.json back, or build into another --out"
        )
    connection.execute("UPDATE study SET revision = ?", (study.revision,))
