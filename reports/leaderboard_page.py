"""A leaderboard as a page that needs no network, as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from reports.cells import Column
from reports.changes import OF_VERSIONS
from reports.contents import source_of
from reports.cost import cost_latex, cost_markdown, cost_view
from reports.latex import NEEDS, cell, latex_table, tex
from reports.notes import of_versions, row_n
from reports.opening import ranges
from reports.pictures import fitted, read_result, resized, small_uri
from reports.ranking import FEWEST, RESAMPLES
from reports.standings import Entry, Interval, Standings
from reports.text import emphasised, fill_template, markdown, plain, plural
from wespe_bench.datasets.source import terms_of
from wespe_bench.json_output import json_number, json_text
from wespe_bench.runs import escape_csv_formula

#: A photo's name; its results as (address, width, height) by label.
Thumbnails = tuple[str, Mapping[str, tuple[str, int, int]]]

#: Width in CSS pixels of a thumbnail.
WIDTH = 112

#: How to read the ranks, in the words of the page and the Markdown.
READING = (
    "Methods are ranked by their mean of each metric. Brackets hold 95% intervals: the photos are "
    f"drawn again {RESAMPLES:,} times, the same for all methods, and the methods ranked again. "
    "A place such as 2–4 is the interval of a method's place: between methods that share places no "
    "difference is shown. wespe-bench compare tests two methods against each other."
)


def as_markdown(boards: Sequence[Standings], left_out: Sequence[str] = ()) -> str:
    """A table a data set, how to read it, and which runs are ``left_out``."""
    parts: list[str] = []
    for board in boards:
        table = board.table
        note = f" ({markdown(table.note)})" if table.note else ""
        parts += [f"## {markdown(table.dataset)}{note}", markdown(order_of(board))]
        heads, rows = _rows(board)
        lines = [list(map(markdown, heads)), ["--:", "--:", ":--", *("--:" for _ in heads[3:])]]
        for place, rank, label, n, *cells in rows:
            shown = [
                emphasised(mean, mark) + (f" ({ranked})" if ranked else "")
                for mean, mark, ranked in cells
            ]
            lines.append([place, rank, markdown(label), n, *shown])
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        parts += [f"- {markdown(line)}" for line in (*board.partial, *board.remarks)]
        parts += cost_markdown(board.costs)
    parts.append(markdown(READING))
    parts += [f"- {markdown(note)}" for note in (*left_out, *notes(boards))]
    return "\n\n".join(parts) + "\n"


def as_latex(boards: Sequence[Standings], left_out: Sequence[str] = ()) -> str:
    """A table a data set with its order and remarks; the last one also says how to read them."""
    tables: list[str] = []
    for board in boards:
        heads, rows = _rows(board)
        rest = [READING, *left_out, *notes(boards)] if board is boards[-1] else []
        tables.append(
            latex_table(
                f"{board.table.dataset}. {order_of(board)}",
                [cell(head) for head in (heads[2], *heads[:2], *heads[3:])],
                [
                    [
                        *map(cell, (label, place, rank, n)),
                        *(
                            cell(mean, place=mark) + (tex(f" ({ranked})") if ranked else "")
                            for mean, mark, ranked in cells
                        ),
                    ]
                    for place, rank, label, n, *cells in rows
                ],
                notes=[tex(line) for line in (*board.partial, *board.remarks, *rest)],
            )
        )
        tables += cost_latex(board.costs, board.table.dataset)
    return "\n\n".join([NEEDS, *tables]) + "\n"


def _rows(board: Standings) -> tuple[list[str], list[list[Any]]]:
    """The heads; for each method place, mean rank, label, n, then the `_cell` of each metric."""
    columns = board.table.columns
    heads = ["Place", "Mean rank", "Method", "n", *(column.head for column in columns)]
    rows = []
    for entry in board.entries:
        label = entry.label + (f" (added, {entry.card.state})" if entry.card else "")
        cells = [_cell(board, entry, column) for column in columns]
        n = row_n(board.table, entry.label)
        rows.append([_place(entry), _rank(entry.mean_rank), label, n, *cells])
    return heads, rows


def as_json(boards: Sequence[Standings], left_out: Sequence[str] = ()) -> str:
    """The boards for scripts: order, methods with places and ranks, remarks; null for no number."""
    rows = {
        board.table.dataset: [
            {str(key): json_number(value) for key, value in row.items()}
            for row in board.frame().to_dict("records")
        ]
        for board in boards
    }
    content = {
        "boards": [
            {
                "dataset": board.table.dataset,
                "revision": board.table.revision,
                "order": order_of(board),
                "rank_by": [column.metric for column in board.deciding],
                "rank_by_asked": board.asked,
                "methods": [
                    {
                        "label": entry.label,
                        "place": [json_number(end) for end in entry.place],
                        "mean_rank": [json_number(end) for end in entry.mean_rank],
                        "added": entry.card is not None,
                        "state": entry.card.state if entry.card else "",
                        "warnings": list(entry.warnings),
                        **entry.cost.numbers(),
                    }
                    for entry in board.entries
                ],
                "scores": rows[board.table.dataset],
                "partial": list(board.partial),
                "remarks": list(board.remarks),
            }
            for board in boards
        ],
        "left_out": list(left_out),
        "notes": notes(boards),
        "reading": READING,
    }
    return json_text(content)


def notes(boards: Sequence[Standings]) -> list[str]:
    """Warnings about metrics, and about cards from others."""
    found = []
    columns = [column for board in boards for column in board.table.columns]
    if any(column.metric.startswith(("entropy", "bpp")) for column in columns):
        found.append(
            "Entropy and PNG bits rise with noise; a higher value is not by itself a better photo."
        )
    for board in boards:
        found += [
            of_versions(board.table, c) for c in board.table.columns if c.metric in OF_VERSIONS
        ]
    if any(entry.card for board in boards for entry in board.entries):
        found.append(
            "Rows marked as added come from cards: their scores were made elsewhere. Verified ones "
            "were computed again here from the method's pictures (--verify), the others are not "
            "checked."
        )
    return found


def as_html(
    boards: Sequence[Standings],
    links: Mapping[tuple[str, str], str],
    left_out: Sequence[str] = (),
    pictures: Sequence[Thumbnails] = (),
    files: Sequence[tuple[str, str, str]] = (),
) -> str:
    """The page; every name in it is escaped by the template.

    Args:
        boards: A board for each data set.
        links: From (data set, label) to the address of a card's page.
        left_out: What is left out, a line each.
        pictures: The `thumbnails` of each board.
        files: (title, file name, content) of what the page gives away.
    """
    pictures = pictures or [("", {})] * len(boards)
    columns = {column.metric: column for board in boards for column in board.table.columns}
    days = [
        made.created[:10]
        for board in boards
        for entry in board.entries
        if (made := entry.run or entry.card)
    ]
    views = [
        {
            "board": board,
            "order": order_of(board),
            "costs": cost_view(board.costs),
            "terms": next((terms_of(source_of(e.run)) for e in board.entries if e.run), ""),
            "pictured": pictured,
            "rows": [
                {
                    "entry": entry,
                    "label": plain(entry.label),
                    "link": links.get((board.table.dataset, entry.label), ""),
                    "place": _place(entry),
                    "rank": _rank(entry.mean_rank),
                    "drawn": _drawn(entry.mean_rank, len(board.entries)),
                    "picture": shown.get(entry.label),
                    "n": row_n(board.table, entry.label),
                    "about": _about(entry),
                    "cells": [_view(board, entry, column) for column in board.table.columns],
                }
                for entry in board.entries
            ],
        }
        for board, (pictured, shown) in zip(boards, pictures, strict=True)
    ]
    return fill_template(
        "leaderboard.html",
        ("page.css",),
        ("tables.js",),
        views=views,
        metrics=list(columns.values()),
        saved=files,
        date=max(days, default=""),
        reading=READING,
        notes=[*left_out, *notes(boards)],
    )


def thumbnails(board: Standings, changed: list[str]) -> Thumbnails:
    """The photo on which the methods differ most, and a small picture of each method's result.

    By the first metric that decides, else the first that rates quality. ``changed`` gets a line for
    each picture that is not the file that was scored.
    """
    columns = [*board.deciding, *(c for c in board.table.columns if c.rates_quality)]
    if not columns or (found := ranges(board.scores, columns[0])).empty:
        return "", {}
    sample = str((found["max"] - found["min"]).idxmax())
    shown = {}
    for entry in board.entries:
        name = f"{plain(sample)}: the result of {plain(entry.label)}"
        if entry.run and (scored := read_result(entry.run, sample, name, changed)):
            image = Image.fromarray(scored.pixels)
            image = resized(image, fitted(image.size, WIDTH))
            shown[entry.label] = (small_uri(image), *image.size)
    return plain(sample), shown


def _drawn(interval: Interval, methods: int) -> tuple[float, float, float] | None:
    """Where a rank and its interval stand on a scale of 0 to 100; None without an interval."""
    if any(map(math.isnan, interval)) or methods < 2:
        return None
    value, low, high = (round(100 * (rank - 1) / (methods - 1), 1) for rank in interval)
    return value, low, high


def _view(board: Standings, entry: Entry, column: Column) -> dict[str, object]:
    one = board.table.cell(entry.label, column.metric)
    mean, place, ranked = _cell(board, entry, column)
    return {
        "metric": column.metric,
        "mean": mean,
        "interval": column.show_cell(one)[1],
        "place": place,
        "rank": ranked or "–",
        "sort": "" if math.isnan(one.mean) else repr(one.mean),
        "reason": plain(one.reason),
    }


def order_of(board: Standings) -> str:
    """What the order of the methods rests on, and why they have no places if they have none."""
    if not board.deciding:
        return (
            "No overall order: none of these scores compares with a reference. Each metric ranks "
            "by itself; --rank-by METRIC orders by one."
        )
    names = [plain(column.title) for column in board.deciding]
    by = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    unplaced = [plain(e.label) for e in board.entries if math.isnan(e.mean_rank[0])]
    if len(unplaced) == len(board.entries):
        return f"No overall order: no method has a rank by {by}; the remarks below say why."
    text = f"Ordered by the mean of the ranks by {by}" if len(names) > 1 else f"Ordered by {by}"
    text += " (--rank-by)." if board.asked else "."
    if unplaced:
        text += f" Without a rank by all of these, and so without a place: {', '.join(unplaced)}."
    if board.table.n_expected < FEWEST:
        text += (
            f" No places: {plural(board.table.n_expected, 'photo')} are too few to tell methods "
            f"apart (at least {FEWEST})."
        )
    return text


def _place(entry: Entry) -> str:
    low, high = entry.place
    if math.isnan(low):
        return "–"
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def _about(entry: Entry) -> str:
    if entry.card is None:
        return ""
    made = f"{plain(entry.card.enhancer)} {plain(entry.card.fingerprint)[:40]}"
    return f"added, {entry.card.state}; {made}".strip()


def _cell(board: Standings, entry: Entry, column: Column) -> tuple[str, int, str]:
    """The mean, 1 or 2 where it is the best or the second, and its rank or ""."""
    one = board.table.cell(entry.label, column.metric)
    ranked = _rank(entry.ranks[column.metric])
    return column.show_cell(one)[0], one.place, "" if ranked == "–" else ranked


def _rank(interval: Interval) -> str:
    """A rank and its interval.

    >>> _rank((2.0, 1.0, 3.5)), _rank((1.0, math.nan, math.nan)), _rank((math.nan,) * 3)
    ('2 [1, 3.5]', '1', '–')
    """
    value, low, high = interval
    if math.isnan(value):
        return "–"
    shown = [f"{number:.3g}" for number in (value, low, high)]
    return shown[0] if math.isnan(low) else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def as_csv(boards: Sequence[Standings]) -> str:
    import pandas as pd

    frame = pd.concat([board.frame() for board in boards], ignore_index=True)
    for column in ("dataset", "label", "metric", "unit", "metric_version", "revision"):
        frame[column] = frame[column].map(escape_csv_formula)
    return str(frame.to_csv(index=False, lineterminator="\n"))
