r"""MS-SSIM, multi-scale structural similarity (Wang, Simoncelli, Bovik 2003), as DPED computes it.

The DPED release calls this "the ssim score", and its magnitudes are those of the paper's
Table 2 (SPEC 4.2). Five scales with weights 0.0448, 0.2856, 0.3001, 0.2363, 0.1333:

.. math:: l_5^{w_5} \prod_{j=1}^{4} cs_j^{w_j}

where :math:`l_5` is the full SSIM of the coarsest scale and :math:`cs_j` the mean contrast
and structure term of scale j, each averaged over the photo and the RGB channels. At a scale
of size h x w the window has min(11, h, w) taps per side with sigma 1.5 * taps / 11, valid
region. Between scales: 2x2 mean with reflected border, every second pixel.

Convention here: per photo. A negative mean term is clamped at 0 and counted in
``clamped``; the per-scale terms are stored so that batch conventions can be formed later.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate, correlate1d

from wespe_bench.metrics.pairs import check_pair
from wespe_bench.types import Metric

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def window(height: int, width: int) -> np.ndarray:
    """The separable window's taps at a scale of ``height`` x ``width``, sum 1, float64."""
    size = min(11, height, width)
    sigma = 1.5 * size / 11
    # An even window is centred between two pixels.
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.asarray(taps / taps.sum())


def _terms(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean full SSIM and mean contrast-structure term of two float64 (H, W, 3) arrays."""
    taps = window(*x.shape[:2])
    height, width = (side - len(taps) + 1 for side in x.shape[:2])
    # The index of the first output whose window lies inside the photo.
    start = len(taps) // 2

    def blur(image: np.ndarray) -> np.ndarray:
        blurred = correlate1d(correlate1d(image, taps, axis=0), taps, axis=1)
        return np.asarray(blurred[start : start + height, start : start + width])

    mean_x, mean_y = blur(x), blur(y)
    variances = blur(x * x + y * y) - mean_x**2 - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    structure = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return float(np.mean(luminance * structure)), float(np.mean(structure))


def _halve(image: np.ndarray) -> np.ndarray:
    # Each mean covers a pixel and its right and lower neighbours, hence the origin.
    box = np.full((2, 2, 1), 0.25)
    return np.asarray(correlate(image, box, mode="reflect", origin=(-1, -1, 0))[::2, ::2])


def ms_ssim(
    image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0
) -> dict[str, float]:
    """MS-SSIM of two uint8 (H, W, 3) photos: "value" in [0, 1], the per-scale terms, "clamped".

    "ssim1".."ssim5" and "cs1".."cs5" are the mean terms of each scale before any clamping;
    "clamped" counts the terms of the product that were negative. Raises ValueError on
    anything but two uint8 (H, W, 3) of one shape, sides >= 7.
    """
    check_pair(image, reference, smallest=7)
    x, y = image.astype(np.float64), reference.astype(np.float64)
    extras: dict[str, float] = {}
    factors: list[float] = []
    for scale, _ in enumerate(WEIGHTS, start=1):
        full, contrast = _terms(x, y)
        extras[f"ssim{scale}"], extras[f"cs{scale}"] = full, contrast
        factors.append(contrast if scale < len(WEIGHTS) else full)
        x, y = _halve(x), _halve(y)
    value = 1.0
    for factor, weight in zip(factors, WEIGHTS, strict=True):
        value *= max(factor, 0.0) ** weight
    return {"value": value, "clamped": float(sum(f < 0 for f in factors)), **extras}


MS_SSIM = Metric(
    name="ms_ssim",
    version="1",
    unit="",
    higher_is_better=True,
    full_reference=True,
    compute=ms_ssim,
    title="MS-SSIM",
    summary="five scales over RGB as in the DPED release, per photo (the paper's 'SSIM')",
)
