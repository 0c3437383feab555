"""What takes long to start is started once a command line: one Ray enhances and scores."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_stack: ExitStack | None = None
_open: dict[Hashable, Any] = {}


@contextmanager
def command_line() -> Generator[None]:
    """What `shared` opens in this block stays open to its end; in nested ones, the outermost's."""
    global _stack
    if _stack is not None:
        yield
        return
    try:
        with ExitStack() as _stack:
            yield
    finally:
        _stack = None
        _open.clear()


@contextmanager
def shared(key: Hashable, start: Callable[[], AbstractContextManager[T]]) -> Generator[T]:
    """What ``start`` opens: once for a whole `command_line`; outside of one, for this block."""
    if _stack is None:
        with start() as found:
            yield found
        return
    if key not in _open:
        _open[key] = _stack.enter_context(start())
    yield _open[key]
