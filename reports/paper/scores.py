"""Tables 2, 3, 6, 7 and 8: ours beside the paper's scores."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from reports.cells import Cell, Table
from reports.cells import Column as ScoreColumn
from reports.intervals import SMALL_N
from reports.paper import doubts, measures, missing
from reports.paper.best import MARKS, WORSE, with_best, worse_than_best
from reports.paper.choices import PLACES, Choices, methods_of, place_of, size_at
from reports.paper.gather import Gathered
from reports.paper.grid import Column, Entry, Grid
from reports.paper.measures import Measure
from reports.paper.printed import ROWS, SCORES, Printed
from reports.paper.runs import Candidate, about_method
from reports.tables import mean, pooled, summarize
from reports.text import plain, plural
from wespe_bench.datasets.headers import photo_size
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.metric_scores import MetricScores
    from wespe_bench.run import Run

#: The verb that makes these tables, for the commands in messages.
VERB = "tables all --runs"


def fill(
    gathered: Gathered, runs: Mapping[str, str], metrics: Sequence[str], common: bool
) -> tuple[dict[tuple[str, str], Cell], dict[tuple[str, str], str], Table | None]:
    """The cells of one data set by (method, metric), the reasons of refused ones, and the table.

    ``runs`` maps methods to the names of their runs. A (method, metric) in neither was not scored.
    """
    scores = gathered.some(runs.values(), metrics)
    if not scores:
        return {}, {}, None
    samples = gathered.samples(runs.values())
    try:
        table = _table(gathered, scores, samples, common)
        return _cells(table), {}, table
    except InputError as error:
        if common:
            return {}, {(m, q): str(error) for m in runs for q in metrics}, None
    cells: dict[tuple[str, str], Cell] = {}
    refused: dict[tuple[str, str], str] = {}
    made: Table | None = None
    for metric in metrics:
        good = [of for of in scores if of.metric == metric]
        for method in [m for m in runs if m in {of.label for of in good}]:
            try:
                _table(gathered, [of for of in good if of.label == method], samples, False)
            except InputError as error:
                refused[method, metric] = str(error)
                good = [of for of in good if of.label != method]
        if not good:
            continue
        try:
            made = _table(gathered, good, samples, False)
            cells |= _cells(made)
        except InputError as error:
            refused |= {(of.label, metric): str(error) for of in good}
    return cells, refused, made


def _table(
    gathered: Gathered, scores: Sequence[MetricScores], samples: pd.DataFrame, common: bool
) -> Table:
    (table,) = summarize(
        scores,
        {scores[0].dataset: samples},
        common=common,
        root=gathered.root,
        described=gathered.described,
        verb=VERB,
    )
    return table


def _cells(table: Table) -> dict[tuple[str, str], Cell]:
    return {key: cell for key, cell in table.cells.items() if cell.reason != "not scored"}


AVERAGE = "average"


@dataclass(slots=True)
class _Draft:
    """What a grid is built from."""

    entries: dict[tuple[str, tuple[str, str]], Entry] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    small: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def grid(number: int, gathered: Gathered, choices: Choices) -> Grid:
    """One table of scores."""
    printed = SCORES[number]
    methods = methods_of(printed, choices)
    chosen = measures.of_table(number, gathered, choices)
    columns = tuple(
        Column((method, m.key), choices.titles[method], m.title, m.arrow, m.decimals, m.printed)
        for method in methods
        for m in chosen
    )
    draft = _Draft()
    for row in printed.rows:
        _fill_row(draft, printed, row, chosen, gathered, choices)
    rows = {row: ROWS[row] for row in printed.rows}
    if printed.averages:
        rows[AVERAGE] = "Average"
        for method in methods:
            draft.entries[AVERAGE, (method, "ffs")] = _average(draft, printed, method, chosen[0])
    absent = missing.texts(number, draft.entries, gathered, choices, chosen)
    entries = {
        place: replace(entry, reason=absent.get(place, entry.reason))
        for place, entry in draft.entries.items()
    }
    entries = with_best(entries, rows, AVERAGE, chosen, methods)
    return Grid(
        number=number,
        title=printed.title,
        corner="Camera" if number in (2, 3, 7) else "Data set",
        rows=rows,
        columns=columns,
        entries=entries,
        notes=tuple(_notes(number, draft, chosen, choices)),
        sources=tuple(draft.sources),
        failures=tuple(dict.fromkeys(draft.failures)),
    )


def _fill_row(
    draft: _Draft,
    printed: Printed,
    row: str,
    chosen: tuple[Measure, ...],
    gathered: Gathered,
    choices: Choices,
) -> None:
    place, methods = place_of(row, printed.number, choices), methods_of(printed, choices)
    runs = {m: r for m in methods if (r := gathered.at.get((place, m)))}
    metrics = [m.metric for m in chosen if m.metric]
    names = {method: candidate.run.name for method, candidate in runs.items()}
    cells, refused, table = fill(gathered, names, metrics, choices.common)
    others = {method: _other_photos(place, one.run, gathered) for method, one in runs.items()}
    worse: set[tuple[str, str]] = set()
    if table is not None:
        scored = gathered.some(names.values(), metrics)
        if choices.common:
            scored = [
                replace(of, rows=of.rows[of.rows["sample"].isin(table.used)]) for of in scored
            ]
        higher = {m.metric: m.higher_is_better for m in chosen if m.metric and not m.refusal}
        worse = worse_than_best(scored, cells, higher, pooled(higher, gathered.described))
    for method in methods:
        candidate = runs.get(method)
        for measure in chosen:
            paper = printed.values.get((row, method, measure.quantity), math.nan)
            entry = Entry(paper=paper, metric=measure.metric)
            key = (method, measure.metric)
            if measure.refusal:
                entry = replace(entry, reason=measure.refusal)
            elif (place, method) in gathered.unclear:
                entry = replace(entry, reason=gathered.unclear[place, method])
                draft.failures.append(f"Table {printed.number}, {ROWS[row]}: {entry.reason}")
            elif key in refused:
                entry = replace(entry, reason=f"Refused: {plain(refused[key])}")
                draft.failures.append(f"Table {printed.number}, {ROWS[row]}: {entry.reason}")
            elif key in cells and candidate:
                entry = _entry(entry, cells[key], candidate, measure, gathered)
                entry = replace(entry, worse=key in worse)
                entry = replace(entry, notes=(*entry.notes, *others[method]))
            draft.entries[row, (method, measure.key)] = entry
    if table is None:
        return
    draft.small += [cell.n for cell in cells.values() if cell.has_value]
    draft.sources.append(_source(row, runs, table, choices))
    if table.left_out:
        draft.left_out.append(
            f"{ROWS[row]}: only the {len(table.used)} of {plural(table.n_expected, 'photo')} that "
            f"all methods have for all metrics ({_some(table.left_out)} left out)"
        )


def _other_photos(place: str, run: Run, gathered: Gathered) -> tuple[str, ...]:
    """A note where a run's photos are not the place's, with their size where that differs too."""
    usual = PLACES[place][0]
    if run.dataset.startswith(usual):
        return ()
    text = f"Photos of {plain(run.dataset)} instead of {usual}"
    wanted = size_at(place)
    with contextlib.suppress(InputError, OSError):
        size = photo_size(gathered.paths[run.name])
        if wanted and size != wanted:
            text += ", the first of {}x{} pixels where {}x{} belong".format(*size, *wanted)
    return (text,)


def _entry(
    entry: Entry, cell: Cell, candidate: Candidate, measure: Measure, gathered: Gathered
) -> Entry:
    run = candidate.run
    notes = about_method(candidate)
    if run.note:
        notes.append(f"This data set: {plain(run.note)}")
    notes += [f"Warned when it ran: {plain(line)}" for line in run.warnings]
    if cell.n_infinite and cell.has_value:
        notes.append(
            f"Infinite on {plural(cell.n_infinite, 'photo')}, left out of the mean, which is over "
            f"the other {cell.n}"
        )
    if cell.n_clamped:
        notes.append(
            f"On {plural(cell.n_clamped, 'photo')} a negative contrast term was taken as 0"
        )
    if cell.change is not None:
        column = ScoreColumn("", "", decimals=measure.decimals)
        change = column.show_change(cell.change)
        notes.append(
            f"{change} from the original, photo by photo, with a 95% interval: this model compares "
            "versions of one photo, not photos"
        )
    comparable = measure.comparable and not math.isnan(entry.paper)
    return replace(
        entry,
        ours=cell.mean,
        low=cell.low,
        high=cell.high,
        n=cell.n,
        difference=cell.mean - entry.paper if comparable else math.nan,
        best=cell.place == 1,
        second=cell.place == 2,
        version=plain(gathered.versions[measure.metric][run.name][0]),
        run=plain(run.name),
        dataset=plain(run.dataset),
        revision=run.revision,
        reason=f"{measure.title}: {plain(cell.reason)}" if cell.reason else "",
        notes=(*measure.notes, *notes),
    )


def _average(draft: _Draft, printed: Printed, method: str, measure: Measure) -> Entry:
    """The mean over the rows, as the paper prints it; none of ours where a row is missing."""
    cells = [draft.entries[row, (method, "ffs")] for row in printed.rows]
    entry = Entry(paper=printed.averages.get(method, math.nan), metric=measure.metric)
    empty = [ROWS[row] for row, e in zip(printed.rows, cells, strict=True) if not e.is_filled]
    if measure.refusal:
        return replace(entry, reason=measure.refusal)
    if empty:
        return replace(entry, reason="The average needs every row above it")
    return replace(
        entry,
        ours=mean(np.array([cell.ours for cell in cells])),
        notes=tuple(dict.fromkeys(note for cell in cells for note in cell.notes)),
    )


def _notes(
    number: int, draft: _Draft, chosen: tuple[Measure, ...], choices: Choices
) -> Iterator[str]:
    yield MARKS
    if any(entry.worse for entry in draft.entries.values()):
        yield WORSE
    yield (
        "Methods marked (ours) are not in the paper; tone curves were fitted, without pairs, on "
        "the photos of the WESPE with the same target, which has to beat them"
    )
    if number == 2:
        yield {
            "patches": "Protocol: DPED's 100x100 test patches, each enhanced by itself",
            "registered": "Protocol: full-size photos aligned by data register; the paper's are "
            "most likely 100x100 patches",
        }[choices.protocol]
    else:
        yield "Protocol: full-size test photos"
    for measure in chosen:
        yield from measure.remarks
    if draft.small and min(draft.small) == 1:
        yield "With n = 1 there is no interval, and a mean says little"
    elif draft.small and min(draft.small) < SMALL_N:
        yield (
            f"With n = {min(draft.small)} intervals are narrower than they should be, and the "
            "order of methods may change with other photos"
        )
    yield from draft.left_out
    yield from doubts.contradictions(number)
    yield from doubts.REMARKS[number]


def _source(row: str, runs: Mapping[str, Candidate], table: Table, choices: Choices) -> str:
    methods = ", ".join(
        f"{plain(choices.titles[method])} is {plain(one.run.name)} ({one.evidence})"
        for method, one in runs.items()
    )
    return (
        f"{ROWS[row]}: data set {plain(table.dataset)}, {plural(table.n_expected, 'photo')}, "
        f"revision {plain(table.revision)[:12]}; {methods}"
    )


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(plain(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
