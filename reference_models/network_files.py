"""Networks in a file as enhancers: ``pt2:FILE``, ``torchscript:FILE``, ``onnx:FILE``.

A file cannot say what numbers its network wants, so the spec does, after a question mark:

- ``range``: 0..1 (default), 0..255 or -1..1, of the input and, unless ``output_range`` says
  otherwise, of the output;
- ``mean``, ``std``: one number or three, taken off the input and divided by, after ``range``;
- ``layout``: nchw (default) or nhwc; one photo at a time. ``bgr``: channels in that order, in
  and out;
- ``output``: the name or number of the output that counts, of a network with several;
- ``multiple=8``: the photo is padded at the right and the bottom until its sides are multiples of
  it, and the result cut; ``pad`` is reflect (default), edge or zero (black);
- ``size=256`` or ``size=WIDTHxHEIGHT``: the photo is scaled to that size, and the result back;
- ``device``: auto (default: CUDA where there is one), cpu or cuda.

``onnx:zero_dce.onnx?range=0..255&layout=nhwc&output=1``

A ``.pt2`` or TorchScript file is a program, not just weights: run only what you would run as a
script. Pickled objects in a ``.pt2`` are refused, but torch evaluates the file's graph.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reference_models import network_loaders, network_outputs
from reference_models.network_loaders import Network
from reference_models.network_outputs import RANGES
from wespe_bench import onnx_file, provenance, reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.fingerprints import version_of
from wespe_bench.images import check_rgb
from wespe_bench.options import split_options

if TYPE_CHECKING:
    from wespe_bench.types import Dataset

_OPTIONS = {
    "range": ["0..1", "0..255", "-1..1"],
    "output_range": ["", "0..1", "0..255", "-1..1"],
    "mean": [""],
    "std": [""],
    "layout": ["nchw", "nhwc"],
    "bgr": ["no", "yes"],
    "output": [""],
    "multiple": [""],
    "pad": ["", "reflect", "edge", "zero"],
    "size": [""],
    "device": ["auto", "cpu", "cuda"],
}
_PADS = {"": "reflect", "reflect": "reflect", "edge": "edge", "zero": "constant"}


class NetworkFile:
    """A network with its declared range, layout and size; see the module's text.

    What the network raises, a result of another shape, one with NaN and one that only another
    range explains become one InputError each. The fingerprint is the SHA-256 of the file, and of
    the files in which an ONNX model keeps its weights, with the options that decide the pixels
    and the version of the library that runs it.
    """

    def __init__(
        self, kind: str, argument: str, load: Callable[[Path, bytes, str], Network]
    ) -> None:
        path, options = split_options(kind, argument, _OPTIONS)
        self.path = Path(path)
        self.range = options["range"]
        self.output_range = options["output_range"] or self.range
        self.layout = options["layout"]
        self.bgr = options["bgr"] == "yes"
        self.output = options["output"]
        self.mean = _numbers("mean", options["mean"], 0.0)
        self.std = _numbers("std", options["std"], 1.0)
        if (self.std <= 0).any():
            raise InputError(f"std={options['std']}: expected numbers above 0")
        self.multiple = _whole("multiple", options["multiple"] or "1")
        self.pad = _PADS[options["pad"]]
        self.size = _size(options["size"])
        if self.size and options["multiple"]:
            raise InputError("size and multiple exclude each other: size scales, multiple pads")
        if options["pad"] and not options["multiple"]:
            raise InputError(f"pad={options['pad']} goes with multiple=NUMBER")
        data = reading.wanted_bytes(self.path)
        is_onnx = kind == "onnx"
        digest = onnx_file.sha256(self.path, data) if is_onnx else provenance.sha256_bytes(data)
        library = "onnxruntime" if is_onnx else "torch"
        try:
            self.network = load(self.path, data, options["device"])
        except InputError:
            raise
        except Exception as error:  # the libraries raise nearly anything on a foreign file
            raise InputError(f"{self.path}: cannot be loaded as {kind} ({_short(error)})") from None
        if self.network.outputs:
            network_outputs.choose(self.path.name, self.network.outputs, self.output)
        self._check_input_type()
        given = {k: v for k, v in options.items() if k != "device" and v != _OPTIONS[k][0]}
        said = "&".join(f"{name}={value}" for name, value in sorted(given.items()))
        version = f"{library}{version_of(library)}"
        self.fingerprint = f"{kind}:{digest}:{said}:{version}"

    @property
    def device(self) -> str:
        """Where it runs, "cpu" or "cuda"."""
        return self.network.device

    @property
    def about(self) -> dict[str, int]:
        """The number of its parameters, where it is known, for run.json and `time`."""
        return {"parameters": self.network.parameters} if self.network.parameters else {}

    def check(self, dataset: Dataset) -> None:
        """Warn of a network in training mode, of scaling, and of a device that others have."""
        for name in self.network.training:
            warnings.warn(
                f"{self.path.name} was exported in training mode ({name}): results depend on "
                "the photo or on chance in a way its authors did not mean; export it after .eval()",
                stacklevel=2,
            )
        if self.size:
            warnings.warn(
                f"{self.path.name} sees photos scaled to {self.size[0]}x{self.size[1]}, and its "
                "results are scaled back: detail is lost",
                stacklevel=2,
            )
        if self.network.reason:
            warnings.warn(
                f"{self.path.name} runs on the CPU, other networks on CUDA: "
                f"{self.network.reason}; compare no times",
                stacklevel=2,
            )

    def inspect(self, image: np.ndarray, result: np.ndarray) -> str:
        """What is suspicious about this result, for the run's warnings; mostly empty.

        Raises InputError for a picture that holds nothing of the photo where another range of
        the output explains it.
        """
        found = network_outputs.misfit(image, result, self.output_range)
        if found is None:
            return ""
        text = f"{self.path.name} {found.text}"
        if not found.likely:
            return text
        if found.useless:
            raise InputError(f"{text}: say output_range={found.likely}")
        return f"{text}; is output_range={found.likely} right?"

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to float32 of the same shape on [0, 1], unclamped."""
        check_rgb(image)
        height, width = image.shape[:2]
        x = image.astype(np.float32) / 255
        if self.size:
            x = _resized(x, self.size)
        down, right = -x.shape[0] % self.multiple, -x.shape[1] % self.multiple
        if down or right:
            # pyrefly: ignore[no-matching-overload]
            x = np.pad(x, ((0, down), (0, right), (0, 0)), mode=self.pad)
        y = self._forward(self._encoded(x))
        result = self._decoded(y)
        if self.size:
            result = _resized(result, (width, height))
        return np.ascontiguousarray(result[:height, :width])

    def _encoded(self, x: np.ndarray) -> np.ndarray:
        """RGB on [0, 1], (H, W, 3), as the network wants it."""
        scale, offset = RANGES[self.range]
        if self.bgr:
            x = x[..., ::-1]
        x = (x * scale + offset - self.mean) / self.std
        if self.layout == "nchw":
            x = x.transpose(2, 0, 1)
        if self.network.kind is np.uint8:
            x = np.rint(x)
        return np.ascontiguousarray(x[None], self.network.kind)

    def _decoded(self, y: np.ndarray) -> np.ndarray:
        """The network's array as RGB, (H, W, 3), on [0, 1] where it is in the declared range."""
        scale, offset = RANGES[self.output_range]
        if self.layout == "nchw":
            y = y.transpose(0, 2, 3, 1)
        result: np.ndarray = (y[0].astype(np.float32) - offset) / scale
        return result[..., ::-1] if self.bgr else result

    def _forward(self, x: np.ndarray) -> np.ndarray:
        self._check_shape(x.shape)
        try:
            y = self.network.run(x, self.output)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{self.path.name} fails on an input of shape {x.shape} ({_short(error)})"
                f"{self._size_hint()}"
            ) from None
        if y.shape != x.shape:
            raise InputError(
                f"{self.path.name} gave shape {y.shape} for an input of shape {x.shape}; is "
                f"layout={self.layout} right, and does it keep the photo's size?"
                f"{self._size_hint()}"
            )
        bad = int(np.count_nonzero(~np.isfinite(y)))
        if bad:
            raise InputError(
                f"{self.path.name} gave NaN or infinity in {bad} of {y.size} values; "
                f"is range={self.range} right?"
            )
        return y

    def _size_hint(self) -> str:
        if self.size or self.multiple > 1:
            return ""
        return "; a network that wants sides that are multiples of 8 or 32 takes multiple=8 or 32"

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise InputError where the file states another input than ``shape``."""
        stated = self.network.input
        if len(stated) != len(shape):
            return
        other = "nhwc" if self.layout == "nchw" else "nchw"
        channels, rows, columns = (1, 2, 3) if self.layout == "nchw" else (3, 1, 2)
        if stated[channels] != 3 and stated[4 - channels] == 3:
            raise InputError(
                f"{self.path.name} does not take three channels where layout={self.layout} has "
                f"them; is layout={other} right?"
            )
        if stated[channels] not in (None, 3):
            raise InputError(f"{self.path.name} takes {stated[channels]} channels, not 3")
        height, width = stated[rows], stated[columns]
        if (height or shape[rows], width or shape[columns]) != (shape[rows], shape[columns]):
            size = f"{width}" if width == height else f"{width or shape[columns]}x{height}"
            raise InputError(
                f"{self.path.name} takes {width or 'any'}x{height or 'any'} pixels, and a photo "
                f"has {shape[columns]}x{shape[rows]}; say size={size} to scale photos to that "
                "and results back, or export it with free sides"
            )

    def _check_input_type(self) -> None:
        if self.network.kind is np.uint8 and (self.range != "0..255" or self.mean.any()):
            raise InputError(f"{self.path.name} takes whole numbers of 8 bits: say range=0..255")


def torch_export(argument: str) -> NetworkFile:
    """A program saved by torch.export.save: pt2:FILE?range=0..1&layout=nchw&output=0."""
    return NetworkFile("pt2", argument, network_loaders.load_pt2)


def torchscript(argument: str) -> NetworkFile:
    """A module saved by torch.jit.save: torchscript:FILE?range=0..1&layout=nchw&output=0."""
    return NetworkFile("torchscript", argument, network_loaders.load_torchscript)


def onnx(argument: str) -> NetworkFile:
    """A network in ONNX: onnx:FILE?range=0..1&layout=nchw&output=0; needs the extra onnx."""
    return NetworkFile("onnx", argument, network_loaders.load_onnx)


def _numbers(option: str, text: str, default: float) -> np.ndarray:
    """One number or three, for the channels: float32 (1,) or (3,)."""
    try:
        values = [float(word) for word in text.split(",")] if text else [default]
    except ValueError:
        values = []
    if len(values) not in (1, 3) or not np.isfinite(values).all():
        raise InputError(f"{option}={text}: expected a number, or three with commas")
    return np.array(values, np.float32)


def _whole(option: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 4096):
        raise InputError(f"{option}={text}: expected a whole number from 1 to 4096")
    return int(text)


def _size(text: str) -> tuple[int, int] | None:
    """Width and height of ``256`` or ``256x192``; None for nothing."""
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,5})(?:x([0-9]{1,5}))?", text)
    width, height = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not (1 <= width <= 16384 and 1 <= height <= 16384):
        raise InputError(f"size={text}: expected one number of pixels, or WIDTHxHEIGHT")
    return width, height


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Float (H, W, 3) scaled to ``size`` (width, height) by Pillow's bicubic filter."""
    from PIL import Image

    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.stack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(image[..., channel], np.float32)).resize(
                    size, Image.Resampling.BICUBIC
                )
            )
            for channel in range(3)
        ],
        axis=-1,
    )


def _short(error: Exception) -> str:
    text = one_line(error)
    return text if len(text) <= 240 else f"{text[:117]} ... {text[-117:]}"
