"""Ctrl-C and SIGTERM: the first ends the work in order, a later one ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType

#: Signals within this many seconds count as one: `timeout` signals a command and its group, and a
#: program that started us passes its own signal on.
REPEATED = 0.5

_NOTICE = b"\nwespe-bench: this step ends, and its state is saved; Ctrl-C again ends at once\n"

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def raise_on_signals() -> None:
    """Raise KeyboardInterrupt on SIGTERM as on Ctrl-C, and once for signals close together.

    Ctrl-C stays ignored where it is, as in a shell's background jobs.
    """
    last = float("-inf")

    def stop(*_: object) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPEATED:
            last = now
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)


def die_on_signals() -> None:
    """Let the next signal kill the process, without a traceback from its exit handlers."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def deferred(wanted: bool = True) -> Generator[Callable[[], bool]]:
    """Note the first signal instead of raising it; the context's value tells whether it came.

    The loop asks where it can save, saves, and raises KeyboardInterrupt itself. A later signal
    does what it did before. Nothing changes with ``wanted`` False, outside of the main thread, or
    where signals are ignored.
    """
    came = 0.0
    handlers: dict[int, Callable[[int, FrameType | None], object]] = {}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        now = time.monotonic()
        if not came:
            came = now
            with contextlib.suppress(OSError):
                os.write(2, _NOTICE)  # print could find the stream in use
        elif now - came >= REPEATED:
            before = handlers[number]
            restore()
            before(number, frame)

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        handlers.clear()

    if wanted and threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):  # neither ignored nor left to the system
                handlers[number] = handler
                signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        restore()
