"""A lock on a folder: commands that do different work there exclude each other.

The kernel keeps the lock (flock; on Windows, locks of single bytes), so it ends with the process,
also after kill -9. It covers the processes of one machine, and of several where the file system
shares locks. On a file system without locks nothing is locked.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from wespe_bench.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# Where bytes are locked: the first of them, and how many processes may share a folder.
_BEYOND, _MOST = 1 << 30, 64

#: The lock file in the folder; its text says which work holds it.
NAME = ".wespe-bench.lock"


@contextlib.contextmanager
def held(folder: Path, work: str) -> Generator[None]:
    """Lock ``folder`` for ``work`` while the context lasts.

    Args:
        folder: The folder, which has to exist.
        work: One line of text. Processes that give the same text share the lock.

    Raises:
        InputError: Another process holds the folder for other work, or the lock file is a link.
    """
    path = folder / NAME
    if path.is_symlink():
        raise InputError(f"{path}: a link, which could lead anywhere; delete it")
    share = _share if fcntl else _share_bytes
    try:
        file = share(path, work)
    except OSError:  # a read-only folder, where writing fails next, or one without locks
        yield
        return
    with file:
        try:
            yield
        finally:
            if fcntl:  # the last process deletes the file; on Windows it stays
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if _is(path, file):
                        path.unlink()


def _share(path: Path, work: str) -> IO[str]:
    """Open and lock the file. The first process writes ``work`` into it."""
    assert fcntl
    while True:
        file = _opened(path)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                file.truncate(0)
                file.write(work)
                file.flush()
            fcntl.flock(file, fcntl.LOCK_SH)  # exclusive locks last a moment
            if _is(path, file):
                file.seek(0)
                if file.read() != work:
                    raise _busy(path)
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # the last holder has just deleted it: try again


def _share_bytes(path: Path, work: str) -> IO[str]:
    """As `_share` where a process can lock single bytes only, each for itself alone.

    Each process keeps one byte; who looks which bytes are kept, holds the first meanwhile. They lie
    beyond the text, as nobody else can read a byte that is locked.

    Raises OSError where locks are missing, or none of the bytes is free.
    """
    file = _opened(path)
    try:
        until = time.monotonic() + 10
        while not _locked(file, 0):
            if time.monotonic() > until:
                raise OSError(errno.EDEADLK, "the lock file is held", str(path))
            time.sleep(0.01)
        free = [byte for byte in range(1, _MOST + 1) if _locked(file, byte)]
        for byte in free[1:]:
            _locked(file, byte, release=True)
        if len(free) == _MOST:
            file.truncate(0)
            file.write(work)
            file.flush()
        file.seek(0)
        if file.read() != work:
            raise _busy(path)
        if not free:
            raise OSError(errno.ENOLCK, "too many processes", str(path))
        _locked(file, 0, release=True)
    except BaseException:
        file.close()
        raise
    return file


def _locked(file: IO[str], byte: int, *, release: bool = False) -> bool:
    """Lock or release a byte beyond the text; False where another process keeps it."""
    msvcrt: Any = importlib.import_module("msvcrt")
    os.lseek(file.fileno(), _BEYOND + byte, os.SEEK_SET)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK if release else msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def _opened(path: Path) -> IO[str]:
    """The lock file, never through a link: in a downloaded folder it may lead to any file."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # Windows has neither
    return os.fdopen(os.open(path, flags, 0o666), "a+", encoding="utf-8", newline="")


def _busy(path: Path) -> InputError:
    return InputError(
        f"{path.parent}: another command is at work there; choose another --out, or wait for it"
    )


def _is(path: Path, file: IO[str]) -> bool:
    """Whether ``path`` still leads to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
