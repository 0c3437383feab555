"""One thread that owns the database; what arrives together is committed together.

A commit waits for the disk. While it does, votes gather, and the next commit takes them all: so
two hundred raters wait for a few commits, not for two hundred. An answer goes out only after
the commit that holds its vote.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from wespe_bench.study import database
from wespe_bench.study.manifest import Study
from wespe_bench.study.register import Refused, Register

Result = TypeVar("Result")

#: Most requests that share one commit.
_TOGETHER = 512

_Waiting = tuple[Callable[[Register], Any], "asyncio.Future[Any]"]


class Writer:
    """Runs functions of the `Register`, each inside a transaction. `start` it in a loop."""

    def __init__(self, folder: Path, study: Study) -> None:
        """Raises InputError as `database.connect`."""
        self._connection = database.connect(folder, study)
        self._register = Register(self._connection, study)
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="votes", daemon=True)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def run(self, work: Callable[[Register], Result]) -> Result:
        """What ``work`` returns, once it is on disk.

        Raises Refused as ``work`` does, and with 503 when the disk would not take it.
        """
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.put((work, future))
        return await future

    def stop(self) -> None:
        """Finish what is waiting, and close the database."""
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < _TOGETHER:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            todo = [item for item in batch if item is not None]
            if todo:
                answers = self._commit([work for work, _ in todo])
                futures = [future for _, future in todo]
                self._loop.call_soon_threadsafe(_answer, list(zip(futures, answers, strict=True)))
            if len(todo) < len(batch):
                return

    def _commit(self, batch: list[Callable[[Register], Any]]) -> list[Any]:
        """What each returned, or the Refused it raised; a failed commit refuses them all."""
        try:
            with database.transaction(self._connection):
                self._register.refresh()
                return [self._one(work) for work in batch]
        except sqlite3.Error as error:
            failed = Refused(503, f"nothing was stored ({error}); send it again")
        except Exception:  # of one request: the others must hear of it too, and send again
            failed = Refused(503, "nothing was stored; send it again")
        # Memory is ahead of the database now.
        try:
            self._register.forget()
        except sqlite3.Error:
            pass
        return [failed] * len(batch)

    def _one(self, work: Callable[[Register], Any]) -> Any:
        try:
            return work(self._register)
        except Refused as refused:
            return refused


def _answer(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, answer in answers:
        if future.done():  # the rater has gone away meanwhile
            continue
        if isinstance(answer, Refused):
            future.set_exception(answer)
        else:
            future.set_result(answer)
