"""Registration: two cameras' photos of one scene, brought to the same pixels.

1. Both photos grey, reduced to about a megapixel; SIFT (or ORB) features, matched, and a
   homography by RANSAC: Lowe, IJCV 2004; Rublee et al., ICCV 2011; Fischler & Bolles, CACM
   1981, all as in scikit-image.
2. At full size, tiles of the warped reference against the same tiles of the input: phase
   correlation (Guizar-Sicairos et al., Optics Letters 2008), to a twentieth of a pixel. The
   homography is fitted again to what the tiles say, and the tiles are measured again; what
   they say last is the residual error.
3. The input keeps its pixels and is only cropped: to the largest upright rectangle that the
   reference covers. The reference is resampled onto it (bicubic, after a box filter where it
   has far more pixels).

A homography is exact for a camera that only turned, or a flat scene; parallax remains, and
shows in the residual. Memory: the photos, their grey versions, and strips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from wespe_bench.images import check_rgb, luma
from wespe_bench.prepare.homography import (
    Unregistered,
    check_plausible,
    fitted,
    resample,
    scale,
    through,
    valid_box,
)

#: Pixels in the photos that features are looked for in.
COARSE_PIXELS = 700_000

_TILE = 128  # px; phase correlation sees displacements of up to half of it
_GRID = 6  # tiles along each side at most
_LEAST_MATCHES = 16
_LEAST_TILES = 6
_LEAST_DETAIL = 1.0  # levels^2, as `_detail` measures it
_LEAST_LIKENESS = 0.5


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the input's pixels lie in the reference, and how well that is known.

    ``matrix`` float64 (3, 3) takes (x, y, 1) of the input to the reference, pixel centres at
    integers. ``error`` is the root mean square, ``worst`` the largest displacement in px that
    the ``tiles`` that show detail measured last. ``matches`` features agreed on the first
    homography. ``box`` is the valid area in the input: left, top, right, bottom.
    """

    matrix: np.ndarray
    box: tuple[int, int, int, int]
    error: float
    worst: float
    tiles: int
    matches: int


def register(
    image: np.ndarray,
    reference: np.ndarray,
    *,
    features: Literal["sift", "orb"] = "sift",
    max_error: float = 1.0,
    min_overlap: float = 0.25,
    seed: int = 0,
) -> Registration:
    """Find ``reference``'s place on ``image``: both uint8 (H, W, 3), of any two sizes.

    Raises Unregistered when the photos do not show the same, the fit is implausible, the
    residual exceeds ``max_error`` px or the valid area is less than ``min_overlap`` of
    ``image``; ValueError when an array is no photo.
    """
    check_rgb(image, "image")
    check_rgb(reference, "reference")
    if min(*image.shape[:2], *reference.shape[:2]) < 32:
        raise Unregistered("smaller than 32 px")
    grey, other = luma(image), luma(reference)
    matrix, matches = _coarse(grey, other, features, seed)
    check_plausible(matrix, grey.shape, other.shape)
    places = found = np.zeros((0, 2))
    for _ in range(3):
        places, found = _measure(grey, other, matrix)
        matrix = _refit(matrix, places, found, seed)
    check_plausible(matrix, grey.shape, other.shape)
    places, found = _measure(grey, other, matrix)
    lengths = np.hypot(*found.T)
    if len(lengths) < _LEAST_TILES:
        raise Unregistered(
            f"only {len(lengths)} tiles agree at full size (at least {_LEAST_TILES})"
        )
    error = float(np.sqrt(np.mean(lengths**2)))
    if error > max_error:
        raise Unregistered(f"residual error {error:.2f} px (at most {max_error:g})")
    box = valid_box(matrix, grey.shape, other.shape)
    area = (box[2] - box[0]) * (box[3] - box[1]) / grey.size
    if area < min_overlap:
        raise Unregistered(f"valid area {area:.0%} of the photo (at least {min_overlap:.0%})")
    return Registration(matrix, box, error, float(lengths.max()), len(lengths), matches)


def aligned(
    image: np.ndarray, reference: np.ndarray, registration: Registration
) -> tuple[np.ndarray, np.ndarray]:
    """The valid area of ``image``, and ``reference`` resampled onto it: uint8, one size."""
    left, top, right, bottom = registration.box
    shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    moved = resample(reference, registration.matrix @ shift, (bottom - top, right - left))
    return np.ascontiguousarray(image[top:bottom, left:right]), moved


def _coarse(
    grey: np.ndarray, other: np.ndarray, features: str, seed: int
) -> tuple[np.ndarray, int]:
    """A homography from features of the reduced photos, and how many matches agree on it."""
    from skimage.feature import match_descriptors
    from skimage.measure import ransac
    from skimage.transform import ProjectiveTransform

    points, descriptors, factors = [], [], []
    for photo in (grey, other):
        small, factor = _reduced(photo)
        keypoints, described = _features(small, features)
        points.append(keypoints[:, ::-1] * factor + (factor - 1) / 2)
        descriptors.append(described)
        factors.append(factor)
    if min(len(found) for found in points) < _LEAST_MATCHES:
        raise Unregistered("too little detail: hardly any features")
    pairs = match_descriptors(
        descriptors[0],
        descriptors[1],
        cross_check=True,
        max_ratio=0.8 if features == "sift" else 0.9,
    )
    if len(pairs) < _LEAST_MATCHES:
        raise Unregistered(f"only {len(pairs)} features match; the photos show different things")
    source, target = points[0][pairs[:, 0]], points[1][pairs[:, 1]]
    _, inliers = ransac(
        (source, target),
        ProjectiveTransform,
        min_samples=4,
        residual_threshold=3 * factors[1],
        max_trials=2000,
        stop_probability=0.9999,
        rng=np.random.default_rng(seed),
    )
    agreeing = 0 if inliers is None else int(np.sum(inliers))
    if agreeing < _LEAST_MATCHES or agreeing < 0.2 * len(pairs):
        raise Unregistered(
            f"{agreeing} of {len(pairs)} matched features agree; the photos show different things"
        )
    return fitted(source[inliers], target[inliers]), agreeing


def _reduced(photo: np.ndarray) -> tuple[np.ndarray, int]:
    """The photo reduced by a whole factor (box filter) to about `COARSE_PIXELS`; the factor."""
    factor = max(1, round(np.sqrt(photo.size / COARSE_PIXELS)))
    return np.asarray(Image.fromarray(photo).reduce(factor)), factor


def _features(small: np.ndarray, features: str) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (N, 2) as row and column, and their descriptors."""
    from skimage.feature import ORB, SIFT

    # The finest octave of SIFT doubles the photo: slow, and full size is still to come.
    detector: Any = (
        SIFT(upsampling=1) if features == "sift" else ORB(n_keypoints=2000, fast_threshold=0.05)
    )
    try:
        detector.detect_and_extract(small)
    except RuntimeError:  # scikit-image's way to say that there are none
        return np.zeros((0, 2)), np.zeros((0, 1))
    return np.asarray(detector.keypoints), np.asarray(detector.descriptors)


def _measure(
    grey: np.ndarray, other: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where tiles lie in the input, and by how many px the reference lies off there.

    Two float64 (N, 2), x and y, of the tiles that show detail and look alike in both photos.
    """
    from scipy.signal.windows import hann
    from skimage.registration import phase_cross_correlation

    size = min(_TILE, *(n // 2 for n in grey.shape))
    window = np.outer(hann(size, sym=False), hann(size, sym=False))
    places, found = [], []
    left, top, right, bottom = valid_box(matrix, grey.shape, other.shape)
    for y in _places(top, bottom, size):
        for x in _places(left, right, size):
            here = _fine(grey[y : y + size, x : x + size])
            if _detail(here) < _LEAST_DETAIL:
                continue  # sky, blur, night, or edges in one direction: nothing to hold on to
            corner = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
            there = _fine(resample(other, matrix @ corner, (size, size)))
            if _detail(there) < _LEAST_DETAIL / 10:  # a lower bar: it may be darker
                continue
            shift = phase_cross_correlation(
                here * window, there * window, upsample_factor=20, normalization=None
            )[0]
            if np.abs(shift).max() > size / 4 or _likeness(here, there, shift) < _LEAST_LIKENESS:
                continue
            places.append((x + (size - 1) / 2, y + (size - 1) / 2))
            # What has to be added to the tile's place to find in the reference what is here.
            found.append((-shift[1], -shift[0]))
    return np.array(places).reshape(-1, 2), np.array(found).reshape(-1, 2)


def _fine(tile: np.ndarray) -> np.ndarray:
    """A grey tile without its slow changes of light, which exposure and vignetting move."""
    from scipy.ndimage import gaussian_filter

    levels = tile.astype(np.float64)
    return np.asarray(levels - gaussian_filter(levels, 3))


def _detail(fine: np.ndarray) -> float:
    """The smaller eigenvalue of the mean structure tensor (Shi & Tomasi, CVPR 1994), levels^2."""
    down, across = np.gradient(fine)
    xx, yy, xy = (across**2).mean(), (down**2).mean(), (across * down).mean()
    return float((xx + yy) / 2 - np.hypot((xx - yy) / 2, xy))


def _places(begin: int, end: int, size: int) -> list[int]:
    if end - begin < size:
        return []
    count = min(_GRID, (end - begin) // (size // 2))
    return [int(p) for p in np.linspace(begin, end - size, max(count, 1))]


def _likeness(here: np.ndarray, there: np.ndarray, shift: np.ndarray) -> float:
    """Normalised correlation of two tiles once one is shifted, to the pixel."""
    dy, dx = (round(s) for s in shift)
    height, width = here.shape
    a = here[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    b = there[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _refit(matrix: np.ndarray, places: np.ndarray, found: np.ndarray, seed: int) -> np.ndarray:
    """The homography that the tiles ask for, outliers (moving things, parallax) left out."""
    from skimage.measure import ransac
    from skimage.transform import ProjectiveTransform

    if len(places) < _LEAST_TILES:
        raise Unregistered(f"only {len(places)} tiles agree at full size (at least {_LEAST_TILES})")
    target = np.stack(through(matrix, *(places + found).T), axis=1)
    model, inliers = ransac(
        (places, target),
        ProjectiveTransform,
        min_samples=4,
        residual_threshold=max(1.0, scale(matrix, tuple(2 * places.mean(axis=0)[::-1]))),
        max_trials=500,
        rng=np.random.default_rng(seed),
    )
    if model is None or inliers is None or np.sum(inliers) < _LEAST_TILES:
        raise Unregistered("the tiles at full size do not agree on one homography")
    return fitted(places[inliers], target[inliers])
