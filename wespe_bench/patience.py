"""How long a store is waited for: what is said meanwhile, and when a request is given up."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from wespe_bench import progress
from wespe_bench.errors import printable

# After this many seconds it is said what a store is waited for, then at most every `_SAY_EVERY`.
_SAY_AFTER, _SAY_EVERY = 8.0, 30.0

# An upload has this many seconds, and one for so many bytes: no library's limit ends one that
# was announced and never asked for.
_UPLOAD, _BYTES_A_SECOND = 60.0, 50_000

_last_said = -_SAY_EVERY


def options(scheme: str) -> dict[str, Any]:
    """How long S3's library waits; what ``FSSPEC_S3`` says of it counts. Others have their own."""
    if scheme != "s3":
        return {}
    from fsspec.config import conf

    chosen = conf.get("s3", {}).get("config_kwargs", {})
    # s3fs itself tries five times: 50 s, and 2 s of pauses.
    times = {"connect_timeout": 10, "read_timeout": 10, "retries": {"total_max_attempts": 1}}
    # A request that waits for one of the library's ten connections would be given up later.
    return {"config_kwargs": {**times, "max_pool_connections": 32, **chosen}}


def upload(path: Path, data: bytes) -> None:
    """Store an object. Raises TimeoutError where the store is silent for too long."""
    remote = cast(Any, path)
    if not getattr(remote.fs, "async_impl", False):
        remote.fs.pipe_file(remote.path, data)
        return
    from fsspec.asyn import sync

    limit = _UPLOAD + len(data) / _BYTES_A_SECOND
    sync(remote.fs.loop, remote.fs._pipe_file, remote.path, data, timeout=limit)


def ended(error: BaseException) -> bool:
    """Whether an exception, of whichever library, says that the store did not answer in time."""
    return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__


@contextmanager
def said(path: Path) -> Generator[None]:
    """Say on standard error what is waited for, where a store takes long to answer."""

    def say() -> None:
        global _last_said
        if progress.silent or time.monotonic() - _last_said < _SAY_EVERY:
            return
        _last_said = time.monotonic()
        print(
            f"wespe-bench: waiting for {printable(str(path))}: the store has not answered for "
            f"{_SAY_AFTER:.0f} s; S3 is given up after about a minute, Ctrl-C ends the wait",
            file=sys.stderr,
        )

    timer = threading.Timer(_SAY_AFTER, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
