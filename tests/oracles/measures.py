"""GMSD and pixel VIF window by window, from their papers."""

from __future__ import annotations

import math

import numpy as np

from tests.oracles.grey import grey


def gmsd(image: np.ndarray, reference: np.ndarray) -> float:
    maps = []
    for photo in (image, reference):
        levels = [list(row) for row in grey(photo)]
        small = [
            [
                (levels[y][x] + levels[y + 1][x] + levels[y][x + 1] + levels[y + 1][x + 1]) / 4
                for x in range(0, len(levels[0]) - 1, 2)
            ]
            for y in range(0, len(levels) - 1, 2)
        ]
        rows = []
        for y in range(1, len(small) - 1):
            row = []
            for x in range(1, len(small[0]) - 1):
                gx = sum(small[y + d][x + 1] - small[y + d][x - 1] for d in (-1, 0, 1)) / 3
                gy = sum(small[y + 1][x + d] - small[y - 1][x + d] for d in (-1, 0, 1)) / 3
                row.append(math.hypot(gx, gy))
            rows.append(row)
        maps.append(rows)
    similar = [
        (2 * a * b + 170) / (a * a + b * b + 170)
        for first, second in zip(*maps, strict=True)
        for a, b in zip(first, second, strict=True)
    ]
    mean = math.fsum(similar) / len(similar)
    return math.sqrt(math.fsum((s - mean) ** 2 for s in similar) / len(similar))


def vif(image: np.ndarray, reference: np.ndarray) -> float:
    x, y = (np.array([list(row) for row in grey(photo)], float) for photo in (reference, image))
    kept = total = 0.0
    for scale in range(1, 5):
        n = 2 ** (4 - scale + 1) + 1
        offsets = range(-(n // 2), n // 2 + 1)
        window = np.array(
            [[math.exp(-(i * i + j * j) / (2 * (n / 5) ** 2)) for j in offsets] for i in offsets]
        )
        window /= window.sum()
        if scale > 1:
            x, y = (_blur(photo, window)[::2, ::2] for photo in (x, y))
        for top in range(x.shape[0] - n + 1):
            for left in range(x.shape[1] - n + 1):
                a, b = (photo[top : top + n, left : left + n] for photo in (x, y))
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a = max((window * (a - mean_a) ** 2).sum(), 0)
                var_b = max((window * (b - mean_b) ** 2).sum(), 0)
                both = (window * (a - mean_a) * (b - mean_b)).sum()
                if var_a < 1e-10:
                    continue  # no information to lose
                gain = both / var_a
                noise = var_b - gain * both
                if var_b < 1e-10 or gain < 0:
                    gain, noise = 0.0, 0.0
                kept += math.log2(1 + gain**2 * var_a / (max(noise, 0) + 2))
                total += math.log2(1 + var_a / 2)
    return kept / total


def _blur(photo: np.ndarray, window: np.ndarray) -> np.ndarray:
    n = len(window)
    return np.array(
        [
            [(window * photo[y : y + n, x : x + n]).sum() for x in range(photo.shape[1] - n + 1)]
            for y in range(photo.shape[0] - n + 1)
        ]
    )
