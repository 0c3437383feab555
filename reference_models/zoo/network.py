"""A published network: what one file of this folder says of it, and how it enhances a photo.

wespe-bench import zero_dce Epoch99.pth --out zero_dce.safetensors
wespe-bench enhance zero_dce:zero_dce.safetensors --input photos/

A photo is enhanced in bands of rows, so that memory does not grow with its height. What the network
wants to know of the whole photo, its condition, is computed before. A band is read with ``halo``
rows above and below it, as many as the network's convolutions reach; they are cut off the result,
which is that of the whole photo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wespe_bench import provenance, reading, tensors
from wespe_bench.errors import InputError
from wespe_bench.fingerprints import version_of
from wespe_bench.images import check_rgb
from wespe_bench.options import split_options

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]
Shapes = Mapping[str, tuple[int, ...]]

#: Raised when this code's results change.
VERSION = 2

#: Pixels of a band. At 1.5 kB a pixel, which Zero-DCE takes, 400 MB.
BAND_PIXELS = 1 << 18


def at_every_pixel(shapes: Shapes, height: int, width: int) -> int:
    """Multiply-adds of convolutions that all keep the photo's size."""
    return sum(math.prod(s) for s in shapes.values() if len(s) == 4) * height * width


@dataclass(frozen=True)
class Network:
    """A network, called with what follows ``NAME:`` to make an enhancer.

    ``paper`` names its authors and year, ``terms`` those of the released weights. ``files`` are
    the files that its authors released, and ``gather`` makes one set of weights of their contents.
    ``shapes`` are the tensors that it needs, one mapping for each form that was released;
    ``unused`` are the beginnings of names that only its training needs, ``releases`` the SHA-256
    of the released files that belong together.

    ``multiply_adds(shapes, height, width)`` are those for a photo in one band.

    ``band(weights, x, condition)`` enhances x, float (1, 3, H, W) on [0, 1], to the same shape;
    ``condition(weights, image)`` is computed from the whole photo, uint8 (H, W, 3). ``least`` is
    the shortest side that it takes, in pixels.
    """

    name: str
    title: str
    paper: str
    page: str
    terms: str
    shapes: Sequence[Shapes]
    band: Callable[[Weights, Tensor, Any], Tensor]
    condition: Callable[[Weights, np.ndarray], Any] = lambda weights, image: None
    halo: int = 0
    least: int = 1
    files: tuple[str, ...] = ("weights",)
    gather: Callable[..., Mapping[str, Tensor]] = dict
    unused: tuple[str, ...] = ()
    multiply_adds: Callable[[Shapes, int, int], int] = at_every_pixel
    releases: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        line = f"{self.title} ({self.paper}): {self.name}:FILE of `import {self.name}`."
        object.__setattr__(self, "__doc__", line)  # what `list` shows

    def __call__(self, argument: str) -> NetworkEnhancer:
        """The enhancer of ``NAME:FILE?device=auto``. Raises InputError."""
        path, options = split_options(self.name, argument, {"device": ["auto", "cpu", "cuda"]})
        return NetworkEnhancer(self, Path(path), options["device"])

    def fault(self, found: Mapping[str, np.ndarray]) -> str:
        """What is wrong with these tensors; "" where they are this network's."""
        every = [tensors.faults(found, wanted) for wanted in self.shapes]
        return "".join(min(every, key=len)[:1])


class NetworkEnhancer:
    """A network of the zoo with weights from a file, for photos of any size.

    Args:
        network: The network.
        path: Its weights, as `wespe-bench import` writes them.
        device: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        InputError: The file is missing, damaged or another network's, or there is no such device.
    """

    def __init__(self, network: Network, path: Path, device: str = "auto") -> None:
        from wespe_bench.training import acceleration

        self.network = network
        arrays, card, digest = read(network, path)
        self.device = acceleration.choose_device(device, "device=")
        self.weights = _on_device(arrays, self.device)
        self.fingerprint = f"{network.name}:{digest}:{VERSION}:torch{version_of('torch')}"
        shapes = {name: array.shape for name, array in arrays.items()}
        #: For run.json, tables and cards.
        self.about = {name: card[name] for name in ("model", "paper", "note")}
        self.about |= {"page": network.page, "terms": network.terms}
        self.about["parameters"] = count_parameters(arrays)
        self.about["multiply_adds"] = network.multiply_adds(shapes, 1000, 1000)

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to float32 of the same shape, about [0, 1], unclamped.

        Raises InputError for a photo that is too small.
        """
        import torch

        check_rgb(image)
        network, (height, width) = self.network, image.shape[:2]
        if min(height, width) < network.least:
            raise InputError(
                f"{width}x{height}: {network.title} takes sides of {network.least} pixels or more"
            )
        result = np.empty(image.shape, np.float32)
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            condition = network.condition(self.weights, image)
            for top, bottom in bands(height, width):
                first, last = max(top - network.halo, 0), min(bottom + network.halo, height)
                y = network.band(self.weights, photo(image[first:last], self.device), condition)
                rows = y[0, :, top - first : bottom - first].permute(1, 2, 0)
                result[top:bottom] = rows.cpu().numpy()
        return result


def bands(height: int, width: int, multiple: int = 1) -> Iterator[tuple[int, int]]:
    """First and last row (exclusive) of each band; all begin at a multiple of ``multiple``."""
    rows = max(BAND_PIXELS // width // multiple, 1) * multiple
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def photo(image: np.ndarray, device: Any) -> Tensor:
    """uint8 (H, W, 3) as float32 (1, 3, H, W) on [0, 1]."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    return x.permute(2, 0, 1)[None].float() / 255


def _on_device(arrays: Mapping[str, np.ndarray], device: str) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def read(network: Network, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """The network's weights in a file of `wespe-bench import`, their card, the file's SHA-256.

    Raises InputError: the file is missing, damaged, or another network's.
    """
    remedy = f"make one with `wespe-bench import {network.name} FILE`"
    data = reading.wanted_bytes(path, missing=f"{path}: no such file; {remedy}")
    try:
        card = dict(tensors.card_of(data))
        model, _ = str(card["model"]), [card[name] for name in ("paper", "parameters", "note")]
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f"{path}: not weights of {network.title}, or cut short; {remedy}"
        ) from None
    if model != network.title:
        raise InputError(f"{path}: weights of {model}, not of {network.title}; {remedy}")
    arrays = tensors.load(path, data)
    if fault := network.fault(arrays):
        raise InputError(f"{path}: its card says {model}, but {fault}; the file is damaged")
    tensors.check_finite(arrays, path)
    return arrays, card, provenance.sha256_bytes(data)


def count_parameters(arrays: Mapping[str, np.ndarray]) -> int:
    """Numbers that were trained; a norm's running statistics are not."""
    return sum(array.size for name, array in arrays.items() if ".running_" not in name)
