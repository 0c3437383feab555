"""Machine code for the hot loops: numba, kept on disk, said aloud when it is first made.

Importing this module imports numba, so the metrics import it when they are first called.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import pickle
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numba
from numba.core import event
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from wespe_bench.metrics import precompile

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: Names of the files that this process read or wrote.
used: set[str] = set()


def compiled(function: _Function) -> _Function:
    """``function`` as machine code: one thread, no interpreter lock, arithmetic as written.

    The code is kept in `precompile.folder`; where that cannot be written, every process
    compiles for itself.
    """
    dispatcher = _compile(function)
    dispatcher._cache = _Kept(function)  # pyrefly: ignore[missing-attribute]
    return dispatcher


def inner(function: _Function) -> _Function:
    """As `compiled`, for a loop that only other compiled loops call: quicker to compile."""
    return _compile(function, no_cpython_wrapper=True)


def contracted(function: _Function) -> _Function:
    """As `inner`, and a product with its sum may become one instruction, rounded once.

    Nothing else of fastmath is ever on: reordered sums move SSIM by 2e-6.
    """
    return _compile(function, no_cpython_wrapper=True, fastmath={"contract"})


def compile_now(metrics: Sequence[str]) -> None:
    """Compile what these metrics need, here, and note what was kept. Raises OSError."""
    import numpy as np

    from wespe_bench.registry import load_metric

    where = precompile.folder()
    if where is None:
        return
    precompile.remove_old(where)
    # Types, not sizes, decide what is compiled.
    image = np.zeros((16, 16, 3), np.uint8)
    for name in metrics:
        metric = load_metric(name)
        metric.compute(*((image, image) if metric.full_reference else (image,)))
        precompile.write(where / f"{name}.ready", json.dumps(sorted(used)).encode())


def _compile(function: _Function, **options: Any) -> _Function:
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    # NUMBA_DISABLE_JIT is for debugging the user's own loops: ours would take minutes a photo.
    settings = vars(numba.config)
    disabled, settings["DISABLE_JIT"] = settings["DISABLE_JIT"], 0
    try:
        return numba.njit(function, **options)  # pyrefly: ignore[bad-return]
    finally:
        settings["DISABLE_JIT"] = disabled


class _Kept(NullCache):
    """numba's cache of one function: a checked file for each types of arguments.

    numba's own would end the work at a damaged file or a full disk, would run what a flipped
    bit has made of the code, and looks at the date of one file of those inlined.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        folder = precompile.folder()
        data = None if folder is None else precompile.read(folder / self._file(sig, target_context))
        if data is None:
            return None
        target_context.refresh()
        used.add(self._file(sig, target_context))
        result = pickle.loads(data)
        return CompileResult._rebuild(target_context, *result)

    def save_overload(self, sig: Any, cres: Any) -> None:
        folder = precompile.folder()
        name = self._file(sig, cres.target_context)
        code = dumps(cres._reduce())
        try:
            if folder is not None:
                precompile.write(folder / name, code)
                used.add(name)
        except OSError:
            pass  # a full disk, a folder of somebody else's: what was compiled works all the same

    def _file(self, sig: Any, target_context: Any) -> str:
        kind = repr((sig, target_context.codegen().magic_tuple()))
        return f"{self.name}-{hashlib.sha256(kind.encode()).hexdigest()[:16]}.code"


class _Announcement(event.Listener):
    """One line on stderr when one of our loops is not in the cache."""

    def on_start(self, event: Any) -> None:
        # Workers are many, and their parent has said it.
        if multiprocessing.parent_process() is None and event.data[
            "dispatcher"
        ].__module__.startswith("wespe_bench."):
            precompile.say()

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())
