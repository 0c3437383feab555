"""Run x metrics -> scores: reads the PNGs back, pairs them by id, appends rows.

A row for the same image, reference, seed and metric version is kept. A changed image, reference
or version is scored again, and so is a reference that another version of the decoders reads.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import describe, proof, run_metadata, tracking
from wespe_bench.arguments import TrackOption, WorkerOptions
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_jobs
from wespe_bench.paths import each, to_path
from wespe_bench.proof import Kept
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
    todo: list[Item] = []
    runs: list[_Progress] = []
    looked_at: list[Kept] = []
    for number, folder in enumerate(folders):
        waiting, complete, some, broken = _prepare(folder, number, records, shard, force)
        todo.extend(waiting)
        looked_at.extend(some)
        runs.append(_Progress(folder, complete, broken, _failed(folder)))
    context = Context(
        {name: records[name].version for name in records if is_foreign(name)},
        {name: scorer.sources for name, scorer in scorers.items()},
    )
    proof.check_scores(run_engine, context, folders, looked_at, jobs)
    precompile.finish({metric for item in todo for metric in item.metrics})
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


@dataclass
class _Progress:
    """What `score_runs` has learned of one run so far."""

    folder: Path
    #: Photos whose rows were all there already.
    kept: int
    failures: list[Failure]
    #: The (sample, metric) whose scoring failed earlier.
    failed: set[tuple[str, str]]
    done: set[str] = field(default_factory=set)
    colours: dict[str, str] = field(default_factory=dict)

    def take(self, outcome: Outcome) -> Iterator[Row]:
        """The rows that a photo's outcome adds to the store."""
        from wespe_bench import provenance, store

        item: Item = outcome.item
        scored = [row for row in outcome.rows if "error" not in row]
        wrong = [row for row in outcome.rows if "error" in row]
        if outcome.error:
            wrong = [failure_row(item.sample, metric, outcome.error) for metric in item.metrics]
        if scored:
            self.done.add(item.sample)
        if outcome.colours:
            self.colours[item.sample] = outcome.colours
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
        colours = dict(Counter(self.colours.values()))
        return Run(self.folder, len(self.done), self.kept, tuple(self.failures), colours)


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


def _prepare(
    folder: Path,
    number: int,
    records: dict[str, Metric],
    shard: tuple[int, int],
    force: bool,
) -> tuple[list[Item], int, list[Kept], list[Failure]]:
    """What is left to score in one run, and how many photos are complete.

    Then a kept row of each of other people's metrics, and what cannot be scored.
    """
    from wespe_bench import atomic, images, links, store

    links.check_tree(folder)
    content = run_metadata.describe(folder, records)
    atomic.remove_leftovers(folder)
    samples, content = run_metadata.refresh(folder, content)
    table = store.load_samples(folder).set_index("sample")
    enhanced = {row["sample"]: row for row in store.records(store.load(folder, "enhanced"))}
    valid = set(store.current_results(folder, content, table).index)
    scores = store.load(folder, "scores")
    there = {
        (row["sample"], row["metric"]): row for row in store.records(scores[scores["seed"] == 0])
    }
    failed = set(store.load_failures(folder).query("stage == 'enhance'")["sample"])
    waiting: list[Item] = []
    kept: dict[str, list[Kept]] = defaultdict(list)
    failures: list[Failure] = []
    complete = 0
    index, count = shard
    # What failed in `enhance` has been reported by it.
    mine = [row for row in samples[index - 1 :: count] if row["sample"] not in failed]
    listed = [row["sample"] for row in mine if row["sample"] in valid]
    results = (store.result_of(folder, sample) for sample in listed)
    hashes = dict(zip(listed, each(_sha256, results), strict=True))
    for row in mine:
        sample, reference = row["sample"], row["reference"]
        made = enhanced.get(sample)
        obstacle = _obstacle(made, row["sha256"], hashes.get(sample))
        if obstacle or made is None:
            failures.append(Failure(folder, sample, "score", f"{obstacle}; run enhance again"))
            continue
        path = None if reference is None else to_path(reference)
        make = functools.partial(Item, number, sample, folder, path, row["reference_sha256"])
        missing = []
        for name, metric in records.items():
            if metric.full_reference and reference is None:
                continue
            old = there.get((sample, metric.name))
            reference_read = (row["reference_sha256"], images.reader_version())
            expected = reference_read if metric.full_reference else (None, None)
            current = (metric.version, made["image_sha256"], *expected)
            columns = ("metric_version", "image_sha256", "reference_sha256", "reader")
            if force or old is None or tuple(old[c] for c in columns) != current:
                missing.append(name)
            elif is_foreign(name) and len(kept[name]) < proof.LOOKED_AT:
                kept[name].append(Kept(make((name,), apart=name), old["value"]))
        if ours := tuple(name for name in missing if not is_foreign(name)):
            waiting.append(make(ours))
        waiting += [make((name,), apart=name) for name in missing if name not in ours]
        complete += not missing
    smallest = (proof.smallest((row, row.item.image) for row in some) for some in kept.values())
    return waiting, complete, list(smallest), failures


def _failed(folder: Path) -> set[tuple[str, str]]:
    """The (sample, metric) whose scoring failed, and has not succeeded since."""
    from wespe_bench import store

    failures = store.load_failures(folder)
    failures = failures[failures["stage"] == "score"]
    return set(zip(failures["sample"], failures["metric"], strict=True))


def _sha256(image: Path) -> str | InputError:
    """A result's hash, or why it has none."""
    from wespe_bench import provenance

    try:
        return provenance.sha256_file(image)
    except InputError as error:
        return error


def _obstacle(
    made: dict[str, Any] | None, input_sha256: str, sha256: str | InputError | None
) -> str:
    """Why a result cannot be scored, empty when it can.

    ``made`` is its row of "enhanced", ``sha256`` its `_sha256`, None for an earlier enhancer's.
    """
    if made is None:
        return "not enhanced yet"
    if made["input_sha256"] != input_sha256:
        return "the photo changed since it was enhanced"
    if sha256 is None:
        return "its result is an earlier enhancer's"
    if isinstance(sha256, InputError):
        return str(sha256)
    return "" if sha256 == made["image_sha256"] else "its PNG is not what enhance wrote"


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
