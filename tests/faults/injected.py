"""Faults put into processes from outside: code that runs first in a verb and all it starts."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path


def injected(folder: Path, source: str) -> dict[str, str]:
    """The environment of a process that runs ``source`` before anything else.

    So do the processes it starts, workers and Ray's among them. ``folder`` is made for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(source)
    return os.environ | {"PYTHONPATH": str(folder)}


def filling(flushes: int) -> Callable[[int], None]:
    """An ``os.fsync`` that after so many flushes gives a full disk's answer.

    Flushing is where file systems with delayed allocation report it.
    """
    import errno
    import os

    real, left = os.fsync, [flushes]

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    return fsync


def full_disk(folder: Path, flushes: int) -> dict[str, str]:
    """The environment of a process each of whose own processes fills the disk so."""
    return injected(
        folder,
        "from __future__ import annotations\nimport os\n"
        f"{inspect.getsource(filling)}\nos.fsync = filling({flushes})\n",
    )
