"""The losses of WESPE (equations 1-6 of the paper) and of DPED, one pure function each.

Ignatov et al., "WESPE", CVPRW 2018, section 3; "DSLR-Quality Photos on Mobile Devices with
Deep Convolutional Networks" (DPED), ICCV 2017, and its released code. Where the print is
ambiguous, or differs from what the authors' other code does, the reading is an option, and
the first one named is the default.

Photos are float32 (N, C, H, W), about [0, 1] and unclamped; every loss is a float32 scalar.
``x`` is the input, ``y`` the enhanced photo, features are of any shape (N, C, H, W).
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
    """Equation 1: how far a photo's VGG features lie from those ``of`` the input.

    "mse": the mean squared difference (DPED's code). "literal": the norm, not squared, over
    C H W, as printed; the mean over the batch.
    """
    if kind == "mse":
        return F.mse_loss(features, of)
    _check(kind, CONTENTS, "content")
    difference = (features - of).flatten(1)
    norms: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return norms.mean() / difference.shape[1]


def blur(x: Tensor, kind: str = "gauss21_s3_normalised") -> Tensor:
    """Equation 2: (N, C, H, W) with every channel blurred by a 21 x 21 kernel, same size.

    Zero padded, as in DPED's code, so a patch darkens at its border. The kernels:

    - "gauss21_s3_normalised": sigma 3 px, sum 1;
    - "gauss21_var3": variance 3 (sigma 1.73 px), sum 1: of that the printed factor 0.053 is
      the normalisation;
    - "dped": what DPED's code computes, effectively sigma 4.7 px, sum 1;
    - "literal": as printed, A = 0.053 and sigma 3, whose sum is 2.99.

    All are separable: computed as a matrix product along either axis.
    """
    down, across = (_toeplitz(size, kind, str(x.device)) for size in x.shape[2:])
    result: Tensor = down @ x @ across.T
    return result


def grey(x: Tensor) -> Tensor:
    """(N, 3, H, W) to (N, 1, H, W): what the texture discriminator sees."""
    red, green, blue = GREY_WEIGHTS
    return red * x[:, :1] + green * x[:, 1:2] + blue * x[:, 2:]


def adversarial(logits: Tensor, reduction: str = "sum", *, saturating: bool = False) -> Tensor:
    """Equations 3 and 4: -log D(y), with the discriminator's logits for enhanced photos.

    "sum" over the batch as printed, or "mean". ``saturating``: log(1 - D(y)) instead, what
    DPED's generator minimises; it is negative.
    """
    values = -F.softplus(logits) if saturating else F.softplus(-logits)
    return _reduce(values, reduction)


def discrimination(logits: Tensor, real: Tensor, reduction: str = "sum") -> Tensor:
    """What a discriminator minimises: the cross entropy of its logits (N, 1).

    ``real`` is bool (N,): which patches are. "sum" or "mean" over all N.
    """
    values = F.softplus(torch.where(real, -logits.squeeze(1), logits.squeeze(1)))
    return _reduce(values, reduction)


def total_variation(y: Tensor, kind: str = "squared_sum") -> Tensor:
    """Equation 5: roughness of the enhanced photo.

    "squared_sum": mean of dx squared plus mean of dy squared, each over its own count (DPED's
    code). "literal": the norm of dx + dy over C H W as printed, in which opposite gradients
    cancel; the mean over the batch.
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
    """DPED's colour loss: squared differences of the blurred photos, summed, over 2 N."""
    difference = blur(y - target, kind)  # the blur is linear
    return difference.square().sum() / (2 * len(y))


# Not in the paper: what holds a training that the printed terms alone let go. ------------


def identity(y: Tensor, x: Tensor) -> Tensor:
    """Mean absolute difference to the input: the warm-up's loss, and an optional anchor."""
    return F.l1_loss(y, x)


def low_frequency(y: Tensor, x: Tensor) -> Tensor:
    """Mean absolute difference of the photos' 8 x 8 means: colours and light alone."""
    return F.l1_loss(F.avg_pool2d(y, 8, ceil_mode=True), F.avg_pool2d(x, 8, ceil_mode=True))


# -----------------------------------------------------------------------------------------


def kernel(kind: str) -> np.ndarray:
    """The one-dimensional factor of a blur's kernel, float64 (21,)."""
    _check(kind, BLURS, "blur")
    position = np.arange(_TAPS) - _TAPS // 2
    if kind == "dped":
        from scipy.special import ndtr

        # 21 bins of a normal from -3.17 to 3.17 sigma; then the code takes the square root
        # of the outer product.
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
    """The matrix that convolves ``size`` values, zero beyond them: (size, size)."""
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
