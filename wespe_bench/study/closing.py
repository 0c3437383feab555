"""The verb ``study close``: voting is over, at once, whether or not a server runs."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.errors import InputError


@dataclass(frozen=True)
class Close:
    """End a study: a running server takes no more votes or raters. Votes stay as they are.

    Files of a static study can still be imported.

    Example:
      wespe-bench study close study
      wespe-bench study close study --reopen
    """

    folder: str
    """What study build wrote."""
    reopen: bool = False
    """Take votes again."""


def main(config: Close) -> int:
    """The verb ``study close``."""
    from wespe_bench.study import database, manifest

    folder = Path(config.folder)
    study = manifest.read(folder)
    try:
        with (
            contextlib.closing(database.connect(folder, study)) as connection,
            database.transaction(connection),
        ):
            connection.execute("UPDATE study SET closed = ?", (int(not config.reopen),))
            raters, votes = connection.execute(
                "SELECT (SELECT count(*) FROM raters), (SELECT count(*) FROM votes)"
            ).fetchone()
    except sqlite3.Error as error:
        raise InputError(f"{folder / database.FILE}: cannot be used ({error})") from None
    done = "takes votes again" if config.reopen else "closed"
    print(f"{folder}: {done}; {raters} raters, {votes} votes so far")
    return 0
