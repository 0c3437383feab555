"""The data behind a leaderboard: for each data set the cells and ranks of runs and added cards."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.added import check_card
from reports.cards import Card
from reports.cells import Column, Table, infinity
from reports.checks import Remedy, check_runs
from reports.contents import photos_of
from reports.cost import Cost, cost_of, shown
from reports.ranking import rank
from reports.tables import DECIDING, known_metric, pooled, summarize
from reports.text import plain, plural
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.run import Run, Runs, described, open_scored

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric

Interval = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """One method: its mean rank, and its rank by each metric, as (rank, low, high).

    ``place`` is (best, last) of `reports.ranking.Ranks`. NaN where it is not ranked. It comes from
    a ``run`` here or from a ``card`` made elsewhere; the other is None.
    """

    label: str
    mean_rank: Interval
    place: tuple[float, float]
    ranks: Mapping[str, Interval]
    run: Run | None = None
    card: Card | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the method's enhancer warned of."""
        made = self.run or self.card
        return made.warnings if made else ()

    @property
    def cost(self) -> Cost:
        """What the method costs."""
        return cost_of(self.label, [self.run] if self.run else [], self.card)


#: The columns of `Standings.frame`.
COLUMNS = (
    *("dataset", "label", "metric", "unit", "higher_is_better", "n", "mean", "low", "high"),
    *("rank", "rank_low", "rank_high", "place_low", "place_high"),
    *("mean_rank", "mean_rank_low", "mean_rank_high"),
    *("parameters", "multiply_adds", "seconds"),
    *("added", "state", "metric_version", "revision"),
)


@dataclass(frozen=True, slots=True)
class Standings:
    """One data set, best mean rank first.

    ``deciding`` are the metrics whose ranks the mean rank is of; none where no metric with a
    reference was scored and none was asked for: the methods then have no order. ``asked`` says that
    the user named them. ``partial`` says
    which methods are not ranked by a metric, and the command that completes them; ``remarks`` say
    how infinite scores were treated, and what enhancers warned of.
    """

    table: Table
    entries: tuple[Entry, ...]
    partial: tuple[str, ...]
    scores: pd.DataFrame
    metrics: Mapping[str, Metric]
    deciding: tuple[Column, ...]
    asked: bool
    remarks: tuple[str, ...] = ()

    @property
    def costs(self) -> list[Cost]:
        """What the methods cost, in their order; none where no method has a count."""
        return shown(entry.cost for entry in self.entries)

    def frame(self) -> pd.DataFrame:
        """A tidy row a method and metric, in the order of the ranking."""
        import pandas as pd

        costs = {entry.label: entry.cost for entry in self.entries}
        return pd.DataFrame(
            [
                {
                    "dataset": self.table.dataset,
                    "label": entry.label,
                    "metric": column.metric,
                    "unit": column.unit,
                    "higher_is_better": column.higher_is_better,
                    "n": cell.n,
                    "mean": cell.mean,
                    "low": cell.low,
                    "high": cell.high,
                    **_three("rank", entry.ranks[column.metric]),
                    "place_low": entry.place[0],
                    "place_high": entry.place[1],
                    **_three("mean_rank", entry.mean_rank),
                    **costs[entry.label].numbers(),
                    "added": entry.card is not None,
                    "state": entry.card.state if entry.card else "",
                    "metric_version": column.version,
                    "revision": self.table.revision,
                }
                for entry in self.entries
                for column in self.table.columns
                for cell in (self.table.cell(entry.label, column.metric),)
            ],
            columns=list(COLUMNS),  # so that an empty frame has them too
        )


def read_standings(
    runs: Path,
    *,
    metrics: Sequence[str] = (),
    rank_by: Sequence[str] = (),
    cards: Sequence[Card] = (),
    found: tuple[Runs, pd.DataFrame] | None = None,
) -> list[Standings]:
    """`Standings` for each data set of the runs at or below ``runs``, with ``cards`` among them.

    A run that lacks scores of some photos has no cell for that metric and is not ranked by it;
    `Standings.partial` says so. Metrics that are not a mean over photos are left out, with a
    remark; asking for one by name is an error. Methods are ordered by the mean of their ranks by
    ``rank_by``; by default those of `DECIDING` that were scored, and without them no order.
    ``found`` is what `wespe_bench.run.open_scored` gave of the runs; without it they are read here,
    with a warning for each that cannot be read.

    Raises InputError when there are no scores, for an unknown metric, for scores that must not
    stand in one table, and for a card that does not belong to the runs (`reports.added`).
    """
    import pandas as pd

    if found is None:
        found = open_scored(runs)
        for line in found[0].left_out:
            warnings.warn(plain(line), stacklevel=2)
    opened, scores = found[0].found, found[1]
    descriptions = described(opened)
    every = sorted(scores["metric"].unique())
    pools = pooled(every, descriptions)
    _check_metrics(metrics, every, pools)
    for card in cards:
        check_card(card, scores, _photos(opened, card.dataset))
    chosen = [
        name
        for name in scores["metric"].unique()
        if name not in pools and (not metrics or name in metrics)
    ]
    _check_metrics(rank_by, chosen, pools)
    without = scores.loc[scores["metric"].isin(pools), ["dataset", "metric"]].drop_duplicates()
    frames = [scores, *(card.rows() for card in cards)]
    scores = pd.concat(frames, ignore_index=True)
    scores = scores[scores["metric"].isin(chosen)]
    if scores.empty:
        raise InputError(f"no scores at or below {runs}; make them: wespe-bench score {runs}")
    boards = []
    for dataset in sorted(scores["dataset"].unique()):
        boards.append(
            _board(
                scores[scores["dataset"] == dataset],
                _photos(opened, dataset),
                {run.label: run for run in opened if run.dataset == dataset},
                {card.label: card for card in cards if card.dataset == dataset},
                runs,
                descriptions,
                rank_by,
                [] if metrics else sorted(without.loc[without["dataset"] == dataset, "metric"]),
            )
        )
    return boards


def _photos(runs: Sequence[Run], dataset: str) -> pd.DataFrame:
    """`photos_of` the runs on a data set; none where there is no run."""
    import pandas as pd

    found = [run for run in runs if run.dataset == dataset]
    return photos_of(found) if found else pd.DataFrame({"sample": []})


def _check_metrics(asked: Sequence[str], known: Sequence[str], pools: Collection[str]) -> None:
    for name in asked:
        if name in pools:
            raise InputError(f"{name} is not a mean over photos; rank by the metric it pools")
        if name not in known:
            raise InputError(
                f"no run has scores of {name!r}{did_you_mean(name, known)}; "
                f"there are: {', '.join(known)}"
            )


def _board(
    scores: pd.DataFrame,
    samples: pd.DataFrame,
    runs: Mapping[str, Run],
    cards: Mapping[str, Card],
    root: Path,
    descriptions: Mapping[str, Metric],
    rank_by: Sequence[str],
    left_out: Sequence[str],
) -> Standings:
    dataset = str(scores["dataset"].iloc[0])
    # Checked before incomplete methods are left out, which would hide a second revision.
    check_runs(scores, dataset, Remedy(root))
    scores, partial = _complete(scores, samples, root, descriptions, cards)
    (table,) = summarize(
        scores,
        {dataset: samples},
        methods={dataset: [*runs, *cards]},
        root=root,
        described=descriptions,
    )
    labels, columns = table.methods, table.columns
    ranked = [column for column in columns if column.higher_is_better is not None]
    values = np.full((len(labels), len(ranked), len(samples)), np.nan)
    at_photo = {sample: i for i, sample in enumerate(samples["sample"])}
    for (label, metric), rows in scores.groupby(["label", "metric"]):
        at = next((i for i, column in enumerate(ranked) if column.metric == metric), None)
        if at is not None:
            values[labels.index(label), at, rows["sample"].map(at_photo)] = rows["value"]
    deciding = [column.metric in (rank_by or DECIDING) for column in ranked]
    found = rank(values, [bool(column.higher_is_better) for column in ranked], deciding)
    none = (math.nan, math.nan, math.nan)
    entries = []
    for row, label in enumerate(labels):
        by_metric: dict[str, Any] = {column.metric: none for column in columns}
        for at, column in enumerate(ranked):
            by_metric[column.metric] = tuple(map(float, found.metric[row, at]))
        mean: Any = tuple(map(float, found.mean[row]))
        place: Any = tuple(map(float, found.place[row]))
        entries.append(Entry(label, mean, place, by_metric, runs.get(label), cards.get(label)))
    entries.sort(key=lambda e: (math.isnan(e.mean_rank[0]), e.mean_rank[0], labels.index(e.label)))
    metrics = {
        c.metric: m for c in columns if (m := known_metric(c.metric, descriptions)) is not None
    }
    remarks = _remarks(table, values, ranked)
    remarks += [f"{plain(name)} is left out: it is not a mean over photos" for name in left_out]
    warned = tuple(plain(f"{e.label}: {line}") for e in entries for line in e.warnings)
    return Standings(
        table,
        tuple(entries),
        tuple(partial),
        scores,
        metrics,
        tuple(column for column, decides in zip(ranked, deciding, strict=True) if decides),
        bool(rank_by),
        (*remarks, *warned),
    )


def _remarks(table: Table, values: np.ndarray, ranked: Sequence[Column]) -> list[str]:
    """How infinite ``values``, float64 (methods, metrics, photos), were treated."""
    lines = []
    for at, column in enumerate(ranked):
        infinite = np.isinf(values[:, at])
        if not infinite.any():
            continue
        whose = ", ".join(
            f"{infinity(of)} for {plain(label)} on {plural(int(photos.sum()), 'photo')}"
            for label, of, photos in zip(table.methods, values[:, at], infinite, strict=True)
            if photos.any()
        )
        some = np.isfinite(values[:, at]).any(axis=1)
        left = int(np.isfinite(values[some, at]).all(axis=0).sum()) if some.any() else 0
        ranks = (
            f"ranks are over the {plural(left, 'photo')} where all that have a mean are finite"
            if left
            else "there are no ranks by it, as on no photo all that have a mean are finite"
        )
        lines.append(f"{plain(column.title)}: {whose}, left out of that mean; {ranks}")
    return lines


def _complete(
    scores: pd.DataFrame,
    samples: pd.DataFrame,
    runs: Path,
    descriptions: Mapping[str, Metric],
    added: Collection[str],
) -> tuple[pd.DataFrame, list[str]]:
    """The scores without those of methods that lack photos of a metric, and a line for each."""
    everything = set(samples["sample"])
    referenced = set(samples.loc[samples["reference"].notna(), "sample"])
    remedy, partial, dropped = Remedy(runs), [], []
    for (run, label, name), rows in scores.groupby(["run", "label", "metric"]):
        metric = known_metric(str(name), descriptions)
        expected = referenced if metric is not None and metric.full_reference else everything
        missing = sorted(expected - set(rows["sample"]))
        if missing:
            names = ", ".join(map(plain, missing[:3])) + (" ..." if len(missing) > 3 else "")
            score = f"score them: {remedy.score(str(run), str(name))}"
            if label in added:
                score = "the sender of its card must score them"
            partial.append(
                f"{plain(label)} is not ranked by {plain(name)}: it lacks "
                f"{plural(len(missing), 'photo')} of {len(expected)} ({names}); {score}"
            )
            dropped.append(rows.index)
    for index in dropped:
        scores = scores.drop(index)
    return scores, partial


def _three(name: str, interval: Interval) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))
