r"""Entropy of the grey-level histogram, in bits (MATLAB's ``entropy`` on a grey photo).

.. math:: H = -\sum_{v: p_v > 0} p_v \log_2 p_v

with :math:`p_v` the share of pixels of grey level v = 0..255. Grey is
`wespe_bench.images.luma`, rounded to uint8.
"""

from __future__ import annotations

import numpy as np

from wespe_bench.images import luma
from wespe_bench.metrics.pairs import check_alone
from wespe_bench.types import Metric


def entropy(
    image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
) -> float:
    """Entropy in bits, 0..8, of uint8 (H, W, 3).

    Equals ``skimage.measure.shannon_entropy`` on the grey photo. Raises ValueError on
    another dtype or shape, or on a reference.

    >>> entropy(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    1.0
    """
    check_alone(image, reference)
    counts = np.bincount(luma(image).ravel(), minlength=256)
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log2(shares))) + 0.0  # no "-0.0" for a flat photo


ENTROPY = Metric(
    name="entropy",
    version="1",
    unit="bit",
    higher_is_better=True,
    full_reference=False,
    compute=entropy,
    title="Entropy",
    summary="256-bin grey histogram; the paper reads more as better",
)
