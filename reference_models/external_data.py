"""The files in which an ONNX model keeps its weights outside itself.

Reads no more of the protocol buffer than the way to ``TensorProto.external_data``, as
onnx.proto (https://github.com/onnx/onnx) numbers its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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


def external_files(path: Path, data: bytes) -> list[Path]:
    """The files that the model ``data``, read from ``path``, names as its weights; sorted.

    Empty for what is no ONNX model: whoever loads it says so.
    """
    names: set[str] = set()
    try:
        _collect(memoryview(data), "Model", names)
    except (IndexError, ValueError, RecursionError):
        return []
    return sorted(path.parent / name for name in names)


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
