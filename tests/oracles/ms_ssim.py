"""MS-SSIM as SPEC 4.2 describes the DPED release, in loops over windows and pixels."""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import ssim

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def halve(plane: np.ndarray) -> np.ndarray:
    """Mean of each 2x2 block; a last odd row or column meets its own reflection."""
    height, width = plane.shape
    result = np.empty(((height + 1) // 2, (width + 1) // 2))
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            rows = (2 * row, min(2 * row + 1, height - 1))
            columns = (2 * column, min(2 * column + 1, width - 1))
            result[row, column] = sum(plane[r, c] for r in rows for c in columns) / 4
    return result


def scale_terms(image: np.ndarray, reference: np.ndarray) -> list[tuple[float, float]]:
    """(SSIM, contrast-structure) of the five scales, each the mean over the channels."""
    x = [image[..., channel].astype(float) for channel in range(3)]
    y = [reference[..., channel].astype(float) for channel in range(3)]
    result = []
    for _ in WEIGHTS:
        size = min(11, *x[0].shape)
        pairs = [ssim.terms(a, b, size, 1.5 * size / 11) for a, b in zip(x, y, strict=True)]
        result.append((sum(p[0] for p in pairs) / 3, sum(p[1] for p in pairs) / 3))
        x, y = [halve(plane) for plane in x], [halve(plane) for plane in y]
    return result


def product(scales: list[tuple[float, float]]) -> float:
    """Contrast terms of the first four scales and SSIM of the last; negative ones count as 0."""
    factors = [contrast for _, contrast in scales[:-1]] + [scales[-1][0]]
    return math.prod(math.pow(max(f, 0.0), w) for f, w in zip(factors, WEIGHTS, strict=True))


def ms_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Per photo."""
    return product(scale_terms(image, reference))


def batch(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Means over the photos before the product, as the release does with a batch."""
    terms = np.array([scale_terms(a, b) for a, b in pairs])
    return product([(float(full), float(cs)) for full, cs in terms.mean(axis=0)])
