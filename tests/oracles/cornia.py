"""CORNIA and HOSA patch by patch, from their description, with nothing of the program's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tests.oracles.grey import grey


def patch(levels: list[list[int]], y: int, x: int) -> list[list[float]]:
    return [[float(levels[y + dy][x + dx]) for dx in range(7)] for dy in range(7)]


def whitened(values: Sequence[float], mean: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    average = math.fsum(values) / 49
    variance = math.fsum((value - average) ** 2 for value in values) / 48
    normal = np.array([(value - average) / math.sqrt(variance + 10) for value in values])
    return np.array([math.fsum((normal - mean) * matrix[:, j]) for j in range(49)])


def all_corners(image: np.ndarray) -> list[tuple[int, int]]:
    return [(y, x) for x in range(image.shape[1] - 6) for y in range(image.shape[0] - 6)]


def features(
    image: np.ndarray,
    corners: Iterable[tuple[int, int]],
    words: np.ndarray,
    mean: np.ndarray,
    matrix: np.ndarray,
) -> np.ndarray:
    """2K numbers: for each word the largest product, then for each the largest negative one."""
    levels = [list(row) for row in grey(image)]
    best = np.zeros(2 * len(words))
    for y, x in corners:
        square = patch(levels, y, x)
        values = [square[dy][dx] for dx in range(7) for dy in range(7)]  # down the columns
        products = words @ whitened(values, mean, matrix)
        best = np.maximum(best, np.concatenate([products, -products]))
    return best


def score(
    found: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: float
) -> float:
    total = bias
    for f, a, b, w in zip(found, low, high, weights, strict=True):
        total += w * (2 * (f - a) / (b - a) - 1) if b > a else 0.0
    return float(total)


def hosa_features(
    image: np.ndarray,
    centroids: np.ndarray,
    variances: np.ndarray,
    skewnesses: np.ndarray,
    mean: np.ndarray,
    matrix: np.ndarray,
) -> np.ndarray:
    """HOSA's features for any number of centroids from 5 on."""
    levels = [list(row) for row in grey(image)]
    height, width = len(levels), len(levels[0])
    step = max(1, math.floor(math.sqrt(height * width / 10_000)))
    inner = [row[2:-2] for row in levels[2:-2]]
    members: list[list[tuple[np.ndarray, float, float]]] = [[] for _ in centroids]
    for y in range(0, len(inner) - 6, step):
        for x in range(0, len(inner[0]) - 6, step):
            square = patch(inner, y, x)
            z = whitened([value for row in square for value in row], mean, matrix)
            squared = [math.fsum((z - centroid) ** 2) for centroid in centroids]
            order = sorted(range(len(centroids)), key=squared.__getitem__)[:5]
            raw = [math.exp(-0.05 * squared[word]) for word in order]
            weights = [value / math.fsum(raw) for value in raw]
            for word, weight in zip(order, weights, strict=True):
                members[word].append((z, weight, weights[4]))
    parts = np.zeros((3, len(centroids), 49))
    for word, patches in enumerate(members):
        if len(patches) == 1:
            z, _, fifth = patches[0]
            parts[0, word] = fifth * (z - centroids[word])
        if len(patches) < 2:
            continue
        total = math.fsum(weight for _, weight, _ in patches)
        average = sum(z * weight / total for z, weight, _ in patches)
        parts[0, word] = average - centroids[word]
        plain = np.array([z for z, _, _ in patches])
        if plain.var(axis=0).sum() > 1e-8:
            second = sum((z - average) ** 2 * weight / total for z, weight, _ in patches)
            third = sum((z - average) ** 3 * weight / total for z, weight, _ in patches)
            parts[1, word] = second - variances[word]
            parts[2, word] = third / (second**1.5 + 1e-4) - skewnesses[word]
    flat = np.array([math.copysign(abs(v) ** 0.2, v) for v in parts.ravel()])
    return flat / math.sqrt(math.fsum(flat**2))
