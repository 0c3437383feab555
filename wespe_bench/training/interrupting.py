"""Ctrl-C during a training: the step at work ends, its state is saved, then the training does."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

_SAID = b"\nwespe-bench: this step ends, and its state is saved; Ctrl-C again ends at once\n"


@contextlib.contextmanager
def deferred(lone: bool = True) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C, or a batch system's SIGTERM, has come: the loop asks where it can save.

    It then saves, and raises KeyboardInterrupt. A second one ends at once, as ever. Nothing is
    deferred outside of the main thread, where signals are ignored, and unless ``lone``: of
    several processes each would wait for the others.
    """
    come = False
    before: dict[int, object] = {}

    def note(number: int, _: object) -> None:
        nonlocal come
        come = True
        restore()
        with contextlib.suppress(OSError):
            os.write(2, _SAID)  # a stream may be at work just now

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        before.clear()

    if lone and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):  # neither ignored nor left to the system
                before[number] = handler
                signal.signal(number, note)
    try:
        yield lambda: come
    finally:
        restore()
