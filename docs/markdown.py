"""Markdown of the pages that the program writes: tables, cells, anchors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[str]) -> str:
    """A table; empty where it has no rows, unless it is one of options."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *rows]
    return "\n".join(lines) if len(lines) > 2 or head[0] == "options" else ""


def cell(text: str) -> str:
    """Text for a table's cell."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("``", "`").replace("\n", " ")


def anchor(heading: str) -> str:
    """The anchor of a heading of plain words."""
    return heading.lower().replace(" ", "-")


def page(lines: Iterable[str]) -> str:
    """A page of these paragraphs; empty ones are left out."""
    return "\n\n".join(line for line in lines if line) + "\n"
