"""What a crawl knows, in SQLite: windows, photos, licences; made of the raw replies alone.

A reply is on disk before it is applied here, in one transaction with its number: a crawl killed
between the two goes on with the replies that the database has not seen, and a lost or damaged
database is rebuilt from all of them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from ffs.listing import Listed
from ffs.windows import Window
from wespe_bench.errors import InputError, one_line

FILE = "crawl.sqlite"
SCHEMA = 1

_PHOTO = [field.name for field in fields(Listed)]
_WINDOW = [field.name for field in fields(Window)]
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE licences (id INTEGER PRIMARY KEY, name TEXT, url TEXT);
CREATE TABLE windows (
    number INTEGER PRIMARY KEY, begin INTEGER, "end" INTEGER, floor INTEGER, few INTEGER,
    many INTEGER, total INTEGER, pages INTEGER, page INTEGER, done INTEGER);
CREATE TABLE refreshes (
    round INTEGER, number INTEGER, page INTEGER, done INTEGER, PRIMARY KEY (round, number));
CREATE TABLE photos (
    place INTEGER PRIMARY KEY, id TEXT UNIQUE, owner TEXT, owner_name TEXT, license INTEGER,
    uploaded INTEGER, views INTEGER, faves INTEGER, width INTEGER, height INTEGER, url TEXT,
    url_width INTEGER, url_height INTEGER,
    state TEXT NOT NULL, why TEXT NOT NULL, asked TEXT NOT NULL DEFAULT '', counted REAL,
    round INTEGER NOT NULL DEFAULT 0, download TEXT, sha256 TEXT);
CREATE INDEX by_state ON photos (state, place);
CREATE INDEX by_owner ON photos (owner);
CREATE INDEX by_download ON photos (download);
"""


class State:
    """The database of the crawl in ``folder``; made when there is none.

    Raises InputError when it is damaged or newer. A photo's ``state`` is "wanted", "incomplete",
    "kept", "out" (a filter, named in ``why``) or "failed" (a download, why in ``why``).
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        with one_line_errors(folder):
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA secure_delete = ON")  # what is forgotten is not left in the file
        (sound,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(sound)
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        if schema > SCHEMA:
            raise InputError(f"{self.path}: written by a newer wespe-bench; upgrade to read it")
        if schema == 0:
            self._db.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {SCHEMA};COMMIT;")
        self._check()

    def _check(self) -> None:
        """Raise sqlite3.DatabaseError unless tables and types are those that are written here."""
        with contextlib.closing(sqlite3.connect(":memory:")) as ours:
            ours.executescript(_TABLES)
            columns = _columns(ours)
        more = "SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index') LIMIT 1"
        if _columns(self._db) != columns or self._db.execute(more).fetchone():
            raise sqlite3.DatabaseError("its tables are not a crawl's")
        for table, found in columns.items():
            other = " OR ".join(
                f"typeof(\"{name}\") NOT IN ('{type_.lower()}', 'null')" for name, type_ in found
            )
            if self._db.execute(f"SELECT 1 FROM {table} WHERE {other} LIMIT 1").fetchone():
                raise sqlite3.DatabaseError(f"{table} holds values of a wrong type")

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Generator[None]:
        """All of it, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    def get(self, name: str) -> int:
        """A number kept under ``name``, 0 at first: "reply", "listed", "known", "round"."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def set(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # windows

    def windows(self) -> list[Window]:
        """All of them, by number."""
        rows = self._db.execute("SELECT * FROM windows ORDER BY number").fetchall()
        plain = [{name: row[name] for name in _WINDOW} for row in rows]
        return [Window(**row | {"done": bool(row["done"])}) for row in plain]

    def put_window(self, window: Window) -> None:
        marks = ",".join("?" * len(_WINDOW))
        self._db.execute(f"INSERT OR REPLACE INTO windows VALUES ({marks})", astuple(window))

    # photos

    def photo(self, id_: str) -> sqlite3.Row | None:
        """One photo's row."""
        row: sqlite3.Row | None
        row = self._db.execute("SELECT * FROM photos WHERE id = ?", (id_,)).fetchone()
        return row

    def add_photo(self, photo: Listed, state: str, why: str, at: float, round_: int) -> None:
        names = [*_PHOTO, "state", "why", "counted", "round"]
        marks = ",".join("?" * len(names))
        self._db.execute(
            f"INSERT INTO photos ({','.join(names)}) VALUES ({marks})",
            (*(getattr(photo, name) for name in _PHOTO), state, why, at, round_),
        )

    def change(self, id_: str, **values: Any) -> None:
        """Set some of a photo's columns."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE photos SET {names} WHERE id = ?", (*values.values(), id_))

    def remove(self, id_: str) -> None:
        self._db.execute("DELETE FROM photos WHERE id = ?", (id_,))

    def count(self, *states: str) -> int:
        """How many photos are in one of the states."""
        marks = ",".join("?" * len(states))
        query = f"SELECT COUNT(*) FROM photos WHERE state IN ({marks})"
        return int(self._db.execute(query, states).fetchone()[0])

    def first(self, state: str) -> sqlite3.Row | None:
        """The photo that has been in the state for longest."""
        query = "SELECT * FROM photos WHERE state = ? ORDER BY place LIMIT 1"
        row: sqlite3.Row | None = self._db.execute(query, (state,)).fetchone()
        return row

    def rows(self, query: str, *values: Any) -> Sequence[sqlite3.Row]:
        """What an SQL query gives."""
        return self._db.execute(query, values).fetchall()

    def of_owner(self, owner: str) -> int:
        """How many photos of one owner's there are, or are to be, in the crawl."""
        query = (
            "SELECT COUNT(*) FROM photos WHERE owner = ? "
            "AND state IN ('wanted', 'incomplete', 'kept')"
        )
        return int(self._db.execute(query, (owner,)).fetchone()[0])

    def put_licence(self, number: int, name: str, url: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO licences VALUES (?, ?, ?)", (number, name, url))

    def licences(self) -> dict[int, str]:
        """Id -> the address of each licence that Flickr lists."""
        rows = self.rows("SELECT id, url FROM licences")
        return {row["id"]: row["url"] or "" for row in rows}

    def left_out(self) -> dict[str, int]:
        """Why -> how many listed photos were left out for that, most first."""
        rows = self.rows(
            "SELECT why || CASE why WHEN 'licence' THEN ' ' || "
            "COALESCE(licences.name, photos.license, 'unknown') ELSE '' END AS reason, "
            "COUNT(*) AS n FROM photos LEFT JOIN licences ON licences.id = photos.license "
            "WHERE state = 'out' GROUP BY reason ORDER BY n DESC, reason"
        )
        return {row["reason"]: row["n"] for row in rows}

    # rounds of --refresh

    def refreshed(self, round_: int) -> dict[int, tuple[int, bool]]:
        """Window number -> last page read again in a round, and whether that was all."""
        rows = self.rows("SELECT number, page, done FROM refreshes WHERE round = ?", round_)
        return {row["number"]: (row["page"], bool(row["done"])) for row in rows}

    def put_refreshed(self, round_: int, number: int, page: int, done: bool) -> None:
        values = (round_, number, page, done)
        self._db.execute("INSERT OR REPLACE INTO refreshes VALUES (?, ?, ?, ?)", values)


def _columns(db: sqlite3.Connection) -> dict[str, list[tuple[str, str]]]:
    """Table -> name and type of its columns."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: [(row[1], row[2]) for row in db.execute(f'PRAGMA table_info("{name}")')]
        for (name,) in sorted(map(tuple, names))
        if not name.startswith("sqlite_")
    }


@contextlib.contextmanager
def one_line_errors(folder: Path) -> Generator[None]:
    """SQLite's errors as InputError, one line with the remedy."""
    path = folder / FILE
    try:
        yield
    except sqlite3.Error as error:
        text = one_line(error).partition(": ")[2]
        if "full" in text or "disk I/O" in text or "readonly" in text or "unable to open" in text:
            raise InputError(
                f"{path}: {text}; what is fetched is kept, the same command goes on"
            ) from None
        if "locked" in text:
            raise InputError(f"{path}: in use by another program; wait for it") from None
        raise InputError(
            f"{path}: damaged ({text}); wespe-bench ffs crawl --rebuild makes it again from the "
            "raw replies, and nothing is lost"
        ) from None


def set_aside(folder: Path) -> None:
    """Move the database out of the way, to ``crawl.sqlite.old``; to ``.old2`` and so on where
    there is one already. Raises OSError.
    """
    path = folder / FILE
    for ending in ("-wal", "-shm"):
        path.with_name(FILE + ending).unlink(missing_ok=True)
    if path.exists():
        taken = {there.name for there in set_asides(folder)}
        names = (f"{FILE}.old{number}" for number in ("", *range(2, len(taken) + 3)))
        path.replace(path.with_name(next(name for name in names if name not in taken)))


def set_asides(folder: Path) -> list[Path]:
    """The databases that `set_aside` has moved."""
    return sorted(folder.glob(f"{FILE}.old*"))
