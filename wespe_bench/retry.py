"""What to submit to workers, and what to do with the items of a worker that died.

A rule without processes: `wespe_bench.engines.local` and `wespe_bench.ray_engine` both drive it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wespe_bench.errors import InputError

#: An item that was in, or queued for, this many workers that died is given up.
DEATHS = 3

#: After this many deaths in a row, with nothing finished between them, the run ends.
HOPELESS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Items that are submitted together; ``deaths`` is how many workers died with them."""

    items: tuple[Any, ...]
    deaths: int = 0


class Retry:
    """Cuts ``items`` into batches of ``chunk``; after a death, retries them one at a time.

    One at a time finds the item that crashes its worker; it is given up after `DEATHS` deaths.
    Where no worker has ever finished anything, the fault is probably not the items': they are
    given up only when nothing else is left to try, and `HOPELESS` deaths in a row end the run.

    The engine calls `next` for each group of workers that die together, then `finished` or
    `died` for every batch it got, and takes the items to report as failed from `given_up`.
    """

    def __init__(self, items: Sequence[Any], chunk: int, workers: str, advice: str) -> None:
        """``workers`` and ``advice`` are the engine's words for the error that ends the run."""
        self._items = items
        self._chunk = max(chunk, 1)
        self._position = 0
        self._returned: deque[Batch] = deque()
        self._suspects: deque[Batch] = deque()
        self._submitted = 0
        self._given_up: list[Any] = []
        self._deaths_in_a_row = 0
        self._any_finished = False
        self._error = f"{{}} {workers} died one after the other; what is done is kept: {advice}"

    @property
    def waiting(self) -> int:
        """Batches to submit yet."""
        fresh = -(-(len(self._items) - self._position) // self._chunk)
        return fresh + len(self._returned) + len(self._suspects)

    @property
    def over(self) -> bool:
        """Whether every item was finished or given up."""
        return not (self.waiting or self._submitted or self._given_up)

    def next(self, held: Sequence[Batch]) -> Batch | None:
        """The batch to submit to workers that hold ``held``; None while there is none for them.

        A suspect is submitted only to workers that hold nothing else, and nothing joins it.
        """
        if any(batch.deaths for batch in held):
            return None
        if self._suspects:
            if held:
                return None
            batch = self._suspects.popleft()
        elif self._returned:
            batch = self._returned.popleft()
        elif self._position < len(self._items):
            end = self._position + self._chunk
            batch = Batch(tuple(self._items[self._position : end]))
            self._position = end
        else:
            return None
        self._submitted += 1
        return batch

    def put_back(self, batch: Batch) -> None:
        """Take back a batch that reached no worker."""
        self._submitted -= 1
        (self._suspects if batch.deaths else self._returned).appendleft(batch)

    def finished(self) -> None:
        """A batch came back, be it with errors."""
        self._submitted -= 1
        self._deaths_in_a_row = 0
        self._any_finished = True

    def died(self, held: Sequence[Batch], *, ready: bool) -> None:
        """Workers died that held ``held``; not ``ready``: before they were set up to work.

        Raises InputError when too many died in a row.
        """
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row >= HOPELESS:
            raise InputError(self._error.format(self._deaths_in_a_row))
        if not ready:
            for batch in reversed(held):
                self.put_back(batch)
            return
        self._submitted -= len(held)
        for batch in held:
            if batch.deaths + 1 < DEATHS:
                self._suspects.extend(Batch((item,), batch.deaths + 1) for item in batch.items)
                continue
            self._given_up.extend(batch.items)
            if self._any_finished:
                self._deaths_in_a_row = 0

    def given_up(self) -> list[Any]:
        """The items to report as failed now, each once."""
        if not self._any_finished and (self.waiting or self._submitted):
            return []
        given_up, self._given_up = self._given_up, []
        return given_up
