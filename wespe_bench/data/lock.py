"""Keeping two verbs with different work out of one folder, while those with the same share it.

The lock is the kernel's (flock), so a killed process holds none. It binds the processes of one
machine, and of others where the file system carries locks; where it has none, nothing is held.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from wespe_bench.errors import InputError

#: The file's name in the folder; its text says which work goes on there.
NAME = ".wespe-bench.lock"


@contextlib.contextmanager
def held(folder: Path, work: str) -> Iterator[None]:
    """Hold ``folder`` for ``work``, a line of text that is the same for the same work.

    Raises InputError while another process holds it for other work.
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
            with contextlib.suppress(OSError):  # the last one out takes the file away
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is(path, file):
                    path.unlink()


def _share(path: Path, work: str) -> IO[str]:
    """The lock's file, open and held. Whoever is alone with it writes what the work is."""
    import fcntl as locks

    while True:
        # Never through a link: in a stranger's folder it leads to a file that would be emptied.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.fdopen(os.open(path, flags, 0o666), "a+", encoding="utf-8")  # held by the caller
        try:
            try:
                locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                file.truncate(0)
                file.write(work)
                file.flush()
            locks.flock(file, locks.LOCK_SH)  # others hold it alone for a moment only
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
        file.close()  # the one before us has just taken it away


def _is(path: Path, file: IO[str]) -> bool:
    """Whether ``path`` still leads to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
