"""Hostile models in other programs' formats: MATLAB's .mat files, TensorFlow's bundles."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.hostile import whole
from tests.hostile.cases import Case

TITLE = "Models of other programs"

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
        from tests.hostile.photos import zeros

        head = _array(6, (49, size // 392), b"codebook0", _numbers(9, size))
        engine = zlib.compressobj()
        begin = engine.compress(head) + engine.flush(zlib.Z_FULL_FLUSH)
        small = begin + zeros(size >> 20)[2:]  # its own frame taken off
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


_MAT = "import cornia release --out out/x.safetensors"
_BOOK = "release/CSIQ_codebook_BS7.mat: damaged"
_TF = "import dped x --out out/x.safetensors"
_INTACT = "not an intact TensorFlow bundle index"


def _mat(offered: str, make: Callable[[Path], object], answer: str) -> Case:
    return Case(offered, make, _MAT, f"{_BOOK} ({answer})")


CASES = (
    _mat(
        "a .mat with a matrix of 49 x 2,000,000,000",
        _codebook(_array(6, (49, 2 * 10**9), b"codebook0", _numbers(9, 2**31))),
        "an array of 2147483648 bytes",
    ),
    _mat(
        "a .mat with a matrix of negative size",
        _codebook(_array(6, (49, -5), b"codebook0", _numbers(9, 0))),
        "an array of negative length",
    ),
    _mat(
        "a .mat of 2 MB that inflates to 1.5 GB", _long(3 * 2**29), "an array of 1610612736 bytes"
    ),
    _mat("a .mat of cells 3,000 deep", _codebook(_cells(3000)), "arrays in arrays, 100 deep"),
    _mat(
        "a .mat with a cell of 1,000,000,000 cells",
        _codebook(_array(1, (10**5, 10**4), b"codebook0", b"")),
        "more than 4000 arrays in a variable",
    ),
    _mat(
        "a .mat with numbers of a type there is not",
        _codebook(_array(6, (49, 5), b"codebook0", _numbers(200, 8) + bytes(8))),
        "an element of type 200 where another was expected",
    ),
    _mat(
        "a .mat with a matrix where numbers belong (scipy would crash)",
        _codebook(_array(6, (49, 5), b"codebook0", _numbers(14, 8) + bytes(8))),
        "an element of type 14 where another was expected",
    ),
    _mat(
        "a .mat with a Java object",
        _codebook(_array(17, (1, 1), b"codebook0", b"")),
        "an array of class 17, which is no data",
    ),
    Case(
        "a bundle with one bit of its index turned",
        _index(lambda d: bytes([d[0] ^ 1]) + d[1:]),
        _TF,
        f"x.index: wrong checksum of the block at byte 0; {_INTACT}",
    ),
    Case(
        "a bundle whose index block runs over the end",
        _index(
            lambda d: d[:-48] + (b"\x00\x00\x00" + b"\xff" * 9 + b"\x01").ljust(40, b"\0") + d[-8:]
        ),
        _TF,
        f"x.index: a block at byte 0 runs over the end of the file; {_INTACT}",
    ),
    Case(
        "a bundle whose index names one block 5,000 times",
        _index(lambda _: _block_named_often()),
        _TF,
        f"x.index: the blocks take more bytes than the file has; {_INTACT}",
    ),
    Case(
        "a bundle with 2,000 names of 100 kB in 110 kB",
        _index(lambda _: _named_alike()),
        _TF,
        f"x.index: a name of more than 4096 bytes; {_INTACT}",
    ),
    Case(
        "a bundle with a tensor of 2^40 x 2^40",
        _bundle(lambda: [(b"", b"\x08\x01"), (b"g/W1", _entry((2**40, 2**40), 0))]),
        _TF,
        "x: tensor 'g/W1': 0 bytes for float32 of shape (1099511627776, 1099511627776)",
    ),
    Case(
        "a bundle with an empty tensor of 2^62 x 0",
        _bundle(lambda: [(b"", b"\x08\x01"), (b"g/W1", _entry((2**62, 0), 0))]),
        _TF,
        "x: tensor 'g/W1': no float32 can be of shape (4611686018427387904, 0)",
    ),
    Case(
        "a bundle with 1,000 tensors for the same bytes",
        _bundle(
            lambda: [
                (b"", b"\x08\x01"),
                *(
                    (b"g/%05d" % n, dict(whole.bundle_entries())[b"generator/W2"])
                    for n in range(1000)
                ),
            ]
        ),
        _TF,
        "x: tensor 'g/...': the tensors take more bytes than their data file has",
    ),
)
