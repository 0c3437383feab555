"""Small networks as other people export them, and a photo for them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn


def photo(height: int = 29, width: int = 37) -> np.ndarray:
    """Uint8 (H, W, 3) with dark and bright parts."""
    x = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    x[: height // 3] //= 4
    return x


def export(module: nn.Module, kind: str, path: Path, example: Tensor | None = None) -> str:
    """Save as pt2 or TorchScript, as it is (training mode too); the spec."""
    example = torch.rand(1, 3, 24, 32) if example is None else example
    free = torch.export.Dim.AUTO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "pt2":
            program = torch.export.export(module, (example,), dynamic_shapes=({2: free, 3: free},))
            torch.export.save(program, path)
        else:
            traced: Any = torch.jit.trace(module, example, strict=False, check_trace=False)
            torch.jit.save(traced, str(path))
    return f"{kind}:{path}"


def write_onnx(
    path: Path,
    nodes: list[Any],
    outputs: dict[str, list[Any]],
    constants: dict[str, np.ndarray] | None = None,
    shape: tuple[Any, ...] = (1, 3, "h", "w"),
    kind: int = TensorProto.FLOAT,
) -> str:
    """A model of the input "x", without an exporter; its spec."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [onnx.numpy_helper.from_array(v, n) for n, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return f"onnx:{path}"


def affine(path: Path, scale: float, offset: float = 0.0, **options: Any) -> str:
    """An ONNX model that gives x * scale + offset."""
    return write_onnx(
        path,
        [helper.make_node("Mul", ["x", "s"], ["m"]), helper.make_node("Add", ["m", "o"], ["y"])],
        {"y": list(options.get("shape", (1, 3, "h", "w")))},
        {"s": np.array(scale, np.float32), "o": np.array(offset, np.float32)},
        **options,
    )


class Listed(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [x * 0.5]
