r"""PSNR of the luma, as super-resolution and low-light papers print it ("PSNR on the Y channel").

.. math:: Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255

of RGB levels 0..255 (ITU-R BT.601, MATLAB's ``rgb2ycbcr``), unrounded, peak 255. Y has 219
levels, so it lies 1.3 dB above PSNR on RGB for grey photos already. BasicSR computes it so
(``test_y_channel``). pyiqa's ``psnry`` takes another luma.
"""

from __future__ import annotations

import math

import numpy as np

from wespe_bench.metrics.pairs import check_pair, row_bands
from wespe_bench.types import Metric

# Thousandths of the levels that red, green and blue add to Y from 0 to 255.
_WEIGHTS = (65481, 128553, 24966)


def psnr_y(
    image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0
) -> float:
    """PSNR in dB of the luma of two uint8 (H, W, 3) photos; ``inf`` when it is identical.

    Equals ``skimage.metrics.peak_signal_noise_ratio`` of the first channels of
    ``skimage.color.rgb2ycbcr`` with ``data_range=255``.

    Args:
        image: The result, uint8 (H, W, 3), sRGB.
        reference: What it is compared with, of the same shape.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: The arrays are not uint8 (H, W, 3) of one shape.

    >>> black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 51, np.uint8)
    >>> round(psnr_y(grey, black), 4)
    15.3013
    """
    check_pair(image, reference)
    products = np.zeros((3, 3))  # of the channels' differences: whole numbers, exact in float64
    for first, second in row_bands(image, reference):
        difference = first.reshape(-1, 3).astype(np.float64) - second.reshape(-1, 3)
        products += difference.T @ difference
    error = sum(
        a * b * int(product)
        for a, row in zip(_WEIGHTS, products, strict=True)
        for b, product in zip(_WEIGHTS, row, strict=True)
    )
    pixels = image.shape[0] * image.shape[1]
    return 10.0 * math.log10(255**2 * 255_000**2 * pixels / error) if error else math.inf


PSNR_Y = Metric(
    name="psnr_y",
    version="1",
    unit="dB",
    higher_is_better=True,
    full_reference=True,
    compute=psnr_y,
    title="PSNR (Y)",
    summary="peak signal-to-noise ratio of the luma (BT.601, 16..235), mean of dB",
    quantity="PSNR",
    convention="luma of BT.601 on 16..235, unrounded, peak 255, as BasicSR's test_y_channel",
    golden=("1", 29.255757885768894),
    possible=(0.0, math.inf),
)
