"""The engine ``ray``: the work of `wespe_bench.engines.local`, over a Ray cluster.

Actors load an enhancer or a metric once and keep it; items go out in chunks, rows come back to
the process that asked, which alone writes the store. So a lost driver costs nothing that was
stored, and a lost node only what it was just doing. Nodes need this package and must see the
photos and the run folder under the same paths: pixels never travel through Ray.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from wespe_bench.engines import THREADS, Outcome, Setup, Work, given_up, groups_of, run_batch
from wespe_bench.errors import InputError, one_line
from wespe_bench.lasting import shared
from wespe_bench.options import split_options
from wespe_bench.ray_connection import connected, import_ray
from wespe_bench.retry import Batch, Retry

#: Seconds that work waits while no worker at all can be placed: a cluster may have to grow.
PATIENCE = 300.0

# Seconds between two looks at how large a cluster is.
_ASK_EVERY = 5.0


def load(argument: str = "") -> Callable[..., Iterator[Outcome]]:
    """The engine of a spec: ``ray``, ``ray:HOST:PORT``, ``ray:auto``, with ``?workers=&gpus=``.

    Without an address: the cluster of ``RAY_ADDRESS``, else a Ray of its own on this machine.
    ``workers`` is the number of actors (default: --jobs on a Ray of its own, else as many as
    the cluster has room for), ``gpus`` the share of a GPU that each takes, 0.25 for instance.

    Raises InputError for an option that is no number, and when Ray is not installed.
    """
    bare = not argument or argument.startswith("?")
    known = {"workers": [""], "gpus": ["0"]}
    try:
        address, options = split_options("ray", f"-{argument}" if bare else argument, known)
    except InputError as error:
        raise InputError(f"--engine {str(error).replace('ray:-', 'ray', 1)}") from None
    address = "" if bare else address
    host, _, port = address.rpartition(":")
    if address not in ("", "auto") and "://" not in address and not (host and port.isdecimal()):
        raise InputError(f"--engine ray:{argument}: expected ray:HOST:PORT")
    try:
        workers, gpus = int(options["workers"] or 0), float(options["gpus"])
    except ValueError:
        workers = -1
        gpus = -1.0
    if workers < 0 or not 0 <= gpus < 1000:
        raise InputError(
            f"--engine ray:{argument}: workers is a whole number, gpus a share such as 0.25"
        )
    import_ray()
    return partial(ray, address=address, workers=workers, gpus=gpus)


def ray(
    setup: Setup,
    context: Any,
    items: Sequence[Any],
    *,
    jobs: int,
    chunk: int = 1,
    apart: Callable[[Any], Any] | None = None,
    address: str = "",
    workers: int = 0,
    gpus: float = 0.0,
) -> Iterator[Outcome]:
    """Every item's outcome, in any order, as `wespe_bench.engines.local` gives them.

    An actor that dies, alone or with its node, costs nothing: another takes its place, and
    `wespe_bench.retry` says what of its work is tried again.

    Raises InputError when the cluster cannot be reached, has no room, or loses one worker after
    the other.
    """
    if not items:
        return
    start = partial(connected, address, workers or max(jobs, 1))
    with shared(("ray", address), start) as (module, own):
        fixed = workers or (max(jobs, 1) if own else 0)
        if gpus and module.cluster_resources().get("GPU", 0) < gpus:
            raise InputError(
                f"--engine ray with gpus={gpus:g}: this Ray cluster has no GPU to share; "
                "leave gpus out to use its processors"
            )
        for _, group in groups_of(items, apart):  # an actor has a process of its own
            crew = _Crew(module, (setup, context, _surroundings()), gpus)
            retry = Retry(
                group, chunk, "Ray workers", "is there enough memory, is the package on every node?"
            )
            try:
                yield from _distribute(crew, retry, fixed)
            finally:
                crew.dismiss()


@dataclass(eq=False)
class _Worker:
    """One actor: whether it has answered yet, and the calls under way on it."""

    actor: Any
    ready: bool = False
    flying: dict[Any, Batch | None] = field(default_factory=dict)

    @property
    def held(self) -> list[Batch]:
        return [batch for batch in self.flying.values() if batch]


class _Crew:
    """The actors, and which call belongs to which of them."""

    def __init__(self, module: Any, start: tuple[Any, ...], gpus: float) -> None:
        self.module = module
        self.gpus = gpus
        self.start = module.put(start)
        self.remote = module.remote(_Actor).options(num_cpus=0 if gpus else 1, num_gpus=gpus)
        self.workers: list[_Worker] = []
        self.calls: dict[Any, _Worker] = {}

    def room(self) -> int:
        """How many workers the cluster has room for, ours included."""
        found = self.module.cluster_resources()
        share = found.get("GPU", 0) / self.gpus if self.gpus else found.get("CPU", 1)
        return max(1, int(share))

    def grow(self, count: int) -> None:
        while len(self.workers) < count:
            worker = _Worker(self.remote.remote(self.start))
            self.workers.append(worker)
            self._call(worker, worker.actor.answer.remote(), None)

    def give(self, worker: _Worker, batch: Batch) -> None:
        self._call(worker, worker.actor.work.remote(batch.items), batch)

    def _call(self, worker: _Worker, reference: Any, batch: Batch | None) -> None:
        worker.flying[reference] = batch
        self.calls[reference] = worker

    def lose(self, worker: _Worker) -> None:
        """Forget a worker."""
        self.workers.remove(worker)
        for reference in worker.flying:
            del self.calls[reference]

    def dismiss(self) -> None:
        for worker in self.workers:
            # At the end of a cluster no actor may be left to notify.
            try:
                self.module.kill(worker.actor)
            except Exception:
                continue


def _distribute(crew: _Crew, retry: Retry, fixed: int) -> Iterator[Outcome]:
    from ray.exceptions import RayError, RayTaskError

    count, asked, alive = fixed, -math.inf, time.monotonic()
    while not retry.over:
        # Nodes may join while the work is under way.
        if not fixed and time.monotonic() - asked > _ASK_EVERY:
            count, asked = crew.room(), time.monotonic()
        crew.grow(min(count, max(retry.waiting, 1)))
        for worker in crew.workers:
            while worker.ready and len(worker.flying) < 2 and (batch := retry.next(worker.held)):
                crew.give(worker, batch)
        if any(worker.ready for worker in crew.workers):
            alive = time.monotonic()
        found, _ = crew.module.wait(list(crew.calls), num_returns=1, timeout=_ASK_EVERY)
        if not found and time.monotonic() - alive > PATIENCE:
            raise InputError(
                f"Ray found no room for a worker in {PATIENCE:.0f} seconds; what is done is "
                "kept: give the cluster more CPUs or GPUs, or ask for a smaller share"
            )
        for reference in found:
            if reference not in crew.calls:
                continue
            worker = crew.calls[reference]
            outcomes: list[Outcome] = []
            try:
                outcomes = crew.module.get(reference, timeout=PATIENCE)
            except RayTaskError as error:  # what it got, or what it made, cannot be pickled
                held = worker.flying[reference]
                reason = one_line(error.cause or error)
                outcomes = [Outcome(item, error=reason) for item in (held.items if held else ())]
            except RayError:
                crew.lose(worker)
                retry.died(worker.held, ready=worker.ready)
                continue
            worker.ready = True
            del crew.calls[reference]
            if worker.flying.pop(reference):
                retry.finished()
                yield from outcomes
        yield from map(given_up, retry.given_up())


class _Actor:
    """What runs on the nodes: the work, set up once, in surroundings like the driver's."""

    def __init__(self, start: tuple[Setup, Any, dict[str, Any]]) -> None:
        setup, context, around = start
        self._work: Work | None = None
        self._error = ""
        if Path(around["folder"]).is_dir():
            os.chdir(around["folder"])
        sys.path.extend(path for path in around["path"] if path not in sys.path)
        os.environ.update(around["variables"])
        for name in THREADS:
            os.environ.setdefault(name, "1")
        try:
            self._work = setup(context)
        except BaseException as error:  # raised here it would look like a lost node
            self._error = one_line(error)

    def answer(self) -> tuple[()]:
        return ()

    def work(self, items: Sequence[Any]) -> list[Outcome]:
        if self._work is None:
            return [Outcome(item, error=self._error, fatal=True) for item in items]
        return run_batch(self._work, items)


def _surroundings() -> dict[str, Any]:
    return {
        "folder": str(Path.cwd()),
        "path": [path for path in sys.path if path],
        "variables": {k: v for k, v in os.environ.items() if k.startswith("WESPE_")},
    }
