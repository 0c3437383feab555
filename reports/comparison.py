"""The first of several methods against each of the others, metric by metric, photo by photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reports import paired
from reports.cards import read_card
from reports.cells import Column
from reports.checks import Remedy
from reports.cost import Cost, cost_of, shown
from reports.methods import Method, Scores, find_methods, load
from reports.tables import DECIDING, column_of, known_metric, mean, metric_order
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.run import described

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of methods ``a`` and ``b`` on the ``n`` photos that both have.

    ``mean_a``, ``mean_b`` and ``difference`` (a - b) with its 95% interval are over the photos
    where both scores are finite; ``n_infinite`` more have an infinite score and count in the
    rank test only. ``higher``, ``equal`` and ``lower`` count photos by the sign of a - b. ``p``
    is the signed-rank test's; ``p_corrected`` is the same of the ``primary`` metric, and that of
    others after Holm's correction for the ``tests`` of all exploratory rows; ``effect`` is the
    rank-biserial correlation. ``lacking`` names, for each method, the photos that it has no score
    of but should. ``seed_means_a`` and ``_b`` hold a mean per seed. Intervals are NaN below
    `reports.paired.FEWEST` photos.
    """

    a: str
    b: str
    column: Column
    n: int
    n_infinite: int
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    primary: bool
    tests: int
    higher: int
    equal: int
    lower: int
    effect: float
    lacking: tuple[tuple[str, tuple[str, ...]], ...]
    seed_means_a: tuple[float, ...]
    seed_means_b: tuple[float, ...]
    samples: tuple[str, ...]
    values: np.ndarray

    @property
    def shown(self) -> bool:
        """Whether a difference is shown: the interval excludes 0, the rank test is significant."""
        beyond = self.low > 0 or self.high < 0
        return beyond and self.p_corrected < paired.LEVEL

    @property
    def better(self) -> str:
        """The label of the better method; empty where none is shown to be better."""
        if not self.shown or self.column.higher_is_better is None:
            return ""
        return self.a if (self.difference > 0) == self.column.higher_is_better else self.b

    @property
    def wins(self) -> int:
        """On how many photos ``a`` is better, or higher where the metric has no direction."""
        return self.lower if self.column.higher_is_better is False else self.higher

    @property
    def win_rate(self) -> float:
        """``wins`` as a share of the photos, with ties as half a win."""
        return (self.wins + self.equal / 2) / self.n

    @property
    def seeds_agree(self) -> bool:
        """Whether every seed of ``a`` differs from every seed of ``b`` in the same direction."""
        found = [np.sign(a - b) for a in self.seed_means_a for b in self.seed_means_b]
        return len(set(found)) <= 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare` found: the methods, and the differences by rival, then by metric.

    ``primary`` is the metric that is tested without correction, first of each rival's; empty
    where none was named and none of `DECIDING` was scored; ``primary_asked`` says that it was
    named. ``left_out`` says
    which metrics could not be compared, and why; ``unread`` which runs could not be read while
    labels were looked for.
    """

    dataset: str
    revision: str
    note: str
    methods: tuple[Method, ...]
    samples: pd.DataFrame
    differences: tuple[Difference, ...]
    primary: str
    primary_asked: bool
    left_out: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def costs(self) -> list[Cost]:
        """What the methods cost; none where no method has a count."""
        return shown(cost_of(method.label, method.runs, method.card) for method in self.methods)


def compare_methods(
    names: Sequence[str],
    *,
    runs: Path,
    dataset: str | None = None,
    metrics: Sequence[str] = (),
    primary: str = "",
    since: Path | None = None,
) -> Comparison:
    """Compare the first of ``names`` with each of the others; see `reports.methods` for names.

    ``since`` is the card of an earlier result, which comes before the others.

    ``metrics`` are those to compare, by name; by default all that two methods share. The
    ``primary`` one (default: the first of PSNR, SSIM, MS-SSIM that is compared) is tested as it
    is, so that its verdict does not depend on which rivals and metrics stand beside it. The p
    values of all others are corrected together.

    Raises InputError for fewer than two methods, for scores that must not be compared (see
    `reports.checks`), and where the methods share no photo or no metric.
    """
    if len(names) + (since is not None) < 2:
        raise InputError("compare needs two methods or more: labels or run folders")
    card = None if since is None else read_card(since)
    named = find_methods(names, runs, dataset or (card.dataset if card else None))
    name, methods = named.dataset, named.found
    if card is not None:
        earlier = Method(f"{card.label} (earlier)", (), card)
        methods = (methods[0], earlier, *methods[1:])
    scores = load(methods, name)
    descriptions = described(run for method in methods for run in method.runs)
    left_out: list[str] = []
    found: list[Difference] = []
    metrics = tuple(dict.fromkeys(metrics))  # one named twice is one test
    if primary and metrics and primary not in metrics:
        raise InputError(f"--primary {primary} is not among the metrics: {', '.join(metrics)}")
    chosen = metrics or ((primary,) if primary else ())
    _check_metrics(chosen, scores)
    for number in range(1, len(methods)):
        found += _against(scores, methods, number, descriptions, metrics, left_out)
    if not found:
        raise InputError(f"nothing to compare on {name!r}: {'; '.join(left_out)}")
    compared = {one.column.metric for one in found}
    asked = bool(primary)
    if primary and primary not in compared:
        raise InputError(f"--primary {primary} cannot be compared: {'; '.join(left_out)}")
    primary = primary or next((one for one in DECIDING if one in compared), "")
    return Comparison(
        dataset=name,
        revision=scores.revision,
        note=scores.note,
        methods=methods,
        samples=scores.samples,
        differences=_corrected(found, primary),
        primary=primary,
        primary_asked=asked,
        left_out=tuple(dict.fromkeys(left_out)),
        unread=named.left_out,
    )


def _corrected(found: Sequence[Difference], primary: str) -> tuple[Difference, ...]:
    """The same with corrected p values, the primary metric first of each rival's."""
    exploratory = [one for one in found if one.column.metric != primary]
    p_of = iter(paired.holm([one.p for one in exploratory]))
    done = [
        replace(one, primary=True)
        if one.column.metric == primary
        else replace(one, p_corrected=next(p_of), tests=len(exploratory))
        for one in found
    ]
    rivals = list(dict.fromkeys(one.b for one in done))
    return tuple(sorted(done, key=lambda one: (rivals.index(one.b), not one.primary)))


def _check_metrics(metrics: Sequence[str], scores: Scores) -> None:
    every = sorted(scores.rows["metric"].unique(), key=metric_order)
    for metric in metrics:
        if metric not in every:
            raise InputError(
                f"no method has scores of {metric!r}{did_you_mean(metric, every)}; "
                f"there are: {', '.join(every)}"
            )


def _against(
    scores: Scores,
    methods: Sequence[Method],
    number: int,
    descriptions: dict[str, Metric],
    metrics: Sequence[str],
    left_out: list[str],
) -> list[Difference]:
    """Every metric of the first method and of the ``number``-th."""
    every = sorted(scores.rows["metric"].unique(), key=metric_order)
    begun = [
        one
        for metric in metrics or every
        if (one := _pair(scores, methods, number, metric, descriptions, left_out)) is not None
    ]
    return with_intervals(begun)


def _pair(
    scores: Scores,
    methods: Sequence[Method],
    number: int,
    name: str,
    descriptions: dict[str, Metric],
    left_out: list[str],
) -> Difference | None:
    """One metric's difference without its interval, or None and a reason in ``left_out``."""
    a, b = methods[0], methods[number]
    rows = scores.rows[scores.rows["metric"] == name]
    metric = known_metric(name, descriptions)
    if metric is not None and metric.aggregate is not None:
        left_out.append(f"{name} is not a mean over photos; compare the metric it pools")
        return None
    sides = []
    for position, method in ((0, a), (number, b)):
        members = [f"{position}.{seed}" for seed in range(method.members)]
        wide = rows[rows["member"].isin(members)].pivot(
            index="sample", columns="member", values="value"
        )
        sides.append(wide.reindex(columns=members).dropna().sort_index())
    for method, side in zip((a, b), sides, strict=True):
        if side.empty:
            remedy = "its card has none"
            if method.runs:
                remedy = f"wespe-bench score {method.runs[0].folder} --metrics {name}"
            left_out.append(f"{name}: not scored for {method.label} ({remedy})")
            return None
    shared = sides[0].index.intersection(sides[1].index)
    if shared.empty:
        left_out.append(f"{name}: {a.label} and {b.label} have no photo in common")
        return None
    expected = scores.samples.index
    if metric is not None and metric.full_reference:
        expected = expected[scores.samples["reference"].notna()]
    lacking = tuple(
        (method.label, tuple(map(str, expected.difference(side.index))))
        for method, side in zip((a, b), sides, strict=True)
    )
    of_a, of_b = (side.loc[shared].to_numpy(np.float64) for side in sides)
    column, _ = column_of(name, rows, scores.dataset, Remedy(None), descriptions)
    return measured((a.label, b.label), column, list(map(str, shared)), of_a, of_b, lacking)


def measured(
    labels: tuple[str, str],
    column: Column,
    samples: Sequence[str],
    of_a: np.ndarray,
    of_b: np.ndarray,
    lacking: Sequence[tuple[str, tuple[str, ...]]] = (),
) -> Difference:
    """The difference of two methods in one metric, tested alone, without its interval.

    ``of_a`` and ``of_b`` are their scores of ``samples``, float64 (n, seeds).
    """
    values_a, values_b = of_a.mean(axis=1), of_b.mean(axis=1)
    apart = paired.differences(values_a, values_b)
    p = paired.signed_rank(apart)
    finite = np.isfinite(values_a) & np.isfinite(values_b)
    some = bool(finite.any())
    means = [_seed_means(of[finite]) if some else () for of in (of_a, of_b)]
    return Difference(
        a=labels[0],
        b=labels[1],
        column=replace(column, decimals=_decimals(values_a[finite], values_b[finite])),
        n=len(samples),
        n_infinite=int((~finite).sum()),
        mean_a=mean(values_a[finite]) if some else math.nan,
        mean_b=mean(values_b[finite]) if some else math.nan,
        difference=mean(apart[finite]) if some else math.nan,
        low=math.nan,
        high=math.nan,
        p=p,
        p_corrected=p,
        primary=False,
        tests=1,
        higher=int((apart > 0).sum()),
        equal=int((apart == 0).sum()),
        lower=int((apart < 0).sum()),
        effect=paired.rank_biserial(apart),
        lacking=tuple((label, names) for label, names in lacking if names),
        seed_means_a=means[0],
        seed_means_b=means[1],
        samples=tuple(samples),
        values=apart,
    )


def with_intervals(begun: Sequence[Difference]) -> list[Difference]:
    """The same with their intervals; metrics of the same photos share their resamples."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for position, one in enumerate(begun):
        finite = np.isfinite(one.values)
        kept = tuple(np.asarray(one.samples)[finite]) if not finite.all() else one.samples
        groups.setdefault(kept, []).append(position)
    done = list(begun)
    for positions in groups.values():
        of = [begun[position].values for position in positions]
        ends = paired.intervals(np.stack([values[np.isfinite(values)] for values in of], axis=1))
        for position, (low, high) in zip(positions, ends, strict=True):
            done[position] = replace(done[position], low=float(low), high=float(high))
    return done


def _seed_means(values: np.ndarray) -> tuple[float, ...]:
    """The mean over photos of each column of float64 (n, seeds)."""
    return tuple(mean(column) for column in values.T)


def _decimals(*sides: np.ndarray) -> int:
    largest = max((abs(float(side.mean())) for side in sides if len(side)), default=0.0)
    return 3 if largest < 10 else 2 if largest < 1000 else 1
