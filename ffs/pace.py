"""Time as the crawler knows it, and how it keeps from asking too often.

A `Clock` can be replaced: with one that jumps, hours of politeness pass in no time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the crawler reads the time, and where it waits."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class System:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Pace:
    """At most ``per_second`` turns a second: `turn` waits until the next one is due."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap = 1 / per_second
        self._clock = clock
        self._last: float | None = None

    def turn(self) -> None:
        now = self._clock.now()
        # A clock that was set back must not make us wait for the time it lost.
        if self._last is not None and now >= self._last:
            while (left := self._last + self._gap - self._clock.now()) > 0:
                self._clock.sleep(left)
        self._last = self._clock.now()
