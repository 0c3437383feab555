"""Global tone matching written from its definition, pixel by pixel, in exact fractions; slow."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt

import numpy as np
from scipy.optimize import brentq


def _pixels(photos: Sequence[np.ndarray], channel: int) -> list[int]:
    return [int(v) for photo in photos for v in photo[..., channel].reshape(-1)]


def _mean(values: Sequence[int]) -> Fraction:
    return Fraction(sum(values), len(values))


def _brightness(photos: Sequence[np.ndarray], power: float) -> float:
    """Mean of 0.299 R + 0.587 G + 0.114 B on [0, 1], each channel raised to ``power``."""
    means = []
    for channel in range(3):
        values = _pixels(photos, channel)
        means.append(sum((value / 255) ** power for value in values) / len(values))
    red, green, blue = means
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _deviation(values: Sequence[int]) -> float:
    mean = _mean(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def curve(
    model: str, source: Sequence[np.ndarray], target: Sequence[np.ndarray], channel: int
) -> list[float]:
    """What each of the 256 values becomes, before it is clipped and rounded."""
    if model == "gain":
        gain = _brightness(target, 1) / _brightness(source, 1)
        return [value * gain for value in range(256)]
    if model == "gamma":
        wanted = _brightness(target, 1)
        exponent = brentq(lambda power: _brightness(source, power) - wanted, 1 / 16, 16, xtol=1e-14)
        return [255 * (value / 255) ** exponent for value in range(256)]
    x, y = _pixels(source, channel), _pixels(target, channel)
    if model == "mean":
        return [float(value * _mean(y) / _mean(x)) for value in range(256)]
    if model == "mean_std":
        gain = _deviation(y) / _deviation(x)
        return [float(value - _mean(x)) * gain + float(_mean(y)) for value in range(256)]
    return _histogram(x, y)


def _share(values: Sequence[int], most: int) -> Fraction:
    return Fraction(sum(value <= most for value in values), len(values))


def _histogram(x: Sequence[int], y: Sequence[int]) -> list[float]:
    known: dict[int, int] = {0: 0, 255: 255}
    shares = [_share(y, level) for level in range(256)]
    for value in set(x):
        wanted = _share(x, value)
        known[value] = next(level for level in range(256) if shares[level] >= wanted)
    found = []
    for value in range(256):
        low = max(v for v in known if v <= value)
        high = min(v for v in known if v >= value)
        part = Fraction(value - low, high - low) if high > low else Fraction(0)
        found.append(float(known[low] + (known[high] - known[low]) * part))
    return found
