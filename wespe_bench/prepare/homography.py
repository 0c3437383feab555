"""Plane geometry of two photos: homographies, resampling through one, the area they share.

A homography is a float64 (3, 3) that takes (x, y, 1) of one photo to the other, pixel
centres at integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from wespe_bench.images import quantize

_STRIP = 256  # rows of the result resampled at once


class Unregistered(Exception):  # noqa: N818
    """Two photos cannot be brought together; the message says why."""


def resample(photo: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """``photo``, uint8 (H, W, 3) or (H, W), seen through ``matrix`` at ``shape`` (height, width).

    Bicubic; places outside repeat the border. Where ``photo`` has n times the pixels along a
    side it is first reduced by the whole part of n (box filter).
    """
    factor = max(1, int(scale(matrix, shape)))
    if factor > 1:
        photo = np.asarray(Image.fromarray(photo).reduce(factor))
        half = (factor - 1) / 2
        matrix = np.array([[1, 0, -half], [0, 1, -half], [0, 0, factor]]) @ matrix
    result = np.empty((*shape, *photo.shape[2:]), np.uint8)
    for top in range(0, shape[0], _STRIP):
        rows = min(_STRIP, shape[0] - top)
        result[top : top + rows] = _strip(photo, matrix, top, rows, shape[1])
    return result


def valid_box(
    matrix: np.ndarray, shape: tuple[int, ...], reference_shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """The largest upright rectangle of ``shape`` that the reference covers, to a 256th of a side.

    Left, top, right, bottom; empty (all 0) when there is none. Two pixels at the reference's
    border are left out: bicubic resampling reaches that far.
    """
    ys, xs = (np.unique(np.linspace(0, n, 257).astype(int)) for n in shape[:2])
    x, y = through(matrix, *np.meshgrid(xs, ys))
    height, width = reference_shape[:2]
    inside = (x >= 2) & (y >= 2) & (x <= width - 3) & (y <= height - 3)
    # The area is convex, so a cell with its four corners inside is inside.
    cells = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]
    best, box = 0, (0, 0, 0, 0)
    tall = np.zeros(cells.shape[1], int)
    for row in range(len(cells)):
        tall = np.where(cells[row], tall + 1, 0)
        for height_ in np.unique(tall[tall > 0]):
            left, right = _longest_run(tall >= height_)
            top, bottom = ys[row + 1 - height_], ys[row + 1]
            area = (xs[right] - xs[left]) * (bottom - top)
            if area > best:
                best, box = area, (int(xs[left]), int(top), int(xs[right]), int(bottom))
    return box


def _longest_run(where: np.ndarray) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])


def through(matrix: np.ndarray, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points through a homography; what lies behind the horizon becomes NaN."""
    a, b, c = (row[0] * x + row[1] * y + row[2] for row in matrix)
    c = np.where(c > 1e-9, c, np.nan)
    return a / c, b / c


def scale(matrix: np.ndarray, shape: tuple[int, ...]) -> float:
    """How many pixels of the reference one of the input spans, at the centre."""
    y, x = shape[0] / 2, shape[1] / 2
    px, py = through(matrix, np.array([x, x + 1, x]), np.array([y, y, y + 1]))
    area = (px[1] - px[0]) * (py[2] - py[0]) - (px[2] - px[0]) * (py[1] - py[0])
    return float(np.sqrt(abs(area))) if np.isfinite(area) else 0.0


def _strip(photo: np.ndarray, matrix: np.ndarray, top: int, rows: int, width: int) -> np.ndarray:
    """Rows ``top`` to ``top + rows`` of the resampled photo, from as little of it as they need."""
    from skimage.transform import ProjectiveTransform, warp

    x, y = through(
        matrix, np.array([0, width, 0, width]), np.array([top, top, top + rows, top + rows])
    )
    reach = 4  # px that bicubic interpolation looks at, and some
    first = int(np.clip(np.floor(np.nanmin(y)) - reach, 0, photo.shape[0] - 1))
    last = int(np.clip(np.ceil(np.nanmax(y)) + reach, first + 1, photo.shape[0]))
    before = int(np.clip(np.floor(np.nanmin(x)) - reach, 0, photo.shape[1] - 1))
    after = int(np.clip(np.ceil(np.nanmax(x)) + reach, before + 1, photo.shape[1]))
    part = photo[first:last, before:after].astype(np.float32) / np.float32(255)
    local = np.array([[1, 0, -before], [0, 1, -first], [0, 0, 1.0]]) @ matrix
    local = local @ np.array([[1, 0, 0], [0, 1, top], [0, 0, 1.0]])
    moved = warp(part, ProjectiveTransform(local), output_shape=(rows, width), order=3, mode="edge")
    if moved.ndim == 2:
        return quantize(np.repeat(moved[..., None], 3, axis=2))[..., 0]
    return quantize(moved)


def check_plausible(
    matrix: np.ndarray, shape: tuple[int, ...], reference_shape: tuple[int, ...]
) -> None:
    """No mirror, no fold, no more than six times larger or smaller anywhere."""
    height, width = shape
    x = np.array([0.0, width, width, 0, width / 2])
    y = np.array([0.0, 0, height, height, height / 2])
    scales = []
    for step in zip(x, y, strict=True):
        px, py = through(
            matrix,
            np.array([step[0], step[0] + 1, step[0]]),
            np.array([step[1], step[1], step[1] + 1]),
        )
        scales.append((px[1] - px[0]) * (py[2] - py[0]) - (px[2] - px[0]) * (py[1] - py[0]))
    if not np.isfinite(scales).all() or min(scales) <= 0:
        raise Unregistered("the fit mirrors or folds the photo")
    expected = np.prod(reference_shape) / np.prod(shape)
    if max(scales) > 36 * max(expected, 1) or min(scales) < min(expected, 1) / 36:
        raise Unregistered("the fit scales the photo's area more than 36-fold")
    if max(scales) > 4 * min(scales):
        raise Unregistered("the fit's area scale varies more than 4-fold over the photo")


def fitted(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The homography (3, 3) of least squares from points (N, 2) to points (N, 2)."""
    from skimage.transform import ProjectiveTransform

    if hasattr(ProjectiveTransform, "from_estimate"):  # scikit-image 0.26
        model = ProjectiveTransform.from_estimate(source, target)
        failed = not model
    else:
        model = ProjectiveTransform()
        failed = not model.estimate(source, target)
    if failed:
        raise Unregistered("the matched points do not span a plane")
    matrix = np.asarray(model.params, np.float64)
    return np.asarray(matrix / matrix[2, 2])
