"""Scores become tables here, and nowhere else.

A cell is the mean of one metric over the photos of one data set for one method, with the
number of photos, the standard error and a 95% interval (`reports.intervals`). Scores that must
not be averaged together (two metric versions, revisions or seeds; a missing photo; NaN) are an
error that names the remedy (`reports.checks`), not a footnote.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reports.cells import Cell, Column, Table, infinity, places
from reports.changes import changes
from reports.checks import Remedy, check_column, check_complete, check_runs
from reports.intervals import bootstrap_interval, pooled_interval
from wespe_bench import registry
from wespe_bench.errors import InputError, Missing
from wespe_bench.metric_scores import HEAD, ROWS, MetricScores, of_frame

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric

#: What photos with references are judged by: their ranks order a leaderboard, and the first of
#: them that is compared decides a comparison.
DECIDING = ("psnr", "ssim", "ms_ssim")


def summarize(
    scores: pd.DataFrame | Sequence[MetricScores],
    samples: Mapping[str, pd.DataFrame | Iterable[str]],
    *,
    methods: Mapping[str, Sequence[str]] | None = None,
    common: bool = False,
    root: Path | None = None,
    described: Mapping[str, Metric] | None = None,
    verb: str = "report",
) -> list[Table]:
    """One `Table` per data set, in the order of their names.

    ``scores`` is what `wespe_bench.run.load_scores` gives, or the same by run and metric.
    ``samples`` holds, per data set, the photos that must be there: ids, or a frame with the
    columns sample and reference; a full-reference metric is then expected only where there is a
    reference.
    ``methods`` adds, per data set, labels that get a row even without a score. ``root`` is
    the folder that run names are relative to, for the commands in messages, and ``verb`` what
    makes the table. ``described`` has title, unit and direction of metrics that are not
    registered.

    Finite values are averaged and infinite ones counted; a metric with its own ``aggregate``
    is given all rows instead. The best mean of a column (all of them on a tie) and the second are
    marked if the metric rates quality and has a direction, two methods or more have a value, and
    the means are over the same photos. The order of rows does not matter.

    With ``common`` every method of a data set is restricted to the photos that all methods
    have for all metrics they were scored with; without it a missing photo is an error.

    Raises InputError on NaN, on two metric versions, seeds or revisions in a column, on two
    runs with one label, on a missing or doubled photo, and when ``common`` leaves nothing.
    """
    if not isinstance(scores, Sequence):
        absent = [name for name in (*HEAD, *ROWS) if name not in scores.columns]
        if absent:
            raise InputError(f"the scores lack the columns {', '.join(absent)}")
        scores = of_frame(scores)
    names = sorted({*(of.dataset for of in scores), *(methods or {})})
    return [
        _one_table(
            [of for of in scores if of.dataset == name],
            name,
            samples.get(name),
            (methods or {}).get(name, ()),
            common,
            Remedy(root, verb),
            described or {},
        )
        for name in names
    ]


def _one_table(
    scores: Sequence[MetricScores],
    dataset: str,
    samples: pd.DataFrame | Iterable[str] | None,
    extra_methods: Sequence[str],
    common: bool,
    remedy: Remedy,
    described: Mapping[str, Metric],
) -> Table:
    looked_at = _looked_at(scores)
    check_runs(looked_at, dataset, remedy)
    if samples is None:
        raise InputError(f"no list of photos for the data set {dataset!r}")
    everything, referenced = _expected(samples)
    labels = sorted({*(of.label for of in scores), *extra_methods}, key=method_order)
    columns = [
        column_of(name, looked_at[looked_at["metric"] == name], dataset, remedy, described)
        for name in sorted({of.metric for of in scores}, key=metric_order)
    ]
    expected = {
        column.metric: referenced if metric is not None and metric.full_reference else everything
        for column, metric in columns
    }
    groups = {(of.label, of.metric): of for of in scores}
    used: pd.Series[str] = everything
    left_out: tuple[str, ...] = ()
    if common:
        used, left_out = _common(groups, everything, dataset)
        groups = {
            key: replace(of, rows=of.rows[of.rows["sample"].isin(used)])
            for key, of in groups.items()
        }
    else:
        for of in scores:
            check_complete(of, expected[of.metric], remedy)

    cells: dict[tuple[str, str], Cell] = {}
    shown: list[Column] = []
    for column, metric in columns:
        filled = {
            label: _fill(
                Cell(label, dataset, column.metric, n_expected=len(expected[column.metric])),
                groups.get((label, column.metric)),
                metric,
                not referenced.empty,
            )
            for label in labels
        }
        marks, remark = _marks(filled, groups, column, metric)
        moved = changes(groups, labels, column.metric)
        for label, cell in filled.items():
            marked = replace(cell, place=marks.get(label, 0), change=moved.get(label))
            cells[label, column.metric] = marked
        shown.append(replace(column, decimals=_decimals(filled.values()), remark=remark))
    notes = {of.note for of in scores if isinstance(of.note, str) and of.note}
    return Table(
        dataset=dataset,
        revision=str(scores[0].revision) if scores else "",
        note="; ".join(sorted(notes)),
        methods=tuple(labels),
        columns=tuple(shown),
        n_expected=len(everything),
        used=used.array,
        left_out=left_out,
        cells=cells,
    )


def _looked_at(scores: Sequence[MetricScores]) -> pd.DataFrame:
    """The rows that `reports.checks` has to see: the first of each metric and run, and bad ones."""
    import pandas as pd

    frames = [pd.DataFrame(columns=[*HEAD, *ROWS])]
    for of in scores:
        ids = of.rows["sample"].array
        again = np.asarray(ids[1:] == ids[:-1], bool)
        seen = of.rows["value"].isna() | np.append(True, again) | np.append(again, False)
        frames.append(of.frame(of.rows[seen]))
    return pd.concat(frames[len(frames) > 1 :]).sort_values(["label", "metric", "sample", "seed"])


def _expected(samples: pd.DataFrame | Iterable[str]) -> tuple[pd.Series[str], pd.Series[str]]:
    """All ids, and those with a reference, both sorted."""
    import pandas as pd

    if not isinstance(samples, pd.DataFrame):
        samples = pd.DataFrame({"sample": list(set(samples))})
    ids = samples["sample"]
    if not (ids.array[1:] > ids.array[:-1]).all():
        samples = samples.sort_values("sample", ignore_index=True)
        ids = samples["sample"]
    return ids, ids[samples["reference"].notna()] if "reference" in samples.columns else ids


def column_of(
    name: str, rows: pd.DataFrame, dataset: str, remedy: Remedy, described: Mapping[str, Metric]
) -> tuple[Column, Metric | None]:
    check_column(rows, name, dataset, remedy)
    metric = known_metric(name, described)
    version, seed = str(rows["metric_version"].iloc[0]), int(rows["seed"].iloc[0])
    if metric is None:
        return Column(name, name, version=version, seed=seed), None
    column = Column(
        metric=name,
        title=metric.title or name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        summary=metric.summary,
        version=version,
        seed=seed,
        rates_quality=metric.rates_quality,
    )
    return column, metric


def known_metric(name: str, described: Mapping[str, Metric]) -> Metric | None:
    """The record of a registered metric, or what the runs say of another.

    Run folders may be other people's, so a name like "file.py:METRIC" is not loaded: a table
    must not run code that a data file names.
    """
    return registry.load_metric(name) if name in registry.METRICS else described.get(name)


def pooled(names: Iterable[str], described: Mapping[str, Metric]) -> set[str]:
    """Those of some metrics that are not a mean over photos."""
    found = {name: known_metric(name, described) for name in names}
    return {name for name, metric in found.items() if metric is not None and metric.aggregate}


def _common(
    groups: Mapping[tuple[str, str], MetricScores], everything: pd.Series[str], dataset: str
) -> tuple[pd.Series[str], tuple[str, ...]]:
    """The photos that all groups have, and the others."""
    shared = set(everything)
    for of in groups.values():
        shared &= set(of.rows["sample"])
    if not shared:
        raise InputError(
            f"no photo of {dataset!r} has all metrics from all methods; score the runs again, or "
            "report fewer of them"
        )
    kept = everything.isin(shared)
    return everything[kept], tuple(everything[~kept])


def _fill(
    cell: Cell, scores: MetricScores | None, metric: Metric | None, has_references: bool
) -> Cell:
    if scores is None or scores.rows.empty:
        if metric is not None and metric.full_reference and not has_references:
            return replace(cell, reason="needs a reference photo, and this data set has none")
        return replace(cell, reason="not scored")
    cell = replace(cell, n_clamped=_clamped(scores.rows))
    if metric is not None and metric.aggregate is not None:
        return _fill_pooled(cell, scores.frame(), metric.aggregate)
    values = scores.rows["value"].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    infinite = len(values) - len(finite)
    if not len(finite):
        reason = "infinite on every photo"
        return replace(cell, n_infinite=infinite, reason=reason, infinite=infinity(values))
    low, high = bootstrap_interval(finite)
    return replace(
        cell,
        n=len(finite),
        n_infinite=infinite,
        mean=mean(finite),
        low=low,
        high=high,
        standard_error=standard_error(finite),
    )


def _clamped(rows: pd.DataFrame) -> int:
    """How many rows say in their extras that a term of the product was clamped."""
    found = rows["extras"].str.contains('"clamped"', regex=False, na=False)
    texts = rows.loc[found.to_numpy(bool), "extras"]
    return sum(json.loads(text).get("clamped", 0) > 0 for text in texts)


def _fill_pooled(
    cell: Cell, rows: pd.DataFrame, aggregate: Callable[[pd.DataFrame], float]
) -> Cell:
    """A metric that is not a mean: its ``aggregate`` of the rows, and of resamples of them."""
    try:
        value = float(aggregate(rows))
    except Missing as missing:
        return replace(cell, reason=str(missing))
    if math.isnan(value):
        raise InputError(f"{cell.metric}: its aggregate gives NaN for {cell.label!r}; correct it")
    if math.isinf(value):
        reason = "infinite on every photo"
        return replace(cell, n_infinite=len(rows), reason=reason, infinite=infinity([value]))
    low, high, error = pooled_interval(rows, aggregate)
    return replace(cell, n=len(rows), mean=value, low=low, high=high, standard_error=error)


def mean(values: np.ndarray) -> float:
    """The mean of float64 (n,), summed exactly, so that it does not depend on the order.

    >>> mean(np.array([0.1, 0.1, 0.1])) == 0.1
    True
    >>> mean(np.array([1.5e308, 1.7e308]))
    1.6e+308
    """
    if values.min() == values.max():
        return float(values[0])
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # near the largest float
        return math.fsum(values / len(values))


def standard_error(values: np.ndarray) -> float:
    """Sample standard deviation (n - 1) of float64 (n,), divided by sqrt(n); NaN at n = 1."""
    if len(values) < 2:
        return math.nan
    return float(np.std(np.sort(values), ddof=1) / math.sqrt(len(values)))


def _marks(
    filled: Mapping[str, Cell],
    groups: Mapping[tuple[str, str], MetricScores],
    column: Column,
    metric: Metric | None,
) -> tuple[dict[str, int], str]:
    """The places of the labels to mark, or the reason why none is marked."""
    rivals = [cell for cell in filled.values() if cell.has_value or cell.n_infinite]
    if len(rivals) < 2 or not column.rates_quality:
        return {}, ""
    if column.higher_is_better is None:
        return {}, "no best marked: which way is better is not known"
    infinite = any(cell.n_infinite for cell in rivals)
    if infinite and (metric is None or metric.aggregate is None):
        of = [groups[cell.label, column.metric].rows for cell in rivals]
        photos = [rows.loc[np.isfinite(rows["value"]), "sample"].array for rows in of]
        if not all(one.equals(photos[0]) for one in photos):
            return {}, "no best marked: infinite values leave means over different photos"
    means = {cell.label: cell.mean for cell in rivals if cell.has_value}
    return places(means, column.higher_is_better), ""


def _decimals(cells: Iterable[Cell]) -> int:
    """Digits after the point of a column: three for small numbers, fewer for large ones."""
    largest = max((abs(cell.mean) for cell in cells if cell.has_value), default=0.0)
    return 3 if largest < 10 else 2 if largest < 1000 else 1


def method_order(label: str) -> tuple[bool, str, str]:
    """Sort key: "identity" first, the rest by name."""
    return label != "identity", label.casefold(), label


def metric_order(name: str) -> tuple[int, str]:
    known = list(registry.METRICS)
    return (known.index(name) if name in registry.METRICS else len(known)), name
