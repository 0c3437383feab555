"""The loops over pixels that the metrics share.

Each runs on one thread and adds in one fixed order, so a photo's number does not depend on
what else is being scored; several photos are scored side by side by several processes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wespe_bench.metrics.compiled import compiled, contracted

#: Taps of the longest window; shorter ones are padded with zeros.
TAPS = 11
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

# Photos are walked in strips of columns, so that the rows at hand stay in cache: no power of
# two, whose rows would fall on each other there, and just above the 90 windows of a 100-pixel
# patch. The strip is part of the order of summation: another width, other last bits.
_STRIP = 96
_LINE = _STRIP + TAPS - 1

# rgb2gray in 24-bit fixed point: equal to the rounded 15-digit weights of
# `wespe_bench.images.luma` on all 2**24 colours, which a test counts out.
_RED, _GREEN, _BLUE, _HALF = (
    np.uint32(5015314),
    np.uint32(9848948),
    np.uint32(1912954),
    np.uint32(2**23),
)
_SHIFT = np.uint32(24)


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only C-contiguous view, or a copy where the memory lies otherwise."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def rows_of(photos: np.ndarray) -> np.ndarray:
    """(N, H, W, C) as read-only (N, H, W * C), a view where the memory allows."""
    count, height, width, channels = photos.shape
    return frozen(photos).reshape(count, height, width * channels)


@compiled
def squared_errors(images: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Sums of squared differences of uint8 (N, M) and (N, M): int64 (N,), exact."""
    sums = np.empty(images.shape[0], np.int64)
    for n in range(images.shape[0]):
        x, y = images[n], references[n]
        total = np.int64(0)
        # 16,384 squares of at most 255**2 fit in 31 bits, and differences in 16.
        for start in range(0, x.size, 16384):
            a, b = x[start : start + 16384], y[start : start + 16384]
            part = np.int32(0)
            for i in range(a.size):
                difference = np.int32(np.int16(np.int16(a[i]) - np.int16(b[i])))
                part = np.int32(part + difference * difference)
            total += part
        sums[n] = total
    return sums


@compiled
def _read_line(
    line: np.ndarray, row: np.ndarray, width: int, channels: int, channel: int, scale: Any
) -> None:
    """Interleaved samples as float64: grey (channel -1), or one channel times ``scale``."""
    # Steps of 3 and 1 that the compiler can see become vector loads.
    if channel < 0:
        for x in range(width):
            grey = (
                np.uint32(row[3 * x]) * _RED
                + np.uint32(row[3 * x + 1]) * _GREEN
                + np.uint32(row[3 * x + 2]) * _BLUE
                + _HALF
            ) >> _SHIFT
            line[x] = np.float64(np.int32(grey))
    elif channels == 3:
        samples = row[channel:]
        for x in range(width):
            line[x] = np.float64(np.int32(samples[3 * x])) * scale
    else:
        for x in range(width):
            line[x] = np.float64(np.int32(row[x])) * scale


@contracted
def _across(line: np.ndarray, taps: np.ndarray, rows: np.ndarray) -> None:
    """Filter one line; the result goes to two places of the ring."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    t6, t7, t8, t9, t10 = taps[6], taps[7], taps[8], taps[9], taps[10]
    for x in range(_STRIP):
        value = (
            t0 * line[x]
            + t1 * line[x + 1]
            + t2 * line[x + 2]
            + t3 * line[x + 3]
            + t4 * line[x + 4]
            + t5 * line[x + 5]
            + t6 * line[x + 6]
            + t7 * line[x + 7]
            + t8 * line[x + 8]
            + t9 * line[x + 9]
            + t10 * line[x + 10]
        )
        rows[x] = value
        rows[x + TAPS * _STRIP] = value


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


@compiled
def _aligned(size: int) -> np.ndarray:
    """``size`` float64 zeros that begin on a cache line: a vector load never straddles two."""
    room = np.zeros(size + 8)
    start = -(room.ctypes.data // 8) % 8
    return room[start : start + size]


@compiled
def structure(
    images: np.ndarray,
    references: np.ndarray,
    channels: int,
    channel: int,
    scale: Any,
    taps: np.ndarray,
) -> np.ndarray:
    """Mean SSIM and mean contrast-structure term of each pair: float64 (N, 2).

    ``images``, ``references``: (N, H, W * channels) of one shape, uint8 or uint16, samples
    interleaved. ``channel`` picks one, its samples times ``scale``; -1 takes the grey version
    of RGB. ``taps``: the separable window, at most 11 float64 with sum 1. Windows that lie
    inside only.

    Four maps (x, y, x^2 + y^2, x y) are filtered along each row as it is read, kept for as
    many rows as the window is high, then filtered down the columns; no map is stored. The
    two photos may change places without moving a bit, and a photo has exactly 1 with itself.
    """
    size = taps.size
    count, height, width = images.shape[0], images.shape[1], images.shape[2] // channels
    across = np.zeros(TAPS)
    down = np.zeros(TAPS)
    for k in range(size):
        across[k] = taps[k]
        down[TAPS - size + k] = taps[k]
    t0, t1, t2, t3, t4, t5 = down[0], down[1], down[2], down[3], down[4], down[5]
    t6, t7, t8, t9, t10 = down[6], down[7], down[8], down[9], down[10]
    lines = np.zeros((4, _LINE))
    line_x, line_y, line_q, line_p = lines[0], lines[1], lines[2], lines[3]
    # Each filtered row is kept twice, TAPS rows apart, so that the last TAPS rows always lie
    # one after the other.
    plane = 2 * TAPS * _STRIP
    ring = _aligned(4 * plane)
    sums_full, sums_contrast = _aligned(_STRIP), _aligned(_STRIP)
    means = np.empty((count, 2))
    for n in range(count):
        full = contrast = 0.0
        for left in range(0, width - size + 1, _STRIP):
            outputs = min(_STRIP, width - size + 1 - left)
            inputs = outputs + size - 1
            lines[:], ring[:] = 0.0, 0.0
            sums_full[:], sums_contrast[:] = 0.0, 0.0
            for row in range(height):
                row_x, row_y = images[n, row], references[n, row]
                start = left * channels
                _read_line(line_x, row_x[start:], inputs, channels, channel, scale)
                _read_line(line_y, row_y[start:], inputs, channels, channel, scale)
                for x in range(_LINE):
                    line_q[x] = line_x[x] * line_x[x] + line_y[x] * line_y[x]
                    line_p[x] = line_x[x] * line_y[x]
                slot = row % TAPS
                for m in range(4):
                    _across(lines[m], across, ring[m * plane + slot * _STRIP :])
                if row < size - 1:
                    continue
                rows = ring[(slot + 1) * _STRIP :]
                for x in range(_STRIP):
                    f = x
                    mean_x = _down(rows, f, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
                    f += 2 * TAPS * _STRIP
                    mean_y = _down(rows, f, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
                    f += 2 * TAPS * _STRIP
                    squares = _down(rows, f, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
                    f += 2 * TAPS * _STRIP
                    products = _down(rows, f, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
                    cross = mean_x * mean_y
                    energy = mean_x * mean_x + mean_y * mean_y
                    above = 2.0 * (products - cross) + C2
                    below = (squares - energy) + C2
                    sums_full[x] += (2.0 * cross + C1) * above / ((energy + C1) * below)
                    sums_contrast[x] += above / below
            for x in range(outputs):
                full += sums_full[x]
                contrast += sums_contrast[x]
        area = (height - size + 1) * (width - size + 1)
        means[n, 0], means[n, 1] = full / area, contrast / area
    return means


@compiled
def halve(images: np.ndarray, channels: int, channel: int) -> np.ndarray:
    """Sums of 2x2 blocks of one channel: (N, H, W * channels) to uint16 (N, H', W').

    H' and W' are halved and rounded up; a last odd row or column meets its own reflection.
    Four times halved, uint8 gives at most 255 * 4**4, so uint16 holds the sums exactly; the
    caller keeps the power of 4.
    """
    count, height, width = images.shape[0], images.shape[1], images.shape[2] // channels
    result = np.empty((count, (height + 1) // 2, (width + 1) // 2), np.uint16)
    for n in range(count):
        for row in range((height + 1) // 2):
            upper = images[n, 2 * row, channel:]
            lower = images[n, min(2 * row + 1, height - 1), channel:]
            line = result[n, row]
            if channels == 3:
                for x in range(width // 2):
                    line[x] = np.uint16(
                        np.int32(upper[6 * x])
                        + np.int32(upper[6 * x + 3])
                        + np.int32(lower[6 * x])
                        + np.int32(lower[6 * x + 3])
                    )
            else:
                for x in range(width // 2):
                    line[x] = np.uint16(
                        np.int32(upper[2 * x])
                        + np.int32(upper[2 * x + 1])
                        + np.int32(lower[2 * x])
                        + np.int32(lower[2 * x + 1])
                    )
            if width % 2:
                at = (width - 1) * channels
                line[width // 2] = np.uint16(2 * (np.int32(upper[at]) + np.int32(lower[at])))
    return result


@compiled
def grey_counts(samples: np.ndarray) -> np.ndarray:
    """How often each of the 256 grey levels occurs in RGB, interleaved uint8: int64 (256,)."""
    counts = np.zeros((4, 256), np.int64)
    line = np.empty(4096, np.uint8)
    for start in range(0, samples.size, 3 * 4096):
        part = samples[start : start + 3 * 4096]
        for i in range(part.size // 3):
            line[i] = (
                np.uint32(part[3 * i]) * _RED
                + np.uint32(part[3 * i + 1]) * _GREEN
                + np.uint32(part[3 * i + 2]) * _BLUE
                + _HALF
            ) >> _SHIFT
        _count(line[: part.size // 3], counts)
    return np.asarray(counts[0] + counts[1] + counts[2] + counts[3])


@compiled
def value_counts(values: np.ndarray) -> np.ndarray:
    """How often each value occurs in uint8 (M,): int64 (256,)."""
    counts = np.zeros((4, 256), np.int64)
    _count(values, counts)
    return np.asarray(counts[0] + counts[1] + counts[2] + counts[3])


@compiled
def _count(values: np.ndarray, counts: np.ndarray) -> None:
    # Four tables in turn: neighbours are often equal, and a counter just written is slow to read.
    whole = values.size // 4
    for i in range(whole):
        counts[0, values[4 * i]] += 1
        counts[1, values[4 * i + 1]] += 1
        counts[2, values[4 * i + 2]] += 1
        counts[3, values[4 * i + 3]] += 1
    for i in range(4 * whole, values.size):
        counts[0, values[i]] += 1
