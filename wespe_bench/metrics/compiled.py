"""Machine code for the hot loops: numba, cached on disk, said aloud when it is first made.

Importing this module imports numba, so the metrics import it when they are first called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event

_Function = TypeVar("_Function", bound=Callable[..., Any])

_cached = True


def compiled(function: _Function) -> _Function:
    """``function`` as machine code: one thread, no interpreter lock, arithmetic as written.

    The code is kept in numba's cache: ``$NUMBA_CACHE_DIR`` if set, else beside the source,
    else (a read-only installation) in the user's cache folder. Where none can be written
    it is compiled anew by every process.
    """
    return _compiled(function)


def contracted(function: _Function) -> _Function:
    """As `compiled`, and a product with its sum may become one instruction, rounded once.

    Nothing else of fastmath is ever on: reordered sums move SSIM by 2e-6.
    """
    return _compiled(function, fastmath={"contract"})


def _compiled(function: _Function, **options: Any) -> _Function:
    global _cached
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        dispatcher = numba.njit(function, cache=True, **options)
    except RuntimeError:  # numba's "no locator available": no folder can be written
        _cached = False
        return numba.njit(function, **options)  # type: ignore[no-any-return]
    # numba looks at one file's date and keeps code that was inlined from another file for ever.
    dispatcher._cache._cache_file._source_stamp = _stamp()
    return dispatcher  # type: ignore[no-any-return]


@cache
def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, date and size of every file that may hold a loop: what kept code is valid for."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    states = [(file.name, file.stat()) for file in files]
    return tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)


class _Announcement(event.Listener):
    """One line on stderr when the first of our loops is not in the cache."""

    def __init__(self) -> None:
        self.made = False

    def on_start(self, event: event.Event) -> None:
        if self.made or not event.data["dispatcher"].__module__.startswith("wespe_bench."):
            return
        self.made = True
        kept = "once for this installation" if _cached else "for this process only"
        hint = "" if _cached else "; set NUMBA_CACHE_DIR to a writable folder to keep the result"
        print(
            f"wespe-bench: compiling the metrics, {kept}, up to a minute{hint}",
            file=sys.stderr,
            flush=True,
        )

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())  # type: ignore[no-untyped-call]
