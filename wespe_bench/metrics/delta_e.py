r"""Mean colour difference CIEDE2000 of two photos, in units of a just noticeable difference.

Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary
Test Data, and Mathematical Observations", 2005. sRGB becomes CIELAB for D65 and the observer of
2 degrees, then

.. math:: \Delta E_{00} = \sqrt{l^2 + c^2 + h^2 + R_T c h}

with l, c, h the differences of lightness, chroma and hue, each divided by how coarsely people see
it there. The score is the mean over the pixels.
"""

from __future__ import annotations

import math

import numpy as np

from wespe_bench.images import linear_light
from wespe_bench.metrics.pairs import check_pair, row_bands
from wespe_bench.types import Metric

# Linear sRGB to CIE XYZ, in units of the white (D65).
_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
) / np.array([[0.95047], [1.0], [1.08883]])


def lab(image: np.ndarray) -> np.ndarray:
    """uint8 (..., 3), sRGB, as CIELAB: float64 of the same shape.

    >>> float(lab(np.array([[255, 255, 255]], np.uint8)).round(2)[0, 0])
    100.0
    """
    xyz = linear_light()[np.ascontiguousarray(image)] @ _XYZ.T  # else another layout, another sum
    bent = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """CIEDE2000 of colours in CIELAB, both (..., 3): float64 (...).

    >>> blue, other = np.array([50.0, 2.6772, -79.7751]), np.array([50.0, 0.0, -82.7485])
    >>> float(ciede2000(blue, other).round(4))
    2.0425
    """
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1) % (2 * np.pi), np.arctan2(b2, a2) % (2 * np.pi)

    # Hues lie on a circle; a colour without chroma has none.
    grey = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(np.abs(turn) > np.pi, turn - np.sign(turn) * 2 * np.pi, turn)
    turn = np.where(grey, 0, turn)
    far = np.abs(h1 - h2) > np.pi
    hue = (h1 + h2) / 2 + np.where(far, np.where(h1 + h2 < 2 * np.pi, np.pi, -np.pi), 0)
    hue = np.where(grey, h1 + h2, hue)

    lightness, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(hue - np.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    of_lightness = 1 + 0.015 * lightness**2 / np.sqrt(20 + lightness**2)
    light = (l2 - l1) / of_lightness
    coloured = (c2 - c1) / (1 + 0.045 * chroma)
    hued = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * t)
    blue = np.radians(60) * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(blue)
    total = light**2 + coloured**2 + hued**2 + rotation * coloured * hued
    difference: np.ndarray = np.sqrt(np.maximum(total, 0))
    return difference


def delta_e(
    image: np.ndarray, reference: np.ndarray, *, sample_id: str = "", seed: int = 0
) -> float:
    """Mean CIEDE2000 of two uint8 (H, W, 3) photos; 0 when they are identical.

    Equals the mean of ``skimage.color.deltaE_ciede2000`` of ``skimage.color.rgb2lab``.

    Args:
        image: The result, uint8 (H, W, 3), sRGB.
        reference: What it is compared with, of the same shape.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: The arrays are not uint8 (H, W, 3) of one shape.

    >>> black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    >>> round(delta_e(white, black), 4)
    100.0
    """
    check_pair(image, reference)
    bands = row_bands(image, reference)
    totals = [float(ciede2000(lab(first), lab(second)).sum()) for first, second in bands]
    return math.fsum(totals) / float(image.shape[0] * image.shape[1])


DELTA_E = Metric(
    name="delta_e",
    version="1",
    unit="",
    higher_is_better=False,
    full_reference=True,
    compute=delta_e,
    title="CIEDE2000",
    summary="mean colour difference over the pixels; 1 is just noticeable",
    quantity="Colour difference",
    convention="CIEDE2000 of CIELAB for D65 and the 2 degree observer, mean over the pixels",
    golden=("1", 3.9546066877732593),
    possible=(0.0, 200.0),
)
