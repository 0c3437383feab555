"""Image-adaptive 3D LUT: a table of colours, mixed for each photo from three.

Zeng et al., "Learning Image-adaptive 3D Lookup Tables for High Performance Photo Enhancement in
Real-time", TPAMI 2020. A small network sees the photo at 256x256 and gives three weights for three
tables of 33^3 colours; between a table's colours the enhancer interpolates linearly. It was
released in two forms: trained with pairs, and without them (WESPE's natural rival), whose network
normalises its first layer only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_models.zoo.network import Network, Shapes, Weights, photo

if TYPE_CHECKING:
    from torch import Tensor

_TABLES, _SIDE, _SEEN = 3, 33, 256


def mixed(weights: Weights, image: np.ndarray) -> Tensor:
    """The table for a photo, uint8 (H, W, 3): (3, 33, 33, 33), by blue, green and red."""
    from torch.nn import functional as F

    x = photo(image, weights["tables"].device)
    x = F.interpolate(x, (_SEEN, _SEEN), mode="bilinear", align_corners=False)
    layers = _layers(weights)
    for number in layers:
        weight, bias = (weights[f"model.{number}.{part}"] for part in ("weight", "bias"))
        if number == layers[-1]:
            x = F.conv2d(x, weight, bias)
        elif weight.dim() == 4:
            x = F.leaky_relu(F.conv2d(x, weight, bias, 2, 1), 0.2)
        else:
            x = F.instance_norm(x, weight=weight, bias=bias)
    return (x.reshape(_TABLES, 1, 1, 1, 1) * weights["tables"]).sum(0)


def enhance(weights: Weights, x: Tensor, table: Tensor) -> Tensor:
    """Float (1, 3, H, W) on [0, 1] through the photo's table, to the same shape."""
    from torch.nn import functional as F

    colours = (x * 2 - 1).permute(0, 2, 3, 1)[:, None]  # red is the table's last axis
    return F.grid_sample(table[None], colours, padding_mode="border", align_corners=True)[:, :, 0]


def multiply_adds(shapes: Shapes, height: int, width: int) -> int:
    """Of the classifier, the same for every photo; the tables are only looked up."""
    kernels = [shapes[f"model.{number}.weight"] for number in _layers(shapes)]
    *halving, last = [math.prod(shape) for shape in kernels if len(shape) == 4]
    return last + sum(size * (_SEEN >> place) ** 2 for place, size in enumerate(halving, 1))


def _layers(named: Iterable[str]) -> list[int]:
    """The numbers of the classifier's layers, in order."""
    return sorted(int(name.split(".")[1]) for name in named if name.endswith(".weight"))


def _gathered(tables: Mapping[Any, Any], classifier: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One set of weights of the two released files; of one of them where the other is empty."""
    import torch

    every = [tables[key].get("LUT") for key in sorted(tables, key=str)]
    return {**({"tables": torch.stack(every)} if every else {}), **classifier}


def _shapes(layers: Mapping[int, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The tensors, of the shapes of the classifier's layers by their numbers."""
    shapes: dict[str, tuple[int, ...]] = {"tables": (_TABLES, 3, _SIDE, _SIDE, _SIDE)}
    for number, weight in layers.items():
        shapes[f"model.{number}.weight"] = weight
        shapes[f"model.{number}.bias"] = weight[:1]
    return shapes


_CHANNELS = (3, 16, 32, 64, 128, 128)
_CONVOLUTIONS = [(out, into, 3, 3) for into, out in itertools.pairwise(_CHANNELS)]
_LAST = (_TABLES, 128, 8, 8)

_PAIRED: dict[int, tuple[int, ...]] = {
    **{1 + 3 * place: shape for place, shape in enumerate(_CONVOLUTIONS)},
    **{3 + 3 * place: shape[:1] for place, shape in enumerate(_CONVOLUTIONS[:-1])},
    16: _LAST,
}
_UNPAIRED: dict[int, tuple[int, ...]] = {
    1: _CONVOLUTIONS[0],
    3: _CONVOLUTIONS[0][:1],
    **{4 + 2 * place: shape for place, shape in enumerate(_CONVOLUTIONS[1:])},
    12: _LAST,
}

LUT3D = Network(
    name="lut3d",
    title="Image-adaptive 3D LUT",
    paper="Zeng et al., TPAMI 2020",
    page="https://github.com/HuiZeng/Image-Adaptive-3DLUT",
    terms="none stated: no licence file",
    shapes=[_shapes(_PAIRED), _shapes(_UNPAIRED)],
    band=enhance,
    condition=mixed,
    multiply_adds=multiply_adds,
    files=("the tables", "the classifier"),
    gather=_gathered,
    releases=(
        (
            "c1bb2bc4b7239c1a7e96159f5923123ba796b1fceb0b8c3132b423ea825b821a",
            "bae9865395625ecae58cfe86147e521093bb1e29e7b2544e02adb238b8035021",
        ),
        (
            "3bd87756b32b660672272a49244affc68b4985f7b24ff7c49186d50889665d5f",
            "c2b9b2a73ef63af9c14928e08c16baef75e2a5f644db976ae21f597874716525",
        ),
    ),
)
