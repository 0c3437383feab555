"""A model's card as text, to lie beside its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def plain(text: str) -> str:
    """``text`` with "?" for what cannot be printed: line breaks, and bytes that are no UTF-8.

    >>> plain("two\\nlines")
    'two?lines'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def readable(name: str, card: Mapping[str, Any], digest: str, terms: str) -> str:
    """The card as Markdown: a table of everything it states, the file's hash, the terms."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in _rows(card))
    return f"""# {plain(name)}

{card["title"]}: {card["summary"]}.

| | |
|---|---|
{rows}
| SHA-256 | `{digest}` |

{terms}
"""


def _rows(card: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in card.items():
        if key in ("title", "summary"):
            continue
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{key} ")
        elif isinstance(value, str):
            yield f"{before}{key}", f"`{value}`" if before == "sources " else value
        else:
            yield f"{before}{key}", _show(value)


def _show(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_show, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
