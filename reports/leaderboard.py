"""The verb ``leaderboard``: all runs ranked, as a page that needs no network, with their cards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from reports.cards import make_card, read_card, write_card
from reports.cells import Column
from reports.notes import row_n
from reports.ranking import FEWEST, RESAMPLES
from reports.standings import Entry, Interval, Standings, read_standings
from reports.text import fill_template, markdown, plain, plural
from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.paths import to_path
from wespe_bench.run import open_scored, print_left_out
from wespe_bench.runs import escape_csv_formula, folder_name

if TYPE_CHECKING:
    import pandas as pd

#: How to read the ranks, in the words of the page and the Markdown.
READING = (
    "Methods are ranked by their mean of each metric. Brackets hold 95% intervals: the photos are "
    f"drawn again {RESAMPLES:,} times, the same for all methods, and the methods ranked again. "
    "A place such as 2–4 is the interval of a method's place: between methods that share places no "
    "difference is shown. wespe-bench compare tests two methods against each other."
)


@dataclass(frozen=True)
class Leaderboard:
    """Rank all runs below a folder, metric by metric and overall; write a page and their cards.

    A card is one run's scores with its data revision and metric versions, to be ranked
    elsewhere: send yours, add others'. A card of another revision or version is refused.

    Examples:
      wespe-bench leaderboard --runs runs/demo
      wespe-bench leaderboard --runs runs/demo --add their_card.json
    """

    runs: str = "runs"
    """The folder of runs."""
    metrics: tuple[str, ...] = ()
    """Show these metrics only."""
    rank_by: tuple[str, ...] = ()
    """Order methods by the mean of their ranks by these metrics (default: psnr, ssim and ms_ssim,
    those of them that were scored; without them methods have no overall order)."""
    add: tuple[str, ...] = ()
    """Cards of others' runs, kept in the folder added/ beside the page."""
    out: str | None = None
    """Where page, table and cards go (default: leaderboard/ in the folder of runs)."""


def main(config: Leaderboard) -> int:
    """Write leaderboard.html, .md, .csv and the cards; 3 when a run is half scored or bad."""
    from wespe_bench.arguments import check_out

    runs = to_path(config.runs)
    out = to_path(config.out) if config.out else runs / "leaderboard"
    check_out(out)
    given = [Path(path) for path in config.add]
    kept = sorted((out / "added").glob("*/*.json"))
    cards = {(card.dataset, card.label): card for card in map(read_card, [*kept, *given])}
    found = open_scored(runs)
    left_out = [plain(line) for line in found[0].left_out]
    boards = read_standings(
        runs,
        metrics=config.metrics,
        rank_by=config.rank_by,
        cards=list(cards.values()),
        found=found,
    )
    for path in given:
        card = read_card(path)
        target = out / "added" / folder_name(card.dataset) / f"{folder_name(card.label)}.json"
        if target.exists() and read_card(target).label != card.label:
            raise InputError(f"{target} is another method's card; change the label in {path}")
        if not (target.exists() and target.samefile(path)):
            atomic.write_bytes(target, path.read_bytes())
    links = {(b.table.dataset, e.label): _write_card(b, e, out) for b in boards for e in b.entries}
    text = as_markdown(boards, left_out)
    page = out / "leaderboard.html"
    atomic.write_text(page, as_html(boards, links, left_out))
    atomic.write_text(out / "leaderboard.md", text)
    atomic.write_text(out / "leaderboard.csv", _csv(boards))
    print(text)
    print(page)
    return print_left_out([*left_out, *(line for board in boards for line in board.partial)])


def leaderboard(
    runs: Path | str = "runs", metrics: Sequence[str] = (), rank_by: Sequence[str] = ()
) -> pd.DataFrame:
    """The standings as one tidy frame; see `reports.standings.Standings.frame`."""
    import pandas as pd

    boards = read_standings(to_path(runs), metrics=metrics, rank_by=rank_by)
    frames = [board.frame() for board in boards]
    return pd.concat(frames, ignore_index=True)


def _write_card(board: Standings, entry: Entry, out: Path) -> str:
    """Write the card of a run; returns the address of the entry's card, relative to the page."""
    dataset, label = folder_name(board.table.dataset), folder_name(entry.label)
    if entry.run is None:
        return quote(f"added/{dataset}/{label}.json")
    cells = {
        column.metric: (column, cell)
        for column in board.table.columns
        if (cell := board.table.cell(entry.label, column.metric)).n
        and column.higher_is_better is not None
    }
    rows = board.scores[board.scores["label"] == entry.label]
    if rows.empty:
        return ""
    card = make_card(entry.run.metadata, rows, cells, board.metrics, entry.warnings)
    write_card(out / "cards" / dataset / label / "card.json", card)
    return quote(f"cards/{dataset}/{label}/card.json")


def as_markdown(boards: Sequence[Standings], left_out: Sequence[str] = ()) -> str:
    """A table a data set, how to read it, and which runs are ``left_out``."""
    parts = []
    for board in boards:
        table = board.table
        note = f" ({markdown(table.note)})" if table.note else ""
        parts += [f"## {markdown(table.dataset)}{note}", markdown(order_of(board))]
        heads = ["Place", "Mean rank", "Method", "n"]
        heads += [markdown(_head(board, column)) for column in table.columns]
        lines = [heads, ["--:", "--:", ":--", *("--:" for _ in heads[3:])]]
        for entry in board.entries:
            cells = [_cell(board, entry, column) for column in table.columns]
            added = " (added, not verified)" if entry.card else ""
            lines.append(
                [
                    _place(entry),
                    _rank(entry.mean_rank),
                    markdown(entry.label) + added,
                    _n(board, entry),
                    *cells,
                ]
            )
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        parts += [f"- {markdown(line)}" for line in (*board.partial, *board.remarks)]
    parts.append(markdown(READING))
    parts += [f"- {markdown(note)}" for note in (*left_out, *notes(boards))]
    return "\n\n".join(parts) + "\n"


def notes(boards: Sequence[Standings]) -> list[str]:
    """Warnings about metrics, and about cards from others."""
    found = []
    columns = [column for board in boards for column in board.table.columns]
    if any(column.metric.startswith(("entropy", "bpp")) for column in columns):
        found.append(
            "Entropy and PNG bits rise with noise; a higher value is not by itself a better photo."
        )
    if any(entry.card for board in boards for entry in board.entries):
        found.append(
            "Rows marked as added come from cards: their scores were made elsewhere and are not "
            "verified here."
        )
    return found


def as_html(
    boards: Sequence[Standings], links: dict[tuple[str, str], str], left_out: Sequence[str] = ()
) -> str:
    """The page; ``links`` leads from (data set, label) to a card's address."""
    views = [
        {
            "board": board,
            "order": order_of(board),
            "rates": {c.metric: _rates(board, c) for c in board.table.columns},
            "rows": [
                {
                    "entry": entry,
                    "label": plain(entry.label),
                    "link": links.get((board.table.dataset, entry.label), ""),
                    "place": _place(entry),
                    "rank": _rank(entry.mean_rank),
                    "n": _n(board, entry),
                    "about": _about(entry),
                    "cells": [_view(board, entry, column) for column in board.table.columns],
                }
                for entry in board.entries
            ],
        }
        for board in boards
    ]
    return fill_template(
        "leaderboard.html",
        ("page.css",),
        ("tables.js",),
        views=views,
        reading=READING,
        notes=[*left_out, *notes(boards)],
    )


def _view(board: Standings, entry: Entry, column: Column) -> dict[str, object]:
    cell = board.table.cell(entry.label, column.metric)
    mean, interval = column.show_cell(cell)
    return {
        "mean": mean,
        "interval": interval,
        "best": cell.best and _rates(board, column),
        "rank": _rank(entry.ranks[column.metric]),
        "sort": "" if math.isnan(cell.mean) else repr(cell.mean),
        "reason": plain(cell.reason),
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


def _head(board: Standings, column: Column) -> str:
    mark = "" if _rates(board, column) else " (not a quality score)"
    return f"{column.title} {column.arrow}".strip() + mark


def _rates(board: Standings, column: Column) -> bool:
    metric = board.metrics.get(column.metric)
    return metric is None or metric.rates_quality


def _place(entry: Entry) -> str:
    low, high = entry.place
    if math.isnan(low):
        return "–"
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def _about(entry: Entry) -> str:
    if entry.card is None:
        return ""
    made = f"{plain(entry.card.enhancer)} {plain(entry.card.fingerprint)[:40]}"
    return f"added, not verified; {made}".strip()


def _n(board: Standings, entry: Entry) -> str:
    return row_n(board.table, entry.label)


def _cell(board: Standings, entry: Entry, column: Column) -> str:
    cell = board.table.cell(entry.label, column.metric)
    mean, _ = column.show_cell(cell)
    mean = f"**{mean}**" if cell.best and _rates(board, column) else mean
    ranked = _rank(entry.ranks[column.metric])
    return f"{mean} ({ranked})" if ranked != "–" else mean


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


def _csv(boards: Sequence[Standings]) -> str:
    import pandas as pd

    frame = pd.concat([board.frame() for board in boards], ignore_index=True)
    for column in ("dataset", "label", "metric", "unit", "metric_version", "revision"):
        frame[column] = frame[column].map(escape_csv_formula)
    return str(frame.to_csv(index=False, lineterminator="\n"))
