"""Means of SSIM and of its contrast-structure term, in one walk over a pair of photos.

Four maps (x, y, x^2 + y^2, x y) are filtered along each row as it is read, kept for as many
rows as the window is high, then filtered down the columns; no map is stored. The columns are
summed from top to bottom, then from left to right, whatever the number of threads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from wespe_bench.metrics.compiled import compiled, contracted, inner
from wespe_bench.metrics.kernels import grey_line
from wespe_bench.metrics.threads import side_by_side

#: Taps of the longest window; shorter ones are padded with zeros.
TAPS = 11
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

# A photo is walked in strips of columns, so that the rows at hand stay in cache: no power of
# two, whose rows would fall on each other there, and just above the 90 windows of a 100-pixel
# patch. A line has the strip's samples and those its last windows reach, of three channels.
_STRIP = 96
_LINE = 128
# What the bytes of a photo are: samples, or RGB whose grey levels are wanted.
_GREY, _UINT8, _UINT16 = 0, 1, 2
# Rows are fetched in blocks: so many reads from far apart are under way at once.
_BLOCK = 32
# Filtered rows are kept twice, _KEPT rows apart, so that the last _KEPT always lie one after
# the other: one more than the window is high, since two rows of windows are done at a time.
_KEPT = TAPS + 1
_PLANE = 2 * _KEPT * _STRIP


def structure(
    images: np.ndarray,
    references: np.ndarray,
    taps: np.ndarray,
    *,
    scale: float = 1.0,
    grey: bool = False,
) -> np.ndarray:
    """Mean SSIM and mean contrast-structure term: float64 (N, 3, 2), or (N, 1, 2) of grey.

    ``images``, ``references``: read-only (N, H, W * 3) of one shape, RGB interleaved, uint8 or
    uint16, each sample times ``scale``; or the ``grey`` version of uint8. ``taps``: the separable
    window, at most 11 float64 with sum 1. Windows that lie inside only. The two photos may
    change places without moving a bit, and a photo has exactly 1 with itself.
    """
    count, height, samples = images.shape
    step = 1 if grey else 3
    outputs = (samples // 3 - taps.size + 1) * step
    strips = -(-outputs // _STRIP)
    full, contrast = np.empty((count, outputs)), np.empty((count, outputs))
    # Both types go in as bytes, so that the walk, which takes seconds, is compiled once.
    kind = _GREY if grey else (_UINT8 if images.dtype == np.uint8 else _UINT16)
    x, y = images.view(np.uint8), references.view(np.uint8)
    walk = partial(_walk, x, y, kind, step, scale, taps, full, contrast)
    # Single strips of a photo, whole photos of a batch.
    size = 1 if count == 1 else strips
    pieces = [(start, start + size) for start in range(0, count * strips, size)]
    side_by_side(lambda piece: walk(*piece), pieces, samples=images.size)
    area = (height - taps.size + 1) * (outputs // step)
    sums = np.stack([_sums(full, step), _sums(contrast, step)], axis=-1)
    return np.asarray(sums / area)


def _sums(columns: np.ndarray, step: int) -> np.ndarray:
    """(N, M * step) to (N, step), each added from left to right."""
    # Not np.sum, which adds in another order.
    return np.asarray(columns.reshape(len(columns), -1, step).cumsum(axis=1)[:, -1])


@compiled
def _walk(
    images: np.ndarray,
    references: np.ndarray,
    kind: int,
    step: int,
    scale: Any,
    taps: np.ndarray,
    full: np.ndarray,
    contrast: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Sums over the rows of the strips first..last, counted through all photos.

    ``images``, ``references``: the bytes of samples of ``kind``. ``full``, ``contrast``:
    float64 (N, outputs), one for each column (and channel) of windows.
    ``step``: samples from one pixel of a line to the next.
    """
    size = taps.size
    height = images.shape[1]
    strips = -(-full.shape[1] // _STRIP)
    across, down = np.zeros(TAPS), np.zeros(TAPS)
    for k in range(size):
        across[k] = taps[k]
        down[TAPS - size + k] = taps[k]
    # x, y, x^2 + y^2, x y of two rows, and their filtered rows.
    lines, ring = _aligned(8 * _LINE), _aligned(4 * _PLANE)
    sums_full, sums_contrast = _aligned(_STRIP), _aligned(_STRIP)
    block_x = np.empty((_BLOCK, _LINE), np.uint16)
    block_y = np.empty((_BLOCK, _LINE), np.uint16)
    for index in range(first, last):
        n, left = index // strips, index % strips * _STRIP
        outputs = min(_STRIP, full.shape[1] - left)
        inputs = outputs + (size - 1) * step
        lines[:], ring[:] = 0.0, 0.0
        sums_full[:], sums_contrast[:] = 0.0, 0.0
        for row in range(0, height, 2):
            if row % _BLOCK == 0:
                bottom = min(row + _BLOCK, height)
                _fetch(images[n, row:bottom], left, inputs, kind, block_x)
                _fetch(references[n, row:bottom], left, inputs, kind, block_y)
            for k in range(2):
                # The row below the last is never looked at.
                place = min(row + k, height - 1) % _BLOCK
                maps = lines[4 * k * _LINE :]
                _read(block_x[place], block_y[place], inputs, scale, maps)
            slot = row % _KEPT
            for m in range(8):
                at = m % 4 * _PLANE + (slot + m // 4) * _STRIP
                # Steps that the compiler can see become vector loads.
                if step == 1:
                    _across(lines[m * _LINE :], 1, across, ring[at:])
                else:
                    _across(lines[m * _LINE :], 3, across, ring[at:])
            # The eleven rows that end in ``row``, and those that end below it.
            rows = ring[(slot + 2) * _STRIP :]
            if row >= size - 1 and row + 1 < height:
                _add_two(rows, down, sums_full, sums_contrast)
            elif row >= size - 1:
                _add_one(rows, down, sums_full, sums_contrast)
            elif row + 1 == size - 1 and row + 1 < height:
                _add_one(rows[_STRIP:], down, sums_full, sums_contrast)
        # Not as slices: numba would compile the text of an error about their shapes, for 2 s.
        for x in range(outputs):
            full[n, left + x] = sums_full[x]
            contrast[n, left + x] = sums_contrast[x]


@inner
def _aligned(size: int) -> np.ndarray:
    """``size`` float64 zeros that begin on a cache line: a vector load never straddles two."""
    room = np.zeros(size + 8)
    start = -(room.ctypes.data // 8) % 8
    return room[start : start + size]


@inner
def _fetch(rows: np.ndarray, left: int, inputs: int, kind: int, block: np.ndarray) -> None:
    """Copy a strip of some rows to where they lie side by side."""
    for row in range(rows.shape[0]):
        line = block[row]
        if kind == _GREY:
            grey_line(rows[row, 3 * left : 3 * (left + inputs)], line)
        elif kind == _UINT8:
            samples = rows[row, left : left + inputs]
            for x in range(inputs):
                line[x] = samples[x]
        else:
            wide = rows[row, 2 * left : 2 * (left + inputs)].view(np.uint16)
            for x in range(inputs):
                line[x] = wide[x]


@inner
def _read(x: np.ndarray, y: np.ndarray, inputs: int, scale: Any, maps: np.ndarray) -> None:
    """One row of the four maps, each ``_LINE`` long."""
    line_x, line_y, squares, products = maps, maps[_LINE:], maps[2 * _LINE :], maps[3 * _LINE :]
    for i in range(inputs):
        line_x[i] = np.float64(np.int32(x[i])) * scale
    for i in range(inputs):
        line_y[i] = np.float64(np.int32(y[i])) * scale
    for i in range(_LINE):
        squares[i] = line_x[i] * line_x[i] + line_y[i] * line_y[i]
        products[i] = line_x[i] * line_y[i]


@contracted
def _across(line: np.ndarray, step: int, taps: np.ndarray, rows: np.ndarray) -> None:
    """Filter one line; the result goes to two places of the ring."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    t6, t7, t8, t9, t10 = taps[6], taps[7], taps[8], taps[9], taps[10]
    for x in range(_STRIP):
        value = (
            t0 * line[x]
            + t1 * line[x + step]
            + t2 * line[x + 2 * step]
            + t3 * line[x + 3 * step]
            + t4 * line[x + 4 * step]
            + t5 * line[x + 5 * step]
            + t6 * line[x + 6 * step]
            + t7 * line[x + 7 * step]
            + t8 * line[x + 8 * step]
            + t9 * line[x + 9 * step]
            + t10 * line[x + 10 * step]
        )
        rows[x] = value
        rows[x + _KEPT * _STRIP] = value


@contracted
def _down(
    rows: np.ndarray,
    x: int,
    t0: Any,
    t1: Any,
    t2: Any,
    t3: Any,
    t4: Any,
    t5: Any,
    t6: Any,
    t7: Any,
    t8: Any,
    t9: Any,
    t10: Any,
) -> Any:
    """Eleven values below each other, the first at ``x``, weighted."""
    return (
        t0 * rows[x]
        + t1 * rows[x + _STRIP]
        + t2 * rows[x + 2 * _STRIP]
        + t3 * rows[x + 3 * _STRIP]
        + t4 * rows[x + 4 * _STRIP]
        + t5 * rows[x + 5 * _STRIP]
        + t6 * rows[x + 6 * _STRIP]
        + t7 * rows[x + 7 * _STRIP]
        + t8 * rows[x + 8 * _STRIP]
        + t9 * rows[x + 9 * _STRIP]
        + t10 * rows[x + 10 * _STRIP]
    )


# The compiler takes together what these two have in common; one function with two results
# would keep the loops around it from becoming vector code.
@inner
def _ssim(x: Any, y: Any, squares: Any, products: Any) -> Any:
    cross, energy = x * y, x * x + y * y
    above, below = 2.0 * (products - cross) + C2, (squares - energy) + C2
    return (2.0 * cross + C1) * above / ((energy + C1) * below)


@inner
def _contrast(x: Any, y: Any, squares: Any, products: Any) -> Any:
    cross, energy = x * y, x * x + y * y
    above, below = 2.0 * (products - cross) + C2, (squares - energy) + C2
    return above / below


@inner
def _add_one(rows: np.ndarray, taps: np.ndarray, full: np.ndarray, contrast: np.ndarray) -> None:
    """Add a row of windows to the sums."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    t6, t7, t8, t9, t10 = taps[6], taps[7], taps[8], taps[9], taps[10]
    for x in range(_STRIP):
        x_1 = _down(rows, x, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        y_1 = _down(rows, x + _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        squares_1 = _down(rows, x + 2 * _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        products_1 = _down(rows, x + 3 * _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        full[x] += _ssim(x_1, y_1, squares_1, products_1)
        contrast[x] += _contrast(x_1, y_1, squares_1, products_1)


@inner
def _add_two(rows: np.ndarray, taps: np.ndarray, full: np.ndarray, contrast: np.ndarray) -> None:
    """Add two rows of windows, which share ten of their eleven rows."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    t6, t7, t8, t9, t10 = taps[6], taps[7], taps[8], taps[9], taps[10]
    for x in range(_STRIP):
        x_1 = _down(rows, x, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        y_1 = _down(rows, x + _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        squares_1 = _down(rows, x + 2 * _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        products_1 = _down(rows, x + 3 * _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        x_2 = _down(rows, x + _STRIP, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        y_2 = _down(rows, x + _STRIP + _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        squares_2 = _down(
            rows, x + _STRIP + 2 * _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10
        )
        products_2 = _down(
            rows, x + _STRIP + 3 * _PLANE, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10
        )
        first = full[x] + _ssim(x_1, y_1, squares_1, products_1)
        full[x] = first + _ssim(x_2, y_2, squares_2, products_2)
        first = contrast[x] + _contrast(x_1, y_1, squares_1, products_1)
        contrast[x] = first + _contrast(x_2, y_2, squares_2, products_2)
