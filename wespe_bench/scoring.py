"""Run x metrics -> scores: reads the PNGs back, pairs them by id, appends rows.

A row that is there for the same image, reference, seed and metric version is kept; a
changed image, reference or version is scored anew.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench.arguments import check_jobs, cores
from wespe_bench.errors import InputError, one_line
from wespe_bench.runs import Failure, Run, tell

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wespe_bench.engines import Outcome
    from wespe_bench.types import Metric

#: What `score` computes unless told otherwise.
DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim", "entropy", "bpp")


def score(
    run: Run | Path | str,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    jobs: int = 0,
    shard: tuple[int, int] = (1, 1),
    quiet: bool = False,
) -> pd.DataFrame:
    """Score one run; returns its scores as `wespe_bench.store.load_scores` does.

    Full-reference metrics are left out on a data set without references. Photos that fail
    are recorded (`wespe_bench.store.load_failures`) and do not stop the rest. Raises
    InputError when the folder is no run or a metric is unknown.
    """
    from wespe_bench import store

    folder = run.folder if isinstance(run, Run) else Path(run)
    score_runs([folder], metrics, jobs=jobs, shard=shard, quiet=quiet)
    return store.load_scores(folder)


def score_runs(
    folders: Sequence[Path],
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    jobs: int,
    shard: tuple[int, int] = (1, 1),
    force: bool = False,
    quiet: bool = False,
    engine: str = "local",
) -> list[Run]:
    """Score several runs through one pool of workers; one Run per folder, in order.

    In the result ``done`` and ``kept`` count photos: with at least one new row, and with
    all rows there already.
    """
    from wespe_bench import progress, provenance, store
    from wespe_bench.engines import chunk_of
    from wespe_bench.registry import ENGINES, load_metric, resolve

    records = {name: load_metric(name) for name in dict.fromkeys(metrics)}
    if not records:
        raise InputError("no metrics to compute")
    todo: list[_Item] = []
    kept: list[int] = []
    failures: dict[int, list[Failure]] = defaultdict(list)
    for number, folder in enumerate(folders):
        waiting, there, broken = _prepare(folder, number, records, shard, force)
        todo.extend(waiting)
        kept.append(there)
        failures[number].extend(broken)

    done = [0] * len(folders)
    standing = [store.load_failures(folder) for folder in folders]
    fatal = ""

    def write(rows: Sequence[tuple[int, str, dict[str, Any]]]) -> None:
        grouped: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
        for number, kind, row in rows:
            grouped[number, kind].append(row)
        for (number, kind), some in grouped.items():
            if kind == "scores":
                succeeded = [(row["sample"], "score", row["metric"]) for row in some]
                struck = store.clear_failures(standing[number], succeeded)
                store.append(folders[number], "failures", struck)
            store.append(folders[number], kind, some)

    pending = progress.Flushing(write)
    run_engine = resolve(ENGINES[engine])
    with progress.bar(len(todo), "score", quiet=quiet) as bar:
        try:
            outcome: Outcome
            for outcome in run_engine(
                _open_worker, None, todo, jobs=jobs, chunk=chunk_of([item.image for item in todo])
            ):
                item: _Item = outcome.item
                if outcome.fatal:
                    fatal = outcome.error
                    break
                scored = [row for row in outcome.rows if "error" not in row]
                wrong = [row for row in outcome.rows if "error" in row]
                if outcome.error:
                    wrong = [
                        _failure_row(item.sample, metric, outcome.error) for metric in item.metrics
                    ]
                done[item.run] += bool(scored)
                if item.reference is not None and any(
                    row["reference_sha256"] not in (None, item.reference_sha256) for row in scored
                ):
                    # Changed under its old size and time: the next hash is a fresh one.
                    provenance.forget(item.reference)
                # Two metrics that meet the same fault are one line to the reader.
                for reason in dict.fromkeys(row["error"] for row in wrong):
                    names = ", ".join(row["metric"] for row in wrong if row["error"] == reason)
                    text = reason if outcome.error else f"{names}: {reason}"
                    failures[item.run].append(
                        Failure(folders[item.run], item.sample, "score", text)
                    )
                pending.add([(item.run, "scores", row) for row in scored])
                pending.add([(item.run, "failures", row) for row in wrong])
                bar.update()
        finally:
            pending.flush()
    if fatal:
        raise InputError(f"{fatal}; what is done is kept, the same command resumes")
    return [Run(f, done[i], kept[i], tuple(failures[i])) for i, f in enumerate(folders)]


@dataclass(frozen=True, slots=True)
class _Item:
    run: int
    sample: str
    image: Path
    reference: Path | None
    reference_sha256: str | None
    metrics: tuple[str, ...]


def _prepare(
    folder: Path,
    number: int,
    records: dict[str, Metric],
    shard: tuple[int, int],
    force: bool,
) -> tuple[list[_Item], int, list[Failure]]:
    """What is left to score in one run, how many photos are complete, and what cannot be."""
    from wespe_bench import atomic, provenance, store

    content = _described(folder, store.read_run(folder), records)
    atomic.remove_leftovers(folder)
    samples, content = _refreshed(folder, content)
    table = store.load_samples(folder).set_index("sample")
    enhanced = store.load(folder, "enhanced").set_index("sample").to_dict("index")
    valid = set(store.current_results(folder, content, table).index)
    scores = store.load(folder, "scores")
    there = {
        (row["sample"], row["metric"]): row for row in store.records(scores[scores["seed"] == 0])
    }
    failed = set(store.load_failures(folder).query("stage == 'enhance'")["sample"])
    waiting: list[_Item] = []
    failures: list[Failure] = []
    complete = 0
    index, count = shard
    for row in samples[index - 1 :: count]:
        sample, reference = row["sample"], row["reference"]
        image = folder / "images" / f"{sample}.png"
        made = enhanced.get(sample)
        if made is None:
            if sample not in failed:  # a failed one has been reported by `enhance`
                failures.append(
                    Failure(folder, sample, "score", "not enhanced yet; run enhance again")
                )
            continue
        if sample in failed:
            continue
        if made["input_sha256"] != row["sha256"]:
            failures.append(
                Failure(
                    folder,
                    sample,
                    "score",
                    "the photo changed since it was enhanced; run enhance again",
                )
            )
            continue
        if sample not in valid:
            failures.append(
                Failure(
                    folder,
                    sample,
                    "score",
                    "its result is an earlier enhancer's; run enhance again",
                )
            )
            continue
        try:
            sha256 = provenance.sha256_file(image)
        except InputError as error:
            failures.append(Failure(folder, sample, "score", f"{error}; run enhance again"))
            continue
        if sha256 != made["image_sha256"]:
            failures.append(
                Failure(
                    folder, sample, "score", f"{image} is not what enhance wrote; run enhance again"
                )
            )
            continue
        missing = []
        for name, metric in records.items():
            if metric.full_reference and reference is None:
                continue
            old = there.get((sample, metric.name))
            expected = row["reference_sha256"] if metric.full_reference else None
            current = (metric.version, sha256, expected)
            columns = ("metric_version", "image_sha256", "reference_sha256")
            if force or old is None or tuple(old[c] for c in columns) != current:
                missing.append(name)
        if missing:
            path = None if reference is None else Path(reference)
            waiting.append(
                _Item(number, sample, image, path, row["reference_sha256"], tuple(missing))
            )
        else:
            complete += 1
    return waiting, complete, failures


def _described(folder: Path, content: dict[str, Any], records: dict[str, Metric]) -> dict[str, Any]:
    """run.json with title, unit and direction of each metric, for those who show the rows."""
    from wespe_bench import store

    told = {
        metric.name: {
            "version": metric.version,
            "title": metric.title or metric.name,
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "full_reference": metric.full_reference,
            "summary": metric.summary,
        }
        for metric in records.values()
    }
    known = content.get("metrics", {})
    if known | told != known:
        content = content | {"metrics": known | told}
        store.write_run(folder, {k: v for k, v in content.items() if k != "schema"})
    return content


def _refreshed(
    folder: Path, content: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """samples.parquet with today's hashes; written back, with the revision, when one moved.

    A file that cannot be found keeps its recorded hash: no-reference scores need only the
    run's own images.
    """
    from wespe_bench import provenance, store

    rows = store.records(store.load_samples(folder))
    changed = False
    for row in rows:
        for path, sha256 in (("path", "sha256"), ("reference", "reference_sha256")):
            if row[path] is None or not Path(row[path]).is_file():
                continue
            now = provenance.content_of(Path(row[path]))
            changed |= now != row[sha256]
            row[sha256] = now
    if changed:
        revision = provenance.revision(
            (row["sample"], row["sha256"], row["reference_sha256"]) for row in rows
        )
        store.write_samples(folder, rows)
        content = content | {"dataset": content["dataset"] | {"revision": revision}}
        store.write_run(folder, {k: v for k, v in content.items() if k != "schema"})
    return rows, content


def _failure_row(sample: str, metric: str, error: str) -> dict[str, Any]:
    return {"sample": sample, "stage": "score", "metric": metric, "error": error}


def _open_worker(context: None) -> Callable[[Sequence[_Item]], list[Outcome]]:
    return _score_items


@dataclass(slots=True)
class _Photo:
    """One decoded photo on its way through the metrics."""

    item: _Item
    image: np.ndarray
    image_sha256: str
    reference: np.ndarray | None = None
    reference_sha256: str | None = None
    reference_error: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def _score_items(items: Sequence[_Item]) -> list[Outcome]:
    """All asked-for metrics of some photos, each of which is decoded once."""
    from wespe_bench.engines import Outcome
    from wespe_bench.registry import load_metric

    outcomes: list[Outcome] = []
    photos: list[_Photo] = []
    for item in items:
        try:
            photos.append(_decode(item))
        except Exception as error:
            outcomes.append(Outcome(item, error=one_line(error)))
    for name in dict.fromkeys(name for item in items for name in item.metrics):
        metric = load_metric(name)
        groups: dict[tuple[int, ...], list[_Photo]] = defaultdict(list)
        for photo in photos:
            if name not in photo.item.metrics:
                continue
            if metric.full_reference and photo.reference_error:
                row = _failure_row(photo.item.sample, metric.name, photo.reference_error)
                photo.rows.append(row)
            else:
                groups[photo.image.shape].append(photo)
        for group in groups.values():
            _score_group(metric, group)
    return outcomes + [Outcome(photo.item, rows=tuple(photo.rows)) for photo in photos]


def _decode(item: _Item) -> _Photo:
    from wespe_bench import images, provenance

    data = item.image.read_bytes()
    image = images.read_rgb(data, name=str(item.image))
    photo = _Photo(item, image, provenance.sha256_bytes(data))
    if item.reference is not None:
        try:
            data = item.reference.read_bytes()
            photo.reference = images.read_rgb(data, name=str(item.reference))
            photo.reference_sha256 = provenance.sha256_bytes(data)
        except OSError as error:
            photo.reference_error = f"{item.reference}: cannot be read ({error.strerror})"
        except InputError as error:
            photo.reference_error = str(error)
    return photo


def _score_group(metric: Metric, group: Sequence[_Photo]) -> None:
    """One metric over photos of one size, at once where it can; rows go to the photos."""
    import numpy as np

    begun = time.perf_counter()
    results: list[Any] = []
    if metric.batch is not None and metric.full_reference and len(group) > 1:
        try:
            batches = [
                np.stack([photo.image for photo in group]),
                np.stack([photo.reference for photo in group if photo.reference is not None]),
            ]
            ids = [photo.item.sample for photo in group]
            results = list(metric.batch(*batches, sample_ids=ids, seed=0))
        except Exception:
            results = []  # one photo may spoil the batch for its neighbours
    if len(results) == len(group):
        seconds = (time.perf_counter() - begun) / len(group)
        for photo, result in zip(group, results, strict=True):
            photo.rows.append(_row(metric, photo, result, seconds))
        return
    for photo in group:
        begun = time.perf_counter()
        pair = (photo.image, photo.reference) if metric.full_reference else (photo.image,)
        try:
            result = metric.compute(*pair, sample_id=photo.item.sample, seed=0)
        except Exception as error:
            message = str(error) if isinstance(error, ValueError) else one_line(error)
            photo.rows.append(_failure_row(photo.item.sample, metric.name, message))
            continue
        photo.rows.append(_row(metric, photo, result, time.perf_counter() - begun))


def _row(metric: Metric, photo: _Photo, result: Any, seconds: float) -> dict[str, Any]:
    """A row of the store, or the reason why the result cannot be one."""
    try:
        extras = dict(result) if isinstance(result, dict) else {"value": result}
        value = float(extras.pop("value"))
        if math.isnan(value):
            raise ValueError("the result is NaN")
        text = json.dumps({str(key): float(extra) for key, extra in sorted(extras.items())})
    except Exception as error:
        message = f"the metric's result is unusable: {one_line(error)}"
        return _failure_row(photo.item.sample, metric.name, message)
    return {
        "sample": photo.item.sample,
        "metric": metric.name,
        "metric_version": metric.version,
        "value": value,
        "extras": text,
        "image_sha256": photo.image_sha256,
        "reference_sha256": photo.reference_sha256 if metric.full_reference else None,
        "seed": 0,
        "seconds": seconds,
    }


@dataclass(frozen=True)
class Score:
    """Compute metrics over what was enhanced; rows that are there already are kept.

    Example:
      wespe-bench score runs/samples/clahe --metrics psnr ms_ssim
    """

    runs: str
    """A run folder, or a folder of runs."""
    metrics: tuple[str, ...] = DEFAULT_METRICS
    """NAME or file.py:METRIC (wespe-bench list metrics)."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""
    shard: str = "1/1"
    """i/n: only every n-th photo, from the i-th on."""
    force: bool = False
    """Compute everything anew."""
    verify: bool = False
    """Hash every file anew instead of trusting size and time."""


def main(argv: list[str]) -> int:
    """The verb ``score``."""
    from wespe_bench import provenance, store
    from wespe_bench.arguments import parse
    from wespe_bench.engines import parse_shard

    config = parse(Score, argv, "score")
    shard = parse_shard(config.shard)
    check_jobs(config.jobs)
    if config.verify:
        provenance.forget()
    folders = store.find_runs(Path(config.runs))
    runs = score_runs(
        folders,
        config.metrics,
        jobs=config.jobs,
        shard=shard,
        force=config.force,
    )
    kept = sum(run.kept for run in runs)
    more = f", {kept} were complete already" if kept else ""
    print(f"{sum(run.done for run in runs)} photos scored{more} -> {config.runs}")
    return tell([failure for run in runs for failure in run.failures])
