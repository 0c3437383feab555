"""The progress bar of every long verb: count, rate and time left, on standard error."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

#: A part is written after this share of the time spent so far, within these bounds (s), so
#: a kill costs little and a night's run does not end in a million files.
_SHARE, _SOONEST, _LATEST = 0.05, 2.0, 30.0

# Rows that wait to be written at most: a thousand bytes each.
_MOST_ROWS = 20_000


#: Whether the command line asked for quiet (-q): no progress, no remarks about waiting.
silent = False


def bar(
    total: int, title: str, unit: str = "photo", *, quiet: bool = False, delay: float = 0
) -> Any:
    """A tqdm bar, in notebooks a widget; where nobody watches (a log file) it reports every 30 s.

    What is over within ``delay`` seconds shows none.
    """
    notebook = "ipykernel" in sys.modules
    tqdm: Any = importlib.import_module("tqdm.auto" if notebook else "tqdm").tqdm
    watched = notebook or sys.stderr.isatty()
    made: Any = tqdm(
        total=total,
        desc=title,
        unit=unit,
        disable=quiet or silent or not total,
        mininterval=0.2 if watched else 30,
        miniters=1,
        dynamic_ncols=watched,
        smoothing=0.1,
        delay=delay,
        file=sys.stderr,
    )
    # Of itself tqdm reads the wall's clock: put back an hour, the bar would stand still for one.
    made._time = time.monotonic
    made.start_t = made.last_print_t = time.monotonic()
    return made


class Flushing:
    """Collects rows and hands them to ``write`` now and then: at the latest every 30 s."""

    def __init__(self, write: Callable[[Sequence[Any]], None]) -> None:
        self._write = write
        self._rows: list[Any] = []
        self._begun = self._last = time.monotonic()

    def add(self, rows: Iterable[Any]) -> None:
        self._rows.extend(rows)
        now = time.monotonic()
        wait = min(max(_SHARE * (now - self._begun), _SOONEST), _LATEST)
        if now - self._last >= wait or len(self._rows) >= _MOST_ROWS:
            self.flush()

    def flush(self) -> None:
        self._last = time.monotonic()
        rows, self._rows = self._rows, []
        if rows:
            self._write(rows)
