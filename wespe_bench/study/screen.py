"""What a rater's page looked like when a vote was given, as the page reports it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_COLOUR = re.compile(r"#[0-9a-f]{6}")

#: Largest side of a window (CSS pixels) and largest pixel ratio that are taken.
MOST_PIXELS, MOST_RATIO = 100_000, 100.0


@dataclass(frozen=True, slots=True)
class Screen:
    """The conditions of a vote.

    ``surround`` is the colour around the photos, ``#rrggbb``; ``width`` and ``height`` are the
    window's, in CSS pixels; ``ratio`` is how many pixels of the screen a CSS pixel has.
    """

    surround: str
    width: int
    height: int
    ratio: float


def parse(fields: Any) -> Screen | None:
    """The screen of a vote as sent; None where the page sends none, as older ones.

    Raises ValueError.
    """
    if fields is None:
        return None
    if not isinstance(fields, Mapping) or fields.keys() != {"surround", "width", "height", "ratio"}:
        raise ValueError("screen is not {surround, width, height, ratio}")
    surround, ratio = fields["surround"], fields["ratio"]
    sides = (fields["width"], fields["height"])
    if not isinstance(surround, str) or not _COLOUR.fullmatch(surround):
        raise ValueError("screen: surround is no colour")
    if not all(type(side) is int and 0 <= side <= MOST_PIXELS for side in sides):
        raise ValueError(f"screen: width and height from 0 to {MOST_PIXELS}")
    if type(ratio) not in (int, float) or not 0 < ratio <= MOST_RATIO:
        raise ValueError(f"screen: ratio above 0, up to {MOST_RATIO:g}")
    return Screen(surround, *sides, float(ratio))
