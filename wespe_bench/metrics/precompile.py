"""Compile the metrics before they are needed: in one process, said once, kept for all verbs.

`run` calls `start` before it enhances, so that compiling and enhancing lie side by side, and
`score` calls `finish` before its workers begin. Only the loops of the metrics asked for are
compiled. What is kept is only a cache: a missing or damaged file is compiled again.

This module does not import numba; `wespe_bench.metrics.compiled` reads and writes through it.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path

from wespe_bench import atomic, progress
from wespe_bench.provenance import cache_folder
from wespe_bench.registry import METRICS

_VARIABLE = "NUMBA_CACHE_DIR"
_NAME = "compiled-metrics-"
_VERSIONS_KEPT = 8
_HASH = hashlib.sha256().digest_size
# Bytes that the code of all metrics takes, amply.
_ROOM = 2**21
_WITHOUT_LOOPS = frozenset({"bpp", "cornia", "delta_e", "psnr_y"})

# Run by a fresh interpreter with this one's module path: no script of the user's is imported.
_CHILD = (
    "import json, sys; sys.path[:], names = json.loads(sys.argv[1]); "
    "from wespe_bench.metrics.compiled import compile_now; compile_now(names)"
)

_running: tuple[subprocess.Popen[bytes], list[str]] | None = None
_said = False


def folder() -> Path | None:
    """Where machine code is kept: below ``$NUMBA_CACHE_DIR`` if set, else in our cache folder.

    The last part of its name changes with the metrics' source, the libraries and the
    processor. None for a user without a home.
    """
    chosen = os.environ.get(_VARIABLE)
    parent = Path(chosen) if chosen else cache_folder()
    return None if parent is None else parent / f"{_NAME}{_version()}"


@cache
def _version() -> str:
    parts = [platform.python_implementation(), platform.python_version(), _processor()]
    parts += [importlib.metadata.version(name) for name in ("numba", "llvmlite")]
    # Loops are inlined into loops of other files, so all files count, and their contents: a
    # file's date says nothing after a checkout or an installation.
    parts += [file.read_text("utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(8192).split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    kept = [line for line in first if line.startswith(("model name", "flags", "Features", "CPU"))]
    return "\n".join([platform.machine(), *kept])


def read(path: Path) -> bytes | None:
    """What `write` wrote; None where there is nothing, or something damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data[_HASH:] if hashlib.sha256(data[_HASH:]).digest() == data[:_HASH] else None


def damaged(where: Path) -> list[Path]:
    """What lies in that `folder` and is not what `write` wrote."""
    kept = sorted([*where.glob("*.code"), *where.glob("*.ready")])
    return [path for path in kept if read(path) is None]


def write(path: Path, data: bytes) -> None:
    """Write ``data`` with its hash before it, atomically. Raises OSError."""
    atomic.write_bytes(path, hashlib.sha256(data).digest() + data)


def is_ready(metrics: Collection[str]) -> bool:
    """Whether all loops of these metrics are kept, undamaged."""
    where = folder()
    return where is not None and all(
        (listed := read(where / f"{name}.ready")) is not None
        and all(read(where / file) is not None for file in json.loads(listed))
        for name in _with_loops(metrics)
    )


def _with_loops(metrics: Collection[str]) -> list[str]:
    wanted = {name.partition("?")[0] for name in metrics} - _WITHOUT_LOOPS
    return [name for name in METRICS if name in wanted]


def start(metrics: Collection[str]) -> None:
    """Begin to compile what these metrics need and the cache lacks, in a process of its own."""
    global _running
    if _running is not None or is_ready(metrics):
        return
    say()
    names = _with_loops(metrics)
    try:
        if not _can_write():
            os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="wespe-bench-")
            atexit.register(shutil.rmtree, os.environ[_VARIABLE], ignore_errors=True)
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, json.dumps([sys.path, names])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process to handle
        )
    except OSError:
        return  # a full disk, say: the workers compile for themselves
    atexit.register(process.terminate)
    _running = process, names


def finish(metrics: Collection[str]) -> None:
    """As `start`, and wait until it is done. What fails here the workers compile themselves."""
    global _running
    asked: list[str] = []
    while not set(asked).issuperset(_with_loops(metrics)):
        start(metrics)
        if _running is None:
            return
        process, asked = _running
        process.wait()
        atexit.unregister(process.terminate)
        _running = None


def remove_old(where: Path) -> None:
    """Leave the machine code of the latest versions of the package."""
    others = [other for other in where.parent.glob(f"{_NAME}*") if other != where]
    others.sort(key=lambda other: other.stat().st_mtime)
    for other in others[:-_VERSIONS_KEPT]:
        shutil.rmtree(other, ignore_errors=True)


def _can_write() -> bool:
    """Whether the machine code can be kept: a folder of ours, with room in it."""
    where = folder()
    if where is None:
        return False
    try:
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=where) as file:
            file.write(bytes(_ROOM))
            file.flush()
        return True
    except OSError:
        return False


def say() -> None:
    """The one line about compiling, on stderr; once a process."""
    global _said
    kept = "once for this installation"
    if not _can_write():
        kept = "for this command only; set WESPE_CACHE to a writable folder with room to keep them"
    if not _said and not progress.silent:
        print(f"wespe-bench: compiling the metrics, {kept}", file=sys.stderr, flush=True)
    _said = True
