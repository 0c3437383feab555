"""Start a WESPE training at the closed-form tone match of its photos (`train tone`).

Training then goes into what a curve per channel cannot do. The match of the source to the target
comes from counted values alone, unpaired; G starts as it, and F as the match of the target to the
source. Not in the paper.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from reference_models.patches import Photos
from reference_models.tone import match
from reference_models.wespe.networks import Block, Generator, InstanceNorm, start_as_identity

#: Photos counted at most, evenly spaced over the set.
_COUNTED = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Tones:
    """Curves, uint8 (3, 256): from the source's values to the target's, and back."""

    forth: np.ndarray
    back: np.ndarray

    @staticmethod
    def between(source: Photos, target: Photos, model: str) -> Tones:
        """Fit the curves of ``model``, one of `match.MODELS`.

        Raises:
            ValueError: A channel has one value only.
        """
        counts = [_counts(photos) for photos in (source, target)]
        return Tones(match.fit(model, *counts), match.fit(model, *counts[::-1]))

    def __call__(self, x: Tensor) -> Tensor:
        """The match of source patches, float32 (N, 3, H, W) with 8-bit values on [0, 1]."""
        table = torch.from_numpy(self.forth).to(x.device).float().div(255)
        values = (x * 255).round().long()
        return torch.stack([table[c][values[:, c]] for c in range(3)], dim=1)


def _counts(photos: Photos) -> np.ndarray:
    """How often each value occurs, int64 (3, 256)."""
    step = -(-len(photos) // _COUNTED)
    counted = (match.count_values(photos.photo(n)) for n in range(0, len(photos), step))
    return np.asarray(sum(counted, start=np.zeros((3, 256), np.int64)))


def start_as_curves(generator: Generator, curves: np.ndarray) -> Generator:
    """Change the initial weights so that the output is nearly ``curves`` of the input, in place.

    As `start_as_identity`, and the last hidden layer gets channels that begin at different values,
    so that the last convolution sums them to a broken line: the curve before tanh, exact at its
    corners.

    Args:
        generator: A new generator.
        curves: uint8 (3, 256), a new value for each value of each channel.

    Raises:
        ValueError: The generator has fewer than three channels.
    """
    start_as_identity(generator)
    pieces = max(1, min(6, generator.width // 6))
    with torch.no_grad():
        for layer in (generator.first, generator.middle1):
            centre = layer.weight.shape[-1] // 2
            layer.weight[:3] = 0
            layer.weight[range(3), range(3), centre, centre] = 1
        for block in generator.blocks:
            if isinstance(block, Block) and isinstance(block.norm2, InstanceNorm):
                block.norm2.weight[:3] = 0.002  # what carries the colours stays as it is
        generator.last.weight[:, : 3 * pieces] = 0
        for channel, curve in enumerate(curves):
            corners, bends, begin = _broken_line(curve, pieces)
            generator.last.bias[channel] = begin
            for piece in range(pieces):
                carrier = 3 * piece + channel
                generator.middle2.weight[carrier] = 0
                generator.middle2.weight[carrier, channel, 1, 1] = 1
                generator.middle2.bias[carrier] = -corners[piece]
                generator.last.weight[channel, carrier, 4, 4] = bends[piece]
    return generator


def _broken_line(curve: np.ndarray, pieces: int) -> tuple[list[float], list[float], float]:
    """Where the line bends, on [0, 1], by how much its slope grows there, and its first value.

    Between its lowest and highest value the corners are equally far apart in new values, so that
    steep parts get more of them.
    """
    wanted = curve.astype(np.float64) / 255
    begin, end = int(np.flatnonzero(wanted == wanted.min())[-1]), int(np.argmax(wanted))
    along = np.linspace(wanted.min(), wanted.max(), max(pieces - 1, 2))[1:-1]
    inner = [int(np.argmax(wanted >= value)) for value in along]
    corners = np.unique([0, begin, *inner, end, 255])
    if len(corners) > pieces + 1:
        corners = corners[np.linspace(0, len(corners) - 1, pieces + 1).round().astype(int)]
    line = np.arctanh((wanted[corners] - 0.5) / 0.58)
    bends = np.diff(np.diff(line) / np.diff(corners / 255), prepend=0)
    unused = [0.0] * (pieces - len(bends))
    return [*(corners[:-1] / 255).tolist(), *unused], [*bends.tolist(), *unused], float(line[0])
