"""WESPE's networks.

Ignatov, Kobyshev, Timofte, Vanhoey, Van Gool: "WESPE: Weakly Supervised Photo Enhancer for
Digital Cameras", CVPR Workshops 2018, section 3. The paper says of the generator only
"fully convolutional, four residual blocks, adapted from DPED"; everything else follows
DPED's released code (Ignatov et al., "DSLR-Quality Photos on Mobile Devices with Deep
Convolutional Networks", ICCV 2017), so that DPED's released weights fit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Added to the variance under the square root of every instance norm.
EPSILON = 1e-3


class Generator(nn.Module):
    """The enhancer: RGB on [0, 1], (N, 3, H, W), to the same shape on [-0.08, 1.08].

    ::

        first     9x9    3 -> 64   ReLU
        blocks    3x3   64 -> 64   instance norm   ReLU  \\  four times; the skip is added
                  3x3   64 -> 64   instance norm   ReLU  /   after the second ReLU
        middle1   3x3   64 -> 64   ReLU
        middle2   3x3   64 -> 64   ReLU
        last      9x9   64 -> 3    0.58 tanh + 0.5

    Stride 1 throughout, size kept. The wide output range lets the network reach exact 0
    and 1 with finite inputs; losses see it unclamped.

    Options: ``width`` (channels), ``blocks``, ``norm`` "instance" or "none", ``padding``
    "zero" (what the released weights were trained with) or "reflect". The defaults have
    401,475 parameters. Weights start as a normal of standard deviation ``init_std`` cut at
    twice that, biases at 0.01.

    Raises ValueError for an option that does not exist.

    >>> sum(p.numel() for p in Generator().parameters())
    401475
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 4,
        norm: str = "instance",
        padding: str = "zero",
        init_std: float = 0.01,
    ) -> None:
        super().__init__()
        if width < 1 or blocks < 0:
            raise ValueError(f"width {width} and blocks {blocks}: expected at least 1 and 0")
        if norm not in ("instance", "none"):
            raise ValueError(f"norm {norm!r}: expected 'instance' or 'none'")
        if padding not in ("zero", "reflect"):
            raise ValueError(f"padding {padding!r}: expected 'zero' or 'reflect'")
        self.width, self.norm, self.padding = width, norm, padding
        self.first = Convolution(3, width, 9, padding)
        self.blocks = nn.ModuleList(Block(width, norm, padding) for _ in range(blocks))
        self.middle1 = Convolution(width, width, 3, padding)
        self.middle2 = Convolution(width, width, 3, padding)
        self.last = RowwiseConvolution(width, 3, 9, padding)
        for module in self.modules():
            if isinstance(module, Convolution):
                nn.init.trunc_normal_(module.weight, std=init_std, a=-2 * init_std, b=2 * init_std)
                nn.init.constant_(module.bias, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        for block in self.blocks:
            x = block(x)
        x = torch.relu(self.middle1(x))
        x = torch.relu(self.middle2(x))
        return colour(self.last(x))


def colour(x: Tensor) -> Tensor:
    """The output's activation: 0.58 tanh(x) + 0.5."""
    return torch.tanh(x) * 0.58 + 0.5


class Block(nn.Module):
    """x + ReLU(IN(conv(ReLU(IN(conv(x)))))): no ReLU after the sum, unlike He's block."""

    def __init__(self, width: int, norm: str, padding: str) -> None:
        super().__init__()
        self.conv1 = Convolution(width, width, 3, padding)
        self.norm1 = InstanceNorm(width) if norm == "instance" else nn.Identity()
        self.conv2 = Convolution(width, width, 3, padding)
        self.norm2 = InstanceNorm(width) if norm == "instance" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = torch.relu(self.norm2(self.conv2(y)))
        return x + y


class InstanceNorm(nn.Module):
    """Each channel of each image to mean 0 and variance 1, then a learned scale and shift.

    Biased variance over H and W, epsilon 1e-3, no running statistics, also not at test time.
    Equal to ``nn.InstanceNorm2d(width, eps=1e-3, affine=True)``, which however copies
    channels-last maps in and out at every norm. Statistics are taken in float32.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)
        scale = self.weight.view(1, -1, 1, 1) * torch.rsqrt(variance + EPSILON)
        shift = self.bias.view(1, -1, 1, 1) - mean * scale
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


class Convolution(nn.Module):
    """Convolution with bias that keeps the size; ``padding`` "zero" or "reflect"."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, padding: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(channels_out))
        self.radius = kernel // 2
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        if self.padding == "reflect":
            return self.band(F.pad(x, [0, 0, self.radius, self.radius], mode="reflect"))
        return F.conv2d(x, self.weight, self.bias, padding=self.radius)

    def band(self, x: Tensor) -> Tensor:
        """The convolution of a band of rows that brings ``radius`` rows of margin along.

        (N, C, rows + 2 radius, W) to (N, C', rows, W); the sides are padded here.
        """
        if self.padding == "reflect":
            x = F.pad(x, [self.radius, self.radius, 0, 0], mode="reflect")
            return F.conv2d(x, self.weight, self.bias)
        return F.conv2d(x, self.weight, self.bias, padding=(0, self.radius))


class RowwiseConvolution(Convolution):
    """The same convolution, computed the fast way for few output channels.

    A k x k kernel to 3 channels keeps 3 of a vector unit's lanes busy. Its k rows taken as
    k kernels of 1 x k give 3k channels in one convolution; shifted by their row and summed
    they are the same sum of products in another order.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.padding == "reflect":
            return super().forward(x)
        rows = F.conv2d(x, self._rows(), padding=(0, self.radius))
        return self._sum(F.pad(rows, [0, 0, self.radius, self.radius]))

    def band(self, x: Tensor) -> Tensor:
        if self.padding == "reflect":
            x = F.pad(x, [self.radius, self.radius, 0, 0], mode="reflect")
            return self._sum(F.conv2d(x, self._rows()))
        return self._sum(F.conv2d(x, self._rows(), padding=(0, self.radius)))

    def _rows(self) -> Tensor:
        """The kernel's k rows as the kernels of k times as many channels."""
        out, into, kernel, _ = self.weight.shape
        return self.weight.permute(2, 0, 1, 3).reshape(kernel * out, into, 1, kernel)

    def _sum(self, rows: Tensor) -> Tensor:
        out, _, kernel, _ = self.weight.shape
        height = rows.shape[2] - 2 * self.radius
        total = rows[:, :out, :height] + self.bias.view(1, -1, 1, 1)
        for k in range(1, kernel):
            total = total + rows[:, k * out : (k + 1) * out, k : k + height]
        return total
