r"""MS-SSIM, multi-scale structural similarity (Wang, Simoncelli, Bovik 2003), as DPED computes it.

The DPED release calls this "the ssim score", and its magnitudes are those of the paper's
Table 2. Five scales with weights 0.0448, 0.2856, 0.3001, 0.2363, 0.1333:

.. math:: l_5^{w_5} \prod_{j=1}^{4} cs_j^{w_j}

where :math:`l_5` is the full SSIM of the coarsest scale and :math:`cs_j` the mean contrast
and structure term of scale j, each averaged over the photo and the RGB channels. At a scale
of size h x w the window has min(11, h, w) taps per side with sigma 1.5 * taps / 11, valid
region. Between scales: 2x2 mean with reflected border, every second pixel.

A negative mean term is clamped at 0 and counted in ``clamped``. Two conventions:

- ``ms_ssim``: per photo, then the mean over the photos.
- ``ms_ssim_dped``: as the DPED release tests, each term is first averaged over a batch of 50
  photos in the order of their ids; the product is taken of these means, then the mean over
  the full batches; what is left over is dropped.
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

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SCALES = len(WEIGHTS)
SMALLEST = 7

# The extras whose product is taken: contrast terms of the fine scales, SSIM of the coarsest.
_FACTORS = (*(f"cs{scale}" for scale in range(1, SCALES)), f"ssim{SCALES}")


def window(height: int, width: int) -> np.ndarray:
    """The separable window's taps at a scale of ``height`` x ``width``, sum 1, float64."""
    size = min(11, height, width)
    sigma = 1.5 * size / 11
    # An even window is centred between two pixels.
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.asarray(taps / taps.sum())


def _terms(images: np.ndarray, references: np.ndarray) -> np.ndarray:
    """(SSIM, contrast-structure) means of N pairs at each scale: float64 (N, SCALES, 2)."""
    from wespe_bench.metrics.kernels import frozen, halve, rows_of
    from wespe_bench.metrics.structure import structure
    from wespe_bench.metrics.threads import side_by_side

    def half(photos: np.ndarray) -> np.ndarray:
        return frozen(halve(photos))

    terms = np.zeros((len(images), SCALES, 2))
    x, y = rows_of(images), rows_of(references)
    for scale in range(SCALES):
        taps = window(x.shape[1], x.shape[2] // 3)
        # Halving adds up blocks of four and leaves the division to here: integers are exact.
        red, green, blue = structure(x, y, taps, scale=0.25**scale).swapaxes(0, 1) / 3
        terms[:, scale] = red + green + blue
        if scale < SCALES - 1:
            x, y = side_by_side(half, (x, y), samples=x.size)
    return terms


def _product(factors: Sequence[float]) -> float:
    value = 1.0
    for factor, weight in zip(factors, WEIGHTS, strict=True):
        value *= max(factor, 0.0) ** weight
    return value


def _record(terms: np.ndarray) -> dict[str, float]:
    extras: dict[str, float] = {}
    for scale, (full, contrast) in enumerate(terms.tolist(), start=1):
        extras[f"ssim{scale}"], extras[f"cs{scale}"] = full, contrast
    factors = [extras[name] for name in _FACTORS]
    return {"value": _product(factors), "clamped": float(sum(f < 0 for f in factors)), **extras}


def ms_ssim(
    image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0
) -> dict[str, float]:
    """MS-SSIM of two uint8 (H, W, 3) photos: "value" in [0, 1], the per-scale terms, "clamped".

    Args:
        image: The result, uint8 (H, W, 3), sRGB.
        reference: What it is compared with, of the same shape.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Returns:
        "value"; "ssim1".."ssim5" and "cs1".."cs5", the mean terms of each scale before any
        clamping; "clamped", how many terms of the product were negative.

    Raises:
        ValueError: Anything but two uint8 (H, W, 3) of one shape, sides >= 7.

    >>> photo = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    >>> result = ms_ssim(photo, photo)
    >>> result["value"], result["clamped"]
    (1.0, 0.0)
    """
    check_pair(image, reference, smallest=SMALLEST)
    return _record(_terms(image[None], reference[None])[0])


def ms_ssim_batch(
    images: np.ndarray,
    references: np.ndarray,
    *,
    sample_ids: Sequence[str] = (),
    seed: int = 0,
) -> list[dict[str, float]]:
    """`ms_ssim` of each pair of two uint8 (N, H, W, 3); the same numbers to the last bit."""
    check_batch(images, references, smallest=SMALLEST)
    return [_record(terms) for terms in _terms(images, references)]


def dped(rows: pd.DataFrame) -> float:
    """Mean over full batches of 50 rows of the product of the batch's mean terms.

    Raises `wespe_bench.errors.Missing` for fewer than 50 rows.
    """
    values = [
        _product([math.fsum(extra(batch, name).tolist()) / len(batch) for name in _FACTORS])
        for batch in batches(rows)
    ]
    return math.fsum(values) / len(values)


MS_SSIM = Metric(
    name="ms_ssim",
    version="1",
    unit="",
    higher_is_better=True,
    full_reference=True,
    compute=ms_ssim,
    title="MS-SSIM",
    summary="five scales over RGB as in the DPED release, per photo (the paper's 'SSIM')",
    batch=ms_ssim_batch,
    quantity="MS-SSIM",
    convention="DPED: RGB, five scales, windows shrink with the photo, one product per photo",
    golden=("1", 0.9678509430351514),
    possible=(-1.000001, 1.000001),
)

MS_SSIM_DPED = Metric(
    name="ms_ssim_dped",
    version="1",
    unit="",
    higher_is_better=True,
    full_reference=True,
    compute=ms_ssim,
    title="MS-SSIM (DPED)",
    summary="means over full batches of 50 before the product, as the DPED release",
    aggregate=dped,
    batch=ms_ssim_batch,
    quantity="MS-SSIM",
    convention="the terms are averaged over full batches of 50 photos before the product",
    golden=("1", 0.9678509430351514),
)
