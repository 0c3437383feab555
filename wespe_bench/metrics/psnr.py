r"""PSNR, peak signal-to-noise ratio, in decibels.

.. math:: \mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{MSE}}

Convention: one number per photo, the mean squared error over all pixels and the three
sRGB channels, peak 255; a data set's number is the mean of its photos' decibels. The mean
of decibels is never below the decibels of the mean error, so the convention is part of the
name. The sum of squares is an exact integer. Identical photos have ``inf``; a table leaves
them out of the mean and counts them.
"""

from __future__ import annotations

import math

import numpy as np

from wespe_bench.metrics.pairs import check_pair
from wespe_bench.types import Metric


def squared_error(image: np.ndarray, reference: np.ndarray) -> int:
    """Sum of squared differences of two uint8 arrays of one shape, exact."""
    total = 0
    for top in range(0, image.shape[0], 256):
        difference = image[top : top + 256].astype(np.int32) - reference[top : top + 256]
        total += int(np.einsum("ijk,ijk->", difference, difference, dtype=np.int64, casting="safe"))
    return total


def psnr(image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0) -> float:
    """PSNR in dB of two uint8 (H, W, 3) photos; ``inf`` when they are identical.

    Equals ``skimage.metrics.peak_signal_noise_ratio`` on uint8. Raises ValueError when the
    arrays are not uint8 (H, W, 3) of one shape.

    >>> black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 51, np.uint8)
    >>> round(psnr(grey, black), 4)
    13.9794
    """
    check_pair(image, reference)
    error = squared_error(image, reference)
    if error == 0:
        return math.inf
    return 10.0 * math.log10(255.0**2 * image.size / error)


PSNR = Metric(
    name="psnr",
    version="1",
    unit="dB",
    higher_is_better=True,
    full_reference=True,
    compute=psnr,
    title="PSNR",
    summary="peak signal-to-noise ratio, per photo over RGB, mean of dB",
)
