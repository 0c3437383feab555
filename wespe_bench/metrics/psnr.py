r"""PSNR, peak signal-to-noise ratio, in decibels, under three conventions.

.. math:: \mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{MSE}}

The mean squared error runs over all pixels and the three sRGB channels, peak 255. The sum
of squares is an exact integer. The mean of decibels is never below the decibels of the mean
error, so which of the two a table shows is part of the name:

- ``psnr``: decibels per photo, then their mean. Identical photos have ``inf``; a table
  leaves them out of the mean and counts them.
- ``psnr_pooled``: decibels of the mean of the photos' errors; an identical photo is an
  error of 0 like any other.
- ``psnr_dped``: as the DPED release tests, pooled within batches of 50 photos in the order
  of their ids, then the mean over the full batches; what is left over is dropped. (The
  release pools unrounded floats; here the 8-bit photos are compared.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wespe_bench.metrics.pairs import batches, check_batch, check_pair, extra
from wespe_bench.types import Metric

if TYPE_CHECKING:
    import pandas as pd


def squared_error(image: np.ndarray, reference: np.ndarray) -> int:
    """Sum of squared differences of two uint8 arrays of one shape, exact."""
    return _squared_errors(image[None], reference[None])[0]


def _squared_errors(images: np.ndarray, references: np.ndarray) -> list[int]:
    from wespe_bench.metrics.kernels import frozen, squared_errors

    count = len(images)
    x, y = (frozen(batch).reshape(count, -1) for batch in (images, references))
    return [int(total) for total in squared_errors(x, y)]


def decibels(mse: float) -> float:
    """Decibels of a mean squared error, peak 255; ``inf`` for 0.

    >>> decibels(255.0**2), decibels(0.0)
    (0.0, inf)
    """
    return 10.0 * math.log10(255.0**2 / mse) if mse else math.inf


def psnr(image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0) -> float:
    """PSNR in dB of two uint8 (H, W, 3) photos; ``inf`` when they are identical.

    Equals ``skimage.metrics.peak_signal_noise_ratio`` on uint8.

    Args:
        image: The result, uint8 (H, W, 3), sRGB.
        reference: What it is compared with, of the same shape.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: The arrays are not uint8 (H, W, 3) of one shape.

    >>> black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 51, np.uint8)
    >>> round(psnr(grey, black), 4)
    13.9794
    """
    check_pair(image, reference)
    return _psnr(squared_error(image, reference), image.size)


def _psnr(error: int, size: int) -> float:
    return 10.0 * math.log10(255.0**2 * size / error) if error else math.inf


def psnr_batch(
    images: np.ndarray,
    references: np.ndarray,
    *,
    sample_ids: Sequence[str] = (),
    seed: int = 0,
) -> list[float]:
    """`psnr` of each pair of two uint8 (N, H, W, 3); the same numbers to the last bit.

    >>> black, grey = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 51, np.uint8)
    >>> psnr_batch(grey, black) == [psnr(grey[0], black[0])]
    True
    """
    check_batch(images, references)
    return [_psnr(error, images[0].size) for error in _squared_errors(images, references)]


def psnr_and_mse(
    image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0
) -> dict[str, float]:
    """`psnr` as "value" and the mean squared error, in squared levels, as "mse".

    Raises ValueError as `psnr` does.

    >>> white, black = np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2, 3), np.uint8)
    >>> psnr_and_mse(white, black)
    {'value': 0.0, 'mse': 65025.0}
    """
    check_pair(image, reference)
    error = squared_error(image, reference)
    return {"value": _psnr(error, image.size), "mse": error / image.size}


def _mean(values: np.ndarray) -> float:
    return math.fsum(values.tolist()) / len(values)


def pooled(rows: pd.DataFrame) -> float:
    """Decibels of the mean of the rows' "mse". Raises KeyError on rows without it."""
    return decibels(_mean(extra(rows, "mse")))


def dped(rows: pd.DataFrame) -> float:
    """Mean over full batches of 50 rows, in the order of their ids, of their `pooled` decibels.

    Raises `wespe_bench.errors.Missing` for fewer than 50 rows.
    """
    return _mean(np.array([pooled(batch) for batch in batches(rows)]))


PSNR = Metric(
    name="psnr",
    version="1",
    unit="dB",
    higher_is_better=True,
    full_reference=True,
    compute=psnr,
    title="PSNR",
    summary="peak signal-to-noise ratio, per photo over RGB, mean of dB",
    batch=psnr_batch,
    quantity="PSNR",
    convention="all RGB values of the photo in one error, peak 255; a table means the decibels",
    golden=("1", 26.72939185427169),
    possible=(0.0, math.inf),
)

PSNR_POOLED = Metric(
    name="psnr_pooled",
    version="1",
    unit="dB",
    higher_is_better=True,
    full_reference=True,
    compute=psnr_and_mse,
    title="PSNR (pooled)",
    summary="dB of the mean squared error over all photos",
    aggregate=pooled,
    quantity="PSNR",
    convention="the same for one pair; a table means the errors first, and is never higher",
    golden=("1", 26.72939185427169),
)

PSNR_DPED = Metric(
    name="psnr_dped",
    version="1",
    unit="dB",
    higher_is_better=True,
    full_reference=True,
    compute=psnr_and_mse,
    title="PSNR (DPED)",
    summary="pooled within full batches of 50, mean over the batches, as the DPED release",
    aggregate=dped,
    quantity="PSNR",
    convention="errors pooled in full batches of 50 photos, as the DPED release tests",
    golden=("1", 26.72939185427169),
)
