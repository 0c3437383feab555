"""Run x metrics -> scores: reads the PNGs back, pairs them by id, appends rows.

A row for the same image, reference, seed and metric version is kept. A changed image, reference
or version is scored again, and so is a reference that another version of the decoders reads.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wespe_bench import describe, proof, score_plan, tracking
from wespe_bench.arguments import TrackOption, WorkerOptions
from wespe_bench.compact import chained
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_jobs
from wespe_bench.paths import to_path
from wespe_bench.registry import full_spec, is_foreign
from wespe_bench.runs import Failure, Run, tell
from wespe_bench.score_worker import Context, Item, failure_row, open_worker

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.driver import Row
    from wespe_bench.engines import Outcome
    from wespe_bench.metric_function import MetricFunction
    from wespe_bench.types import Metric

#: What `score` computes by default.
DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim", "entropy", "bpp")


def score(
    run: Run | Path | str,
    metrics: Sequence[str | Metric | MetricFunction] = DEFAULT_METRICS,
    *,
    jobs: int = 0,
    shard: tuple[int, int] = (1, 1),
    quiet: bool = False,
) -> pd.DataFrame:
    """Score one run; rows that are there already are kept.

    Full-reference metrics are left out on a data set without references.

    Args:
        run: A run, or its folder.
        metrics: Names, specs such as ``file.py:METRIC`` (`wespe_bench.load_metric`), or metrics
            that a module holds.
        jobs: Processes that work at once; 0 is this one.
        shard: (i, n): only every n-th photo, from the i-th on.
        quiet: Show no progress.

    Returns:
        The run's scores, as `wespe_bench.load_scores`. Photos that fail are recorded in the run
        folder (`wespe_bench.store.load_failures`) and do not stop the rest.

    Raises:
        InputError: The folder is no run, or a metric is unknown.
    """
    from wespe_bench.metric_function import spec_of
    from wespe_bench.run import load_scores

    folder = run.folder if isinstance(run, Run) else to_path(run)
    score_runs([folder], [spec_of(one) for one in metrics], jobs=jobs, shard=shard, quiet=quiet)
    return load_scores(folder)


def score_runs(
    folders: Sequence[Path],
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    jobs: int,
    shard: tuple[int, int] = (1, 1),
    force: bool = False,
    quiet: bool = False,
    engine: str = "local",
    scorers: Mapping[str, describe.Scorer] | None = None,
) -> list[Run]:
    """Score several runs through one engine; one Run per folder, in order.

    Metrics of ours share their workers; each of other people's has workers of its own.
    ``scorers`` is what `wespe_bench.describe.metrics` says of the metrics, where it was asked.
    In the result ``done`` and ``kept`` count photos: with at least one new row, and with
    all rows there already.
    """
    from wespe_bench.driver import append_rows, run_items
    from wespe_bench.engines import chunk_of, load_engine
    from wespe_bench.metrics import precompile

    run_engine = load_engine(engine)
    metrics = [full_spec("metrics", name) for name in metrics]
    scorers = describe.metrics(metrics, jobs) if scorers is None else scorers
    records = {name: scorer.record for name, scorer in scorers.items()}
    if not records:
        raise InputError("no metrics to compute")
    prepare_metrics(tuple(records), min(jobs, 1))
    prepared = [
        score_plan.prepare(folder, number, records, shard=shard, force=force)
        for number, folder in enumerate(folders)
    ]
    todo = chained([one.waiting for one in prepared])
    looked_at = [kept for one in prepared for kept in one.some]
    runs = [_Progress(*each) for each in zip(folders, prepared, strict=True)]
    context = Context(
        {name: records[name].version for name in records if is_foreign(name)},
        {name: scorer.sources for name, scorer in scorers.items()},
    )
    proof.check_scores(run_engine, context, folders, looked_at, jobs)
    precompile.finish(set[str]().union(*(one.metrics for one in prepared)))
    run_items(
        run_engine,
        open_worker,
        context,
        todo,
        title="score",
        jobs=jobs,
        chunk=chunk_of((item.image for item in todo), len(todo)),
        take=lambda outcome: runs[outcome.item.run].take(outcome),
        write=functools.partial(append_rows, folders),
        apart=lambda item: item.apart,
        method=lambda item: folders[item.run].name,
        quiet=quiet,
    )
    return [run.result() for run in runs]


class _Progress:
    """What `score_runs` has learned of one run so far."""

    def __init__(self, folder: Path, prepared: score_plan.Prepared) -> None:
        self.folder = folder
        self.kept = prepared.complete
        self.failures = list(prepared.failures)
        self.failed = prepared.failed
        # By place: whether a photo has a new row, and whether its colours were counted.
        self.done = bytearray(prepared.photos)
        self.coloured = bytearray(prepared.photos)
        self.colours: Counter[str] = Counter()

    def take(self, outcome: Outcome) -> Iterator[Row]:
        """The rows that a photo's outcome adds to the store."""
        from wespe_bench import provenance, store

        item: Item = outcome.item
        scored = [row for row in outcome.rows if "error" not in row]
        wrong = [row for row in outcome.rows if "error" in row]
        if outcome.error:
            wrong = [failure_row(item.sample, metric, outcome.error) for metric in item.metrics]
        if scored:
            self.done[item.place] = 1
        if outcome.colours and not self.coloured[item.place]:
            self.coloured[item.place] = 1
            self.colours[outcome.colours] += 1
        if item.reference is not None and any(
            row["reference_sha256"] not in (None, item.reference_sha256) for row in scored
        ):
            # Changed under its old size and time: its cached hash is wrong.
            provenance.forget(item.reference)
        # Metrics with the same error are listed in one line.
        for reason in dict.fromkeys(row["error"] for row in wrong):
            names = ", ".join(row["metric"] for row in wrong if row["error"] == reason)
            text = reason if outcome.error else f"{names}: {reason}"
            self.failures.append(Failure(self.folder, item.sample, "score", text))
        for row in scored:
            yield item.run, "scores", row
            if (item.sample, row["metric"]) in self.failed:
                yield item.run, "failures", store.strike(item.sample, "score", row["metric"])
        for row in wrong:
            yield item.run, "failures", row

    def result(self) -> Run:
        done, colours = sum(self.done), dict(self.colours)
        return Run(self.folder, done, self.kept, tuple(self.failures), colours)


@functools.cache
def prepare_metrics(names: tuple[str, ...], jobs: int) -> None:
    """Call each metric's ``prepare``, once; with ``jobs`` in a process that ends with it.

    Other people's are prepared when they are described (`wespe_bench.describe`).

    Raises InputError for a metric that cannot be used.
    """
    from wespe_bench.engines import local
    from wespe_bench.registry import load_metric
    from wespe_bench.score_worker import open_preparer

    ours = [name for name in names if not is_foreign(name)]
    todo = [name for name in ours if load_metric(name).prepare is not None]
    for outcome in local(open_preparer, None, todo, jobs=jobs):
        if outcome.fatal:
            raise InputError(outcome.error)
        if outcome.error:
            raise InputError(f"the metric {outcome.item} cannot work here: {outcome.error}")


@dataclass(frozen=True)
class Score(WorkerOptions, TrackOption):
    """Compute metrics over what was enhanced; rows that are there already are kept.

    Example:
      wespe-bench score runs/samples/clahe --metrics psnr ms_ssim
    """

    runs: str
    """A run folder, or a folder of runs."""
    metrics: tuple[str, ...] = DEFAULT_METRICS
    """NAME or file.py:METRIC (wespe-bench list metrics)."""
    verify: bool = False
    """Hash every file again instead of trusting size and time."""


def main(config: Score) -> int:
    """The verb ``score``."""
    from wespe_bench import provenance
    from wespe_bench.engines import parse_shard
    from wespe_bench.run import open_runs, print_left_out

    shard = parse_shard(config.shard)
    check_jobs(config.jobs)
    tracking.check(config.track)
    if config.verify:
        provenance.forget()
    opened = open_runs(to_path(config.runs))
    runs = score_runs(
        [run.folder for run in opened.found],
        config.metrics,
        jobs=config.jobs,
        shard=shard,
        force=config.force,
        engine=config.engine,
    )
    kept = sum(run.kept for run in runs)
    more = f", {kept} were complete already" if kept else ""
    print(f"{sum(run.done for run in runs)} photos scored{more} -> {config.runs}")
    tracking.track_scores(config.track, opened.found)
    failed = tell([failure for run in runs for failure in run.failures])
    return print_left_out(opened.left_out) or failed
