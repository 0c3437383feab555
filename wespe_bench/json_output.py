"""JSON for scripts, and what heads a card: how every verb writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from wespe_bench.errors import printable


def json_text(content: Any) -> str:
    """The text of a JSON file: one space of indent, no escapes, a line end."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def json_number(value: Any) -> Any:
    """A value that JSON can hold: None for NaN and infinity, Python numbers for numpy's."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_score(value: Any) -> Any:
    """A score: as `json_number`, but an infinite one is the text "inf".

    >>> json_score(1.5), json_score(math.inf), json_score(math.nan)
    (1.5, 'inf', None)
    """
    return str(value) if isinstance(value, float) and math.isinf(value) else json_number(value)


def front_matter(fields: Mapping[str, Any]) -> str:
    """Metadata at the head of a README.md: YAML, each value as JSON, which is YAML too.

    >>> print(front_matter({"tags": ["a"]}), end="")
    ---
    tags: ["a"]
    ---
    <BLANKLINE>
    """
    shown = {key: json.dumps(_shown(value), ensure_ascii=False) for key, value in fields.items()}
    lines = [f"{key}: {value}" for key, value in shown.items()]
    return "\n".join(["---", *lines, "---", "", ""])


def _shown(value: Any) -> Any:
    """The value with texts as YAML can hold them."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _shown(part) for key, part in value.items()}
    return [_shown(part) for part in value] if isinstance(value, (list, tuple)) else value
