"""Zero-DCE: curves for every pixel, learnt without references.

Guo et al., "Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement", CVPR 2020.
Seven 3x3 convolutions of 32 channels, with connections between the mirrored ones, give 24 maps on
[-1, 1]: three for each of eight steps x + r (x^2 - x).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_models.zoo.network import Network, Weights

if TYPE_CHECKING:
    from torch import Tensor

_CHANNELS = ((3, 32), (32, 32), (32, 32), (32, 32), (64, 32), (64, 32), (64, 24))
_STEPS = 8


def enhance(weights: Weights, x: Tensor, condition: None = None) -> Tensor:
    """Float (1, 3, H, W) on [0, 1] to the same."""
    import torch
    from torch.nn import functional as F

    def convolve(number: int, y: Tensor) -> Tensor:
        name = f"e_conv{number}"
        return F.conv2d(y, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    # With channels last, CPUs convolve in 0.6 of the time.
    first = convolve(1, x.contiguous(memory_format=torch.channels_last)).relu_()
    second = convolve(2, first).relu_()
    third = convolve(3, second).relu_()
    y = convolve(4, third).relu_()
    y = convolve(5, torch.cat([third, y], 1)).relu_()
    y = convolve(6, torch.cat([second, y], 1)).relu_()
    curves = convolve(7, torch.cat([first, y], 1)).tanh_()
    for curve in curves.split(curves.shape[1] // _STEPS, 1):
        x = x + curve * (x * x - x)
    return x


ZERO_DCE = Network(
    name="zero_dce",
    title="Zero-DCE",
    paper="Guo et al., CVPR 2020",
    page="https://github.com/Li-Chongyi/Zero-DCE",
    terms="non-commercial use only",
    shapes=[
        {
            f"e_conv{number}.{part}": shape
            for number, (into, out) in enumerate(_CHANNELS, 1)
            for part, shape in (("weight", (out, into, 3, 3)), ("bias", (out,)))
        }
    ],
    band=enhance,
    halo=len(_CHANNELS),
)
