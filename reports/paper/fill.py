"""Scores -> cells by `reports.tables.summarize`, where a fault empties only the cells it affects.

`summarize` refuses a table with any fault. Here a run that lacks photos or holds NaN loses its
own cells; runs that must not be compared (two revisions or metric versions) lose the cells of
that metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reports.cells import Cell, Table
from reports.tables import summarize
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from reports.paper.gather import Gathered

#: The verb that makes these tables, for the commands in messages.
VERB = "tables all --runs"


def fill(
    gathered: Gathered, runs: Mapping[str, str], metrics: Sequence[str], common: bool
) -> tuple[dict[tuple[str, str], Cell], dict[tuple[str, str], str], Table | None]:
    """The cells of one data set by (method, metric), the reasons of refused ones, and the table.

    ``runs`` maps methods to the names of their runs. A (method, metric) in neither was not scored.
    """
    rows = gathered.rows(runs.values(), metrics)
    if rows.empty:
        return {}, {}, None
    samples = gathered.samples(runs.values())
    try:
        table = _table(gathered, rows, samples, common)
        return _cells(table), {}, table
    except InputError as error:
        if common:
            return {}, {(m, q): str(error) for m in runs for q in metrics}, None
    cells: dict[tuple[str, str], Cell] = {}
    refused: dict[tuple[str, str], str] = {}
    made: Table | None = None
    for metric in metrics:
        good = rows[rows["metric"] == metric]
        for method in [m for m in runs if m in set(good["label"])]:
            try:
                _table(gathered, good[good["label"] == method], samples, False)
            except InputError as error:
                refused[method, metric] = str(error)
                good = good[good["label"] != method]
        if good.empty:
            continue
        try:
            made = _table(gathered, good, samples, False)
            cells |= _cells(made)
        except InputError as error:
            refused |= {(str(method), metric): str(error) for method in good["label"].unique()}
    return cells, refused, made


def _table(gathered: Gathered, rows: pd.DataFrame, samples: pd.DataFrame, common: bool) -> Table:
    name = str(rows["dataset"].iloc[0])
    (table,) = summarize(
        rows,
        {name: samples},
        common=common,
        root=gathered.root,
        described=gathered.described,
        verb=VERB,
    )
    return table


def _cells(table: Table) -> dict[tuple[str, str], Cell]:
    return {key: cell for key, cell in table.cells.items() if cell.reason != "not scored"}
