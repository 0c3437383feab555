"""What methods cost: parameters, multiply-adds for a megapixel, and the seconds of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.latex import cell, latex_table, tex
from reports.text import markdown, pipe_table, plain
from wespe_bench.registry import ENHANCERS

if TYPE_CHECKING:
    from reports.cards import Card
    from wespe_bench.run import Run

HEADS = ("Method", "Parameters", "Multiply-adds at 1 MP (G)", "Seconds a photo")

COUNTS = (
    "Multiply-adds, in billions, are those of convolutions and matrix products for a photo of "
    "1000x1000 pixels."
)

NOTE = (
    f"{COUNTS} Seconds are the run's median, one call a photo beside whatever else ran: "
    "not to be published; wespe-bench time measures those that are."
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one method costs; None where it is not known, and ``reason`` why."""

    label: str
    parameters: int | None
    multiply_adds: int | None
    seconds: float | None
    reason: str = ""

    def texts(self) -> list[str]:
        """Its cells under `HEADS`, not escaped."""
        return [
            plain(self.label),
            self.reason if self.parameters is None else f"{self.parameters:,}",
            self.reason if self.multiply_adds is None else f"{self.multiply_adds / 1e9:.4g}",
            "–" if self.seconds is None else f"{self.seconds:.3g}",
        ]

    def numbers(self) -> dict[str, Any]:
        """Its numbers by name, for CSV and JSON."""
        return {k: v for k, v in asdict(self).items() if k not in ("label", "reason")}


def cost_of(label: str, runs: Sequence[Run], card: Card | None = None) -> Cost:
    """The cost of a method's runs (seeds, of which the first has the counts), or of its card."""
    if not runs:
        counts = (card.parameters, card.multiply_adds) if card else (None, None)
        return Cost(label, *counts, None, "not in its card")
    first = runs[0]
    seconds = [taken[0] for run in runs if (taken := recorded(run, "seconds"))]
    no_network = first.enhancer.partition(":")[0] in (*ENHANCERS, "tone")
    return Cost(
        label,
        first.parameters,
        first.multiply_adds,
        float(np.median(seconds)) if seconds else None,
        "not a network" if no_network else "not stated",
    )


def recorded(run: Run, what: str) -> tuple[float, int] | None:
    """The median over photos of a column of "enhanced", and over how many.

    ``what`` is seconds, memory or device_memory (bytes); see `wespe_bench.memory`. None where none
    is recorded, and for results that were only copied (``results:``).
    """
    if run.enhancer.startswith("results:"):  # the cost is that of copying
        return None
    taken = run.results[what].to_numpy(np.float64)
    taken = taken[np.isfinite(taken) & (taken >= 0)]
    return (float(np.median(taken)), len(taken)) if len(taken) else None


def shown(costs: Iterable[Cost]) -> list[Cost]:
    """The same where a method has a count; none where they are all functions or programs."""
    found = list(costs)
    counted = any(c.parameters is not None or c.multiply_adds is not None for c in found)
    return found if counted else []


def cost_markdown(costs: Sequence[Cost]) -> list[str]:
    """A table and its note, as blocks of Markdown; none without costs."""
    if not costs:
        return []
    rows = [[markdown(text) for text in cost.texts()] for cost in costs]
    return [pipe_table(list(map(markdown, HEADS)), rows), f"- {markdown(NOTE)}"]


def cost_latex(costs: Sequence[Cost], dataset: str) -> list[str]:
    """A table with its note beneath, without the seconds, which no paper may print; none without
    costs.
    """
    if not costs:
        return []
    rows = [list(map(cell, cost.texts()[:-1])) for cost in costs]
    caption = f"What the methods cost ({dataset})"
    return [latex_table(caption, list(map(cell, HEADS[:-1])), rows, notes=[tex(COUNTS)])]


def cost_view(costs: Sequence[Cost]) -> Mapping[str, Any]:
    """What the template costs.html takes: heads, cells as (text, sort key), note."""
    return {
        "heads": HEADS,
        "note": NOTE,
        "rows": [
            list(zip(cost.texts(), ("", *map(_sort, cost.numbers().values())), strict=True))
            for cost in costs
        ],
    }


def _sort(value: float | None) -> str:
    return "" if value is None else repr(value)
