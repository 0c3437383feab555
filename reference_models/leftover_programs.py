"""Programs that outlive the process that started them are ended, however that process ends.

A second process waits at the end of a pipe. The pipe closes with the process that holds it, after
kill -9 too; what is noted then as running is ended, and its temporary folder deleted.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from typing import IO, cast

_WATCH = """
import json, os, shutil, signal, sys
running = {}
for line in sys.stdin:
    folder, group = json.loads(line)
    if group is None:
        running.pop(folder, None)
    else:
        running[folder] = group
for folder, group in running.items():
    try:
        if group:
            os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
    shutil.rmtree(folder, ignore_errors=True)
"""

_lock = threading.Lock()


@contextlib.contextmanager
def temporary_folder() -> Generator[str]:
    """A folder for one run of a program, deleted in the end, also when this process is killed."""
    if os.name == "posix":
        with _lock:
            _pipe(os.getpid())  # before there is a folder: to start it takes a while
    folder = ""
    try:
        with tempfile.TemporaryDirectory(prefix="wespe-bench-") as folder:
            note(folder, 0)
            yield folder
    finally:
        note(folder, None)


def note(folder: str, group: int | None) -> None:
    """The process group that runs in a folder; 0: none does; None: the folder is gone."""
    if os.name != "posix":
        return
    with _lock:
        pipe = _pipe(os.getpid())
        try:
            pipe.write(json.dumps([folder, group]).encode() + b"\n")
            pipe.flush()
        except OSError:
            pass  # somebody ended the second process; the work itself does not need it


@functools.cache
def _pipe(_: int) -> IO[bytes]:
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    watcher.returncode = 0  # it ends after us, which is no leak
    return cast(IO[bytes], watcher.stdin)
