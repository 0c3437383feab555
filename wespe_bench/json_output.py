"""JSON for scripts: how every verb's ``--format json`` is written."""

from __future__ import annotations

import json
import math
from typing import Any


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
