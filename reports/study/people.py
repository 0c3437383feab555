"""Agreement of metrics with people, question by question, from scored runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reports import paired
from reports.checks import Remedy, check_runs
from reports.paper.choices import method_named
from reports.resamples import draws, ends
from reports.study.twoway import unanimous
from reports.tables import column_of, known_metric, metric_order
from reports.text import plain, plural
from wespe_bench.run import described, open_runs

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric

#: A row of a question: which pair on which image.
QUESTION = ["dataset", "sample", "method", "rival"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a metric prefers the picture that most people prefer.

    ``agreed`` of ``questions`` have the metric on the majority's side, with a 95% bootstrap
    interval of that fraction over ``images`` (percentile; where all or none agree, Clopper and
    Pearson's with each image as one). ``split`` questions more have no majority, on ``equal``
    more the metric sees no difference. ``votes`` is the share of single votes that the metric
    predicts, ``ceiling`` that which the majority predicts. ``rank`` is Spearman's
    correlation of the metric's difference with the share of votes, over ``ranked`` questions.
    ``directed`` is False where the metric has no direction; more is then taken as better.
    """

    metric: str
    title: str
    directed: bool
    questions: int
    agreed: int
    low: float
    high: float
    images: int
    split: int
    equal: int
    votes: float
    ceiling: float
    rank: float
    ranked: int

    @property
    def fraction(self) -> float:
        return self.agreed / self.questions if self.questions else math.nan

    @property
    def shown(self) -> bool:
        """Whether the metric agrees (or disagrees) with people more often than chance does.

        With few images the bootstrap's interval is too narrow, so an exact test must say so too.
        """
        return (self.low > 0.5 or self.high < 0.5) and self.p < paired.LEVEL

    @property
    def p(self) -> float:
        """p of the exact binomial test that the metric agrees with the majority by chance."""
        from scipy import stats

        if not self.questions:
            return math.nan
        return float(stats.binomtest(self.agreed, self.questions).pvalue)


def agreements(
    votes: pd.DataFrame, runs: Path, hashes: Mapping[tuple[str, str, str], str] | None = None
) -> tuple[tuple[Agreement, ...], tuple[str, ...]]:
    """An `Agreement` for each metric that was scored for both methods of a question, and notes.

    ``votes`` are `reports.study.cells.oriented`. Methods are labels of runs below ``runs``;
    a method called original may be the run of identity. ``hashes`` are of the pictures that were
    shown: scores of other pictures are left out. Raises InputError for scores that must not be
    compared (see `reports.checks`), and where there are no runs.
    """
    asked = votes.groupby(QUESTION)["won"].agg(["size", "sum"]).reset_index()
    scores, descriptions, notes = _scores(asked, runs, hashes or {})
    found = []
    lacking: dict[int, list[str]] = {}
    for name in sorted(scores["metric"].unique(), key=metric_order):
        rows = scores[scores["metric"] == name]
        metric = known_metric(name, descriptions)
        if metric is not None and metric.aggregate is not None:
            notes.append(
                f"{plain(name)} pools its photos, so it cannot be compared question by question"
            )
            continue
        among = ", ".join(sorted(rows["dataset"].unique()))
        column, _ = column_of(name, rows, among, Remedy(runs), descriptions)
        values = rows.set_index(["dataset", "sample", "label"])["value"]
        both = asked.assign(
            a=_of(values, asked, "method"),
            b=_of(values, asked, "rival"),
        ).dropna(subset=["a", "b"])
        if len(both) < len(asked):
            lacking.setdefault(len(both), []).append(plain(column.title))
        if len(both):
            found.append(_agreement(both, name, plain(column.title), column.higher_is_better))
    for count, titles in lacking.items():
        notes.append(
            f"{', '.join(titles)}: scored for {count} of {plural(len(asked), 'question')}; the "
            "others are not counted"
        )
    if not found:
        notes.append(
            f"No metric is scored for both methods of a question below {plain(runs)}; their labels "
            "must be the study's methods, and their photos its samples"
        )
    return tuple(found), tuple(notes)


def _of(values: pd.Series, asked: pd.DataFrame, side: str) -> np.ndarray:
    import pandas as pd

    keys = pd.MultiIndex.from_frame(asked[["dataset", "sample", side]])
    return values.reindex(keys).to_numpy(np.float64)


def _agreement(both: pd.DataFrame, name: str, title: str, higher: bool | None) -> Agreement:
    import pandas as pd
    from scipy import stats

    apart = paired.differences(both["a"].to_numpy(np.float64), both["b"].to_numpy(np.float64))
    if higher is False:
        apart = -apart
    total, won = both["size"].to_numpy(np.int64), both["sum"].to_numpy(np.int64)
    people, metric = np.sign(2 * won - total), np.sign(apart)
    used = (people != 0) & (metric != 0)
    agreed = people[used] == metric[used]
    image, images = pd.factorize(
        pd.MultiIndex.from_frame(both.loc[used, ["dataset", "sample"]]), sort=True
    )
    low, high = _interval(image, agreed)
    seen = metric != 0
    predicted = np.where(metric > 0, won, total - won)[seen]
    share = won / total
    varied = len(np.unique(apart)) > 1 and len(np.unique(share)) > 1
    return Agreement(
        metric=name,
        title=title,
        directed=higher is not None,
        questions=int(used.sum()),
        agreed=int(agreed.sum()),
        low=low,
        high=high,
        images=len(images),
        split=int((people == 0).sum()),
        equal=int(((metric == 0) & (people != 0)).sum()),
        votes=float(predicted.sum() / total[seen].sum()) if seen.any() else math.nan,
        ceiling=float(np.maximum(won, total - won)[seen].sum() / total[seen].sum())
        if seen.any()
        else math.nan,
        rank=float(stats.spearmanr(apart, share).statistic) if varied else math.nan,
        ranked=len(both),
    )


def _interval(image: np.ndarray, agreed: np.ndarray) -> tuple[float, float]:
    """Bootstrap interval of the mean of bool (n,) over images (codes (n,)); NaN with one image."""
    images = len(np.unique(image))
    if images < 2:
        return math.nan, math.nan
    if agreed.all() or not agreed.any():
        return unanimous(bool(agreed[0]), images)
    counts, hits = np.bincount(image), np.bincount(image, agreed)
    drawn = draws(images, paired.RESAMPLES)
    shares = np.concatenate([(some @ hits) / (some @ counts) for some in drawn])
    low, high = ends(shares, images)
    return float(low), float(high)


def _scores(
    asked: pd.DataFrame, runs: Path, hashes: Mapping[tuple[str, str, str], str]
) -> tuple[pd.DataFrame, dict[str, Metric], list[str]]:
    """The scores of the study's methods on its samples, ``label`` being the study's method."""
    import pandas as pd

    samples = asked.groupby("dataset")["sample"].unique()
    methods = {
        dataset: sorted({*rows["method"], *rows["rival"]})
        for dataset, rows in asked.groupby("dataset")
    }
    opened = open_runs(runs)
    labels: dict[str, set[str]] = {}
    for run in opened.found:
        labels.setdefault(run.dataset, set()).add(run.label)
    frames, used = [], []
    notes = [plain(line) for line in opened.left_out]
    for run in opened.found:
        dataset = run.dataset
        named = _named(methods.get(dataset, ()), labels[dataset])
        if run.label not in named:
            continue
        rows = run.read_scores().assign(run=str(run.folder))
        rows = rows[rows["sample"].isin(samples[dataset])]
        if rows.empty:
            continue
        method = named[run.label]
        inputs = run.samples.set_index("sample")["sha256"]
        keys = [(dataset, sample, method) for sample in rows["sample"]]
        shown = [hashes.get(key) for key in keys]
        same = [
            want is None or want in (made, inputs.get(sample))
            for want, made, sample in zip(shown, rows["image_sha256"], rows["sample"], strict=True)
        ]
        if not all(same):
            other = rows.loc[np.logical_not(same), "sample"].nunique()
            notes.append(
                f"{plain(method)} on {plain(dataset)}: the pictures that were scored are not those "
                f"that were shown for {plural(other, 'photo')}, left out"
            )
        frames.append(rows[same].assign(label=method))
        used.append(run)
    empty = pd.DataFrame(columns=["dataset", "label", "sample", "metric", "value"])
    scores = pd.concat(frames, ignore_index=True) if frames else empty
    for name, rows in scores.groupby("dataset"):
        check_runs(rows, str(name), Remedy(runs))
    return scores, described(used), notes


def _named(methods: list[str] | tuple[()], labels: set[str]) -> dict[str, str]:
    """A run's label -> the study's method: its own, or identity for the original."""
    found = {name: name for name in methods if name in labels}
    for name in methods:
        if name not in labels and method_named(name) == "original" and "identity" in labels:
            found.setdefault("identity", name)
    return found
