"""The table of a comparison: for each rival a line a metric, as texts that are not escaped."""

from __future__ import annotations

import math

from reports.cells import Column
from reports.comparison import Comparison, Difference
from reports.strip import most_different
from reports.text import plain
from reports.verdict import interval


def by_rival(found: Comparison) -> list[list[Difference]]:
    """The differences of each rival."""
    rivals = dict.fromkeys(one.b for one in found.differences)
    return [[one for one in found.differences if one.b == rival] for rival in rivals]


def table(rows: list[Difference]) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """The heads, and a line for each metric: its texts, and whether they are bold."""
    a, b = plain(rows[0].a), plain(rows[0].b)
    heads = ["Metric", "n", a, b, "Difference", "95% interval", f"{a} better on", "Effect", "p"]
    lines = []
    for one in rows:
        column = one.column
        shown = [_number(column, value) for value in (one.mean_a, one.mean_b, one.difference)]
        texts = [
            column.head + (" (primary)" if one.primary else ""),
            str(one.n),
            *shown,
            interval(column, one) or "–",
            _wins(one),
            f"{one.effect:+.2f}".replace("-", "−"),
            "<0.001" if one.p_corrected < 0.001 else f"{one.p_corrected:.3f}",
        ]
        bold = bool(one.better) and column.rates_quality
        lines.append([(text, at == 4 and bold) for at, text in enumerate(texts)])
    return heads, lines


def _number(column: Column, value: float) -> str:
    return "–" if math.isnan(value) else str(column.show(value))


def _wins(one: Difference) -> str:
    """On how many photos the first method is better, and on how many the two are equal."""
    equal = f", {one.equal} equal" if one.equal else ""
    return f"{one.wins} of {one.n}{equal}"


def extremes(found: Comparison) -> list[str]:
    """A sentence for each rival: the photos that differ most in its first metric."""
    lines = []
    for one, *_ in by_rival(found):
        picks = most_different(one)
        if not picks:
            continue
        shown = [f"{plain(sample)} ({one.column.show(value)})" for sample, value in picks]
        lines.append(
            f"{plain(one.a)} and {plain(one.b)} differ most in {plain(one.column.title)} on: "
            f"{', '.join(shown)}."
        )
    return lines
