"""Hostile weights: programs that pose as numbers, and numbers that are not what they say."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile import whole
from tests.hostile.cases import Case

TITLE = "Weights and models"


class _Harm:
    """Unpickled by anybody, it makes the file ``pwned``."""

    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


def _photo(folder: Path) -> None:
    from wespe_bench.images import write_png

    write_png(folder / "photos" / "x.png", whole.pixels())


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
    import io

    from wespe_bench import provenance
    from wespe_bench.datasets import packed

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


_HEADER = b"MATLAB 5.0 MAT-file, made by nobody".ljust(124) + struct.pack("<H2s", 0x100, b"IM")


def _array(kind: int, shape: tuple[int, ...], name: bytes, content: bytes) -> bytes:
    body = struct.pack("<IIII", 6, 8, kind, 0)
    body += struct.pack("<II", 5, 4 * len(shape)) + struct.pack(f"<{len(shape)}i", *shape)
    body += bytes(4 * (len(shape) % 2))
    body += struct.pack("<II", 1, len(name)) + name + bytes(-len(name) % 8) + content
    return struct.pack("<II", 14, len(body) & 0xFFFFFFFF) + body


def _numbers(kind: int, length: int) -> bytes:
    return struct.pack("<II", kind, length)


def _codebook(*elements: bytes, deflated: bool = False) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        content = b"".join(elements)
        if deflated:
            small = zlib.compress(content)
            content = struct.pack("<II", 15, len(small)) + small
        (folder / "release").mkdir()
        for name in ("CSIQ_codebook_BS7", "CSIQ_whitening_param", "LIVE_soft_svm_model"):
            (folder / "release" / f"{name}.mat").write_bytes(_HEADER + content)

    return make


def _cells(depth: int) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = _array(1, (1, 1), b"", inside)
    return _array(1, (1, 1), b"codebook0", inside)


def _long(size: int) -> Callable[[Path], object]:
    """Numbers that are said, and deflated, to be that many bytes of zeros."""

    def make(folder: Path) -> None:
        from tests.hostile.cases_of_photos import _zeros

        head = _array(6, (49, size // 392), b"codebook0", _numbers(9, size))
        engine = zlib.compressobj()
        begin = engine.compress(head) + engine.flush(zlib.Z_FULL_FLUSH)
        small = begin + _zeros(size >> 20)[2:]  # its own frame taken off
        _codebook(struct.pack("<II", 15, len(small)) + small)(folder)

    return make


def _bundle(entries: Callable[[], list[tuple[bytes, bytes]]]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        from tests.oracles import bundle

        (folder / "x.index").write_bytes(bundle.table(entries()))
        (folder / "x.data-00000-of-00001").write_bytes(whole.bundle_data())

    return make


def _entry(shape: tuple[int, ...], size: int) -> bytes:
    from tests.oracles.bundle import field, fixed32, masked

    dimensions = b"".join(field(2, field(1, length)) for length in shape)
    return field(1, 1) + field(2, dimensions) + field(5, size) + fixed32(6, masked(0))


def _index(damage: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "x.index").write_bytes(damage(whole.bundle_index()))
        (folder / "x.data-00000-of-00001").write_bytes(whole.bundle_data())

    return make


def _block_named_often() -> bytes:
    """An index whose one block of 60 kB is listed 5,000 times."""
    from tests.oracles import bundle

    block = bundle.sealed([(b"k%05d" % n, b"x" * 40) for n in range(500)])
    handle = bundle.varint(0) + bundle.varint(len(block) - 5)
    index = bundle.sealed([(b"z", handle)] * 5000, interval=1)
    meta = bundle.sealed([])
    ends = bundle.varint(len(block)) + bundle.varint(len(meta) - 5)
    ends += bundle.varint(len(block) + len(meta)) + bundle.varint(len(index) - 5)
    return block + meta + index + ends.ljust(40, b"\0") + bundle.MAGIC


def _named_alike() -> bytes:
    """An index with 2,000 names of 100 kB that share all of it with the first."""
    from tests.oracles import bundle

    block = bundle.varint(0) + bundle.varint(100_000) + bundle.varint(0) + b"n" * 100_000
    block += (bundle.varint(100_000) + bundle.varint(0) + bundle.varint(0)) * 2000
    block += bytes(4) + (1).to_bytes(4, "little") + b"\0"
    block += bundle.masked(_fast_crc(block)).to_bytes(4, "little")
    handle = bundle.varint(0) + bundle.varint(len(block) - 5)
    index, meta = bundle.sealed([(b"z", handle)]), bundle.sealed([])
    ends = bundle.varint(len(block)) + bundle.varint(len(meta) - 5)
    ends += bundle.varint(len(block) + len(meta)) + bundle.varint(len(index) - 5)
    return block + meta + index + ends.ljust(40, b"\0") + bundle.MAGIC


def _fast_crc(data: bytes) -> int:
    from reference_models.dped.bundle import crc32c

    return crc32c(data)


_DPED = "enhance dped:x.safetensors --input photos --out out --jobs 0"
_NO_CARD = (
    "x.safetensors: not a generator checkpoint with a card; make one with `wespe-bench import"
    " dped PREFIX --out FILE`"
)
_NOT = "x.safetensors: not a generator checkpoint (...)"
_MAT = "import cornia release --out out/x.safetensors"
_BOOK = "release/CSIQ_codebook_BS7.mat: damaged"
_TF = "import dped x --out out/x.safetensors"
_INTACT = "not an intact TensorFlow bundle index"
_TRAIN = (
    "train wespe --source photos --target photos --out out --vgg torchvision --vgg-file vgg.pth"
)


def _mat(offered: str, make: Callable[[Path], object], answer: str) -> Case:
    return Case(offered, make, _MAT, f"{_BOOK} ({answer})")


CASES = (
    Case("a .pth whose pickle runs `touch pwned`", _pickled, _TRAIN,
         "vgg.pth: not the weight file the torchvision back end reads (UnpicklingError: ..."),
    Case("a plain pickle that runs `touch pwned`",
         _weights("vgg.pth", lambda: pickle.dumps(_Harm())), _TRAIN,
         "vgg.pth: not the weight file the torchvision back end reads (UnpicklingError: ..."),
    Case("a packed set whose .npy holds pickled objects", _objects,
         "train dped --input set --reference set --out out",
         "set/input.npy: damaged or missing (ValueError: ...); pack again"),
    Case("TorchScript called .safetensors", _script, _DPED, _NO_CARD),
    Case("a pickle called .safetensors", _weights("x.safetensors", lambda: pickle.dumps(_Harm())),
         _DPED, _NO_CARD),
    Case("a .pt2 with a pickled object", _pt2,
         "enhance pt2:x.pt2 --input photos --out out --jobs 0",
         "x.pt2: holds a pickled object (custom_obj_0), which is not loaded"),
    Case("a pickle given to `torchscript:`", _weights("x.pt", lambda: pickle.dumps(_Harm())),
         "enhance torchscript:x.pt --input photos --out out --jobs 0",
         "x.pt: cannot be loaded as torchscript (...)"),
    Case("a text given to `onnx:`", _weights("x.onnx", lambda: b"import os"),
         "enhance onnx:x.onnx --input photos --out out --jobs 0",
         "x.onnx: cannot be loaded as onnx (...)"),
    Case("safetensors with a header of 2^63 bytes",
         _weights("x.safetensors", lambda: struct.pack("<Q", 2**63) + b"{}"), _DPED, _NO_CARD),
    Case("safetensors with a header nested 200,000 deep",
         _weights("x.safetensors", lambda: struct.pack("<Q", 200_000) + b"[" * 200_000),
         _DPED, _NO_CARD),
    Case("safetensors with overlapping tensors",
         _weights("x.safetensors", _with_card(
             {"a": _tensor(0, 8), "b": _tensor(4, 12)}, bytes(12))), _DPED, _NOT),
    Case("safetensors with tensors beyond its end",
         _weights("x.safetensors", _with_card({"a": _tensor(0, 2**40)}, bytes(8))), _DPED, _NOT),
    Case("safetensors that name a tensor twice", _weights("x.safetensors", _twice), _DPED, _NOT),
    Case("a checkpoint whose card says 2^40 channels",
         _weights("x.safetensors", _card_of(width=2**40)), _DPED, _NOT),
    Case("a checkpoint whose card says 10^9 blocks",
         _weights("x.safetensors", _card_of(blocks=10**9)), _DPED, _NOT),
    _mat("a .mat with a matrix of 49 x 2,000,000,000",
         _codebook(_array(6, (49, 2 * 10**9), b"codebook0", _numbers(9, 2**31))),
         "an array of 2147483648 bytes"),
    _mat("a .mat with a matrix of negative size",
         _codebook(_array(6, (49, -5), b"codebook0", _numbers(9, 0))), "an array of negative length"),
    _mat("a .mat of 2 MB that inflates to 1.5 GB", _long(3 * 2**29),
         "an array of 1610612736 bytes"),
    _mat("a .mat of cells 3,000 deep", _codebook(_cells(3000)), "arrays in arrays, 100 deep"),
    _mat("a .mat with a cell of 1,000,000,000 cells",
         _codebook(_array(1, (10**5, 10**4), b"codebook0", b"")),
         "more than 4000 arrays in a variable"),
    _mat("a .mat with numbers of a type there is not",
         _codebook(_array(6, (49, 5), b"codebook0", _numbers(200, 8) + bytes(8))),
         "an element of type 200 where another was expected"),
    _mat("a .mat with a matrix where numbers belong (scipy would crash)",
         _codebook(_array(6, (49, 5), b"codebook0", _numbers(14, 8) + bytes(8))),
         "an element of type 14 where another was expected"),
    _mat("a .mat with a Java object", _codebook(_array(17, (1, 1), b"codebook0", b"")),
         "an array of class 17, which is no data"),
    Case("a bundle with one bit of its index turned",
         _index(lambda d: bytes([d[0] ^ 1]) + d[1:]), _TF,
         f"x.index: wrong checksum of the block at byte 0; {_INTACT}"),
    Case("a bundle whose index block runs over the end",
         _index(lambda d: d[:-48] + (b"\x00\x00\x00" + b"\xff" * 9 + b"\x01").ljust(40, b"\0")
                + d[-8:]), _TF, f"x.index: a block at byte 0 runs over the end of the file; {_INTACT}"),
    Case("a bundle whose index names one block 5,000 times", _index(lambda _: _block_named_often()),
         _TF, f"x.index: the blocks take more bytes than the file has; {_INTACT}"),
    Case("a bundle with 2,000 names of 100 kB in 110 kB", _index(lambda _: _named_alike()), _TF,
         f"x.index: a name of more than 4096 bytes; {_INTACT}"),
    Case("a bundle with a tensor of 2^40 x 2^40",
         _bundle(lambda: [(b"", b"\x08\x01"), (b"g/W1", _entry((2**40, 2**40), 0))]), _TF,
         "x: tensor 'g/W1': 0 bytes for float32 of shape (1099511627776, 1099511627776)"),
    Case("a bundle with an empty tensor of 2^62 x 0",
         _bundle(lambda: [(b"", b"\x08\x01"), (b"g/W1", _entry((2**62, 0), 0))]), _TF,
         "x: tensor 'g/W1': ..."),
    Case("a bundle with 1,000 tensors for the same bytes",
         _bundle(lambda: [(b"", b"\x08\x01"), *(
             (b"g/%05d" % n, dict(whole.bundle_entries())[b"generator/W2"]) for n in range(1000))]),
         _TF, "x: tensor 'g/...': the tensors take more bytes than their data file has"),
)
