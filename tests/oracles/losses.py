"""The losses in plain Python and numpy, float64: one photo, one pixel, one tap at a time."""

from __future__ import annotations

import math

import numpy as np


def content(a: np.ndarray, b: np.ndarray, kind: str) -> float:
    per_photo = []
    for one, other in zip(a.astype(float), b.astype(float), strict=True):
        squares = sum((p - q) ** 2 for p, q in zip(one.flat, other.flat, strict=True))
        count = one.size
        per_photo.append(squares / count if kind == "mse" else math.sqrt(squares) / count)
    return sum(per_photo) / len(per_photo)


def kernel(kind: str) -> np.ndarray:
    """(21, 21), tap by tap."""
    if kind == "dped":
        # DPED's code: bins of the normal distribution, outer product, square root, sum 1.
        width = (2 * 3 + 1) / 21
        edges = np.linspace(-3 - width / 2, 3 + width / 2, 22)
        cumulative = np.array([0.5 * (1 + math.erf(edge / math.sqrt(2))) for edge in edges])
        bins = np.diff(cumulative)
        taps = np.sqrt(np.outer(bins, bins))
        return taps / taps.sum()
    taps = np.zeros((21, 21))
    variance = 3 if kind == "gauss21_var3" else 9
    for k in range(-10, 11):
        for m in range(-10, 11):
            taps[k + 10, m + 10] = 0.053 * math.exp(-(k * k + m * m) / (2 * variance))
    return taps if kind == "literal" else taps / taps.sum()


def blur(x: np.ndarray, kind: str) -> np.ndarray:
    """(N, C, H, W), zero padded, tap by tap."""
    taps = kernel(kind)
    padded = np.pad(x.astype(float), [(0, 0), (0, 0), (10, 10), (10, 10)])
    height, width = x.shape[2:]
    result = np.zeros(x.shape)
    for i in range(21):
        for j in range(21):
            result += taps[i, j] * padded[:, :, i : i + height, j : j + width]
    return result


def _log_sigmoid(logit: float) -> float:
    return -math.log(1 + math.exp(-logit))


def adversarial(logits: np.ndarray, reduction: str, saturating: bool = False) -> float:
    values = [
        _log_sigmoid(-float(z)) if saturating else -_log_sigmoid(float(z)) for z in logits.flat
    ]
    return sum(values) / (len(values) if reduction == "mean" else 1)


def discrimination(logits: np.ndarray, real: list[bool], reduction: str) -> float:
    values = [
        -_log_sigmoid(float(z) if true else -float(z))
        for z, true in zip(logits.flat, real, strict=True)
    ]
    return sum(values) / (len(values) if reduction == "mean" else 1)


def total_variation(y: np.ndarray, kind: str) -> float:
    y = y.astype(float)
    count, channels, height, width = y.shape
    if kind == "literal":
        total = 0.0
        for photo in y:
            squares = 0.0
            for c in range(channels):
                for i in range(height - 1):
                    for j in range(width - 1):
                        here = photo[c, i, j]
                        dx, dy = photo[c, i, j + 1] - here, photo[c, i + 1, j] - here
                        squares += (dx + dy) ** 2
            total += math.sqrt(squares) / (channels * height * width)
        return total / count
    dx = sum(
        (y[:, :, i, j + 1] - y[:, :, i, j]) ** 2 for i in range(height) for j in range(width - 1)
    )
    dy = sum(
        (y[:, :, i + 1, j] - y[:, :, i, j]) ** 2 for i in range(height - 1) for j in range(width)
    )
    return float(
        np.sum(dx) / (count * channels * height * (width - 1))
        + np.sum(dy) / (count * channels * (height - 1) * width)
    )


def paired_colour(y: np.ndarray, target: np.ndarray, kind: str) -> float:
    return float(((blur(y, kind) - blur(target, kind)) ** 2).sum() / (2 * len(y)))


def grey(x: np.ndarray) -> np.ndarray:
    return (0.2989 * x[:, 0] + 0.5870 * x[:, 1] + 0.1140 * x[:, 2])[:, None]


def low_frequency(y: np.ndarray, x: np.ndarray) -> float:
    """Means over 8 x 8 squares, smaller ones at the right and bottom."""
    difference = y.astype(float) - x.astype(float)
    squares = [
        abs(difference[n, c, i : i + 8, j : j + 8].mean())
        for n in range(y.shape[0])
        for c in range(y.shape[1])
        for i in range(0, y.shape[2], 8)
        for j in range(0, y.shape[3], 8)
    ]
    return float(np.mean(squares))
