"""A study's folder may be somebody else's: no link in it may lead out of it.

What is served to others, written to or cleared away under a name in it would be another's.
"""

from __future__ import annotations

import stat
from pathlib import Path

from wespe_bench.errors import InputError
from wespe_bench.lock import NAME

_FILES = (
    *("study.json", "secret.json", "votes.sqlite", NAME),
    *("votes.sqlite-wal", "votes.sqlite-shm", "votes.sqlite-journal"),
)
_FOLDERS = ("tiles", "static", "static/page", "static/tiles")


def check(folder: Path) -> None:
    """Raise InputError where a study's own file is a link or no file, or its folder no folder."""
    for names, right, kind in ((_FILES, stat.S_ISREG, "file"), (_FOLDERS, stat.S_ISDIR, "folder")):
        for name in names:
            path = folder / name
            try:
                mode = path.lstat().st_mode
            except OSError:  # not there; or cannot be looked at, which reading it says
                continue
            if not right(mode):
                what = "a link, which could lead anywhere" if stat.S_ISLNK(mode) else f"no {kind}"
                raise InputError(
                    f"{path}: {what}; delete it, a study's folder may hold only its own files"
                )


def check_picture(folder: Path) -> None:
    """As `check`, of everything among the tiles of one picture."""
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(f"{path}: a link, or no file; delete {folder} and build again")
