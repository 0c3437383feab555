"""The boxes of a HEIF or AVIF file, as far as they say what its colours are.

ISO/IEC 14496-12 (boxes) and 23008-12 (items and their properties). libheif and libavif convert
YCbCr to RGB by what a file says, but their Python bindings do not say which RGB that is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MOST_BOXES = 1000


def coded_colour(data: bytes) -> tuple[int, int] | None:
    """(primaries, transfer) of the primary picture, as H.273 numbers them, if it says so."""
    for kind, content in _properties(data)[0]:
        if kind == b"colr" and content[:4] == b"nclx" and len(content) >= 8:
            return int.from_bytes(content[4:6]), int.from_bytes(content[6:8])
    return None


def bits(data: bytes) -> int:
    """Bits a sample of the primary picture."""
    own, listed = _properties(data)
    for kind, content in (*own, *listed):
        if kind == b"pixi" and len(content) >= 6:
            return content[5]
        if kind == b"av1C" and len(content) >= 3:
            return (8, 10, 10, 12)[content[2] >> 5 & 3]
    return 8


_Property = tuple[bytes, bytes]


def _properties(data: bytes) -> tuple[list[_Property], list[_Property]]:
    """The properties (kind, content) of the primary picture, and of all.

    A file whose boxes are damaged says nothing: its decoder will refuse it.
    """
    try:
        meta = _first(data, 0, len(data), b"meta")
        container = meta and _first(data, meta[0] + 4, meta[1], b"iprp")
        listed = container and _first(data, *container, b"ipco")
        if not (meta and container and listed):
            return [], []
        primary = _primary(data, meta[0] + 4, meta[1])
        every = [(kind, data[begin:stop]) for kind, begin, stop in _boxes(data, *listed)]
        numbers = [
            number
            for kind, begin, stop in _boxes(data, *container)
            if kind == b"ipma"
            for number in _associated(data, begin, stop, primary)
        ]
        return [every[number - 1] for number in numbers if 1 <= number <= len(every)], every
    except (struct.error, IndexError):
        return [], []


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its content begins, where it ends) of the boxes between two offsets."""
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            begin += 8
        stop = end if size == 0 else at + size
        if not begin <= stop <= end:
            return
        yield kind, begin, stop
        at = stop


def _first(data: bytes, at: int, end: int, wanted: bytes) -> tuple[int, int] | None:
    for kind, begin, stop in _boxes(data, at, end):
        if kind == wanted:
            return begin, stop
    return None


def _primary(data: bytes, at: int, end: int) -> int:
    """The number of the picture to show, 0 where none is named."""
    found = _first(data, at, end, b"pitm")
    if found is None:
        return 0
    version = data[found[0]]
    return int(struct.unpack_from(">I" if version else ">H", data, found[0] + 4)[0])


def _associated(data: bytes, at: int, end: int, item: int) -> list[int]:
    """The numbers of the properties that belong to an item."""
    version, flags = data[at], data[at + 3]
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(count):
        if at >= end:
            break
        (number,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        entries = data[at]
        at += 1
        size = 2 if flags & 1 else 1
        if number == item:
            places = range(at, at + size * entries, size)
            without_flag = 0x7FFF if size == 2 else 0x7F
            return [int.from_bytes(data[at : at + size]) & without_flag for at in places]
        at += size * entries
    return []
