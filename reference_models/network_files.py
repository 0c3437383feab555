"""Networks in a file as enhancers: ``pt2:FILE``, ``torchscript:FILE``, ``onnx:FILE``.

A file cannot say what numbers its network wants, so the spec does, after a question mark:

- ``range``: 0..1 (default), 0..255 or -1..1, of the input and, unless ``output_range`` says
  otherwise, of the output;
- ``layout``: nchw (default) or nhwc; one photo at a time, RGB.

``onnx:zero_dce.onnx?range=0..255&layout=nhwc``

A ``.pt2`` or TorchScript file is a program, not just weights: run only what you would run as a
script. Pickled objects in a ``.pt2`` are refused, but torch evaluates the file's graph.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_models.external_data import external_files
from wespe_bench import provenance, reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.fingerprints import version_of
from wespe_bench.images import check_rgb
from wespe_bench.options import split_options

if TYPE_CHECKING:
    import torch

#: range -> (scale, offset) from [0, 1]
_RANGES = {"0..1": (1.0, 0.0), "0..255": (255.0, 0.0), "-1..1": (2.0, -1.0)}

#: The first onnxruntime that keeps a model's weights in other files to the model's folder.
_ONNX_CONFINED = (1, 24)

#: Most bytes of a network's archive over its own size: torch compresses its code, not its weights.
_MOST_RATIO = 50

_OPTIONS = {
    "range": ["0..1", "0..255", "-1..1"],
    "output_range": ["", "0..1", "0..255", "-1..1"],
    "layout": ["nchw", "nhwc"],
}


class NetworkFile:
    """A network with its declared range and layout; see the module's text.

    ``forward`` takes and returns one array, (1, 3, H, W) or (1, H, W, 3). What it raises,
    a result of another shape and one with NaN become one InputError each. The fingerprint is
    the SHA-256 of the file, and of the files in which an ONNX model keeps its weights, with the
    options and the version of the library that runs it.
    """

    def __init__(
        self, kind: str, argument: str, load: Callable[[Path], Callable[[np.ndarray], np.ndarray]]
    ) -> None:
        path, options = split_options(kind, argument, _OPTIONS)
        self.path = Path(path)
        self.range = options["range"]
        self.output_range = options["output_range"] or self.range
        self.layout = options["layout"]
        data = reading.wanted_bytes(self.path)
        digest = hashlib.sha256(data)
        library = "onnxruntime" if kind == "onnx" else "torch"
        for part in external_files(self.path, data) if kind == "onnx" else ():
            digest.update(provenance.content_of(part).encode())
        try:
            self.forward = load(self.path)
        except InputError:
            raise
        except Exception as error:  # the libraries raise nearly anything on a foreign file
            raise InputError(f"{self.path}: cannot be loaded as {kind} ({_short(error)})") from None
        self.fingerprint = (
            f"{kind}:{digest.hexdigest()}:{self.range}:{self.output_range}:{self.layout}"
            f":{library}{version_of(library)}"
        )

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """uint8 (H, W, 3) to float32 of the same shape on [0, 1], unclamped."""
        check_rgb(image)
        scale, offset = _RANGES[self.range]
        x = image.astype(np.float32)[None]
        x *= scale / 255
        x += offset
        if self.layout == "nchw":
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        try:
            y = self.forward(x)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{self.path.name} fails on an input of shape {x.shape} ({_short(error)})"
            ) from None
        if y.shape != x.shape:
            raise InputError(
                f"{self.path.name} gave shape {y.shape} for an input of shape {x.shape}; is "
                f"layout={self.layout} right, and does it keep the photo's size?"
            )
        if self.layout == "nchw":
            y = y.transpose(0, 2, 3, 1)
        result: np.ndarray = y[0].astype(np.float32, order="C")
        bad = int(np.count_nonzero(~np.isfinite(result)))
        if bad:
            raise InputError(
                f"{self.path.name} gave NaN or infinity in {bad} of {result.size} values; "
                f"is range={self.range} right?"
            )
        scale, offset = _RANGES[self.output_range]
        result -= offset
        result /= scale
        return result


def torch_export(argument: str) -> NetworkFile:
    """A program saved by torch.export.save: pt2:FILE?range=0..1&layout=nchw."""
    return NetworkFile("pt2", argument, _load_pt2)


def torchscript(argument: str) -> NetworkFile:
    """A module saved by torch.jit.save: torchscript:FILE?range=0..1&layout=nchw."""
    return NetworkFile("torchscript", argument, _load_torchscript)


def onnx(argument: str) -> NetworkFile:
    """A network in ONNX: onnx:FILE?range=0..1&layout=nchw; needs the extra onnx."""
    return NetworkFile("onnx", argument, _load_onnx)


def _load_pt2(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    for name in map(Path, _names(path)):
        if name.parent.name == "constants" and "_obj_" in name.name:
            raise InputError(f"{path}: holds a pickled object ({name.name}), which is not loaded")
    with _no_pickles(), _quiet("torch.export"):
        program = torch.export.load(path)
    return functools.partial(_forward, program.module())


def _names(path: Path) -> list[str]:
    """What an archive of torch's holds. Raises InputError for one that inflates without measure."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if sum(member.file_size for member in members) > _MOST_RATIO * path.stat().st_size:
        raise InputError(f"{path}: would inflate to more than {_MOST_RATIO} times its size")
    return [member.filename for member in members]


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """A library's log says nothing: what fails is raised as well."""
    log = logging.getLogger(name)
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


@contextlib.contextmanager
def _no_pickles() -> Iterator[None]:
    """torch.load takes tensors only, whatever its caller asks for."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _load_torchscript(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    _names(path)
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)
        module = torch.jit.load(str(path), map_location="cpu")
    return functools.partial(_forward, module.eval())


def _forward(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        y = module(torch.from_numpy(x))
    if isinstance(y, (tuple, list)) and y:
        y = y[0]
    if not isinstance(y, torch.Tensor):
        raise InputError(f"the network returned a {type(y).__name__}, not a tensor")
    result: np.ndarray = y.float().cpu().numpy()
    return result


def _load_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            "onnx: needs onnxruntime; install it with: pip install 'wespe-bench[onnx]'"
        ) from None
    version = tuple(map(int, re.findall(r"\d+", onnxruntime.__version__)[:2]))
    if version < _ONNX_CONFINED:
        raise InputError(
            f"onnx: onnxruntime {onnxruntime.__version__} lets a model read any file as its "
            "weights; install a newer one with: pip install -U 'wespe-bench[onnx]'"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised; nothing else belongs on the screen
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0)
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    inputs = session.get_inputs()
    kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
    if len(inputs) != 1 or inputs[0].type not in kinds:
        wanted = ", ".join(f"{given.name} {given.type}" for given in inputs)
        raise InputError(f"{path}: expected one float input, the network wants: {wanted}")
    return functools.partial(_forward_onnx, session, inputs[0].name, kinds[inputs[0].type])


def _forward_onnx(session: Any, name: str, kind: type, x: np.ndarray) -> np.ndarray:
    x = np.rint(x).astype(np.uint8) if kind is np.uint8 else x.astype(kind)
    return np.asarray(session.run(None, {name: x})[0])


def _short(error: Exception) -> str:
    text = one_line(error)
    return text if len(text) <= 240 else f"{text[:117]} ... {text[-117:]}"
