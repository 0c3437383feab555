"""Programs that outlive the process that started them are ended, however that process ends.

A second process waits at the end of a pipe. The pipe closes with the process that holds it, after
kill -9 too; what is noted then as running is ended, and its folder deleted.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
from typing import IO, cast

_WATCH = """
import json, os, shutil, signal, sys
running = {}
for line in sys.stdin:
    group, folder = json.loads(line)
    if folder:
        running[group] = folder
    else:
        running.pop(group, None)
for group, folder in running.items():
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
    shutil.rmtree(folder, ignore_errors=True)
"""

_lock = threading.Lock()


def watch() -> None:
    """Start the second process, so that a program is noted as soon as it has started."""
    if os.name == "posix":
        with _lock:
            _pipe(os.getpid())


def note(group: int, folder: str) -> None:
    """A process group that is running, and the folder it works in; "" says that it has ended."""
    if os.name != "posix":
        return
    with _lock:
        pipe = _pipe(os.getpid())
        try:
            pipe.write(json.dumps([group, folder]).encode() + b"\n")
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
