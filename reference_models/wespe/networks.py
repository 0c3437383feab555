"""WESPE's networks.

Ignatov, Kobyshev, Timofte, Vanhoey, Van Gool: "WESPE: Weakly Supervised Photo Enhancer for
Digital Cameras", CVPR Workshops 2018, section 3. Of the generator the paper states only "fully
convolutional, four residual blocks, adapted from DPED"; the rest follows DPED's released code
(Ignatov et al., "DSLR-Quality Photos on Mobile Devices with Deep Convolutional Networks", ICCV
2017), so that DPED's released weights fit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Added to the variance under the square root of every instance norm.
EPSILON = 1e-3


class Generator(nn.Module):
    """The enhancer: RGB on [0, 1], float (N, 3, H, W), to the same shape on [-0.08, 1.08].

    ::

        first     9x9    3 -> 64   ReLU
        blocks    3x3   64 -> 64   instance norm   ReLU  \\  four times; the skip is added
                  3x3   64 -> 64   instance norm   ReLU  /   after the second ReLU
        middle1   3x3   64 -> 64   ReLU
        middle2   3x3   64 -> 64   ReLU
        last      9x9   64 -> 3    0.58 tanh + 0.5

    All strides are 1, so the size stays. The wide output range lets finite inputs reach exactly 0
    and 1; losses get it unclamped.

    Args:
        width: Channels.
        blocks: Residual blocks.
        norm: "instance" or "none".
        padding: "zero", with which the released weights were trained, or "reflect".
        init_std: Weights start as a normal of this standard deviation cut at twice that; biases
            start at 0.01.

    Raises:
        ValueError: An option has another value.

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
                initialise(module.weight, module.bias, init_std)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        for block in self.blocks:
            x = block(x)
        x = torch.relu(self.middle1(x))
        x = torch.relu(self.middle2(x))
        # bf16's eight bits of mantissa are too few for eight bits of colour: the output is
        # computed in the weights' own format, also under autocast.
        with torch.autocast(x.device.type, enabled=False):
            return colour(self.last(x.to(self.last.weight.dtype)))

    def active_share(self, x: Tensor) -> Tensor:
        """Share of the last hidden layer that is not zero for ``x``: a scalar on [0, 1].

        The two layers without norm can become zero everywhere, and then no gradient flows.
        """
        with torch.no_grad():
            x = torch.relu(self.first(x))
            for block in self.blocks:
                x = block(x)
            x = torch.relu(self.middle2(torch.relu(self.middle1(x))))
            return (x > 0).float().mean()


def initialise(weight: Tensor, bias: Tensor, std: float) -> None:
    """Initialise as DPED does: weights normal with deviation ``std``, cut at 2 std; biases 0.01."""
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
    nn.init.constant_(bias, 0.01)


def start_as_identity(generator: Generator) -> Generator:
    """Change the initial weights so that the output is nearly the input, in place.

    Three channels carry red, green and blue from end to end: their kernels get a one at the centre
    (Zagoruyko, Komodakis, "DiracNets", 2017), the blocks' last norms are scaled to 0.02, and the
    last convolution gets the line closest to the inverse of tanh, beside a tenth of its random
    weights. All else stays random. Not in the paper: from a random start the identity takes
    thousands of steps, in which colours fade and edges blur.

    Raises:
        ValueError: The generator has fewer than three channels.
    """
    if generator.width < 3:
        raise ValueError(f"width {generator.width}: at least 3 channels carry the colours")
    slope = 2.1
    with torch.no_grad():
        rgb, every = torch.arange(3), torch.arange(generator.width)
        generator.first.weight[rgb, rgb, 4, 4] += 1
        for layer in (generator.middle1, generator.middle2):
            layer.weight[every, every, 1, 1] += 1
        for layer in (generator.first, generator.middle1, generator.middle2):
            layer.bias[:3] = 0
        for block in generator.blocks:
            if isinstance(block, Block) and isinstance(block.norm2, InstanceNorm):
                block.norm2.weight.fill_(0.02)
        generator.last.weight.mul_(0.1)
        generator.last.weight[rgb, rgb, 4, 4] += slope
        generator.last.bias.fill_(-slope / 2)
    return generator


def colour(x: Tensor) -> Tensor:
    """The output's activation: 0.58 tanh(x) + 0.5."""
    return torch.tanh(x) * 0.58 + 0.5


class Block(nn.Module):
    """x + ReLU(IN(conv(ReLU(IN(conv(x)))))), without He's ReLU after the sum."""

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
    """Normalise each channel of each image to mean 0 and variance 1; learned scale and shift.

    Biased variance over H and W, epsilon 1e-3, no running statistics, not even in evaluation mode.
    Computed in float32. Equal to ``nn.InstanceNorm2d(width, eps=1e-3, affine=True)``, which copies
    channels-last maps at every norm. Training on a CPU calls it all the same: there it is three
    times as fast.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.device.type == "cpu":
            return F.instance_norm(x, None, None, self.weight, self.bias, eps=EPSILON)
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)
        scale = self.weight.view(1, -1, 1, 1) * torch.rsqrt(variance + EPSILON)
        shift = self.bias.view(1, -1, 1, 1) - mean * scale
        return torch.addcmul(shift, x.float(), scale).to(x.dtype)


class Convolution(nn.Module):
    """A convolution with bias that keeps the size; ``padding`` is "zero" or "reflect"."""

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
        """Convolve a band of rows that includes ``radius`` rows of margin above and below.

        (N, C, rows + 2 radius, W) to (N, C', rows, W); the sides are padded here.
        """
        if self.padding == "reflect":
            x = F.pad(x, [self.radius, self.radius, 0, 0], mode="reflect")
            return F.conv2d(x, self.weight, self.bias)
        return F.conv2d(x, self.weight, self.bias, padding=(0, self.radius))


class RowwiseConvolution(Convolution):
    """The same convolution, faster for few output channels.

    A k x k kernel to 3 channels uses 3 lanes of a vector unit. Its k rows, as k kernels of 1 x k,
    give 3k channels in one convolution; shifted by their row and summed they give the same sum of
    products in another order.
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
        """The kernel's k rows as 1 x k kernels of k times as many channels."""
        out, into, kernel, _ = self.weight.shape
        return self.weight.permute(2, 0, 1, 3).reshape(kernel * out, into, 1, kernel)

    def _sum(self, rows: Tensor) -> Tensor:
        out, _, kernel, _ = self.weight.shape
        height = rows.shape[2] - 2 * self.radius
        total = rows[:, :out, :height] + self.bias.view(1, -1, 1, 1)
        for k in range(1, kernel):
            total = total + rows[:, k * out : (k + 1) * out, k : k + height]
        return total


#: Kernel, stride and filters of a discriminator's five convolutions, as in DPED's code.
_DISCRIMINATOR = ((11, 4, 48), (5, 2, 128), (3, 1, 192), (3, 1, 192), (3, 2, 128))


class Discriminator(nn.Module):
    """Is a patch real or enhanced? (N, channels, patch, patch) to logits (N, outputs).

    ::

        conv1   11x11 stride 4   48   LeakyReLU 0.2
        conv2    5x5  stride 2  128   LeakyReLU 0.2   instance norm
        conv3    3x3            192   LeakyReLU 0.2   instance norm
        conv4    3x3            192   LeakyReLU 0.2   instance norm
        conv5    3x3  stride 2  128   LeakyReLU 0.2   instance norm
        hidden   fully connected to 1024, LeakyReLU 0.2
        out      fully connected to ``outputs``

    The norm follows the activation, unlike in the generator. Padding keeps ceil(size / stride)
    pixels as TensorFlow's SAME does, with an odd pixel at the bottom and right. The sigmoid is part
    of the loss.

    Args:
        channels: 3 for blurred colours, 1 for grey texture.
        patch: Side of the patches in pixels; the hidden layer fits this size only.
        width: Filters of conv1; the others keep their proportion to it.
        outputs: Logits per patch.
        init_std: As in `Generator`.
        norm: "instance" or "none".

    Raises:
        ValueError: An option below 1, or patches of another size.

    >>> sum(p.numel() for p in Discriminator(3).parameters())
    7371713
    >>> sum(p.numel() for p in Discriminator(1).parameters())
    7360097
    >>> sum(p.numel() for p in Discriminator(1, outputs=2).parameters())
    7361122
    """

    def __init__(
        self,
        channels: int,
        patch: int = 100,
        width: int = 48,
        outputs: int = 1,
        init_std: float = 0.01,
        norm: str = "instance",
    ) -> None:
        super().__init__()
        if channels < 1 or patch < 1 or width < 1 or outputs < 1:
            raise ValueError(
                f"channels {channels}, patch {patch}, width {width}, outputs {outputs}: "
                "expected at least 1"
            )
        self.channels, self.patch = channels, patch
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        self.odd: list[int] = []  # the pixel that SAME adds at the bottom and right only
        into, size = channels, patch
        for kernel, stride, full in _DISCRIMINATOR:
            out = max(round(full * width / 48), 1)
            smaller = -(-size // stride)
            missing = max((smaller - 1) * stride + kernel - size, 0)
            self.convolutions.append(nn.Conv2d(into, out, kernel, stride, missing // 2))
            normalised = self.odd and norm == "instance"
            self.norms.append(InstanceNorm(out) if normalised else nn.Identity())
            self.odd.append(missing % 2)
            into, size = out, smaller
        hidden = max(round(1024 * width / 48), 1)
        self.hidden = nn.Linear(into * size * size, hidden)
        self.out = nn.Linear(hidden, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                initialise(module.weight, module.bias, init_std)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != (self.channels, self.patch, self.patch):
            raise ValueError(
                f"patches of shape {tuple(x.shape[1:])}: this discriminator takes "
                f"{(self.channels, self.patch, self.patch)}"
            )
        for convolution, norm, odd in zip(self.convolutions, self.norms, self.odd, strict=True):
            x = convolution(F.pad(x, [0, odd, 0, odd]) if odd else x)
            x = norm(F.leaky_relu(x, 0.2))
        x = F.leaky_relu(self.hidden(x.flatten(1)), 0.2)
        logits: Tensor = self.out(x)
        return logits


def spectral_norm(network: Discriminator) -> Discriminator:
    """Normalise every layer by its spectral norm (Miyato et al., ICLR 2018), in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.utils.parametrizations.spectral_norm(module)
    return network
