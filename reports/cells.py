"""The parts of a table: cells, columns, and the table of one data set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pandas.api.extensions import ExtensionArray

T = TypeVar("T")


def infinity(values: Iterable[float]) -> str:
    """How infinite numbers are shown; finite ones do not count.

    >>> infinity([1.0, math.inf]), infinity([-math.inf]), infinity([math.inf, -math.inf])
    ('∞', '−∞', '±∞')
    """
    signs = {value > 0 for value in values if math.isinf(value)}
    return "±∞" if len(signs) == 2 else "∞" if signs == {True} else "−∞" if signs else ""


def arrow_of(higher_is_better: bool | None) -> str:
    """Which way is better: "↑", "↓" or nothing."""
    return {True: "↑", False: "↓", None: ""}[higher_is_better]


def places(values: Mapping[T, float], higher_is_better: bool) -> dict[T, int]:
    """1 for the best of some values (all of them on a tie), 2 for the second where one is the best.

    NaN has no place, and a single value none.

    >>> places({"a": 1.0, "b": 3.0, "c": 3.0}, False), places({"a": 1.0}, True)
    ({'a': 1, 'b': 2, 'c': 2}, {})
    """
    left = {key: value for key, value in values.items() if not math.isnan(value)}
    if len(left) < 2:
        return {}
    first, *rest = sorted(set(left.values()), reverse=higher_is_better)
    found = {key: 1 for key, value in left.items() if value == first}
    if rest and len(found) == 1:
        found |= {key: 2 for key, value in left.items() if value == rest[0]}
    return found


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table, and the photos it is over.

    ``n`` photos enter the mean; ``n_infinite`` more had an infinite value (identical
    images) and are only counted; ``n_expected`` is what the data set offers this metric;
    ``n_clamped`` photos had a negative MS-SSIM term, taken as 0. ``mean``, ``low``, ``high`` (95%
    interval) and ``standard_error`` are NaN in a cell without a value (``reason`` says why it
    has none); at n = 1 only the mean is a number.
    ``place`` is 1 for the best mean of the column, 2 for the second, 0 for the others and where
    none is marked; ``infinite`` is shown where no value is finite.
    ``change`` is the mean change from the original photos and its interval (`reports.changes`).
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
    place: int = 0
    reason: str = ""
    infinite: str = ""
    change: tuple[float, float, float] | None = None

    @property
    def has_value(self) -> bool:
        return not math.isnan(self.mean)


@dataclass(frozen=True, slots=True)
class Column:
    """One metric as a table shows it; ``higher_is_better`` is None where it is unknown.

    What does not rate quality (``rates_quality``: entropy, bits per pixel, a stand-in rater) has no
    arrow, and none of its cells is marked. ``remark`` says why no cell is marked as the best
    although several have values.
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
    rates_quality: bool = True

    @property
    def arrow(self) -> str:
        """Which way is better: "↑", "↓" or nothing."""
        return arrow_of(self.higher_is_better) if self.rates_quality else ""

    @property
    def head(self) -> str:
        """Title, unit, and arrow or "(not a quality score)", on one line.

        >>> Column("psnr", "PSNR", "dB", True).head
        'PSNR (dB) ↑'
        >>> Column("entropy", "Entropy", higher_is_better=True, rates_quality=False).head
        'Entropy (not a quality score)'
        """
        mark = self.arrow if self.rates_quality else "(not a quality score)"
        return f"{self.title}{f' ({self.unit})' if self.unit else ''} {mark}".rstrip()

    def show(self, value: float) -> str:
        """``value`` as every table of this column prints it.

        >>> Column("psnr", "PSNR", decimals=2).show(-0.004)
        '0.00'
        """
        if math.isinf(value):
            return infinity([value])
        text = f"{value:.{self.decimals}f}"
        return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")

    def show_change(self, change: tuple[float, float, float]) -> str:
        """A change with its sign and its interval.

        >>> Column("cornia", "CORNIA", decimals=1).show_change((-3.25, -4.0, 1.0))
        '−3.2 [−4.0, 1.0]'
        """
        mean, low, high = change
        shown = f"{'+' if mean > 0 else ''}{self.show(mean)}"
        return shown if math.isnan(low) else f"{shown} [{self.show(low)}, {self.show(high)}]"

    def show_cell(self, cell: Cell) -> tuple[str, str]:
        """The mean as every table prints it, and its interval in brackets (empty without one).

        >>> Column("psnr", "PSNR").show_cell(Cell("a", "d", "psnr", mean=3, low=-1, high=7))
        ('3.000', '[−1.000, 7.000]')
        """
        if not cell.has_value:
            return cell.infinite or "–", ""
        if cell.change is not None:
            return self.show(cell.mean), self.show_change(cell.change)
        if math.isnan(cell.low):
            return self.show(cell.mean), ""
        return self.show(cell.mean), f"[{self.show(cell.low)}, {self.show(cell.high)}]"


@dataclass(frozen=True, slots=True)
class Table:
    """Methods x metrics on one data set.

    ``used`` are the photos that every cell is over, by id; ``left_out`` those that ``common``
    dropped because some method lacks them. Rows come in the order of ``methods``.
    """

    dataset: str
    revision: str
    note: str
    methods: tuple[str, ...]
    columns: tuple[Column, ...]
    n_expected: int
    used: ExtensionArray
    left_out: tuple[str, ...] = ()
    cells: Mapping[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, label: str, metric: str) -> Cell:
        return self.cells[label, metric]
