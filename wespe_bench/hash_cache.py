"""SHA-256 of files that were hashed before, kept in a small database beside other caches.

It is only a cache: damaged, locked or not writable, files are hashed again.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

#: Size in bytes, and what else changes with the bytes: the times of a file and its inode, or the
#: version of an object in a store.
Stamp = tuple[int, str]

# Entries that wait before they are written; a killed process loses no more than these.
_AT_ONCE = 10_000
# A larger database is begun again.
_MOST_BYTES = 2_000_000_000

_TABLE = """CREATE TABLE IF NOT EXISTS hashes (
path BLOB PRIMARY KEY, size INTEGER, stamp, sha256 BLOB, process INTEGER) WITHOUT ROWID"""
_QUERY = "SELECT size, stamp, sha256, process FROM hashes WHERE path = ?"

# Of a damaged file; sqlite3 fails to decode its own message where that quotes damage.
_FAULTS = (sqlite3.Error, UnicodeDecodeError)


class HashCache:
    """Path -> `Stamp` and SHA-256, in ``file`` (None: in this process only)."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._new: dict[str, tuple[Stamp, str]] = {}
        self._process = int.from_bytes(os.urandom(6), "big")
        self._only_ours = False
        self._database = self._open()
        atexit.register(self.save)

    def get(self, path: str, stamp: Stamp) -> str | None:
        """The SHA-256 of ``path`` when it had this stamp; None where that is not known."""
        with self._lock:
            if path in self._new:
                known, sha256 = self._new[path]
                return sha256 if known == stamp else None
            try:
                row = self._database.execute(_QUERY, (os.fsencode(path),)).fetchone()
            except _FAULTS as error:
                self._give_up(error)
                return None
        if row and row[:2] == stamp and (row[3] == self._process or not self._only_ours):
            return bytes(row[2]).hex()
        return None

    def put(self, path: str, stamp: Stamp, sha256: str) -> None:
        """Note the SHA-256 of ``path`` at this stamp."""
        with self._lock:
            self._new[path] = stamp, sha256
            if len(self._new) >= _AT_ONCE:
                self._write()

    def forget(self, path: str | None = None) -> None:
        """Drop ``path``; without one, trust nothing that was not hashed by this process."""
        with self._lock:
            if path is None:
                self._new.clear()
                self._process = int.from_bytes(os.urandom(6), "big")
                self._only_ours = True
                return
            self._new.pop(path, None)
            self._change("DELETE FROM hashes WHERE path = ?", [(os.fsencode(path),)])

    def save(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        rows = [
            (os.fsencode(path), *stamp, bytes.fromhex(sha256), self._process)
            for path, (stamp, sha256) in self._new.items()
        ]
        self._new.clear()
        if rows:
            self._change("REPLACE INTO hashes VALUES (?, ?, ?, ?, ?)", rows)

    def _change(self, command: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            with self._database:
                self._database.executemany(command, rows)
        except _FAULTS as error:
            self._give_up(error)

    def _open(self) -> sqlite3.Connection:
        file = self._file
        if file is None:
            return _connect(":memory:")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and file.stat().st_size > _MOST_BYTES:
                file.unlink()
            return _connect(str(file))
        except OSError:
            pass  # not writable, for instance
        except sqlite3.OperationalError:
            pass  # locked, or on a file system without locks
        except (sqlite3.DatabaseError, UnicodeDecodeError):  # damaged
            with contextlib.suppress(OSError, sqlite3.Error):
                file.unlink()
                return _connect(str(file))
        return _connect(":memory:")

    def _give_up(self, error: Exception) -> None:
        """Go on without the file; what it held is hashed again."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        if self._file is not None and not isinstance(error, sqlite3.OperationalError):
            with contextlib.suppress(OSError):
                self._file.unlink()  # damaged
        self._file = None
        self._database = _connect(":memory:")


def _connect(file: str) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=10, check_same_thread=False)
    try:
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_TABLE)
        database.commit()
    except _FAULTS:
        database.close()
        raise
    return database
