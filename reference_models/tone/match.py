"""Global tone matching: one 8-bit curve per channel, from the histograms of two sets of photos.

Everything is fitted in 8-bit sRGB values. Every pixel of every photo counts once, so a larger
photo weighs more; no photo is paired with another. Two models change the brightness alone, with
one curve for all channels; B and b are the means of 0.299 R + 0.587 G + 0.114 B in target and
source. A value v becomes

- ``gain``: v * B / b;
- ``gamma``: 255 (v / 255)^g, with the g that brings the source's mean brightness to B.

The others fit each channel by itself, and so change colours, too. For a channel with mean m and
standard deviation s (of all pixels, n in the denominator) in the source, M and S in the target, v
becomes

- ``mean``: v * M / m;
- ``mean_std``: (v - m) * S / s + M;
- ``histogram``: the smallest value u of which the target has at least the share of pixels at or
  below u that the source has at or below v. Values that no source pixel has are interpolated
  linearly between the nearest that occur, with 0 -> 0 and 255 -> 255 at the ends.

Results are clipped and rounded by `wespe_bench.images.quantize`. Sums are exact integers, so the
order of the photos does not matter.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate

import numpy as np
from PIL import Image

from wespe_bench.images import check_rgb, quantize

MODELS = ("mean_std", "mean", "histogram", "gain", "gamma")

#: Weights of red, green and blue in the brightness, in thousandths (ITU-R BT.601).
_WEIGHTS = np.array([299, 587, 114])

#: Where the exponent is looked for.
_GAMMAS = (1 / 16, 16.0)

CHANNELS = ("red", "green", "blue")

# Rows of a photo are mapped in strips of about this many pixels, which stay in the cache.
_STRIP = 65_536


def count_values(photo: np.ndarray) -> np.ndarray:
    """How often each value occurs: int64 (3, 256), a row per channel of a uint8 (H, W, 3) photo."""
    check_rgb(photo)
    return np.array(Image.fromarray(photo).histogram(), np.int64).reshape(3, 256)


def moments(counts: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of one channel from its counts, integers (256,)."""
    pairs = [(value, int(count)) for value, count in enumerate(counts)]
    n = sum(count for _, count in pairs)
    total = sum(value * count for value, count in pairs)
    squares = sum(value * value * count for value, count in pairs)
    return total / n, math.sqrt(n * squares - total * total) / n


def fit(model: str, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The curves that bring the source's values to the target's.

    Args:
        model: One of `MODELS`.
        source: Counts as `count_values` gives them, summed over photos.
        target: The same of the target's photos.

    Returns:
        uint8 (3, 256): for each channel the new value of each value.

    Raises:
        ValueError: A channel of either has fewer than two different values, or an unknown model.
    """
    if model not in MODELS:
        raise ValueError(f"no model {model!r}; there are {', '.join(MODELS)}")
    for side, counts in (("source", source), ("target", target)):
        for channel, row in zip(CHANNELS, counts, strict=True):
            if np.count_nonzero(row) < 2:
                raise ValueError(f"all pixels of the {side} have the same {channel} value")
    if model in ("gain", "gamma"):
        curves = np.repeat(_common(model, source, target)[:, np.newaxis], 3, axis=1)
    else:
        rows = zip(source, target, strict=True)
        curves = np.stack([_curve(model, *pair) for pair in rows], axis=-1)
    return np.ascontiguousarray(quantize(curves[np.newaxis] / 255)[0].T)


def _curve(model: str, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One channel's curve before it is rounded, float64 (256,) on 0..255 and beyond."""
    values = np.arange(256, dtype=np.float64)
    if model == "histogram":
        return _matched(source, target)
    (mean, deviation), (new_mean, new_deviation) = moments(source), moments(target)
    if model == "mean":
        return values * new_mean / mean
    return (values - mean) * new_deviation / deviation + new_mean


def _common(model: str, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The one curve of all channels before it is rounded, float64 (256,) on 0..255 and beyond."""
    shares, wanted_shares = (
        np.array([[int(count) / int(row.sum()) for count in row] for row in counts])
        for counts in (source, target)
    )
    values = np.arange(256) / 255
    wanted = _WEIGHTS @ (wanted_shares @ values)
    if model == "gain":
        return np.asarray(255 * values * wanted / (_WEIGHTS @ (shares @ values)))
    low, high = _GAMMAS
    for _ in range(60):
        middle = (low + high) / 2
        if _WEIGHTS @ (shares @ values**middle) > wanted:
            low = middle  # too bright
        else:
            high = middle
    return np.asarray(255 * values ** ((low + high) / 2))


def _matched(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    below, wanted = (list(accumulate(map(int, counts))) for counts in (source, target))
    # Shares are compared as whole numbers: both sides times the other's number of pixels.
    scaled = [count * below[-1] for count in wanted]
    seen = np.flatnonzero(source)
    places = {int(v): bisect_left(scaled, below[v] * wanted[-1]) for v in seen}
    places = {0: 0, 255: 255} | places
    known = sorted(places)
    return np.interp(np.arange(256), known, [places[v] for v in known])


def apply(curves: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """The photo with its channels' values replaced: uint8 (H, W, 3), a new array.

    ``curves`` is uint8 (3, 256) as `fit` gives it.
    """
    result = np.empty_like(photo)
    height = max(_STRIP // max(photo.shape[1], 1), 1)
    for channel, curve in enumerate(curves):
        table = curve.tobytes()
        for top in range(0, photo.shape[0], height):
            strip = photo[top : top + height, :, channel]
            mapped = np.frombuffer(strip.tobytes().translate(table), np.uint8)
            result[top : top + height, :, channel] = mapped.reshape(strip.shape)
    return result
