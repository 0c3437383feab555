"""The workers' half of `wespe_bench.scoring`: some metrics on some photos -> rows.

Each photo, and its reference, is decoded once for all metrics; the hashes in a row are
those of the very bytes that were decoded.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import foreign, paths, registry
from wespe_bench.engines import UNUSABLE, Outcome, silent
from wespe_bench.errors import InputError, one_line
from wespe_bench.store import result_of

if TYPE_CHECKING:
    import numpy as np

    from wespe_bench.types import Metric


@dataclass(frozen=True, slots=True)
class Item:
    """One result to score: of which run, with which reference, by which metrics (specs).

    ``apart`` is the spec of other people's metric, which has workers of its own; ``place`` is the
    photo's among those of its run that are to be scored.
    """

    run: int
    sample: str
    folder: Path
    reference: Path | None
    reference_sha256: str | None
    metrics: tuple[str, ...]
    apart: str | None = None
    place: int = 0

    @property
    def image(self) -> Path:
        """The result's PNG."""
        return result_of(self.folder, self.sample)


def failure_row(sample: str, metric: str, error: str) -> dict[str, Any]:
    """A row of the store's "failures"; unlike a score's row it has an "error"."""
    return {"sample": sample, "stage": "score", "metric": metric, "error": error}


@dataclass(frozen=True, slots=True)
class Context:
    """Of other people's metrics, by spec: the version of their rows, their source files by path."""

    versions: Mapping[str, str]
    sources: Mapping[str, Mapping[str, bytes]]


def open_worker(context: Context) -> Callable[[Sequence[Item]], list[Outcome]]:
    """The engine's setup: nothing to prepare, a metric is loaded for its first photo."""
    score, here = partial(_score_items, cache(partial(_load, context)), set()), Path.cwd()

    def work(items: Sequence[Item]) -> list[Outcome]:
        # A metric may change the folder of its process.
        located = [replace(i, folder=here / i.folder) if _is_local(i) else i for i in items]
        outcomes = score(located)
        for name in {item.apart for item in items} - {None}:
            from wespe_bench import self_check

            self_check.check(str(name))
        return outcomes

    return work


def _is_local(item: Item) -> bool:
    return not paths.is_remote(item.folder)


def _load(context: Context, name: str) -> Metric:
    if name not in context.versions:
        return registry.load_metric(name)
    from wespe_bench import self_check

    foreign.dedicate_process(context.sources[name])
    self_check.first_answers()
    metric = registry.load_metric(name)
    self_check.check(name)
    return replace(metric, version=context.versions[name])


def open_preparer(context: None) -> Callable[[Sequence[str]], list[Outcome]]:
    """The setup of a process that prepares metrics; what they download is kept on the disk."""

    def work(names: Sequence[str]) -> list[Outcome]:
        for name in names:
            prepare = registry.load_metric(name).prepare
            if prepare is not None:
                prepare()
        return [Outcome(name) for name in names]

    return work


@dataclass(slots=True)
class _Photo:
    """One decoded photo on its way through the metrics."""

    item: Item
    image: np.ndarray
    image_sha256: str
    reference: np.ndarray | None = None
    reference_sha256: str | None = None
    reference_error: str = ""
    colours: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def _score_items(
    load_metric: Callable[[str], Metric], have_worked: set[str], items: Sequence[Item]
) -> list[Outcome]:
    """All asked-for metrics of some photos, each of which is decoded once.

    ``have_worked`` are the metrics that have scored a photo in this process. Raises InputError
    for one of the others when a module, a file or the network is missing.
    """
    outcomes: list[Outcome] = []
    photos: list[_Photo] = []
    last: list[Outcome] = []
    for item in items:
        try:
            photos.append(_decode(item))
        except TimeoutError as error:
            last.append(silent(item, error))
            break
        except Exception as error:
            outcomes.append(Outcome(item, error=one_line(error)))
    for name in dict.fromkeys(name for item in items for name in item.metrics):
        metric = load_metric(name)
        groups: dict[tuple[int, ...], list[_Photo]] = defaultdict(list)
        for photo in photos:
            if name not in photo.item.metrics:
                continue
            if metric.full_reference and photo.reference_error:
                row = failure_row(photo.item.sample, metric.name, photo.reference_error)
                photo.rows.append(row)
            else:
                groups[photo.image.shape].append(photo)
        for group in groups.values():
            _score_group(metric, group, have_worked)
    return [
        *outcomes,
        *(Outcome(photo.item, rows=tuple(photo.rows), colours=photo.colours) for photo in photos),
        *last,
    ]


def _decode(item: Item) -> _Photo:
    from wespe_bench import images, provenance, reading

    data = reading.read_bytes(item.image)
    image = images.read_rgb(data, name=str(item.image))
    photo = _Photo(item, image, provenance.sha256_bytes(data))
    if item.reference is not None:
        try:
            data = reading.read_bytes(item.reference)
            read = images.read_photo(data, name=str(item.reference))
            photo.reference, photo.colours = read.pixels, read.colours
            photo.reference_sha256 = provenance.sha256_bytes(data)
        except TimeoutError:
            raise
        except OSError as error:
            photo.reference_error = f"{item.reference}: cannot be read ({error.strerror})"
        except InputError as error:
            photo.reference_error = str(error)
    return photo


def _score_group(metric: Metric, group: Sequence[_Photo], have_worked: set[str]) -> None:
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
            results = []  # one photo may fail the whole batch: each is tried alone below
    if len(results) == len(group):
        have_worked.add(metric.name)
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
            if isinstance(error, UNUSABLE) and metric.name not in have_worked:
                raise InputError(
                    f"the metric {metric.name} cannot work here: {one_line(error)}"
                ) from None
            message = str(error) if isinstance(error, ValueError) else one_line(error)
            photo.rows.append(failure_row(photo.item.sample, metric.name, message))
            continue
        have_worked.add(metric.name)
        photo.rows.append(_row(metric, photo, result, time.perf_counter() - begun))


def _row(metric: Metric, photo: _Photo, result: Any, seconds: float) -> dict[str, Any]:
    """A row of the store, or the reason why the result cannot be one."""
    from wespe_bench import images

    try:
        extras = dict(result) if isinstance(result, dict) else {"value": result}
        value = float(extras.pop("value"))
        if math.isnan(value):
            raise ValueError("the result is NaN")
        text = json.dumps({str(key): float(extra) for key, extra in sorted(extras.items())})
    except Exception as error:
        message = f"the metric's result is unusable: {one_line(error)}"
        return failure_row(photo.item.sample, metric.name, message)
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
        "reader": images.reader_version() if metric.full_reference else None,
    }
