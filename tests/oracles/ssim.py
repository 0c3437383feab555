"""SSIM from the statistics that the 2004 paper defines, one window at a time.

Weighted means, then weighted squared deviations from those means (equations 14 to 16 of
the paper), with a two-dimensional window: nothing is filtered and no square of a mean is
subtracted from a mean of squares, as every fast version does.
"""

from __future__ import annotations

import math

import numpy as np

K1, K2, PEAK = 0.01, 0.03, 255


def gaussian_window(size: int, sigma: float) -> np.ndarray:
    """``size`` x ``size`` Gaussian about its centre, sum 1."""
    centre = (size - 1) / 2
    window = np.array(
        [
            [
                math.exp(-((row - centre) ** 2 + (column - centre) ** 2) / (2 * sigma**2))
                for column in range(size)
            ]
            for row in range(size)
        ]
    )
    return window / math.fsum(window.ravel())


def terms(x: np.ndarray, y: np.ndarray, size: int = 11, sigma: float = 1.5) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure term of two (H, W) arrays, windows inside only."""
    window = gaussian_window(size, sigma)
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    x, y = np.asarray(x, float), np.asarray(y, float)
    full, contrast = [], []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            a = x[top : top + size, left : left + size]
            b = y[top : top + size, left : left + size]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            variance_a = (window * (a - mean_a) ** 2).sum()
            variance_b = (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
            full.append(luminance * structure)
            contrast.append(structure)
    return math.fsum(full) / len(full), math.fsum(contrast) / len(contrast)
