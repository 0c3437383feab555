"""Networks in files of three formats, loaded: pt2, TorchScript, ONNX.

Each becomes a `Network`, which says what the file states of its input and outputs.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reference_models.network_outputs import Shape, choose, flatten
from wespe_bench import onnx_file
from wespe_bench.errors import InputError
from wespe_bench.tensors import check_inflation

_ONNX_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}

# Operators that act differently in training, and which of their arguments says so.
_TRAINING_ARGUMENT = {"batch_norm": 5, "dropout": 2, "feature_dropout": 2, "alpha_dropout": 2}


@dataclass(frozen=True)
class Network:
    """A network of one input. ``run(x, output)`` gives its output of that name or number.

    ``outputs`` maps names to shapes where the file states them; in ``input`` a length that is
    free is None, and it is empty where nothing is stated. ``kind`` is the input's type.
    ``training`` names operators that the file runs in training mode; ``device`` is where it
    runs, ``reason`` why not on CUDA where torch has it; ``parameters`` is their number, 0 where
    it is not known.
    """

    run: Callable[[np.ndarray, str], np.ndarray]
    device: str
    outputs: Mapping[str, Shape] = field(default_factory=dict)
    input: tuple[int | None, ...] = ()
    kind: type = np.float32
    training: tuple[str, ...] = ()
    reason: str = ""
    parameters: int = 0


def load_pt2(path: Path, data: bytes, device: str) -> Network:
    """A program saved by torch.export.save."""
    import torch

    device = _device(device)
    for name in map(Path, check_inflation(path)):
        if name.parent.name == "constants" and "_obj_" in name.name:
            raise InputError(f"{path}: holds a pickled object ({name.name}), which is not loaded")
    with _no_pickles(), _quiet("torch.export"):
        program = torch.export.load(path)
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    nodes = {node.name: node for node in program.graph.nodes}
    names = [name for name in program.graph_signature.user_outputs if name in nodes]
    shapes = [_stated(nodes[str(name)]) for name in names]
    if (returned := program.call_spec.out_spec) is None:
        raise InputError(f"{path}: does not say what it returns; export it again")
    by_name = flatten(returned.unflatten(list(range(len(names)))))
    given = [_stated(nodes[str(name)]) for name in program.graph_signature.user_inputs]
    calls = [
        (str(node.target).split(".")[1], list(node.args))
        for node in nodes.values()
        if node.op == "call_function" and str(node.target).startswith("aten.")
    ]
    return Network(
        functools.partial(_run_torch, path.name, program.module(), device),
        device,
        outputs={name: shapes[index] for name, index in by_name.items()},
        input=given[0] if len(given) == 1 else (),
        training=_in_training(calls),
        parameters=sum(parameter.numel() for parameter in program.parameters()),
    )


def _stated(node: Any) -> tuple[int | None, ...]:
    """A tensor's shape in an exported graph, None for a length that is free."""
    value = node.meta.get("val")
    return tuple(side if isinstance(side, int) else None for side in getattr(value, "shape", ()))


def load_torchscript(path: Path, data: bytes, device: str) -> Network:
    """A module saved by torch.jit.save."""
    import torch

    device = _device(device)
    check_inflation(path)
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)
        module = torch.jit.load(str(path), map_location=device).eval()
    calls = []
    with contextlib.suppress(Exception):  # a module of another form still runs
        for node in module.inlined_graph.nodes():
            arguments = [value.toIValue() for value in node.inputs()]
            calls.append((node.kind().removeprefix("aten::"), arguments))
    return Network(
        functools.partial(_run_torch, path.name, module, device),
        device,
        training=_in_training(calls),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
    )


def _in_training(calls: Iterable[tuple[str, list[Any]]]) -> tuple[str, ...]:
    """The operators, of their names with arguments, that are set to training mode."""
    found = [
        name
        for name, arguments in calls
        if (at := _TRAINING_ARGUMENT.get(name)) is not None
        and len(arguments) > at
        and arguments[at] is True
    ]
    return tuple(dict.fromkeys(found))


def _device(name: str) -> str:
    from wespe_bench.training import acceleration

    return acceleration.choose_device(name, "device=")


def _run_torch(file: str, module: Any, device: str, x: np.ndarray, wanted: str) -> np.ndarray:
    import torch

    with torch.inference_mode():
        outputs = flatten(module(torch.from_numpy(x).to(device)))
    tensors = {name: y for name, y in outputs.items() if isinstance(y, torch.Tensor)}
    name = choose(file, {name: tuple(y.shape) for name, y in tensors.items()}, wanted)
    result: np.ndarray = tensors[name].float().cpu().numpy()
    return result


@contextlib.contextmanager
def _quiet(name: str) -> Generator[None]:
    """A library's log says nothing: what fails is raised as well."""
    log = logging.getLogger(name)
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


@contextlib.contextmanager
def _no_pickles() -> Generator[None]:
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


def load_onnx(path: Path, data: bytes, device: str) -> Network:
    """A model in ONNX, by onnxruntime."""
    available = onnx_file.available_providers()
    providers = ["CPUExecutionProvider"]
    reason = ""
    if "CUDAExecutionProvider" in available and device != "cpu":
        providers.insert(0, "CUDAExecutionProvider")
    elif device == "cuda":
        raise InputError(
            "device=cuda: this onnxruntime has no CUDA; install onnxruntime-gpu, or say device=cpu"
        )
    elif device == "auto" and _torch_has_cuda():
        reason = "this onnxruntime has no CUDA (onnxruntime-gpu has)"
    threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0)
    session = onnx_file.session(path, providers, threads)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in _ONNX_TYPES:
        wanted = ", ".join(f"{given.name} {given.type}" for given in inputs)
        raise InputError(f"{path}: expected one float input, the network wants: {wanted}")
    return Network(
        functools.partial(_run_onnx, path.name, session),
        "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu",
        outputs={output.name: output.shape for output in session.get_outputs()},
        input=tuple(s if isinstance(s, int) and s > 0 else None for s in inputs[0].shape),
        kind=_ONNX_TYPES[inputs[0].type],
        training=onnx_file.in_training(data),
        reason=reason,
    )


def _torch_has_cuda() -> bool:
    if shutil.which("nvidia-smi") is None:  # spares the import
        return False
    import torch

    return torch.cuda.is_available()


def _run_onnx(file: str, session: Any, x: np.ndarray, wanted: str) -> np.ndarray:
    name = choose(file, {output.name: output.shape for output in session.get_outputs()}, wanted)
    return np.asarray(session.run([name], {session.get_inputs()[0].name: x})[0])
