"""Writing files so that a reader, or a crash, never meets half of one.

Every write goes to a temporary name in the same folder, is flushed to disk and renamed.
The temporary name carries the host and process that made it, so that leftovers of a
killed process can be distinguished from the work of a living one.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wespe_bench import paths

_counter = itertools.count()
_TEMPORARY = re.compile(r"^\..{0,80}\.(?P<host>[0-9A-Za-z_-]+)\.(?P<pid>\d+)\.\d+\.tmp$")


#: Windows would turn line ends otherwise.
_BINARY = getattr(os, "O_BINARY", 0)


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z_-]", "-", socket.gethostname()) or "host"


def write_bytes(path: Path, data: bytes | memoryview, *, mode: int = 0o666) -> None:
    """Write ``data`` to ``path`` atomically, creating parent folders; or to a store.

    ``mode``: who may read it from its first moment on, as ``os.open`` takes it (less the umask).

    Raises OSError (full disk, no permission) and then leaves ``path`` as it was.
    """
    with writer(path, mode=mode) as file:
        file.write(data)


@contextmanager
def writer(path: Path, *, mode: int = 0o666) -> Generator[IO[bytes]]:
    """A file to write to, as `write_bytes`: it becomes ``path`` where the block ends well."""
    if paths.is_remote(path):
        whole = io.BytesIO()
        yield whole
        paths.write_bytes(path, whole.getbuffer())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is cut so that a long file name plus our suffix stays within the 255 bytes
    # most file systems allow.
    short = path.name.encode()[:80].decode(errors="ignore")
    temporary = path.parent / f".{short}.{_host()}.{os.getpid()}.{next(_counter)}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # A full disk names no file, a folder that cannot be written the temporary one.
        if isinstance(error, OSError) and error.filename in (None, temporary, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with ``\\n`` line ends, atomically.

    A lone surrogate, which a name that is not UTF-8 leads to, is written as ``\\udc80``: in JSON
    that is the same character.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def remove_leftovers(folder: Path) -> int:
    """Delete temporary files that dead processes of this host left below ``folder``.

    Returns how many were deleted. Files of living processes and of other hosts stay.
    """
    import psutil

    removed = 0
    if paths.is_remote(folder):  # a store shows nothing half written
        return removed
    host = _host()
    for listing in paths.walk(folder, lambda path, why: None, within=folder):
        for name in listing.files:
            match = _TEMPORARY.match(name) if name.endswith(".tmp") else None
            if match and match["host"] == host and not psutil.pid_exists(int(match["pid"])):
                (listing.path / name).unlink(missing_ok=True)
                removed += 1
    return removed


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot sync a folder; the rename stands all the same
    finally:
        os.close(descriptor)
