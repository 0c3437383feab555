r"""Entropy of the histogram of 8-bit values, in bits (MATLAB's ``entropy``).

.. math:: H = -\sum_{v: p_v > 0} p_v \log_2 p_v

with :math:`p_v` the share of the value v = 0..255. ``entropy`` counts the grey levels
(`wespe_bench.images.luma`, rounded to uint8); ``entropy_rgb`` counts the values of all three
channels in one histogram, as MATLAB does when it is handed a colour photo.
"""

from __future__ import annotations

import numpy as np

from wespe_bench.metrics.pairs import check_alone
from wespe_bench.types import Metric


def bits(counts: np.ndarray) -> float:
    """Entropy of a histogram of int64 counts.

    >>> bits(np.array([3, 0, 3])), bits(np.array([7]))
    (1.0, 0.0)
    """
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log2(shares))) + 0.0  # no "-0.0" for a flat photo


def entropy(
    image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
) -> float:
    """Entropy in bits, 0..8, of the grey levels of uint8 (H, W, 3).

    Equals ``skimage.measure.shannon_entropy`` on the grey photo.

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: Another dtype or shape, or a reference.

    >>> entropy(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    1.0
    """
    from wespe_bench.metrics.kernels import frozen, grey_counts

    check_alone(image, reference)
    return bits(grey_counts(frozen(image).reshape(-1)))


def entropy_rgb(
    image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
) -> float:
    """Entropy in bits, 0..8, of the values of all channels of uint8 (H, W, 3).

    Equals ``skimage.measure.shannon_entropy`` on the colour photo.

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: Another dtype or shape, or a reference.

    >>> entropy_rgb(np.array([[[0, 10, 20], [30, 40, 50], [60, 70, 80], [90, 0, 10]]], np.uint8))
    3.2516291673878226
    """
    from wespe_bench.metrics.kernels import frozen, value_counts

    check_alone(image, reference)
    return bits(value_counts(frozen(image).reshape(-1)))


ENTROPY = Metric(
    name="entropy",
    version="1",
    unit="bit",
    higher_is_better=True,
    full_reference=False,
    compute=entropy,
    title="Entropy",
    summary="256-bin grey histogram; the paper reads more as better, noise raises it",
    quantity="Entropy of A",
    convention="histogram of the rounded grey photo",
    golden=("1", 7.254678813408099),
    rates_quality=False,
    possible=(0.0, 8.0),
)

ENTROPY_RGB = Metric(
    name="entropy_rgb",
    version="1",
    unit="bit",
    higher_is_better=True,
    full_reference=False,
    compute=entropy_rgb,
    title="Entropy (RGB)",
    summary="256-bin histogram of all three channels' values together",
    quantity="Entropy of A",
    convention="one histogram of all three channels' values, MATLAB's entropy(RGB)",
    golden=("1", 7.691974962572238),
    rates_quality=False,
)
