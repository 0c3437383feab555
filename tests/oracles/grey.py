"""MATLAB's rgb2gray on uint8, in exact rational arithmetic (SPEC 4.5)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

RED, GREEN, BLUE = (
    Fraction(weight) for weight in ("0.298936021293775", "0.587043074451121", "0.114020904255103")
)


def grey(image: np.ndarray) -> list[list[int]]:
    """Grey levels of uint8 (H, W, 3) as rows of ints, rounded half up."""
    rows = []
    for line in image.tolist():
        exact = [RED * r + GREEN * g + BLUE * b + Fraction(1, 2) for r, g, b in line]
        rows.append([int(value) for value in exact])
    return rows
