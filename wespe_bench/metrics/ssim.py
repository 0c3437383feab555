r"""SSIM, the structural similarity index of Wang, Bovik, Sheikh and Simoncelli (2004).

.. math::
    \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}
         {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}

Convention, as the authors' release: grey photos (`wespe_bench.images.luma`, rounded to
uint8), 11x11 Gaussian window with sigma 1.5, K1 = 0.01, K2 = 0.03, peak 255, population
covariance, mean over the valid region (5 pixels less on each side).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from wespe_bench.images import luma
from wespe_bench.metrics.pairs import check_pair
from wespe_bench.types import Metric

RADIUS = 5
_taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / 1.5) ** 2)
TAPS = _taps / _taps.sum()
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def _blur(image: np.ndarray) -> np.ndarray:
    blurred = correlate1d(correlate1d(image, TAPS, axis=0), TAPS, axis=1)
    return np.asarray(blurred[RADIUS:-RADIUS, RADIUS:-RADIUS])


def ssim(image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0) -> float:
    """SSIM of two uint8 (H, W, 3) photos, in [-1, 1].

    Equals ``skimage.metrics.structural_similarity`` on the grey photos with
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255``.
    Raises ValueError on anything but two uint8 (H, W, 3) of one shape, sides >= 11.

    >>> photo = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    >>> ssim(photo, photo)
    1.0
    """
    check_pair(image, reference, smallest=2 * RADIUS + 1)
    x, y = luma(image).astype(np.float64), luma(reference).astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variances = _blur(x * x + y * y) - mean_x**2 - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    structure = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return float(np.mean(luminance * structure))


SSIM = Metric(
    name="ssim",
    version="1",
    unit="",
    higher_is_better=True,
    full_reference=True,
    compute=ssim,
    title="SSIM",
    summary="Wang 2004 on grey, 11x11 Gaussian, valid region",
)
