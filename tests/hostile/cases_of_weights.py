"""Hostile weights: programs that pose as numbers, and numbers that are not what they say."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile import photos, whole
from tests.hostile.cases import Case

TITLE = "Weights"


class _Harm:
    """Unpickled by anybody, it makes the file ``pwned``."""

    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


def _photo(folder: Path) -> None:
    from wespe_bench.images import write_png

    for name in ("photos/x", "photos/y", "others/x", "others/y"):
        pixels = photos.pixels() if name.startswith("photos") else 255 - photos.pixels()
        write_png(folder / f"{name}.png", pixels)


def _weights(name: str, data: Callable[[], bytes]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        _photo(folder)
        (folder / name).write_bytes(data())

    return make


def _pickled(folder: Path) -> None:
    import torch

    _photo(folder)
    torch.save({"features.0.weight": _Harm()}, folder / "vgg.pth")


def _objects(folder: Path) -> None:
    """A packed set whose pixels are pickled objects."""
    from wespe_bench import provenance
    from wespe_bench.datasets import packed

    _photo(folder)
    head = json.loads(whole.heads()[1])
    row = dict.fromkeys(packed.COLUMNS, None) | {"sample": "a"}
    row |= {"offset": 0, "height": 1, "width": 1}
    index = packed.write_index([row])
    head |= {"index": "index.parquet", "index_sha256": provenance.sha256_bytes(index)}
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Harm()], object), allow_pickle=True)
    (folder / "set").mkdir()
    (folder / "set" / "pack.json").write_text(json.dumps(head))
    (folder / "set" / "index.parquet").write_bytes(index)
    (folder / "set" / "input.npy").write_bytes(buffer.getvalue())


def _script(folder: Path) -> None:
    import torch

    _photo(folder)
    torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 3, 1)), folder / "x.safetensors")


def _pt2(folder: Path) -> None:
    _photo(folder)
    with zipfile.ZipFile(folder / "x.pt2", "w") as archive:
        archive.writestr("x/data/constants/custom_obj_0", pickle.dumps(_Harm()))


def _tensor(begin: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [(end - begin) // 4], "data_offsets": [begin, end]}


def _generator_card() -> dict[str, Any]:
    data = whole.generators()[0]
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return {"__metadata__": header["__metadata__"]}


def _with_card(tensors: dict[str, Any], rest: bytes) -> Callable[[], bytes]:
    def data() -> bytes:
        text = json.dumps(_generator_card() | tensors)
        return len(text).to_bytes(8, "little") + text.encode() + rest

    return data


def _twice() -> bytes:
    one = json.dumps({"a": _tensor(0, 4)})[1:-1]
    text = f"{json.dumps(_generator_card())[:-1]}, {one}, {one}}}"
    return len(text).to_bytes(8, "little") + text.encode() + bytes(4)


def _card_of(**change: Any) -> Callable[[], bytes]:
    def data() -> bytes:
        header = _generator_card()
        card = json.loads(header["__metadata__"]["card"]) | change
        text = json.dumps({"__metadata__": {"card": json.dumps(card)}})
        return len(text).to_bytes(8, "little") + text.encode()

    return data


def _rater(folder: Path) -> None:
    data = whole.raters()[0]
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    card = json.loads(header["__metadata__"]["card"]) | {"preparation": ["hd"]}
    text = json.dumps(header | {"__metadata__": {"card": json.dumps(card)}}).encode()
    _photo(folder)
    (folder / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(12))


_DPED = "enhance dped:x.safetensors --input photos --out out --jobs 0"
_NO_CARD = (
    "x.safetensors: not a generator checkpoint with a card; make one with `wespe-bench import"
    " dped PREFIX --out FILE`"
)
_NOT = "x.safetensors: not a generator checkpoint (...)"
_TRAIN = (
    "train wespe --source photos --target others --patch 16 --out out --vgg torchvision"
    " --vgg-file vgg.pth"
)

CASES = (
    Case(
        "a .pth whose pickle runs `touch pwned`",
        _pickled,
        _TRAIN,
        "vgg.pth: not the weight file the torchvision back end reads: no tensors...",
    ),
    Case(
        "a plain pickle that runs `touch pwned`",
        _weights("vgg.pth", lambda: pickle.dumps(_Harm())),
        _TRAIN,
        "vgg.pth: not the weight file the torchvision back end reads: no tensors...",
    ),
    Case(
        "a packed set whose .npy holds pickled objects",
        _objects,
        "train wespe --source set --target photos --patch 16 --out out",
        "set/input.npy: damaged or missing (ValueError: ...); pack again",
    ),
    Case("TorchScript called .safetensors", _script, _DPED, _NO_CARD),
    Case(
        "a pickle called .safetensors",
        _weights("x.safetensors", lambda: pickle.dumps(_Harm())),
        _DPED,
        _NO_CARD,
    ),
    Case(
        "a .pt2 with a pickled object",
        _pt2,
        "enhance pt2:x.pt2 --input photos --out out --jobs 0",
        "x.pt2: holds a pickled object (custom_obj_0), which is not loaded",
    ),
    Case(
        "a pickle given to `torchscript:`",
        _weights("x.pt", lambda: pickle.dumps(_Harm())),
        "enhance torchscript:x.pt --input photos --out out --jobs 0",
        "x.pt: cannot be loaded as torchscript (...)",
    ),
    Case(
        "a text given to `onnx:`",
        _weights("x.onnx", lambda: b"import os"),
        "enhance onnx:x.onnx --input photos --out out --jobs 0",
        "x.onnx: cannot be loaded as onnx (...)",
    ),
    Case(
        "safetensors with a header of 2^63 bytes",
        _weights("x.safetensors", lambda: struct.pack("<Q", 2**63) + b"{}"),
        _DPED,
        _NO_CARD,
    ),
    Case(
        "safetensors with a header nested 200,000 deep",
        _weights("x.safetensors", lambda: struct.pack("<Q", 200_000) + b"[" * 200_000),
        _DPED,
        _NO_CARD,
    ),
    Case(
        "safetensors with overlapping tensors",
        _weights("x.safetensors", _with_card({"a": _tensor(0, 8), "b": _tensor(4, 12)}, bytes(12))),
        _DPED,
        _NOT,
    ),
    Case(
        "safetensors with tensors beyond its end",
        _weights("x.safetensors", _with_card({"a": _tensor(0, 2**40)}, bytes(8))),
        _DPED,
        _NOT,
    ),
    Case("safetensors that name a tensor twice", _weights("x.safetensors", _twice), _DPED, _NOT),
    Case(
        "a checkpoint whose card says 2^40 channels",
        _weights("x.safetensors", _card_of(width=2**40)),
        _DPED,
        _NOT,
    ),
    Case(
        "a checkpoint whose card says 10^9 blocks",
        _weights("x.safetensors", _card_of(blocks=10**9)),
        _DPED,
        _NOT,
    ),
    Case(
        "a rater whose card states a list where a text belongs",
        _rater,
        "ffs score photos --rater x.safetensors --out out/x.csv --jobs 0",
        "x.safetensors: its card is damaged (ValueError: a field that is not text)",
    ),
)
