"""A lock on a folder: commands that do different work there exclude each other.

The kernel keeps the lock (flock), so it ends with the process, also after kill -9. It covers the
processes of one machine, and of several where the file system shares locks. On a file system
without locks nothing is locked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from wespe_bench.errors import InputError

#: The lock file in the folder; its text says which work holds it.
NAME = ".wespe-bench.lock"


@contextlib.contextmanager
def held(folder: Path, work: str) -> Iterator[None]:
    """Lock ``folder`` for ``work`` while the context lasts.

    Args:
        folder: The folder, which has to exist.
        work: One line of text. Processes that give the same text share the lock.

    Raises:
        InputError: Another process holds the folder for other work, or the lock file is a link.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    path = folder / NAME
    if path.is_symlink():
        raise InputError(f"{path}: a link, which could lead anywhere; delete it")
    try:
        file = _share(path, work)
    except OSError:  # a read-only folder, where writing fails next, or one without locks
        yield
        return
    with file:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # the last process deletes the file
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is(path, file):
                    path.unlink()


def _share(path: Path, work: str) -> IO[str]:
    """Open and lock the file. The first process writes ``work`` into it."""
    import fcntl as locks

    while True:
        # Never through a link: in a downloaded folder it may lead to a file that would be emptied.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.fdopen(os.open(path, flags, 0o666), "a+", encoding="utf-8")
        try:
            try:
                locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                file.truncate(0)
                file.write(work)
                file.flush()
            locks.flock(file, locks.LOCK_SH)  # exclusive locks last a moment
            if _is(path, file):
                file.seek(0)
                if file.read() != work:
                    raise InputError(
                        f"{path.parent}: another command is at work there; "
                        "choose another --out, or wait for it"
                    )
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # the last holder has just deleted it: try again


def _is(path: Path, file: IO[str]) -> bool:
    """Whether ``path`` still leads to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
