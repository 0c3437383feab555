"""CSRNet: pixel by pixel, modulated by what a small network sees in the whole photo.

He et al., "Conditional Sequential Modulation for Efficient Global Image Retouching", ECCV 2020.
Three 1x1 convolutions, each scaled and shifted by numbers that follow from a condition of 32
numbers: the means over the photo of what three strided convolutions make of it. They are summed
up band by band, so that the condition is that of the whole photo.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reference_models.zoo.network import Network, Shapes, Weights, at_every_pixel, bands, photo

if TYPE_CHECKING:
    from torch import Tensor

_SEEING = ("cond_net.conv1", "cond_net.conv2", "cond_net.conv3")
_WIDTH, _LAYERS = 32, ((3, 64), (64, 64), (64, 3))
# Pixels between neighbours of the condition's last map, and how far above a row's first pixel and
# below it one reaches (7 and 11), rounded up to whole rows.
_STRIDE, _ABOVE, _BELOW = 8, 8, 16


def condition(weights: Weights, image: np.ndarray) -> Tensor:
    """The condition of a photo, uint8 (H, W, 3): (32,)."""
    import torch
    from torch.nn import functional as F

    height, width = image.shape[:2]
    device = weights["conv1.weight"].device
    total, count = torch.zeros(_WIDTH, dtype=torch.float64, device=device), 0
    for top, bottom in bands(height, width, _STRIDE):
        first, last = max(top - _ABOVE, 0), min(bottom + _BELOW, height)
        y = photo(image[first:last], device)
        for layer in _SEEING:
            y = F.conv2d(y, weights[f"{layer}.weight"], weights[f"{layer}.bias"], 2, 1).relu_()
        end = None if bottom == height else (bottom - first) // _STRIDE
        y = y[0, :, (top - first) // _STRIDE : end]
        total += y.sum((1, 2), dtype=torch.float64)
        count += y[0].numel()
    return (total / count).float()


def enhance(weights: Weights, x: Tensor, seen: Tensor) -> Tensor:
    """Float (1, 3, H, W) on [0, 1] to the same, with the photo's condition."""
    from torch.nn import functional as F

    for number in range(1, len(_LAYERS) + 1):
        scale, shift = (
            F.linear(seen, weights[f"cond_{of}{number}.weight"], weights[f"cond_{of}{number}.bias"])
            for of in ("scale", "shift")
        )
        scale = 1 + scale  # what is scaled is added to what is not
        weight = weights[f"conv{number}.weight"] * scale[:, None, None, None]
        x = F.conv2d(x, weight, weights[f"conv{number}.bias"] * scale + shift)
        if number < len(_LAYERS):
            x = x.relu_()
    return x


def multiply_adds(shapes: Shapes, height: int, width: int) -> int:
    """Of the condition's strided convolutions, of what follows from it, and of each pixel."""
    rest = {name: shape for name, shape in shapes.items() if not name.startswith("cond_")}
    total = at_every_pixel(rest, height, width)
    total += sum(math.prod(shape) for shape in shapes.values() if len(shape) == 2)
    for layer in _SEEING:
        shape = shapes[f"{layer}.weight"]
        height, width = ((side + 2 - shape[-1]) // 2 + 1 for side in (height, width))
        total += math.prod(shape) * height * width
    return total


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (into, kernel) in enumerate(((3, 7), (_WIDTH, 3), (_WIDTH, 3)), 1):
        shapes[f"cond_net.conv{number}.weight"] = (_WIDTH, into, kernel, kernel)
        shapes[f"cond_net.conv{number}.bias"] = (_WIDTH,)
    for number, (into, out) in enumerate(_LAYERS, 1):
        shapes[f"conv{number}.weight"] = (out, into, 1, 1)
        shapes[f"conv{number}.bias"] = (out,)
        for of in ("scale", "shift"):
            shapes[f"cond_{of}{number}.weight"] = (out, _WIDTH)
            shapes[f"cond_{of}{number}.bias"] = (out,)
    return shapes


CSRNET = Network(
    name="csrnet",
    title="CSRNet",
    paper="He et al., ECCV 2020",
    page="https://github.com/hejingwenhejingwen/CSRNet",
    terms="none stated: no licence file",
    shapes=[_shapes()],
    band=enhance,
    condition=condition,
    multiply_adds=multiply_adds,
    least=5,  # the condition's first kernel, with its padding
)
