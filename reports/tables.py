"""The one place where scores become a table.

A cell is the mean of one metric over the photos of one data set for one method, with the
number of photos, the standard error and a 95% interval from resampling the photos. What
would make a cell lie (two versions, two revisions, two seeds, a missing photo, NaN) is an
error with a remedy, never a footnote.

Source of the interval: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
chapter 13, the percentile interval.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wespe_bench import registry
from wespe_bench.errors import InputError, Missing
from wespe_bench.store import SCORE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric

#: Bootstrap resamples of each cell.
RESAMPLES = 5000

#: The same for a metric that aggregates for itself, in Python.
POOLED_RESAMPLES = 1000

#: Below this many photos an interval by resampling is known to be too narrow.
SMALL_N = 10

# The hashes are the store's business: by the time rows come here they are the current ones.
_COLUMNS = [
    name for name in SCORE_COLUMNS if name not in ("image_sha256", "reference_sha256", "seconds")
]
_LEVEL = 0.95
_SEED = 2018


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table and what it rests on.

    ``n`` photos enter the mean; ``n_infinite`` more had an infinite value (identical
    images) and are only counted; ``n_expected`` is what the data set offers this metric;
    ``n_clamped`` photos had a negative MS-SSIM term that was taken as 0.
    ``mean``, ``low``, ``high`` (95% interval) and ``standard_error`` are NaN where there is
    none: in a cell without value (``reason`` says why), and, but for the mean, at n = 1.
    ``best`` marks the best mean of the column.
    """

    label: str
    dataset: str
    metric: str
    n: int = 0
    n_infinite: int = 0
    n_expected: int = 0
    n_clamped: int = 0
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    standard_error: float = math.nan
    best: bool = False
    reason: str = ""

    @property
    def has_value(self) -> bool:
        return not math.isnan(self.mean)


@dataclass(frozen=True, slots=True)
class Column:
    """One metric as a table shows it; ``higher_is_better`` is None where nobody says.

    ``remark`` says why no cell of the column is marked best although several have values.
    """

    metric: str
    title: str
    unit: str = ""
    higher_is_better: bool | None = None
    summary: str = ""
    version: str = ""
    seed: int | None = None
    decimals: int = 3
    remark: str = ""

    @property
    def arrow(self) -> str:
        """Which way is better: "↑", "↓" or nothing."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]

    def show(self, value: float) -> str:
        """``value`` as every table of this column prints it.

        >>> Column("psnr", "PSNR", decimals=2).show(-0.004)
        '0.00'
        """
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        text = f"{value:.{self.decimals}f}"
        return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


@dataclass(frozen=True, slots=True)
class Table:
    """Methods x metrics on one data set.

    ``used`` are the photos every cell is about; ``left_out`` those that ``common`` dropped
    because some method lacks them. Rows come in the order of ``methods``.
    """

    dataset: str
    revision: str
    note: str
    methods: tuple[str, ...]
    columns: tuple[Column, ...]
    n_expected: int
    used: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    cells: Mapping[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, label: str, metric: str) -> Cell:
        return self.cells[label, metric]

    def frame(self) -> pd.DataFrame:
        """One row a cell: the fields of `Cell`, then metric version, seed and revision."""
        import pandas as pd

        rows = [
            {
                **{name: getattr(cell, name) for name in Cell.__slots__},
                "metric_version": column.version,
                "seed": column.seed,
                "revision": self.revision,
            }
            for label in self.methods
            for column in self.columns
            for cell in (self.cell(label, column.metric),)
        ]
        names = [*Cell.__slots__, "metric_version", "seed", "revision"]
        return pd.DataFrame(rows, columns=names)


def table(tables: Iterable[Table]) -> pd.DataFrame:
    """All cells of ``tables`` as one long frame; see `Table.frame`."""
    import pandas as pd

    return pd.concat([one.frame() for one in tables], ignore_index=True)


def summarize(
    scores: pd.DataFrame,
    samples: Mapping[str, pd.DataFrame | Iterable[str]],
    *,
    methods: Mapping[str, Sequence[str]] | None = None,
    common: bool = False,
    root: Path | None = None,
    described: Mapping[str, Metric] | None = None,
) -> list[Table]:
    """One `Table` per data set, in the order of their names.

    ``scores`` is what `wespe_bench.store.load_scores` gives. ``samples`` holds, per data
    set, the photos that must be there: ids, or a frame with the columns sample and
    reference; a full-reference metric is then expected only where there is a reference.
    ``methods`` adds, per data set, labels that get a row even without a score. ``root`` is
    the folder that run names are relative to, for the commands in messages. ``described``
    tells title, unit and direction of metrics the registry does not know.

    Finite values are averaged and infinite ones counted; a metric with its own ``aggregate``
    is given all rows instead. The best mean of a column is marked (all of them on a tie)
    where the metric has a direction, two methods have a value, and these are means over the
    same photos. The order of rows does not matter.

    With ``common`` every method of a data set is restricted to the photos that all methods
    have for all metrics they were scored with; without it a missing photo is an error.

    Raises InputError on NaN, on two metric versions, seeds or revisions in a column, on two
    runs with one label, on a missing or doubled photo, and when ``common`` leaves nothing.
    """
    absent = [name for name in _COLUMNS if name not in scores.columns]
    if absent:
        raise InputError(f"the scores lack the columns {', '.join(absent)}")
    names = sorted({*scores["dataset"].unique(), *(methods or {})})
    return [
        _one_table(
            scores[scores["dataset"] == name].sort_values(["label", "metric", "sample", "seed"]),
            name,
            samples.get(name),
            (methods or {}).get(name, ()),
            common,
            _Remedy(root),
            described or {},
        )
        for name in names
    ]


@dataclass(frozen=True, slots=True)
class _Remedy:
    """The commands that messages recommend."""

    root: Path | None

    def _path(self, run: str = "") -> str:
        path = (self.root or Path("RUNS")) / run
        return shlex.quote(str(path))

    def score(self, run: str, metric: str) -> str:
        return f"wespe-bench score {self._path(run)} --metrics {shlex.quote(metric)}"

    def common(self) -> str:
        return f"wespe-bench report {self._path()} --common"

    def report(self, run: str) -> str:
        return f"wespe-bench report {self._path(run)}"


def _one_table(
    scores: pd.DataFrame,
    dataset: str,
    samples: pd.DataFrame | Iterable[str] | None,
    extra_methods: Sequence[str],
    common: bool,
    remedy: _Remedy,
    described: Mapping[str, Metric],
) -> Table:
    _check_runs(scores, dataset, remedy)
    if samples is None:
        raise InputError(f"no list of photos for the data set {dataset!r}")
    everything, referenced = _expected(samples)
    labels = sorted({*scores["label"].unique(), *extra_methods}, key=_method_order)
    columns = [
        _column(name, scores[scores["metric"] == name], dataset, remedy, described)
        for name in sorted(scores["metric"].unique(), key=_metric_order)
    ]
    expected = {
        column.metric: referenced if metric is not None and metric.full_reference else everything
        for column, metric in columns
    }
    groups = {
        (str(label), str(name)): rows
        for (label, name), rows in scores.groupby(["label", "metric"], sort=False)
    }
    used, left_out = everything, []
    if common:
        used = _common(groups, everything, dataset)
        left_out = [sample for sample in everything if sample not in set(used)]
        groups = {key: rows[rows["sample"].isin(used)] for key, rows in groups.items()}
    else:
        for (_, name), rows in groups.items():
            _check_complete(rows, name, expected[name], remedy)

    cells: dict[tuple[str, str], Cell] = {}
    shown: list[Column] = []
    for column, metric in columns:
        filled = {
            label: _fill(
                Cell(
                    label,
                    dataset,
                    column.metric,
                    n_expected=len(expected[column.metric]),
                ),
                groups.get((label, column.metric)),
                metric,
                bool(referenced),
            )
            for label in labels
        }
        best, remark = _best(filled, groups, column, metric)
        for label, cell in filled.items():
            cells[label, column.metric] = replace(cell, best=label in best)
        shown.append(replace(column, decimals=_decimals(filled.values()), remark=remark))
    notes = [note for note in scores["note"].unique() if isinstance(note, str) and note]
    return Table(
        dataset=dataset,
        revision=str(scores["revision"].iloc[0]) if len(scores) else "",
        note="; ".join(sorted(notes)),
        methods=tuple(labels),
        columns=tuple(shown),
        n_expected=len(everything),
        used=tuple(used),
        left_out=tuple(left_out),
        cells=cells,
    )


def _check_runs(scores: pd.DataFrame, dataset: str, remedy: _Remedy) -> None:
    revisions = scores.groupby("revision")["run"].unique()
    if len(revisions) > 1:
        told = "; ".join(f"{str(r)[:12]} in {_some(runs)}" for r, runs in revisions.items())
        raise InputError(
            f"data set {dataset!r} has {len(revisions)} revisions ({told}), which cannot share a "
            f"table; make the older ones again with the commands in their run.json, or report each "
            f"alone: {remedy.report(str(revisions.iloc[0][0]))}"
        )
    for label, runs in scores.groupby("label")["run"].unique().items():
        if len(runs) > 1:
            raise InputError(
                f"{len(runs)} runs on {dataset!r} are called {str(label)!r} ({_some(runs)}); "
                "give them different labels (LABEL=ENHANCER), merge them if they are shards, "
                "or keep one"
            )
    lost = scores[scores["value"].isna()]
    if len(lost):
        first = lost.iloc[0]
        rows = lost[(lost["run"] == first["run"]) & (lost["metric"] == first["metric"])]
        raise InputError(
            f"run {first['run']!r}: {first['metric']} is not a number for "
            f"{_some(rows['sample'])}; correct the metric, raise its version and score again: "
            f"{remedy.score(first['run'], first['metric'])}"
        )


def _expected(samples: pd.DataFrame | Iterable[str]) -> tuple[list[str], list[str]]:
    """All ids, and those with a reference, both sorted."""
    import pandas as pd

    if not isinstance(samples, pd.DataFrame):
        ids = sorted(set(samples))
        return ids, ids
    ids = sorted(samples["sample"])
    if "reference" not in samples.columns:
        return ids, ids
    return ids, sorted(samples.loc[samples["reference"].notna(), "sample"])


def _column(
    name: str, rows: pd.DataFrame, dataset: str, remedy: _Remedy, described: Mapping[str, Metric]
) -> tuple[Column, Metric | None]:
    for what, key, advice in (
        ("versions", "metric_version", f"score the older ones again: {remedy.score('', name)}"),
        ("seeds", "seed", "report one seed at a time, from a folder of its own"),
    ):
        runs = rows.groupby(key)["run"].unique()
        if len(runs) > 1:
            told = "; ".join(f"{value} in {_some(of)}" for value, of in runs.items())
            raise InputError(
                f"{name} on {dataset!r} has {len(runs)} {what} ({told}), which cannot share a "
                f"column; {advice}"
            )
    doubled = rows[rows.duplicated(["run", "sample"])]
    if len(doubled):
        raise InputError(
            f"run {doubled['run'].iloc[0]!r}: {name} stands twice for {_some(doubled['sample'])}; "
            "merge the run again"
        )
    metric = _known_metric(name, described)
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
    )
    return column, metric


def _known_metric(name: str, described: Mapping[str, Metric]) -> Metric | None:
    """The record of a registered metric, or what the runs say of another.

    A store may come from a stranger, so a name like "file.py:METRIC" is not followed: a
    table must not run code that a data file names.
    """
    return registry.load_metric(name) if name in registry.METRICS else described.get(name)


def _check_complete(rows: pd.DataFrame, metric: str, expected: list[str], remedy: _Remedy) -> None:
    run = str(rows["run"].iloc[0])
    have = set(rows["sample"])
    missing = [sample for sample in expected if sample not in have]
    if missing:
        raise InputError(
            f"run {run!r}: {metric} lacks {len(missing)} of {len(expected)} photos "
            f"({_some(missing)}); score them (enhance first what has no result): "
            f"{remedy.score(run, metric)}, or compare only what all methods have: "
            f"{remedy.common()}"
        )
    foreign = sorted(have.difference(expected))
    if foreign:
        raise InputError(
            f"run {run!r}: {metric} has scores of photos the data set does not list "
            f"({_some(foreign)}); run it again on the data set as it is now"
        )


def _common(
    groups: Mapping[tuple[str, str], pd.DataFrame], everything: list[str], dataset: str
) -> list[str]:
    shared = set(everything)
    for rows in groups.values():
        shared &= set(rows["sample"])
    if not shared:
        raise InputError(
            f"no photo of {dataset!r} has all metrics from all methods; score the runs again, or "
            "report fewer of them"
        )
    return [sample for sample in everything if sample in shared]


def _fill(
    cell: Cell, rows: pd.DataFrame | None, metric: Metric | None, has_references: bool
) -> Cell:
    if rows is None or rows.empty:
        if metric is not None and metric.full_reference and not has_references:
            return replace(cell, reason="needs a reference photo, and this data set has none")
        return replace(cell, reason="not scored")
    cell = replace(cell, n_clamped=_clamped(rows))
    values = rows["value"].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    infinite = len(values) - len(finite)
    if metric is not None and metric.aggregate is not None:
        return _fill_pooled(cell, rows, metric.aggregate)
    if not len(finite):
        reason = "infinite on every photo" if infinite else "not scored"
        return replace(cell, n_infinite=infinite, reason=reason)
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
    """Rows whose extras say that a term of the product was clamped."""
    texts = [text for text in rows["extras"] if isinstance(text, str) and '"clamped"' in text]
    return sum(json.loads(text).get("clamped", 0) > 0 for text in texts)


def _fill_pooled(
    cell: Cell, rows: pd.DataFrame, aggregate: Callable[[pd.DataFrame], float]
) -> Cell:
    """A metric that is no mean: its own ``aggregate`` on the rows and on resamples of them."""
    try:
        value = float(aggregate(rows))
    except Missing as missing:
        return replace(cell, reason=str(missing))
    if math.isnan(value):
        raise InputError(f"{cell.metric}: its aggregate gives NaN for {cell.label!r}; correct it")
    if math.isinf(value):
        return replace(cell, n_infinite=len(rows), reason="infinite on every photo")
    cell = replace(cell, n=len(rows), mean=value)
    if len(rows) < 2:
        return cell
    rng = np.random.default_rng(_SEED)
    draws = np.array(
        [
            aggregate(rows.iloc[rng.integers(0, len(rows), len(rows))])
            for _ in range(POOLED_RESAMPLES)
        ]
    )
    # A resample of identical photos alone may be infinite; it counts as the largest.
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    error = float(np.std(draws, ddof=1)) if np.isfinite(draws).all() else math.nan
    return replace(cell, low=float(low), high=float(high), standard_error=error)


def mean(values: np.ndarray) -> float:
    """The mean of float64 (n,), rounded once, so that order cannot move it.

    >>> mean(np.array([0.1, 0.1, 0.1])) == 0.1
    True
    """
    if values.min() == values.max():
        return float(values[0])
    return math.fsum(values) / len(values)


def standard_error(values: np.ndarray) -> float:
    """Sample standard deviation (n - 1) of float64 (n,) over the root of n; NaN at n = 1."""
    if len(values) < 2:
        return math.nan
    return float(np.std(np.sort(values), ddof=1) / math.sqrt(len(values)))


def bootstrap_interval(
    values: np.ndarray, *, resamples: int = RESAMPLES, level: float = _LEVEL
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of float64 (n,): (low, high).

    Photos are drawn with replacement ``resamples`` times from a fixed seed; the result
    depends on the values, not on their order. (NaN, NaN) at n = 1, where nothing can be
    resampled.

    >>> bootstrap_interval(np.array([3.0, 3.0, 3.0]))
    (3.0, 3.0)
    """
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        return float(ordered[0]), float(ordered[0])
    rng = np.random.default_rng(_SEED)
    means = np.empty(resamples)
    step = max(1, 2**20 // n)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        means[start:stop] = ordered[rng.integers(0, n, (stop - start, n))].mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _best(
    filled: Mapping[str, Cell],
    groups: Mapping[tuple[str, str], pd.DataFrame],
    column: Column,
    metric: Metric | None,
) -> tuple[set[str], str]:
    """The labels to mark, or why there is none."""
    rivals = [cell for cell in filled.values() if cell.has_value or cell.n_infinite]
    if len(rivals) < 2:
        return set(), ""
    if column.higher_is_better is None:
        return set(), "no best marked: which way is better is not known"
    if metric is None or metric.aggregate is None:
        photos = set()
        for cell in rivals:
            rows = groups[cell.label, column.metric]
            photos.add(frozenset(rows.loc[np.isfinite(rows["value"]), "sample"]))
        if len(photos) > 1:
            return (
                set(),
                "no best marked: infinite values leave means over different photos",
            )
    rivals = [cell for cell in rivals if cell.has_value]
    if len(rivals) < 2:
        return set(), ""
    top = (max if column.higher_is_better else min)(cell.mean for cell in rivals)
    return {cell.label for cell in rivals if cell.mean == top}, ""


def _decimals(cells: Iterable[Cell]) -> int:
    """Digits after the point of a column: three for small numbers, fewer for large ones."""
    largest = max((abs(cell.mean) for cell in cells if cell.has_value), default=0.0)
    return 3 if largest < 10 else 2 if largest < 1000 else 1


def _method_order(label: str) -> tuple[bool, str, str]:
    """The unprocessed photos first, the rest by name."""
    return label != "identity", label.casefold(), label


def _metric_order(name: str) -> tuple[int, str]:
    known = list(registry.METRICS)
    return (known.index(name) if name in registry.METRICS else len(known)), name


def _some(names: Iterable[object]) -> str:
    """The first few names, for a message."""
    found = [str(name) for name in names]
    shown = ", ".join(found[:3])
    return f"{shown} and {len(found) - 3} more" if len(found) > 3 else shown
