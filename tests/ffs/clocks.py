"""Clocks for tests: one that jumps, and the real one sped up (``python -m tests.ffs.clocks``)."""

from __future__ import annotations

import sys
import time


class Jumping:
    """Time passes only by waiting, and then at once."""

    def __init__(self, now: float) -> None:
        self.time = now
        self.slept = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += seconds


class Fast:
    """The machine's clock, with waits ``factor`` times shorter."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.begun = time.time()

    def now(self) -> float:
        return self.begun + (time.time() - self.begun) * self.factor

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.factor)


if __name__ == "__main__":  # FACTOR VERB ...: the command line with a fast clock
    from ffs import retries
    from wespe_bench import cli

    factor = float(sys.argv[1])
    retries.System = lambda: Fast(factor)
    retries.TIMEOUT = 3.0
    sys.exit(cli.main(sys.argv[2:]))
