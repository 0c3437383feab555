"""Temperature scaling: a rater's P(high) made to mean what it says; the order of photos stays.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: the logit is divided by one
number, the temperature, that makes held-out labels most likely. It is fitted on the validation
photos. The Flickr Faves Score of the paper stays the raw P(high); the calibrated one stands beside
it.
"""

from __future__ import annotations

import numpy as np

#: The lowest and the highest temperature; without limits a few photos, all right, would ask for 0.
LIMITS = (0.1, 10.0)


def fit(p: np.ndarray, labels: np.ndarray) -> float:
    """The temperature within `LIMITS` of the least log loss.

    Args:
        p: P(high) of held-out photos, float (n,), the mean of each photo's crops.
        labels: Which of them are high, bool (n,).

    >>> round(fit(np.array([0.9, 0.9, 0.9, 0.1]), np.array([True, True, False, False])), 6)
    2.0
    """
    from scipy.optimize import brentq

    z = _logit(p)

    def slope(inverse: float) -> float:
        """Of the log loss over 1 / temperature, in which it is convex."""
        return float((_share(inverse * z) - labels) @ z)

    least, most = 1 / LIMITS[1], 1 / LIMITS[0]
    if slope(least) >= 0:
        return LIMITS[1]
    if slope(most) <= 0:
        return LIMITS[0]
    return 1 / float(brentq(slope, least, most, xtol=1e-12))


def scaled(p: np.ndarray, temperature: float) -> np.ndarray:
    """P(high) at another temperature, float64 in the shape of ``p``; 0.5 stays 0.5."""
    return _share(_logit(p) / temperature)


def _logit(p: np.ndarray) -> np.ndarray:
    from scipy.special import logit

    return np.asarray(logit(np.clip(np.asarray(p, np.float64), 1e-12, 1 - 1e-12)))


def _share(z: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(z))
