"""A method's card as a page to read: what it is, its means, and its score of every photo."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from reports.cards import Card
from reports.cells import Column
from reports.standings import Entry, Standings
from reports.text import fill_template, plain, plural


def as_html(board: Standings, entry: Entry, card: Card, file: str) -> str:
    """The page of an entry; ``file`` is the address of its card.json beside the page."""
    columns = [column for column in board.table.columns if column.metric in card.scores]
    cells = [board.table.cell(entry.label, column.metric) for column in columns]
    rows = [
        (column, cell, column.show_cell(cell)) for column, cell in zip(columns, cells, strict=True)
    ]
    values = [card.scores[column.metric] for column in columns]
    counts = {"Parameters": card.parameters, "Multiply-adds at 1 MP": card.multiply_adds}
    facts = {
        "Method": " ".join(plain(text) for text in (card.enhancer, card.fingerprint)).strip(),
        **{name: f"{count:,}" for name, count in counts.items() if count is not None},
        "Data": f"{plain(card.dataset)}, {plural(len(card.samples), 'photo')}",
        "Note": plain(card.note),
        "Revision": plain(card.revision),
        "Made": plain(card.created[:19]).replace("T", " "),
        "Device": plain(card.device),
        "Platform": plain(card.platform),
        "Versions": ", ".join(f"{plain(k)} {plain(v)}" for k, v in card.versions.items()),
        "Results": f"SHA-256 {plain(card.results_sha256)}",
        "Verified": "" if entry.card is None else f"added, {plain(entry.card.state)}",
    }
    return fill_template(
        "card.html",
        ("page.css",),
        ("tables.js",),
        label=plain(entry.label),
        back="../" * len(PurePosixPath(file).parent.parts) + "leaderboard.html",
        file=PurePosixPath(file).name,
        warnings=list(map(plain, card.warnings)),
        facts={name: text for name, text in facts.items() if text},
        rows=rows,
        columns=columns,
        photos=[
            (
                plain(sample),
                [_shown(column, of[i]) for column, of in zip(columns, values, strict=True)],
            )
            for i, sample in enumerate(card.samples)
        ],
    )


def _shown(column: Column, value: float | None) -> tuple[str, str]:
    """A score, and its sort key."""
    if value is None or math.isnan(value):
        return "–", ""
    return column.show(value), repr(value).replace("inf", "Infinity")
