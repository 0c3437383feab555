"""Work items in, rows out: how `enhance` and `score` spread over processes.

An engine is a function ``(setup, context, items, *, jobs, chunk) -> iterator of Outcome``.
``setup(context)`` runs once in each worker and returns the work: a function of a sequence
of items that returns one Outcome per item. Items and context must pickle; outcomes come in
any order; the caller stores their rows, so an engine keeps no state worth saving.
"""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from wespe_bench.errors import InputError, one_line
from wespe_bench.registry import ENGINE_PREFIXES, ENGINES, resolve, unknown

#: An item that was alone with, or among, this many workers that died is given up.
DEATHS = 3

#: Workers that die this often in a row without finishing anything die of their own.
HOPELESS = 12

#: Errors of the disk and its folders, which every other item would meet too.
FATAL = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM})

#: What tells libraries how many threads to start: one, in each of several workers.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: rows for the store, or the reason why there are none.

    ``fatal`` says that the reason (a full disk, say) would meet every other item too.
    """

    item: Any
    rows: tuple[dict[str, Any], ...] = ()
    error: str = ""
    fatal: bool = False


def given_up(item: Any) -> Outcome:
    """What becomes of an item that was there at `DEATHS` deaths."""
    return Outcome(
        item,
        error=f"its worker process died {DEATHS} times "
        "(out of memory, or a crash inside a library)",
    )


Work = Callable[[Sequence[Any]], Sequence[Outcome]]
Setup = Callable[[Any], Work]


def load_engine(name: str) -> Callable[..., Any]:
    """The engine that ``name`` names: local, ray, ray:ADDRESS, ray?gpus=0.25."""
    if name in ENGINES:
        engine: Callable[..., Any] = resolve(ENGINES[name])
        return engine
    prefix = re.split("[:?]", name, maxsplit=1)[0]
    if prefix not in ENGINE_PREFIXES:
        raise unknown("engine", name, [*ENGINES, *ENGINE_PREFIXES])
    engine = resolve(ENGINE_PREFIXES[prefix])(name[len(prefix) :].removeprefix(":"))
    return engine


def parse_shard(text: str) -> tuple[int, int]:
    """ "2/5" -> (2, 5): the second of five shards. Raises InputError on anything else.

    >>> parse_shard("2/5")
    (2, 5)
    """
    index, slash, count = text.partition("/")
    if (
        slash
        and text.isascii()
        and index.isdecimal()
        and count.isdecimal()
        and 1 <= int(index) <= int(count)
    ):
        return int(index), int(count)
    raise InputError(f"--shard {text!r}: expected i/n with 1 <= i <= n, for instance 1/4")


def chunk_of(files: Iterable[Path], count: int) -> int:
    """Items per task, of ``count`` whose files these are: small ones travel together."""
    if count < 64:
        return 1
    sizes = [file.stat().st_size for file in islice(files, 16) if file.is_file()]
    typical = sum(sizes) / max(len(sizes), 1)
    return max(1, min(32, count // 32, int(1_000_000 // (typical + 1))))


def local(
    setup: Setup, context: Any, items: Sequence[Any], *, jobs: int, chunk: int = 1
) -> Iterator[Outcome]:
    """This machine: ``jobs`` processes, or none at all with ``jobs=0``.

    A worker that dies (out of memory, a crash in a decoder, kill -9) costs nothing: the
    pool is rebuilt, and what it held is tried again one at a time; an item that was there
    at `DEATHS` deaths is given up with a reason. Workers end when this process does,
    however it ends.
    """
    chunks = deque(tuple(items[i : i + chunk]) for i in range(0, len(items), max(chunk, 1)))
    if jobs == 0:
        work = setup(context)
        while chunks:
            yield from work(chunks.popleft())
        return

    alone: deque[tuple[Any, ...]] = deque()
    deaths: Counter[int] = Counter()
    running: dict[Future[Any], tuple[Any, ...]] = {}
    pool: ProcessPoolExecutor | None = None
    breaks_in_a_row, any_lived = 0, False
    with _single_threaded_libraries(jobs):
        try:
            while chunks or alone or running:
                pool = pool or _pool(min(jobs, len(chunks) + len(alone) + 1), setup, context)
                lost: list[tuple[Any, ...]] = []
                try:
                    # After a death every suspect works alone, so the next one is no riddle.
                    if alone:
                        if not running:
                            future = pool.submit(_work, alone[0])
                            running[future] = alone.popleft()
                    else:
                        while chunks and len(running) < 2 * jobs:
                            future = pool.submit(_work, chunks[0])
                            running[future] = chunks.popleft()
                except BrokenProcessPool:
                    lost.extend(running.values())
                    running.clear()
                done = wait(running, return_when=FIRST_COMPLETED).done if running else set()
                for future in done:
                    batch = running.pop(future)
                    try:
                        outcomes = future.result()
                    except BrokenProcessPool:
                        lost.append(batch)
                    else:
                        breaks_in_a_row, any_lived = 0, True
                        yield from outcomes
                if not lost:
                    continue
                lost.extend(running.values())
                running.clear()
                _stop(pool)
                pool = None
                breaks_in_a_row += 1
                if breaks_in_a_row >= HOPELESS:
                    raise InputError(
                        f"{breaks_in_a_row} worker processes died one after the other; "
                        "is there enough memory? try a smaller --jobs"
                    )
                for item in (item for batch in lost for item in batch):
                    deaths[id(item)] += 1
                    if deaths[id(item)] < DEATHS:
                        alone.append((item,))
                    else:
                        if any_lived:  # else it is none of the items that kills the workers
                            breaks_in_a_row = 0
                        yield given_up(item)
        finally:
            if pool is not None:
                _stop(pool)


def _pool(jobs: int, setup: Setup, context: Any) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(setup, context),
    )


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the pool now: what its workers hold is tried again, or was not wanted any more."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)
        if process.is_alive():
            process.kill()


@contextmanager
def _single_threaded_libraries(jobs: int) -> Iterator[None]:
    """One process per core, so each keeps to one thread; what the user set stays."""
    added = [name for name in THREADS if jobs > 1 and name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


_worker: Work | None = None
_setup_error = ""


def _start_worker(setup: Setup, context: Any) -> None:
    global _worker, _setup_error
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _worker = setup(context)
    except BaseException as error:  # raised here it would look like a crash of the pool
        _setup_error = one_line(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _work(items: Sequence[Any]) -> Sequence[Outcome]:
    if _worker is None:
        return [Outcome(item, error=_setup_error, fatal=True) for item in items]
    return list(_worker(items))
