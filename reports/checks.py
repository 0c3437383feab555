"""Checks before scores share a table. Each error names the command that repairs it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.metric_scores import MetricScores


@dataclass(frozen=True, slots=True)
class Remedy:
    """The commands that error messages recommend."""

    root: Path | None
    #: The verb that makes the table, with what goes before the folder.
    verb: str = "report"

    def _path(self, run: str = "") -> str:
        path = (self.root or Path("RUNS")) / run
        return shlex.quote(str(path))

    def score(self, run: str, metric: str) -> str:
        return f"wespe-bench score {self._path(run)} --metrics {shlex.quote(metric)}"

    def common(self) -> str:
        return f"wespe-bench {self.verb} {self._path()} --common"

    def report(self, run: str) -> str:
        return f"wespe-bench report {self._path(run)}"


def check_runs(scores: pd.DataFrame, dataset: str, remedy: Remedy) -> None:
    """Raise InputError unless a data set's scores are of one revision, a run a label, and numbers.

    ``scores`` are rows as `wespe_bench.run.load_scores` gives them, here and below.
    """
    revisions = scores.groupby("revision")["run"].unique()
    if len(revisions) > 1:
        where = "; ".join(f"{str(r)[:12]} in {_some(runs)}" for r, runs in revisions.items())
        raise InputError(
            f"data set {dataset!r} has {len(revisions)} revisions ({where}), which cannot share a "
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


def check_column(rows: pd.DataFrame, metric: str, dataset: str, remedy: Remedy) -> None:
    """Raise InputError unless a metric's rows are of one version and seed, a photo once a run."""
    again = remedy.score(_folder_of(rows["run"].unique()), metric)
    for what, key, advice in (
        ("versions", "metric_version", f"score the older ones again: {again}"),
        ("seeds", "seed", "report one seed at a time, from a folder of its own"),
    ):
        runs = rows.groupby(key)["run"].unique()
        if len(runs) > 1:
            where = "; ".join(f"{value} in {_some(of)}" for value, of in runs.items())
            raise InputError(
                f"{metric} on {dataset!r} has {len(runs)} {what} ({where}), which cannot share a "
                f"column; {advice}"
            )
    doubled = rows[rows.duplicated(["run", "sample"])]
    if len(doubled):
        raise InputError(
            f"run {doubled['run'].iloc[0]!r}: {metric} has two rows for "
            f"{_some(doubled['sample'])}; merge the run again"
        )


def check_complete(scores: MetricScores, expected: pd.Series[str], remedy: Remedy) -> None:
    """Raise InputError unless a run's scores are those of the ``expected`` photos, by id."""
    run, metric, ids = scores.run, scores.metric, scores.rows["sample"]
    if ids.array.equals(expected.array):
        return
    have = set(ids)
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


def _folder_of(runs: Iterable[str]) -> str:
    """The folder that all these runs are in; empty where they have none in common."""
    try:
        return os.path.commonpath([Path(run).parent for run in runs])
    except ValueError:  # absolute and relative paths mixed
        return ""


def _some(names: Iterable[object]) -> str:
    """The first few names, for a message."""
    found = [str(name) for name in names]
    shown = ", ".join(found[:3])
    return f"{shown} and {len(found) - 3} more" if len(found) > 3 else shown
