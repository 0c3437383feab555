"""SCI: an illumination map of 258 numbers' making, by which the photo is divided.

Ma et al., "Toward Fast, Flexible, and Robust Low-Light Image Enhancement", CVPR 2022. The training
shares one block between several stages and calibrates each; what is left of it is one stage:
three 3x3 convolutions, the one in the middle with batch normalisation and added to its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_models.zoo.network import Network, Weights

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-4  # of the illumination
_NORM = ("running_mean", "running_var", "weight", "bias")


def enhance(weights: Weights, x: Tensor, condition: None = None) -> Tensor:
    """Float (1, 3, H, W) on [0, 1] to the same."""
    from torch.nn import functional as F

    def convolve(name: str, y: Tensor) -> Tensor:
        return F.conv2d(y, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    y = convolve("enhance.in_conv.0", x).relu_()
    mean, variance, scale, shift = (weights[f"enhance.blocks.0.1.{part}"] for part in _NORM)
    block = convolve("enhance.blocks.0.0", y)
    y = y + F.batch_norm(block, mean, variance, scale, shift).relu_()
    illumination = x + convolve("enhance.out_conv.0", y).sigmoid_()
    return (x / illumination.clamp_(_LEAST, 1)).clamp_(0, 1)


SCI = Network(
    name="sci",
    title="SCI",
    paper="Ma et al., CVPR 2022",
    page="https://github.com/vis-opt-group/SCI",
    terms="MIT",
    shapes=[
        {
            f"enhance.{layer}.{part}": shape
            for layer in ("in_conv.0", "blocks.0.0", "out_conv.0")
            for part, shape in (("weight", (3, 3, 3, 3)), ("bias", (3,)))
        }
        | {f"enhance.blocks.0.1.{part}": (3,) for part in _NORM}
    ],
    band=enhance,
    halo=3,
    # The shared block stands in the file twice.
    unused=("calibrate.", "enhance.conv.", "enhance.blocks.0.1.num_batches_tracked"),
)
