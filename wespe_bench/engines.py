"""Work items in, rows out: how `enhance` and `score` spread over processes.

An engine is a function ``(setup, context, items, *, jobs, chunk, apart) -> iterator of Outcome``.
``setup(context)`` runs once in each worker and returns the work: a function of a sequence
of items that returns one Outcome per item. Items and context must pickle; outcomes come in
any order; the caller stores their rows, so an engine keeps no state worth saving.

``apart(item)`` is None for items that may share their workers with all others of that kind. Items
of any other value get worker processes that work for this value alone, with ``jobs=0`` too: other
people's code may do anything to its process.
"""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import os
import re
import signal
import sys
import threading
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from wespe_bench.compact import picked
from wespe_bench.errors import InputError, one_line, unknown
from wespe_bench.registry import ENGINE_PREFIXES, ENGINES, resolve
from wespe_bench.retry import DEATHS, Batch, Retry

#: Errors of the disk, its folders or the store, which every other item would meet too.
FATAL = frozenset(
    {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.ETIMEDOUT}
)

#: Raised by a function of pixels, they are no photo's fault: a module, a file of weights or the
#: network is missing.
UNUSABLE = (ImportError, OSError)

#: Variables that set how many threads libraries start: one, in each of several workers.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: rows for the store, or the reason why there are none.

    ``fatal`` says that the reason (a full disk, say) would meet every other item too;
    ``warning`` is a line for the run's report, ``colours`` what was done about a photo's colours
    (`wespe_bench.images.Photo`).
    """

    item: Any
    rows: tuple[dict[str, Any], ...] = ()
    error: str = ""
    fatal: bool = False
    warning: str = ""
    colours: str = ""


def silent(item: Any, error: TimeoutError) -> Outcome:
    """The outcome of an item whose photo a store did not give."""
    return Outcome(item, error=f"{error.filename}: {error.strerror}", fatal=True)


def given_up(item: Any) -> Outcome:
    """The outcome of an item that `wespe_bench.retry` gave up."""
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


def groups_of(
    items: Sequence[Any], apart: Callable[[Any], Any] | None
) -> list[tuple[bool, Sequence[Any]]]:
    """Items by the workers that they may share, and whether these are theirs alone."""
    groups: dict[Any, array[int]] = {}
    if apart is None:
        return [(False, items)]
    for place, item in enumerate(items):
        groups.setdefault(apart(item), array("I")).append(place)
    return [(key is not None, picked(items, places)) for key, places in groups.items()]


def local(
    setup: Setup,
    context: Any,
    items: Sequence[Any],
    *,
    jobs: int,
    chunk: int = 1,
    apart: Callable[[Any], Any] | None = None,
) -> Iterator[Outcome]:
    """This machine: ``jobs`` processes, or none at all with ``jobs=0``.

    A worker that dies (out of memory, a crash in a decoder, kill -9) costs nothing: the
    pool is rebuilt, and `wespe_bench.retry` says what of its work is tried again. Workers
    end when this process does, however it ends.
    """
    for alone, group in groups_of(items, apart):
        yield from _local(setup, context, group, max(jobs, 1) if alone else jobs, chunk)


def _local(
    setup: Setup, context: Any, items: Sequence[Any], jobs: int, chunk: int
) -> Iterator[Outcome]:
    if jobs == 0:
        work = setup(context)
        for start in range(0, len(items), max(chunk, 1)):
            yield from run_batch(work, items[start : start + max(chunk, 1)])
        return

    retry = Retry(items, chunk, "worker processes", "is there enough memory? try a smaller --jobs")
    running: dict[Future[Any], Batch] = {}
    pool: _Pool | None = None
    with _single_threaded_libraries(jobs):
        try:
            while not retry.over:
                pool = pool or _Pool(min(jobs, max(retry.waiting, 1)), setup, context)
                broken = not pool.submit(retry, running, 2 * jobs)
                lost: list[Batch] = []
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    batch = running.pop(future)
                    try:
                        outcomes = future.result()
                    except BrokenProcessPool:
                        lost.append(batch)
                    else:
                        retry.finished()
                        yield from outcomes
                if broken or lost:  # a pool ends with its first worker
                    lost.extend(running.values())
                    running.clear()
                    ready = pool.ready()
                    pool.stop()
                    pool = None
                    retry.died(lost, ready=ready)
                yield from map(given_up, retry.given_up())
        finally:
            if pool is not None:
                pool.stop()


_spawning = threading.Lock()


class _Process(multiprocessing.context.SpawnProcess):
    """Does not run the user's script again: our functions are all that a worker needs of us."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - multiprocessing's name
        with _spawning:
            script = sys.modules["__main__"]
            # Without a file or a name multiprocessing has nothing to import in the child.
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                return multiprocessing.context.SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = script


class _Spawn(multiprocessing.context.SpawnContext):
    Process = _Process


class _Pool:
    """Processes, spawned as work comes; all of them end when one dies."""

    def __init__(self, jobs: int, setup: Setup, context: Any) -> None:
        spawn = _Spawn()
        self._ready, self._writer = spawn.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            jobs,
            mp_context=spawn,
            initializer=_start_worker,
            initargs=(setup, context, self._writer),
        )

    def submit(self, retry: Retry, running: dict[Future[Any], Batch], most: int) -> bool:
        """Submit what there is, up to ``most`` batches; False when a worker has died."""
        while len(running) < most and (batch := retry.next(list(running.values()))):
            try:
                running[self._pool.submit(_work, batch.items)] = batch
            except BrokenProcessPool:
                retry.put_back(batch)
                return False
        return True

    def ready(self) -> bool:
        """Whether any of the workers was set up to work."""
        return self._ready.poll()

    def stop(self) -> None:
        """End the workers now: what they hold is tried again, or not wanted any more."""
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.kill()
        self._ready.close()
        self._writer.close()


@contextmanager
def _single_threaded_libraries(jobs: int) -> Generator[None]:
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


def _start_worker(setup: Setup, context: Any, ready: multiprocessing.connection.Connection) -> None:
    global _worker, _setup_error
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _worker = setup(context)
    except BaseException as error:  # raised here it would look like a crash of the pool
        _setup_error = one_line(error)
    ready.send_bytes(b".")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _work(items: Sequence[Any]) -> list[Outcome]:
    if _worker is None:
        return [Outcome(item, error=_setup_error, fatal=True) for item in items]
    return run_batch(_worker, items)


def run_batch(work: Work, items: Sequence[Any]) -> list[Outcome]:
    """The outcomes of ``items``, also where the work raises: an InputError is fatal."""
    try:
        return list(work(items))
    except (Exception, SystemExit) as error:
        reason, fatal = one_line(error), isinstance(error, InputError)
        return [Outcome(item, error=reason, fatal=fatal) for item in items]
