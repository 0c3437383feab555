r"""SSIM, the structural similarity index of Wang, Bovik, Sheikh and Simoncelli (2004).

.. math::
    \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}
         {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}

Convention, as the authors' release: grey photos (`wespe_bench.images.luma`, rounded to
uint8), 11x11 Gaussian window with sigma 1.5, K1 = 0.01, K2 = 0.03, peak 255, population
covariance, mean over the valid region (5 pixels less on each side). ``ssim_rgb`` is the same
on each of the three channels, and their mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wespe_bench.metrics.pairs import check_batch, check_pair
from wespe_bench.types import Metric

RADIUS = 5
_taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / 1.5) ** 2)
TAPS = _taps / _taps.sum()


def _means(images: np.ndarray, references: np.ndarray, *, grey: bool) -> np.ndarray:
    """SSIM of each of N pairs: float64 (N, 3), or (N, 1) of their grey versions."""
    from wespe_bench.metrics.kernels import rows_of
    from wespe_bench.metrics.structure import structure

    return structure(rows_of(images), rows_of(references), TAPS, grey=grey)[..., 0]


def ssim(image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0) -> float:
    """SSIM of two uint8 (H, W, 3) photos, in [-1, 1]; 1.0 for identical ones.

    Equals ``skimage.metrics.structural_similarity`` on the grey photos with
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255``.

    Args:
        image: The result, uint8 (H, W, 3), sRGB.
        reference: What it is compared with, of the same shape.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: Anything but two uint8 (H, W, 3) of one shape, sides >= 11.

    >>> photo = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    >>> ssim(photo, photo)
    1.0
    """
    check_pair(image, reference, smallest=2 * RADIUS + 1)
    return float(_means(image[None], reference[None], grey=True)[0, 0])


def ssim_batch(
    images: np.ndarray,
    references: np.ndarray,
    *,
    sample_ids: Sequence[str] = (),
    seed: int = 0,
) -> list[float]:
    """`ssim` of each pair of two uint8 (N, H, W, 3); the same numbers to the last bit.

    >>> photos = np.arange(2 * 12 * 12 * 3, dtype=np.uint8).reshape(2, 12, 12, 3)
    >>> ssim_batch(photos, photos)
    [1.0, 1.0]
    """
    check_batch(images, references, smallest=2 * RADIUS + 1)
    return [float(value) for value in _means(images, references, grey=True)[:, 0]]


def ssim_rgb(
    image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0
) -> float:
    """Mean of the three channels' SSIM of two uint8 (H, W, 3) photos, in [-1, 1].

    Equals ``skimage.metrics.structural_similarity`` with ``channel_axis=-1`` and the options
    of `ssim`.

    Args:
        image: As `ssim`.
        reference: As `ssim`.
        sample_id: Not used.
        seed: Not used.

    Raises:
        ValueError: As `ssim`.

    >>> photo = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    >>> ssim_rgb(photo, photo)
    1.0
    """
    check_pair(image, reference, smallest=2 * RADIUS + 1)
    return float(_rgb(image[None], reference[None])[0])


def ssim_rgb_batch(
    images: np.ndarray,
    references: np.ndarray,
    *,
    sample_ids: Sequence[str] = (),
    seed: int = 0,
) -> list[float]:
    """`ssim_rgb` of each pair of two uint8 (N, H, W, 3); the same numbers to the last bit."""
    check_batch(images, references, smallest=2 * RADIUS + 1)
    return [float(value) for value in _rgb(images, references)]


def _rgb(images: np.ndarray, references: np.ndarray) -> np.ndarray:
    red, green, blue = _means(images, references, grey=False).T
    return np.asarray((red + green + blue) / 3)


SSIM = Metric(
    name="ssim",
    version="1",
    unit="",
    higher_is_better=True,
    full_reference=True,
    compute=ssim,
    title="SSIM",
    summary="Wang 2004 on grey, 11x11 Gaussian, valid region",
    batch=ssim_batch,
    quantity="SSIM",
    convention="Wang 2004: 15-digit grey rounded to 8 bits, 11x11 Gaussian, no border",
    golden=("1", 0.723730099552723),
    possible=(-1.000001, 1.000001),
)

SSIM_RGB = Metric(
    name="ssim_rgb",
    version="1",
    unit="",
    higher_is_better=True,
    full_reference=True,
    compute=ssim_rgb,
    title="SSIM (RGB)",
    summary="Wang 2004 on each channel, mean of the three",
    batch=ssim_rgb_batch,
    quantity="SSIM",
    convention="the same window on each channel, mean of the three",
    golden=("1", 0.7241984281608754),
    possible=(-1.000001, 1.000001),
)
