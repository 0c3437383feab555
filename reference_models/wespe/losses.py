"""The losses of WESPE (equations 1-6 of the paper) and of DPED, one pure function each.

Ignatov et al., "WESPE", CVPRW 2018, section 3; "DSLR-Quality Photos on Mobile Devices with
Deep Convolutional Networks" (DPED), ICCV 2017, and its released code. Where the paper is ambiguous,
or differs from the authors' other code, an option chooses the reading; the first value named is the
default.

Photos are float32 (N, C, H, W), about [0, 1] and unclamped. Every loss is a float32 scalar. ``x``
is the input, ``y`` the enhanced photo; features are (N, C, H, W) of any size.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CONTENTS = ("mse", "literal")
BLURS = ("gauss21_s3_normalised", "gauss21_var3", "dped", "literal")
REDUCTIONS = ("sum", "mean")
VARIATIONS = ("squared_sum", "literal")

#: TensorFlow's rgb_to_grayscale, which DPED's code uses.
GREY_WEIGHTS = (0.2989, 0.5870, 0.1140)

_TAPS = 21


def content(features: Tensor, of: Tensor, kind: str = "mse") -> Tensor:
    """Equation 1: the distance of a photo's VGG features from the input's.

    Args:
        features: The enhanced photo's features.
        of: The input's features, of the same shape.
        kind: "mse", the mean squared difference, as in DPED's code; "literal", as printed: the norm
            (not squared) divided by C H W, averaged over the batch.
    """
    if kind == "mse":
        return F.mse_loss(features, of)
    _check(kind, CONTENTS, "content")
    difference = (features - of).flatten(1)
    norms: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return norms.mean() / difference.shape[1]


def blur(x: Tensor, kind: str = "gauss21_s3_normalised") -> Tensor:
    """Equation 2: blur every channel of (N, C, H, W) by a 21 x 21 kernel; the size stays.

    Zero padded, as in DPED's code, so a patch darkens at its border. The kernels:

    - "gauss21_s3_normalised": sigma 3 px, sum 1;
    - "gauss21_var3": variance 3 (sigma 1.73 px), sum 1; the printed factor 0.053 normalises this
      kernel;
    - "dped": what DPED's code computes, in effect sigma 4.7 px, sum 1;
    - "literal": as printed, A = 0.053 and sigma 3; its sum is 2.99.

    All are separable, and computed as one matrix product per axis.

    Args:
        x: Photos or their differences, float (N, C, H, W).
        kind: The kernel.
    """
    down, across = (_toeplitz(size, kind, str(x.device)) for size in x.shape[2:])
    result: Tensor = down @ x @ across.T
    return result


def grey(x: Tensor) -> Tensor:
    """Convert RGB (N, 3, H, W) to grey (N, 1, H, W), the texture discriminator's input."""
    red, green, blue = GREY_WEIGHTS
    return red * x[:, :1] + green * x[:, 1:2] + blue * x[:, 2:]


def adversarial(logits: Tensor, reduction: str = "sum", *, saturating: bool = False) -> Tensor:
    """Equations 3 and 4: -log D(y), which the generator minimises.

    Args:
        logits: The discriminator's logits for enhanced photos, (N, 1).
        reduction: Over the batch, "sum" as printed, or "mean".
        saturating: Use log(1 - D(y)), as DPED does; its values are negative.
    """
    values = -F.softplus(logits) if saturating else F.softplus(-logits)
    return _reduce(values, reduction)


def discrimination(logits: Tensor, real: Tensor, reduction: str = "sum") -> Tensor:
    """The cross entropy that a discriminator minimises.

    Args:
        logits: Its logits, (N, 1).
        real: Which patches are real, bool (N,).
        reduction: "sum" or "mean" over all N.
    """
    values = F.softplus(torch.where(real, -logits.squeeze(1), logits.squeeze(1)))
    return _reduce(values, reduction)


def total_variation(y: Tensor, kind: str = "squared_sum") -> Tensor:
    """Equation 5: the total variation of the enhanced photo.

    Args:
        y: The enhanced photo.
        kind: "squared_sum", the mean of dx squared plus the mean of dy squared, as in DPED's code;
            "literal", as printed: the norm of dx + dy (opposite gradients cancel) divided by C H W,
            averaged over the batch.
    """
    if kind == "squared_sum":
        across = (y[..., :, 1:] - y[..., :, :-1]).square().mean()
        return across + (y[..., 1:, :] - y[..., :-1, :]).square().mean()
    _check(kind, VARIATIONS, "tv")
    across = y[..., :-1, 1:] - y[..., :-1, :-1]
    down = y[..., 1:, :-1] - y[..., :-1, :-1]
    norms: Tensor = torch.linalg.vector_norm((across + down).flatten(1), dim=1)
    return norms.mean() / y[0].numel()


def paired_colour(y: Tensor, target: Tensor, kind: str = "dped") -> Tensor:
    """DPED's colour loss: the sum of squared differences of the blurred photos, over 2 N.

    Args:
        y: Enhanced patches, float (N, 3, H, W) on [0, 1].
        target: The references' patches, of the same shape.
        kind: The kernel of `blur`.
    """
    difference = blur(y - target, kind)  # the blur is linear
    return difference.square().sum() / (2 * len(y))


# Not in the paper: anchors that keep a training from collapsing. -------------------------


def identity(y: Tensor, x: Tensor) -> Tensor:
    """The mean absolute difference to the input: the warm-up's loss, and an optional anchor."""
    return F.l1_loss(y, x)


def low_frequency(y: Tensor, x: Tensor) -> Tensor:
    """The mean absolute difference of the photos' 8 x 8 block means: colour and brightness only."""
    return F.l1_loss(F.avg_pool2d(y, 8, ceil_mode=True), F.avg_pool2d(x, 8, ceil_mode=True))


# -----------------------------------------------------------------------------------------


def kernel(kind: str) -> np.ndarray:
    """The one-dimensional factor of a separable blur kernel, float64 (21,)."""
    _check(kind, BLURS, "blur")
    position = np.arange(_TAPS) - _TAPS // 2
    if kind == "dped":
        from scipy.special import ndtr

        # DPED's code: 21 bins of a normal distribution from -3.17 to 3.17 sigma, then the square
        # root of the outer product.
        edges = np.linspace(-3 - 1 / 6, 3 + 1 / 6, _TAPS + 1)
        taps = np.sqrt(np.diff(ndtr(edges)))
    else:
        variance = 3.0 if kind == "gauss21_var3" else 9.0
        taps = np.exp(-(position**2) / (2 * variance))
    if kind == "literal":
        return np.asarray(np.sqrt(0.053) * taps)
    return np.asarray(taps / taps.sum())


@functools.lru_cache(maxsize=16)
def _toeplitz(size: int, kind: str, device: str) -> Tensor:
    """The matrix (size, size) that convolves ``size`` values padded with zeros."""
    taps = kernel(kind)
    offset = np.arange(size)[:, None] - np.arange(size)[None, :] + _TAPS // 2
    inside = (offset >= 0) & (offset < _TAPS)
    matrix = np.where(inside, taps[np.clip(offset, 0, _TAPS - 1)], 0)
    return torch.from_numpy(matrix.astype(np.float32)).to(device)


def _reduce(values: Tensor, reduction: str) -> Tensor:
    _check(reduction, REDUCTIONS, "reduction")
    return values.sum() if reduction == "sum" else values.mean()


def _check(kind: str, kinds: tuple[str, ...], what: str) -> None:
    if kind not in kinds:
        raise ValueError(f"{what} {kind!r}: expected one of {', '.join(kinds)}")
