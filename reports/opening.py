"""What a section of the report opens with: a sentence of result, and its most telling photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import numpy as np

from reports.cells import Column
from reports.comparison import measured, with_intervals
from reports.contents import Section
from reports.photos import Photos
from reports.tables import DECIDING
from reports.text import plain
from reports.verdict import sentence

if TYPE_CHECKING:
    import pandas as pd

#: At most so many methods stand in the strip: the best, and the worst.
METHODS = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of the strip, ``width`` x ``height`` pixels; ``address`` opens it in the viewer.

    ``value`` is its score as the table prints it.
    """

    name: str
    alt: str
    uri: str
    width: int
    height: int
    value: str
    address: str


def primary(section: Section) -> Column | None:
    """The metric that decides: the first of PSNR, SSIM and MS-SSIM that was scored."""
    columns = {column.metric: column for column in section.table.columns}
    return next((columns[name] for name in DECIDING if name in columns), None)


def ranked(section: Section, column: Column) -> list[str]:
    """The methods that have a mean, best first."""
    means = {
        label: section.table.cell(label, column.metric).mean for label in section.table.methods
    }
    sign = 1 if column.higher_is_better is False else -1
    return sorted(
        (label for label, mean in means.items() if not math.isnan(mean)),
        key=lambda label: sign * means[label],
    )


def result(section: Section) -> str:
    """The best method and whether it is shown to be better than the second, in a sentence or two.

    The two were found by the scores that test them: p is multiplied by the number of rivals.
    """
    column = primary(section)
    if column is None:
        return "No score here compares with a reference, so no method is called the best."
    order = ranked(section, column)
    if len(order) < 2:
        return ""
    rows = section.scores[section.scores["metric"] == column.metric]
    rows = rows[rows["sample"].isin(section.table.used)]
    both = rows[rows["label"].isin(order[:2])].pivot(
        index="sample", columns="label", values="value"
    )
    both = both.dropna().sort_index()
    of_a, of_b = (both[[label]].to_numpy(np.float64) for label in order[:2])
    one = measured((order[0], order[1]), column, list(map(str, both.index)), of_a, of_b)
    (one,) = with_intervals([one])
    rivals = len(order) - 1
    one = replace(one, p_corrected=min(1.0, one.p * rivals), tests=rivals)
    title = plain(column.title)
    lead = f"{plain(order[0])} has the best mean {title} of {len(order)} methods. "
    return (lead if rivals > 1 else "") + sentence(one)


def telling(section: Section) -> tuple[str, str]:
    """The photo on which the methods differ most in the primary metric, and a caption.

    Where none is primary it is by the first metric that rates quality; empty where there is none.
    """
    columns = [column for column in section.table.columns if column.rates_quality]
    column = primary(section) or next(iter(columns), None)
    if column is None:
        return "", ""
    found = ranges(section.scores, column)
    found = found[found.index.isin(section.table.used)]
    if found.empty:
        return "", ""
    sample = str((found["max"] - found["min"]).idxmax())
    low, high = (column.show(float(found[end][sample])) for end in ("min", "max"))
    unit = f" {plain(column.unit)}" if column.unit else ""
    return sample, (
        f"{plain(sample)}, the photo on which the methods differ most in {plain(column.title)}: "
        f"{low} to {high}{unit}."
    )


def ranges(scores: pd.DataFrame, column: Column) -> pd.DataFrame:
    """The smallest and largest finite score of each photo, as "min" and "max", by its id."""
    rows = scores[(scores["metric"] == column.metric) & np.isfinite(scores["value"])]
    found: pd.DataFrame = rows.groupby("sample")["value"].agg(["min", "max"]).sort_index()
    return found


def strip(section: Section, sample: str, every: Photos) -> list[Panel]:
    """The input, the best methods and the worst, and the reference of one photo."""
    column = primary(section) or next(iter(section.table.columns))
    unprocessed = [run.label for run in section.runs if run.enhancer == "identity"]
    shown = [label for label in ranked(section, column) if ("method", plain(label)) in every.strip]
    if len(shown) > METHODS:
        shown = [*shown[: METHODS - 1], shown[-1]]
    places = [("input", "Input", next(iter(unprocessed), ""))]
    places += [("method", plain(label), label) for label in shown]
    places += [("reference", "Reference", "")]
    panels = []
    best = plain(shown[0]) if shown else "Reference"
    for kind, name, label in places:
        if (kind, name) not in every.strip:
            continue
        uri, width, height = every.strip[kind, name]
        value = section.value(label, sample, column.metric) if label else None
        unit = f" {plain(column.unit)}" if column.unit else ""
        view = {"set": plain(section.table.dataset), "photo": plain(sample), "left": "Input"}
        view |= {"right": best if kind == "input" else name}
        of = {"input": "the input", "reference": "the reference"}.get(kind, f"result of {name}")
        panels.append(
            Panel(
                name=name,
                alt=f"{plain(sample)}: {of}",
                uri=uri,
                width=width,
                height=height,
                value="" if value is None else f"{column.show(value)}{unit}",
                address=f"#{urlencode(view, quote_via=quote)}",
            )
        )
    return panels if len(panels) > 1 else []
