r"""Full-reference measures whose ranks are fused into labels: PSNR, SSIM, MS-SSIM, GMSD, VIF.

The first three are the project's metrics. GMSD: Xue, Zhang, Mou, Bovik (TIP 2014), Prewitt
gradients of the grey photos after 2x2 means and subsampling, c = 170, standard deviation of
the similarity map. VIF: the pixel-domain version of Sheikh and Bovik (TIP 2006), four scales
with Gaussian windows of 17, 9, 5 and 3 taps (sigma a fifth of that), noise variance 2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wespe_bench.images import luma
from wespe_bench.metrics.ms_ssim import ms_ssim
from wespe_bench.metrics.pairs import check_pair
from wespe_bench.metrics.psnr import psnr
from wespe_bench.metrics.ssim import ssim

#: The smallest side for which every measure is defined (VIF's fourth scale decides).
SMALLEST = 48

_GMSD_C = 170.0
_NOISE = 2.0
_TINY = 1e-10


def gmsd(image: np.ndarray, reference: np.ndarray) -> float:
    """Gradient magnitude similarity deviation of uint8 (H, W, 3) photos; 0 for identical ones."""
    check_pair(image, reference, SMALLEST)
    x, y = (_gradient(_halved(luma(photo).astype(np.float64))) for photo in (image, reference))
    return float(((2 * x * y + _GMSD_C) / (x * x + y * y + _GMSD_C)).std())


def _halved(grey: np.ndarray) -> np.ndarray:
    """2x2 means of every second pixel; an odd last row or column is left out."""
    height, width = (length // 2 * 2 for length in grey.shape)
    grey = grey[:height, :width]
    return np.asarray((grey[::2, ::2] + grey[1::2, ::2] + grey[::2, 1::2] + grey[1::2, 1::2]) / 4)


def _gradient(grey: np.ndarray) -> np.ndarray:
    """Magnitude of the Prewitt gradient (divided by 3), where the window fits."""
    across = grey[:, 2:] - grey[:, :-2]
    down = grey[2:] - grey[:-2]
    x = (across[:-2] + across[1:-1] + across[2:]) / 3
    y = (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / 3
    return np.asarray(np.sqrt(x * x + y * y))


def vif(image: np.ndarray, reference: np.ndarray) -> float:
    """Visual information fidelity, pixel domain: 1 for identical photos, 0 without information.

    A photo with more contrast than its reference can exceed 1.
    """
    check_pair(image, reference, SMALLEST)
    x, y = (luma(photo).astype(np.float64) for photo in (reference, image))
    kept = total = 0.0
    for scale in range(4):
        size = 2 ** (4 - scale) + 1
        taps = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * (size / 5) ** 2))
        taps /= taps.sum()
        if scale:
            x, y = _smooth(x, taps)[::2, ::2], _smooth(y, taps)[::2, ::2]
        mean_x, mean_y = _smooth(x, taps), _smooth(y, taps)
        variance_x = np.maximum(_smooth(x * x, taps) - mean_x**2, 0)
        variance_y = np.maximum(_smooth(y * y, taps) - mean_y**2, 0)
        covariance = _smooth(x * y, taps) - mean_x * mean_y
        gain = covariance / (variance_x + _TINY)
        rest = variance_y - gain * covariance
        flat = variance_x < _TINY
        gain[flat] = 0
        rest[flat] = variance_y[flat]
        lost = variance_y < _TINY
        gain[lost] = rest[lost] = 0
        negative = gain < 0
        rest[negative] = variance_y[negative]
        gain[negative] = 0
        rest = np.maximum(rest, _TINY)
        variance_x[flat] = 0
        kept += float(np.log2(1 + gain**2 * variance_x / (rest + _NOISE)).sum())
        total += float(np.log2(1 + variance_x / _NOISE).sum())
    return kept / total if total else 1.0


def _smooth(grey: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Separable filter with symmetric taps, where the window fits."""
    from scipy.ndimage import correlate1d

    radius = len(taps) // 2
    down = correlate1d(grey, taps, axis=0)[radius : len(grey) - radius]
    return np.asarray(correlate1d(down, taps, axis=1)[:, radius : grey.shape[1] - radius])


def _ms_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    return ms_ssim(image, reference)["value"]


#: name -> (function of image and reference, whether higher is better)
MEASURES: dict[str, tuple[Callable[[np.ndarray, np.ndarray], float], bool]] = {
    "psnr": (psnr, True),
    "ssim": (ssim, True),
    "ms_ssim": (_ms_ssim, True),
    "gmsd": (gmsd, False),
    "vif": (vif, True),
}


def measure(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Every measure in the order of `MEASURES`, signed so that higher is better: float64 (5,)."""
    return np.array(
        [
            function(image, reference) * (1 if higher else -1)
            for function, higher in MEASURES.values()
        ]
    )


def fuse(measured: np.ndarray, k: float = 60.0) -> np.ndarray:
    """Labels on (0, 100] of n distorted photos from their measures (n, m), higher = better.

    Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009) as in BLISS (Ye, Kumar, Doermann,
    CVPR 2014): each measure ranks all photos, the best first; the sum of 1/(k + rank) orders
    them; the label is the place in that order, 100 the worst. Ties share a place.

    >>> fuse(np.array([[30.0, 0.9], [20.0, 0.5], [25.0, 0.7], [25.0, 0.7]]))
    array([ 25. , 100. ,  62.5,  62.5])
    """
    from scipy.stats import rankdata

    ranks = rankdata(-measured, axis=0)
    # Rounded, so that equal sums of other order stay equal.
    fused = np.round((1 / (k + ranks)).sum(axis=1), 12)
    return np.asarray(100 * rankdata(-fused) / len(fused))
