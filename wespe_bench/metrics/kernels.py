"""The loops over pixels that the metrics share.

Each runs on one thread and adds in one fixed order, so a photo's number does not depend on
what else is being scored; several photos are scored side by side by several processes.
"""

from __future__ import annotations

import numpy as np

from wespe_bench.metrics.compiled import compiled, inner

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


@inner
def grey_line(samples: np.ndarray, line: np.ndarray) -> None:
    """The grey levels of RGB, interleaved uint8 (3 M,), into ``line``."""
    for x in range(samples.size // 3):
        line[x] = np.uint8(
            (
                np.uint32(samples[3 * x]) * _RED
                + np.uint32(samples[3 * x + 1]) * _GREEN
                + np.uint32(samples[3 * x + 2]) * _BLUE
                + _HALF
            )
            >> _SHIFT
        )


@compiled
def halve(images: np.ndarray) -> np.ndarray:
    """Sums of 2x2 blocks of RGB: (N, H, 3 W) to uint16 (N, H', 3 W').

    H' and W' are halved and rounded up; a last odd row or column meets its own reflection.
    Four times halved, uint8 gives at most 255 * 4**4, so uint16 holds the sums exactly; the
    caller keeps the power of 4.
    """
    count, height, width = images.shape[0], images.shape[1], images.shape[2] // 3
    result = np.empty((count, (height + 1) // 2, 3 * ((width + 1) // 2)), np.uint16)
    for n in range(count):
        for row in range((height + 1) // 2):
            upper = images[n, 2 * row]
            lower = images[n, min(2 * row + 1, height - 1)]
            line = result[n, row]
            for channel in range(3):
                _add_blocks(upper[channel:], lower[channel:], width // 2, line[channel:])
            if width % 2:
                for channel in range(3):
                    at = 3 * (width - 1) + channel
                    line[3 * (width // 2) + channel] = np.uint16(
                        2 * (np.int32(upper[at]) + np.int32(lower[at]))
                    )
    return result


@inner
def _add_blocks(upper: np.ndarray, lower: np.ndarray, count: int, line: np.ndarray) -> None:
    """One channel of a row of blocks."""
    for x in range(count):
        line[3 * x] = np.uint16(
            np.int32(upper[6 * x])
            + np.int32(upper[6 * x + 3])
            + np.int32(lower[6 * x])
            + np.int32(lower[6 * x + 3])
        )


@compiled
def grey_counts(samples: np.ndarray) -> np.ndarray:
    """How often each of the 256 grey levels occurs in RGB, interleaved uint8: int64 (256,)."""
    counts = np.zeros((4, 256), np.int64)
    line = np.empty(4096, np.uint8)
    for start in range(0, samples.size, 3 * 4096):
        part = samples[start : start + 3 * 4096]
        grey_line(part, line)
        _count(line[: part.size // 3], counts)
    return np.asarray(counts[0] + counts[1] + counts[2] + counts[3])


@compiled
def value_counts(values: np.ndarray) -> np.ndarray:
    """How often each value occurs in uint8 (M,): int64 (256,)."""
    counts = np.zeros((4, 256), np.int64)
    _count(values, counts)
    return np.asarray(counts[0] + counts[1] + counts[2] + counts[3])


@inner
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
