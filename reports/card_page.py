"""A method's card as a page to read: what it is, its means, and its score of every photo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from reports.cells import Column
from reports.origins import origin_of
from reports.standings import Entry, Standings
from reports.text import fill_template, plain, plural


def as_html(board: Standings, entry: Entry, card: Mapping[str, Any], file: str) -> str:
    """The page of an entry.

    Args:
        board: The board that it stands in.
        entry: The method.
        card: The content of its card.json, of which an added one was checked.
        file: The address of the card.json from the board's page; the page lies beside it.
    """
    method, data, samples = card["method"], card["dataset"], card["samples"]
    columns = [column for column in board.table.columns if column.metric in card["scores"]]
    cells = [board.table.cell(entry.label, column.metric) for column in columns]
    shown = [column.show_cell(cell) for column, cell in zip(columns, cells, strict=True)]
    values = [card["scores"][column.metric] for column in columns]
    cost = entry.cost
    origin = origin_of(entry.label, str(method.get("enhancer", "")), {})
    if entry.run:
        origin = origin_of(entry.label, entry.run.enhancer, entry.run.about)
    counts = {"Parameters": cost.parameters, "Multiply-adds at 1 MP": cost.multiply_adds}
    facts = {
        "What it is": origin.what,
        "From": origin.source,
        "Terms": origin.terms,
        "Method": plain(f"{method.get('enhancer', '')} {method.get('fingerprint', '')}"),
        **{name: f"{count:,}" for name, count in counts.items() if count is not None},
        "Data": f"{plain(data['name'])}, {plural(len(samples), 'photo')}",
        "Note": plain(data.get("note", "")),
        "Revision": plain(data["revision"]),
        "Made": plain(card.get("created", "")[:19]).replace("T", " "),
        "Device": plain(card.get("device", "")),
        "Platform": plain(card.get("platform", "")),
        "Versions": ", ".join(
            f"{plain(k)} {plain(v)}" for k, v in card.get("versions", {}).items()
        ),
        "Results": f"SHA-256 {plain(card['results_sha256'])}",
        "State": "" if entry.card is None else f"added, {plain(entry.card.state)}",
    }
    return fill_template(
        "card.html",
        ("page.css",),
        ("tables.js",),
        label=plain(entry.label),
        file=PurePosixPath(file).name,
        address=quote(PurePosixPath(file).name),
        warnings=list(map(plain, entry.warnings)),
        facts={name: text for name, text in facts.items() if text},
        rows=list(zip(columns, cells, shown, strict=True)),
        columns=columns,
        photos=[
            (plain(name), [_shown(c, of[i]) for c, of in zip(columns, values, strict=True)])
            for i, name in enumerate(samples)
        ],
    )


def _shown(column: Column, value: float | str | None) -> tuple[str, str]:
    """A score as JSON holds it, as (text, sort key)."""
    if value is None:
        return "–", ""
    return column.show(float(value)), str(value).replace("inf", "Infinity")
