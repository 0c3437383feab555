"""PSNR from its definition, in Python's integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def squared_error(image: np.ndarray, reference: np.ndarray) -> int:
    """Sum of squared differences, one value at a time."""
    return sum(
        (a - b) ** 2
        for a, b in zip(image.ravel().tolist(), reference.ravel().tolist(), strict=True)
    )


def decibels(mean_squared_error: Fraction) -> float:
    """Peak 255; infinite for no error."""
    if mean_squared_error == 0:
        return math.inf
    return 10 * math.log10(Fraction(255**2) / mean_squared_error)


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """PSNR of two uint8 arrays."""
    return decibels(Fraction(squared_error(image, reference), image.size))


def pooled(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Decibels of the mean of the photos' mean squared errors."""
    errors = [Fraction(squared_error(a, b), a.size) for a, b in pairs]
    return decibels(sum(errors, Fraction(0)) / len(errors))


def dped(pairs: list[tuple[np.ndarray, np.ndarray]], size: int = 50) -> float:
    """Mean over full batches, in the given order, of the batch's pooled decibels."""
    batches = [pairs[i : i + size] for i in range(0, len(pairs) - size + 1, size)]
    return math.fsum(pooled(batch) for batch in batches) / len(batches)
