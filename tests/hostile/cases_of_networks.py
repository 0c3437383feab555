"""Hostile networks in files: weights that lie elsewhere, archives that climb out or inflate."""

from __future__ import annotations

import functools
import io
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile import photos
from tests.hostile.cases import Case

TITLE = "Networks in files"

_ONNX = "enhance onnx:model/x.onnx --input photos --out out --jobs 0"
_REFUSED = "model/x.onnx: cannot be loaded as onnx (...)"
_DONE = "1 photos enhanced with ... -> out"


def _photo(folder: Path) -> None:
    from wespe_bench.images import write_png

    write_png(folder / "photos" / "x.png", photos.pixels())


def _onnx(
    location: Callable[[Path], str], numbers: int = 4, **more: int
) -> Callable[[Path], object]:
    """A network whose four weights lie in another file; ``location`` says where, given the case's
    folder, and may make it."""

    def make(folder: Path) -> None:
        from onnx import TensorProto, helper

        _photo(folder)
        (folder / "model").mkdir()
        weights = bytes(16)
        (folder / "secret").write_bytes(weights)
        (folder / "model" / "x.bin").write_bytes(weights)
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[numbers])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location(folder), **more}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        shape = [1, 3, None, None]
        nodes = [
            helper.make_node("ReduceSum", ["w"], ["s"], keepdims=0),
            helper.make_node("Add", ["x", "s"], ["y"]),
        ]
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "xy"]
        graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [tensor])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        (folder / "model" / "x.onnx").write_bytes(made.SerializeToString())

    return make


def _link(target: str) -> Callable[[Path], str]:
    def location(folder: Path) -> str:
        (folder / "model" / "link").symlink_to(target)
        return "link"

    return location


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "model" / "pipe")
    return "pipe"


@functools.cache
def _saved(kind: str) -> bytes:
    import torch

    class Same(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 1.0

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "pt2":
            torch.export.save(torch.export.export(Same(), (torch.zeros(1, 3, 16, 24),)), buffer)
        else:
            torch.jit.save(torch.jit.trace(Same(), torch.zeros(1, 3, 16, 24)), buffer)
    return buffer.getvalue()


def _archive(kind: str, **change: Any) -> Callable[[Path], object]:
    """A saved network with a member ``more`` beside its own, or ``inflated`` to 200 MB."""

    def make(folder: Path) -> None:
        _photo(folder)
        with (
            zipfile.ZipFile(io.BytesIO(_saved(kind))) as saved,
            zipfile.ZipFile(folder / f"x.{kind}", "w") as archive,
        ):
            for member in saved.infolist():
                if not member.filename.endswith(change.get("inflated", "\0")):
                    archive.writestr(member.filename, saved.read(member))
                    continue
                whole = zipfile.ZipInfo(member.filename)
                whole.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(whole, "w", force_zip64=True) as file:
                    for _ in range(12):
                        file.write(bytes(2**24))
            if "more" in change:
                archive.writestr(change["more"], b"print('pwned')")

    return make


def _torch(kind: str) -> str:
    return f"enhance {kind}:x.{kind} --input photos --out out --jobs 0"


def _weights(offered: str, location: Callable[[Path], str], **more: Any) -> Case:
    return Case(f"an .onnx whose weights {offered}", _onnx(location, **more), _ONNX, _REFUSED)


CASES = (
    Case("an .onnx whose weights lie beside it", _onnx(lambda _: "x.bin"), _ONNX, _DONE, 0),
    _weights("lie at `../secret`", lambda _: "../secret"),
    _weights("lie at an absolute path", lambda folder: str((folder / "secret").resolve())),
    _weights("lie behind a link out of its folder", _link("../secret")),
    _weights("lie behind a link to an endless device", _link("/dev/zero")),
    _weights("lie in a folder that is a link", lambda f: f"{_link('..')(f)}/secret"),
    _weights("lie in a pipe", _pipe),
    _weights("lie in the process's memory", lambda _: "*/_ORT_MEM_ADDR_/*", offset=4096, length=16),
    _weights("are more than their file has", lambda _: "x.bin", offset=8),
    _weights("say another length than their shape", lambda _: "x.bin", length=8),
    _weights("begin before their file", lambda _: "x.bin", offset=-16),
    _weights("are 2^40 of a file of 4", lambda _: "x.bin", numbers=2**40),
    _weights("are in no file", lambda _: "gone"),
    Case(
        "a .pt2 of 5 kB that inflates to 200 MB",
        _archive("pt2", inflated="model.json"),
        _torch("pt2"),
        "x.pt2: would inflate to more than 50 times its size",
    ),
    Case(
        "TorchScript that inflates to 200 MB",
        _archive("torchscript", inflated="data.pkl"),
        _torch("torchscript"),
        "x.torchscript: would inflate to more than 50 times its size",
    ),
    Case(
        "a .pt2 with a file `../../escaped`",
        _archive("pt2", more="../../escaped"),
        _torch("pt2"),
        "x.pt2: cannot be loaded as pt2 (...)",
    ),
    Case(
        "TorchScript with a file `../../escaped`, which nothing reads",
        _archive("torchscript", more="../../escaped"),
        _torch("torchscript"),
        _DONE,
        0,
    ),
)
