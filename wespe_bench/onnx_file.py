"""ONNX models: opened by onnxruntime, hashed with the files that hold their weights.

What onnxruntime does not say, weights outside the file and training mode, is read from the file:
no more of the protocol buffer than it takes, as onnx.proto (https://github.com/onnx/onnx) numbers
its fields.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wespe_bench import provenance
from wespe_bench.errors import InputError

#: The first onnxruntime that keeps a model's weights in other files to the model's folder.
_CONFINED = (1, 24)

# message -> field number -> message; only fields on the way to a tensor.
_FIELDS: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node"},
    "Node": {5: "Attribute"},
    "Attribute": {
        **{5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph"},
        **{22: "SparseTensor", 23: "SparseTensor"},
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}


def available_providers() -> list[str]:
    """What onnxruntime can run on here. Raises InputError where it is missing or too old."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            "onnx: needs onnxruntime; install it with: pip install 'wespe-bench[onnx]'"
        ) from None
    version = tuple(map(int, re.findall(r"\d+", onnxruntime.__version__)[:2]))
    if version < _CONFINED:
        raise InputError(
            f"onnx: onnxruntime {onnxruntime.__version__} lets a model read any file as its "
            "weights; install a newer one with: pip install -U 'wespe-bench[onnx]'"
        )
    return list(onnxruntime.get_available_providers())


def session(path: Path, providers: Sequence[str], threads: int) -> Any:
    """The model as an onnxruntime.InferenceSession; ``threads`` 0 takes all cores.

    onnxruntime raises nearly anything on a file that is no model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised; nothing else belongs on the screen
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), sess_options=options, providers=list(providers))


def sha256(path: Path, data: bytes) -> str:
    """The hash of the model ``data``, read from ``path``, and of the files with its weights."""
    digest = hashlib.sha256(data)
    for part in external_files(path, data):
        digest.update(provenance.content_of(part).encode())
    return digest.hexdigest()


def external_files(path: Path, data: bytes) -> list[Path]:
    """The files that the model ``data``, read from ``path``, names as its weights; sorted.

    Empty for a file that is not an ONNX model: loading it reports that.
    """
    names: set[str] = set()
    try:
        _collect(memoryview(data), "Model", names)
    except (IndexError, ValueError, RecursionError):
        return []
    return sorted(path.parent / name for name in names)


def in_training(data: bytes) -> tuple[str, ...]:
    """The kinds of operators that the model ``data`` runs in training mode.

    BatchNormalization by its attribute ``training_mode``, Dropout by its third input, which
    exporters leave out for inference.
    """
    found: dict[str, None] = {}
    try:
        for graph in _fields(memoryview(data), 7):
            for node in _fields(graph, 1):
                kind = b"".join(_fields(node, 4)).decode()
                attributes = [bytes(part) for part in _fields(node, 5)]
                inputs = list(_fields(node, 1))
                # Field 1 is an attribute's name, field 3 its number.
                training = any(
                    b"\x0a\x0dtraining_mode" in a and b"\x18\x01" in a for a in attributes
                )
                dropped = kind == "Dropout" and len(inputs) > 2 and len(inputs[2]) > 0
                if dropped or (kind == "BatchNormalization" and training):
                    found[kind] = None
    except (IndexError, ValueError):
        return ()
    return tuple(found)


def _fields(data: memoryview, wanted: int) -> Iterator[memoryview]:
    return (part for number, part in _parts(data) if number == wanted)


def _collect(data: memoryview, message: str, names: set[str]) -> None:
    if message == "Entry":
        entry = dict(_parts(data))
        if bytes(entry.get(1, b"")) == b"location":
            names.add(bytes(entry.get(2, b"")).decode())
        return
    inner = _FIELDS[message]
    for number, part in _parts(data):
        if number in inner:
            _collect(part, inner[number], names)


def _parts(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each length-delimited field of a message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(data, at)
        elif kind == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("the message is cut off")
            yield key >> 3, data[at : at + length]
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
