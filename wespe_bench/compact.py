"""Sequences that take little memory for a million photos: packed texts, items made when asked for.

A Python object of its own for each photo's paths and hashes takes kilobytes a photo; compressed,
a thousand at a time, paths of one folder take a few bytes each, and a hash takes its 32.
"""

from __future__ import annotations

import heapq
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from operator import eq
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")

# Values that are sorted at once.
_AT_ONCE = 50_000
# Values that are compressed together, and how many such blocks are kept open.
_IN_BLOCK, _OPENED = 1000, 64


class Lazy(Sequence[T]):
    """``length`` items that ``make`` makes of their places, each time they are asked for."""

    __slots__ = ("_length", "_make")

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return map(self._make, range(self._length))

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        found = range(self._length)[place]
        return self._make(found) if isinstance(found, int) else tuple(map(self._make, found))


def picked(values: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """The values at ``places``, in their order."""
    return Lazy(len(places), lambda place: values[places[place]])


def chained(parts: Sequence[Sequence[T]]) -> Sequence[T]:
    """The items of several sequences, one after the other.

    >>> chained(["ab", "", "c"])[1:]
    ('b', 'c')
    """
    ends = list(accumulate(map(len, parts), initial=0))

    def make(place: int) -> T:
        number = bisect_right(ends, place) - 1
        return parts[number][place - ends[number]]

    return Lazy(ends[-1], make)


class Packed(Generic[T]):
    """Values as compressed bytes: appended to, and read back by their place."""

    __slots__ = ("_blocks", "_decode", "_encode", "_ends", "_last", "_opened")

    def __init__(self, encode: Callable[[T], bytes], decode: Callable[[bytes], T]) -> None:
        self._encode, self._decode = encode, decode
        # Each is of `_IN_BLOCK` values: where they end, then the values.
        self._blocks: list[bytes] = []
        self._opened: dict[int, tuple[array[int], bytes]] = {}
        self._last = bytearray()
        self._ends = array("I", (0,))

    def append(self, value: T) -> None:
        """Add a value at the end."""
        self._last += self._encode(value)
        self._ends.append(len(self._last))
        if len(self._ends) > _IN_BLOCK:
            self._blocks.append(zlib.compress(self._ends.tobytes() + self._last, 1))
            self._last = bytearray()
            self._ends = array("I", (0,))

    def __len__(self) -> int:
        return len(self._blocks) * _IN_BLOCK + len(self._ends) - 1

    def __getitem__(self, place: int) -> T:
        block, inside = divmod(range(len(self))[place], _IN_BLOCK)
        ends, data = self._open(block) if block < len(self._blocks) else (self._ends, self._last)
        return self._decode(bytes(data[ends[inside] : ends[inside + 1]]))

    def _open(self, block: int) -> tuple[array[int], bytes]:
        found = self._opened.get(block)
        if found is None:
            data = zlib.decompress(self._blocks[block])
            ends = array("I")
            size = ends.itemsize * (_IN_BLOCK + 1)
            ends.frombytes(data[:size])
            found = ends, data[size:]
            while len(self._opened) >= _OPENED:
                self._opened.pop(next(iter(self._opened)), None)
            self._opened[block] = found
        return found

    def __iter__(self) -> Iterator[T]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Packed):
            return False
        return len(self) == len(other) and all(map(eq, self, other))

    def __getstate__(self) -> tuple[Any, ...]:
        return self._encode, self._decode, self._blocks, self._last, self._ends

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._encode, self._decode, self._blocks, self._last, self._ends = state
        self._opened = {}


def texts(values: Iterable[str] = ()) -> Packed[str]:
    """Packed texts, also those that stand for names which are not UTF-8.

    >>> list(texts(["a", "", "caf\\u00e9"]))
    ['a', '', 'café']
    """
    return _filled(Packed(_encode_text, _decode_text), values)


def hashes(values: Iterable[str | None] = ()) -> Packed[str | None]:
    """Packed SHA-256 in hexadecimal, 32 bytes each; in place of one None, or a text.

    A text is not of 32 bytes, which are taken for a hash, nor of 64 characters.

    >>> list(hashes(["00" * 32, None, "unreadable"])) == ["00" * 32, None, "unreadable"]
    True
    """
    return _filled(Packed(_encode_hash, _decode_hash), values)


def _filled(packed: Packed[T], values: Iterable[T]) -> Packed[T]:
    for value in values:
        packed.append(value)
    return packed


def _encode_text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _encode_hash(text: str | None) -> bytes:
    if text is None:
        return b""
    return bytes.fromhex(text) if len(text) == 64 else text.encode()


def _decode_hash(data: bytes) -> str | None:
    return (data.hex() if len(data) == 32 else data.decode()) if data else None


def in_order(values: Any, key: Callable[[Any], Any] | None = None) -> Iterator[int]:
    """The places of ``values`` (anything with a length and places), as sorting would put them.

    Equal ones keep their order. Keys are made of a part of the values at a time, not of all.

    >>> list(in_order("cab"))
    [1, 2, 0]
    """

    def of(place: int) -> Any:
        value = values[place]
        return value if key is None else key(value)

    parts = [
        array("I", sorted(range(start, min(start + _AT_ONCE, len(values))), key=of))
        for start in range(0, len(values), _AT_ONCE)
    ]
    return iter(parts[0]) if len(parts) == 1 else heapq.merge(*parts, key=of)
