"""A comparison in words: a sentence for each metric, and notes beneath the table.

Texts are not escaped: the renderer does that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reports import paired
from reports.cells import Column
from reports.changes import OF_VERSIONS
from reports.comparison import Comparison, Difference
from reports.text import listed, plain, plural

METHOD = (
    f"Differences are of the two scores of one photo. The interval is a 95% studentised "
    f"bootstrap interval of their mean ({paired.RESAMPLES:,} resamples of the photos; Student's t "
    f"below {paired.STUDENTISED} photos); p is Wilcoxon's signed-rank test; the effect is the "
    "rank-biserial correlation, from -1 to 1. A method is called better only where the interval "
    f"leaves 0 out and p is below {paired.LEVEL}."
)


#: From so many photos on their number is not said.
MANY = 10_000


def sentence(one: Difference) -> str:
    """One metric in a sentence; a method is called better only where that is shown."""
    column = one.column
    title, a, b = plain(column.title), plain(one.a), plain(one.b)
    if one.higher == one.lower == 0:
        return f"{a} and {b} have the same {title} on every one of {plural(one.n, 'photo')}."
    if math.isnan(one.difference):
        return f"{title} of {a} or {b} is infinite on every photo, so there is no mean difference."
    if one.shown:
        return _claim(one, title, a, b)
    return (
        f"{a} against {b} in {title}: {_apart(one)} on average over "
        f"{plural(_finite(one), 'photo')}, {_doubt(one)}."
    )


def headline(comparison: Comparison) -> str:
    """What is shown of each rival by the primary metric, else by the first that rates quality.

    A rival that is a card is said to be not verified.
    """
    firsts: dict[str, Difference] = {}
    for one in comparison.differences:
        first = firsts.setdefault(one.b, one)
        if one.column.rates_quality and not (first.primary or first.column.rates_quality):
            firsts[one.b] = one
    by_metric: dict[str, list[Difference]] = {}
    for one in firsts.values():
        by_metric.setdefault(plain(one.column.title), []).append(one)
    found = [_summary(title, rows) for title, rows in by_metric.items()]
    if firsts and not any(one.column.rates_quality for one in firsts.values()):
        found.insert(0, "No score here rates quality, so no method is called better.")
    cards = [plain(method.label) for method in comparison.methods if method.card]
    return " ".join([*found, *(f"{label}: a card, not verified." for label in cards)])


def _summary(title: str, rows: Sequence[Difference]) -> str:
    """The rivals of one metric, by how the first method stands to them, in a sentence."""
    a = plain(rows[0].a)
    shown: dict[str, list[str]] = {}
    for one in rows:
        size = f" ({_size(one)} on average)" if len(rows) == 1 and one.shown else ""
        shown.setdefault(_standing(one), []).append(f"{plain(one.b)}{size}")
    counts = sorted({one.n for one in rows})
    photos = plural(counts[-1], "photo")
    if len(counts) > 1:
        photos = f"{counts[0]} to {photos}"
    unlike = shown.pop("", [])
    parts = [f"{way} than {listed(names)}" for way, names in shown.items()]
    if parts and unlike:
        parts.append(f"not shown to differ from {listed(unlike)}")
    if parts:
        return f"In {title}, over {photos}, {a} is {listed(parts)}."
    return f"In {title}, {photos} do not show a difference between {a} and {listed(unlike, 'or')}."


def _standing(one: Difference) -> str:
    """How the first method is to its rival; empty where no difference is shown."""
    if not one.shown:
        return ""
    if one.column.higher_is_better is None or not one.column.rates_quality:
        return "higher" if one.difference > 0 else "lower"
    return "better" if one.better == one.a else "worse"


def interval(column: Column, one: Difference) -> str:
    """The interval of a difference in brackets; empty where there is none."""
    if math.isnan(one.low):
        return ""
    return f"[{column.show(one.low)}, {column.show(one.high)}]"


def notes(comparison: Comparison) -> list[str]:
    """The notes beneath the table."""
    found = [METHOD, _design(comparison)]
    if comparison.note:
        found.append(f"This data set: {plain(comparison.note)}.")
    for one in comparison.differences:
        title = plain(one.column.title)
        for label, names in one.lacking:
            found.append(
                f"{title}: {plain(label)} has no score of {plural(len(names), 'photo')} "
                f"({_some(names)}); compared are the {one.n} that both have."
            )
        if one.n_infinite:
            found.append(
                f"{title}: infinite on {plural(one.n_infinite, 'photo')}, left out of the means "
                "and the interval; the test, the effect and the counts include them."
            )
    for method in comparison.methods:
        if card := method.card:
            found.append(
                f"{plain(method.label)} is the card {plain(card.source)}, made on "
                f"{plain(card.created[:10]) or 'an unknown day'}; its scores are not verified."
            )
        if len(method.runs) > 1:
            found.append(_seeds(comparison, method.label, len(method.runs)))
    found += [f"Left out: {plain(reason)}." for reason in comparison.left_out]
    found += [f"{plain(line)}." for line in comparison.unread]
    smallest = min(one.n for one in comparison.differences)
    if smallest < paired.FEWEST:
        found.append(
            f"With {plural(smallest, 'photo')} there is no interval: from {paired.FEWEST} on."
        )
    for one in comparison.differences:
        if one.column.metric in OF_VERSIONS:
            found.append(
                f"{plain(one.column.title)}: our model compares versions of one photo, not photos; "
                "the differences are of the two versions of each photo, and the means say little."
            )
    if any(one.column.metric.startswith(("entropy", "bpp")) for one in comparison.differences):
        found.append(
            "Entropy and PNG bits rise with noise; a higher value is not by itself a better photo."
        )
    return list(dict.fromkeys(found))


def _design(comparison: Comparison) -> str:
    """Which metric decides, and what the others are."""
    rows = comparison.differences
    tests = max((one.tests for one in rows if not one.primary), default=0)
    holm = f"with p after Holm's correction over {plural(tests, 'test')}"
    if not comparison.primary:
        return f"No metric is primary (--primary METRIC names one): all are exploratory, {holm}."
    (title,) = {plain(one.column.title) for one in rows if one.primary}
    chosen = "as --primary says" if comparison.primary_asked else "by default"
    text = f"{title} is primary {chosen}: tested without correction, whatever else is compared."
    return f"{text} Other metrics are exploratory, {holm}." if tests else text


def _claim(one: Difference, title: str, a: str, b: str) -> str:
    on = f"over {plural(_finite(one), 'photo')} (95% interval {_span(one)}"
    way = "higher" if one.difference > 0 else "lower"
    if one.column.higher_is_better is None or not one.column.rates_quality:
        text = f"{a} has {_size(one)} {way} {title} than {b} on average {on})"
        rates = one.column.rates_quality
        why = "which way is better is not known" if rates else "it is not a quality score"
        return f"{text}; {why}."
    if one.better == one.b:
        a, b = b, a
        way = "lower" if way == "higher" else "higher"
    wins = max(one.higher, one.lower)
    wins = (one.higher if one.difference > 0 else one.lower) or wins
    caveat = "" if one.seeds_agree else "; not every seed agrees"
    return (
        f"{a} is better than {b} in {title}: {_size(one)} {way} on average {on}), better on "
        f"{wins} of {one.n}{caveat}."
    )


def _doubt(one: Difference) -> str:
    """Why no difference is claimed."""
    if math.isnan(one.low):
        return "too few for an interval: no difference is shown"
    span = f"95% interval {_span(one)}"
    if one.low <= 0 <= one.high:
        return f"{span}, which covers 0: no difference is shown{_needed(one)}"
    best = paired.smallest_p(one.n) * one.tests
    if best >= paired.LEVEL:
        so_many = "" if one.tests == 1 else f" among {one.tests} tests"
        return (
            f"{span}: no difference is shown, nor can it be with so few photos (the rank test's "
            f"p is {min(best, 1):.2g} at best{so_many}){_needed(one)}"
        )
    return (
        f"{span}, which the rank test does not confirm (p = {one.p_corrected:.2g}): "
        f"no difference is shown{_needed(one)}"
    )


def _needed(one: Difference) -> str:
    """How many photos would show the difference seen, if it is real; fewer tests need fewer."""
    count = paired.photos_needed(one.values[np.isfinite(one.values)], one.tests)
    if not count or count <= one.n:
        return ""
    if count >= MANY:
        shown = f"more than {MANY:,}"
    else:  # an estimate: two digits
        shown = f"some {float(f'{count:.2g}'):,.0f}"
    among = "" if one.tests == 1 else f", with p corrected for {one.tests} tests"
    return f"; if it is real, {shown} photos like these would show it in 4 of 5 studies{among}"


def _span(one: Difference) -> str:
    """The interval, with its sign turned where the sentence turns the difference."""
    low, high = one.low, one.high
    if one.shown and one.difference < 0:
        low, high = -high, -low
    return f"{one.column.show(low)} to {one.column.show(high)}"


def _size(one: Difference) -> str:
    unit = f" {plain(one.column.unit)}" if one.column.unit else ""
    shown = one.column.show(abs(one.difference))
    if one.difference and not shown.strip("0."):  # rounds to 0 but is not 0
        return f"less than {shown[:-1]}1{unit}"
    return f"{shown}{unit}"


def _apart(one: Difference) -> str:
    """The size and direction of the difference."""
    if one.difference == 0:
        return "no different"
    return f"{_size(one)} {'higher' if one.difference > 0 else 'lower'}"


def _finite(one: Difference) -> int:
    return one.n - one.n_infinite


def _seeds(comparison: Comparison, label: str, count: int) -> str:
    ranges = []
    for one in comparison.differences:
        means = one.seed_means_a if one.a == label else one.seed_means_b
        if label in (one.a, one.b) and means:
            low, high = one.column.show(min(means)), one.column.show(max(means))
            ranges.append(f"{plain(one.column.title)} {low} to {high}")
    return (
        f"{plain(label)} is {count} seeds, averaged on each photo; their own means lie between: "
        f"{', '.join(dict.fromkeys(ranges))}. The intervals are over photos, for these seeds."
    )


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(map(plain, names[:10]))
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
