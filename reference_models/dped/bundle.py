"""TensorFlow bundles, read without TensorFlow.

A bundle is ``PREFIX.index`` (a LevelDB table: tensor name -> dtype, shape, place, checksum)
and ``PREFIX.data-00000-of-00001`` (the numbers). Formats as in TensorFlow's
``tensor_bundle.proto`` and LevelDB's ``table_format.md``. Every checksum is verified, and a
file that is cut short, damaged or of something else raises one InputError.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wespe_bench import reading
from wespe_bench.errors import InputError

_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FLOAT32 = 1
# In the file names share prefixes; in memory they do not.
_LONGEST_NAME = 4096


def read_bundle(prefix: Path) -> dict[str, np.ndarray]:
    """The float32 tensors of a TensorFlow bundle by name; other types are left out.

    Raises InputError on a missing file, a wrong checksum, and anything that is not a bundle.
    """
    prefix = prefix_of(prefix)
    index = Path(f"{prefix}.index")
    try:
        entries = dict(_table(_bytes(index)))
        header = _message(entries.pop(b"", b""))
        shards = _integer(header, 1, 0)
        if not 1 <= shards <= 1000:
            raise _DamageError(f"{shards} data files announced")
        if _integer(header, 2, 0) != 0:
            raise _DamageError("big-endian numbers, which are not supported")
    except _DamageError as error:
        raise InputError(f"{index}: {error}; not an intact TensorFlow bundle index") from None
    data: dict[int, bytes] = {}
    taken: dict[int, int] = {}
    tensors = {}
    for key, value in entries.items():
        name = key.decode(errors="backslashreplace")
        try:
            entry = _message(value)
            if _integer(entry, 1, 0) != _FLOAT32:
                continue
            shard = _integer(entry, 3, 0)
            if shard >= shards:
                raise _DamageError(f"in data file {shard} of {shards}")
            if shard not in data:
                data[shard] = _bytes(Path(f"{prefix}.data-{shard:05d}-of-{shards:05d}"))
            tensors[name] = _tensor(entry, data[shard])
            # Otherwise a thousand entries of the same bytes would fill the memory.
            taken[shard] = taken.get(shard, 0) + tensors[name].nbytes
            if taken[shard] > len(data[shard]):
                raise _DamageError("the tensors take more bytes than their data file has")
        except _DamageError as error:
            raise InputError(f"{prefix}: tensor {name!r}: {error}") from None
    return tensors


class _DamageError(Exception):
    """What is wrong with some bytes; the caller adds the file."""


def _tensor(entry: _Message, data: bytes) -> np.ndarray:
    if 7 in entry:
        raise _DamageError("stored in slices, which are not supported")
    shape = []
    for dimension in _message(_text(entry, 2)).get(2, []):
        if not isinstance(dimension, bytes):
            raise _DamageError("malformed shape")
        shape.append(_integer(_message(dimension), 1, 0))
    offset, size = _integer(entry, 4, 0), _integer(entry, 5, 0)
    count = 1
    for length in shape:
        count *= length
    if len(shape) > 8 or count * 4 != size:
        raise _DamageError(f"{size} bytes for float32 of shape {tuple(shape)}")
    if offset + size > len(data):
        raise _DamageError(
            f"bytes {offset} to {offset + size} of a data file of {len(data)}: it is truncated"
        )
    content = data[offset : offset + size]
    if crc32c(content) != _unmask(_integer(entry, 6, 0)):
        raise _DamageError("wrong checksum; the data file is damaged or belongs to another index")
    try:
        return np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)
    except ValueError:  # nothing at all, of a shape that no array can have
        raise _DamageError(f"no float32 can be of shape {tuple(shape)}") from None


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The (key, value) pairs of a LevelDB table."""
    if len(data) < 48 or data[-8:] != _MAGIC:
        raise _DamageError("the LevelDB magic number is missing at the end")
    at = len(data) - 48
    for _ in range(2):  # the handle of the meta index, which is empty, then the index's
        offset, at = _varint(data, at)
        size, at = _varint(data, at)
    total = 0
    for _, handle in _block(data, offset, size):
        start, at = _varint(handle, 0)
        length, at = _varint(handle, at)
        total += length
        if total > len(data):  # a block that is named a thousand times takes as long to read
            raise _DamageError("the blocks take more bytes than the file has")
        yield from _block(data, start, length)


def _block(data: bytes, offset: int, size: int) -> list[tuple[bytes, bytes]]:
    end = offset + size
    if size < 4 or end + 5 > len(data):
        raise _DamageError(f"a block at byte {offset} runs over the end of the file")
    if data[end] != 0:
        raise _DamageError("a compressed block, which is not supported")
    if crc32c(data[offset : end + 1]) != _unmask(int.from_bytes(data[end + 1 : end + 5], "little")):
        raise _DamageError(f"wrong checksum of the block at byte {offset}")
    block = data[offset:end]
    restarts = int.from_bytes(block[-4:], "little")
    limit = size - 4 - 4 * restarts
    if limit < 0:
        raise _DamageError("malformed block")
    pairs, key, at = [], b"", 0
    while at < limit:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + fresh + length > limit:
            raise _DamageError("malformed block")
        if shared + fresh > _LONGEST_NAME:
            raise _DamageError(f"a name of more than {_LONGEST_NAME} bytes")
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        pairs.append((key, block[at : at + length]))
        at += length
    return pairs


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise _DamageError("cut short within a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _DamageError("a number of more than 64 bits")


_Message = dict[int, list[int | bytes]]


def _message(data: bytes) -> _Message:
    """A protocol buffer message: field number -> its values, in order."""
    fields: _Message = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
            case 1 | 5 as kind:
                length = 8 if kind == 1 else 4
                if at + length > len(data):
                    raise _DamageError("cut short within a number")
                value = int.from_bytes(data[at : at + length], "little")
                at += length
            case 2:
                length, at = _varint(data, at)
                if at + length > len(data):
                    raise _DamageError("cut short within an entry")
                value = data[at : at + length]
                at += length
            case _:
                raise _DamageError("malformed entry")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _integer(fields: _Message, number: int, default: int) -> int:
    value = fields.get(number, [default])[-1]
    if not isinstance(value, int):
        raise _DamageError("malformed entry")
    return value


def _text(fields: _Message, number: int) -> bytes:
    value = fields.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise _DamageError("malformed entry")
    return value


# The checksum ----------------------------------------------------------------------------

_LANES = 256


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) as LevelDB and TensorFlow use it, about 50 MB/s.

    The bytes are cut into 256 equal lanes that advance together, one table look-up per step
    for all of them. A CRC is linear over GF(2), so the lanes are joined by the map that a
    lane's length of zero bytes performs on the register; 32 more lanes, started with one bit
    each and fed with zeros, yield that map on the way.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    table = _crc_table()
    length = len(data) // _LANES
    register = 0xFFFFFFFF
    if length:
        lanes = np.zeros((length, _LANES + 32), np.uint8)
        cut = np.frombuffer(data, np.uint8, count=length * _LANES)
        lanes[:, :_LANES] = cut.reshape(_LANES, length).T
        state = np.zeros(_LANES + 32, np.uint32)
        state[_LANES:] = np.uint32(1) << np.arange(32, dtype=np.uint32)
        for row in lanes:
            state = table[(state ^ row) & 255] ^ (state >> 8)
        advance = [int(column) for column in state[_LANES:]]
        for lane in state[:_LANES]:
            moved = int(lane)
            for bit in range(32):
                if register >> bit & 1:
                    moved ^= advance[bit]
            register = moved
    for byte in data[length * _LANES :]:
        register = int(table[(register ^ byte) & 255]) ^ (register >> 8)
    return register ^ 0xFFFFFFFF


@functools.cache
def _crc_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table


def _unmask(masked: int) -> int:
    """The checksum from its stored form, which is rotated and offset.

    >>> _unmask(0xA282EAD8), _unmask(0xA282EAD8 + (1 << 17))
    (0, 1)
    """
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


# Files -----------------------------------------------------------------------------------


def prefix_of(path: Path) -> Path:
    """The bundle's prefix, from the prefix or from one of its files."""
    return Path(re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", str(path)))


def files_of(prefix: Path) -> list[Path]:
    """The bundle's existing files, sorted, without the graph in ``.meta``, which is not read."""
    return sorted(
        path
        for path in prefix.parent.glob("*")
        if path.name.startswith(prefix.name) and prefix_of(path) == prefix and path != prefix
        if path.suffix != ".meta"
    )


def _bytes(path: Path) -> bytes:
    missing = (
        f"{path}: no such file; PREFIX is the common part of NAME.index and "
        "NAME.data-00000-of-00001"
    )
    return reading.wanted_bytes(path, missing=missing)
