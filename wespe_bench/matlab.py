"""MATLAB's .mat files (version 5) and the checks that make a wrong one an error of one line."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wespe_bench.errors import InputError, one_line
from wespe_bench.reading import check_regular

_POINTER = b"version https://git-lfs.github.com/spec"
_V5 = b"MATLAB 5.0 MAT-file"
# Types of an element, among them a matrix (with elements in it), and a deflated one.
_INT8, _INT32, _UINT32, _MATRIX, _DEFLATED, _UTF8 = 1, 5, 6, 14, 15, 16
_NUMERIC = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13)
_TEXTS = (16, 17, 18)
# Classes of a matrix, and the flag of one with imaginary parts.
_CELL, _STRUCT, _OBJECT, _CHARACTERS, _SPARSE = 1, 2, 3, 4, 5
_NUMBERS = range(6, 16)
_COMPLEX = 0x800
# Every matrix in another is a call of scipy's in a call: too many crash the process.
_MOST_MATRICES = 4000
_MOST_DEPTH = 100
_MOST_DIMENSIONS = 32
_MOST_BYTES = 2**30
_V73 = (b"MATLAB 7.3 MAT-file", b"\x89HDF")


def read(path: Path, names: Collection[str] = ()) -> dict[str, Any]:
    """The variables of a version 5 .mat file by name, as scipy gives them.

    Only ``names``, or all; the others are not looked at. Raises InputError when the file is
    missing, a large-file pointer, of version 7.3 (HDF5), damaged or something else, and when a
    variable holds an array of more than 1 GiB, more than 4000 arrays, arrays nested more than 100
    deep, or what is no data (functions, objects of Java).
    """
    from scipy.io import loadmat

    try:
        check_regular(path)
        with open(path, "rb") as file:
            start = file.read(128)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(_POINTER):
        raise InputError(
            f"{path}: a git large-file pointer, not the file itself; fetch it (git lfs pull)"
        )
    if start.startswith(_V73):
        raise InputError(
            f"{path}: a MATLAB 7.3 (HDF5) file; save it in MATLAB or Octave with the option -v7"
        )
    if not start.startswith(_V5):
        raise InputError(f"{path}: not a MATLAB .mat file (version 5)")
    try:
        _check(path, names)
        found = loadmat(path, variable_names=list(names) or None)
    except InputError:
        raise
    except Exception as error:  # scipy raises nearly anything on damaged files
        raise InputError(f"{path}: damaged, or cut short ({one_line(error)[:200]})") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _check(path: Path, names: Collection[str]) -> None:
    """Go over the wanted variables' elements without keeping them; InputError, as `read`.

    scipy trusts a tag's type so far that a wrong one ends the process.
    """
    with open(path, "rb") as file:
        order = ">" if file.read(128)[126:] == b"MI" else "<"
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            following = file.tell() + length
            try:
                if kind == _DEFLATED:
                    _Elements(_Inflated(file, length).read, order).variable(names)
                elif kind == _MATRIX:
                    file.seek(-8, 1)
                    _Elements(partial(_passed, file, following), order).variable(names)
                else:
                    raise ValueError(f"an element of type {kind} where a variable was expected")
            except ValueError as error:
                raise InputError(f"{path}: damaged ({error})") from None
            file.seek(following)


class _Elements:
    """The elements that ``read`` gives, one after the other, whatever their lengths add up to.

    So does scipy go over them. Raises ValueError where they do not make up a variable.
    """

    def __init__(self, read: Callable[[int], bytes], order: str) -> None:
        self._read = read
        self._order = order
        self._arrays = 0

    def variable(self, names: Collection[str]) -> None:
        """Check one variable; of one that is not in ``names`` (unless empty) only its head."""
        self._enter()  # scipy reads on even where its length is zero
        flags, dimensions, name = self._head()
        if not names or name.decode("latin-1") in names:
            self._content(flags, dimensions)

    def _enter(self) -> bool:
        """Take an array's tag; whether anything follows."""
        kind, length, small = self._tag()
        if small is not None or kind != _MATRIX:
            raise ValueError(f"an element of type {kind} where an array was expected")
        self._arrays += 1
        if self._arrays > _MOST_MATRICES:
            raise ValueError(f"more than {_MOST_MATRICES} arrays in a variable")
        return length > 0

    def _head(self) -> tuple[int, tuple[int, ...], bytes]:
        flags = self._element((_UINT32,), keep=8)
        shape = self._element((_INT32,), keep=4 * _MOST_DIMENSIONS)
        name = self._element((_INT8, _UTF8), keep=4096)
        if len(flags) != 8 or not 8 <= len(shape) <= 4 * _MOST_DIMENSIONS or len(shape) % 4:
            raise ValueError("an array without flags, or with a shape that is none")
        dimensions = struct.unpack(f"{self._order}{len(shape) // 4}i", shape)
        if min(dimensions) < 0:
            raise ValueError("an array of negative length")
        return struct.unpack(f"{self._order}I", flags[:4])[0], dimensions, name

    def _content(self, flags: int, dimensions: tuple[int, ...], depth: int = 0) -> None:
        if depth > _MOST_DEPTH:
            raise ValueError(f"arrays in arrays, {_MOST_DEPTH} deep")
        kind, complex_ = flags & 0xFF, bool(flags & _COMPLEX)
        count = math.prod(dimensions)
        if kind in _NUMBERS:
            for _ in range(1 + complex_):
                self._element(_NUMERIC)
        elif kind == _CHARACTERS:
            self._element(_NUMERIC + _TEXTS)
        elif kind == _SPARSE:
            for _ in range(2):
                self._element((_INT32,))
            for _ in range(1 + complex_):
                self._element(_NUMERIC)
        elif kind in (_CELL, _STRUCT, _OBJECT):
            if kind == _OBJECT:
                self._element((_INT8,), keep=4096)
            if kind != _CELL:
                count *= self._fields()
            if count > _MOST_MATRICES:
                raise ValueError(f"more than {_MOST_MATRICES} arrays in a variable")
            for _ in range(count):
                if self._enter():
                    inner, shape, _ = self._head()
                    self._content(inner, shape, depth + 1)
        else:
            raise ValueError(f"an array of class {kind}, which is no data")

    def _fields(self) -> int:
        """How many fields each struct of an array has."""
        stated = self._element((_INT32,), keep=4)
        length = struct.unpack(f"{self._order}i", stated)[0] if len(stated) == 4 else 0
        names = self._element((_INT8,), keep=_MOST_MATRICES * 64)
        if not 1 <= length <= 64 or len(names) % length:
            raise ValueError("a struct whose fields have no names")
        return len(names) // length

    def _tag(self) -> tuple[int, int, bytes | None]:
        """Type, length, and for an element of up to 4 bytes its content, which is in the tag."""
        tag = self._read(8)
        if len(tag) < 8:
            raise ValueError("cut short")
        kind, length = struct.unpack(f"{self._order}II", tag)
        if kind >> 16:
            kind, length = kind & 0xFFFF, kind >> 16
            if length > 4:
                raise ValueError(f"{length} bytes in a tag")
            return kind, length, tag[4 : 4 + length]
        return kind, length, None

    def _element(self, kinds: Collection[int], keep: int = 0) -> bytes:
        """Pass an element of one of these types; its content if it is of up to ``keep`` bytes."""
        kind, length, small = self._tag()
        if kind not in kinds:
            raise ValueError(f"an element of type {kind} where another was expected")
        if small is not None:
            return small
        if length > (keep or _MOST_BYTES):
            raise ValueError(f"an array of {length} bytes")
        content = b""
        left = length + -length % 8
        while left > 0:
            some = self._read(min(left, 2**20))
            if not some:
                raise ValueError("cut short")
            left -= len(some)
            content += some if keep else b""
        return content[:length]


def _passed(file: BinaryIO, end: int, count: int) -> bytes:
    """The next ``count`` bytes of a file, none from ``end`` on."""
    return file.read(max(0, min(count, end - file.tell())))


class _Inflated:
    """A deflated element, inflated as far as it is read."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length
        self._engine = zlib.decompressobj()

    def read(self, count: int) -> bytes:
        """``count`` bytes, fewer at the end. Raises zlib.error where they are damaged."""
        found = b""
        while len(found) < count:
            waiting = self._engine.unconsumed_tail
            if not waiting and not self._engine.eof:
                waiting = self._file.read(min(self._left, 2**16))
                self._left -= len(waiting)
            # Also without input: some output may wait inside.
            some = self._engine.decompress(waiting, count - len(found))
            if not some and not waiting:
                break
            found += some
        return found


def variable(found: dict[str, Any], name: str, path: Path) -> Any:
    """The variable ``name``; InputError with the names there are when it is missing."""
    if name not in found:
        there = ", ".join(sorted(found)) or "none"
        raise InputError(f"{path}: no variable {name!r} (there: {there})")
    return found[name]


def field(struct: Any, name: str, path: Path) -> Any:
    """The field ``name`` of a 1x1 struct; InputError when it is none, or lacks it."""
    names = getattr(getattr(struct, "dtype", None), "names", None)
    if not names or struct.size != 1:
        raise InputError(f"{path}: expected a struct with the field {name!r}")
    if name not in names:
        raise InputError(f"{path}: the struct has no field {name!r} (there: {', '.join(names)})")
    return struct.reshape(-1)[0][name]


def matrix(value: Any, shape: tuple[int | None, int | None], name: str, path: Path) -> np.ndarray:
    """``value`` as float64 of ``shape``, in which None stands for any length of at least 1.

    Sparse matrices are filled, once their shape and indices are known to be right. Raises
    InputError on another shape, on what is no real numbers, and on values that are not finite.
    """
    wanted = "x".join("n" if length is None else str(length) for length in shape)
    sparse = hasattr(value, "toarray")
    if not (sparse or isinstance(value, np.ndarray)) or value.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} is not a matrix of real numbers, expected {wanted}")
    fits = value.ndim == 2 and all(
        found >= 1 if length is None else found == length
        for found, length in zip(value.shape, shape, strict=True)
    )
    if not fits:
        found = "x".join(map(str, value.shape))
        raise InputError(f"{path}: {name} is {found}, expected {wanted}")
    if sparse:
        try:
            # Else an index that leads outside is followed.
            value.check_format(full_check=True)
        except ValueError as error:
            raise InputError(f"{path}: {name} is damaged ({one_line(error)[:200]})") from None
        value = np.asarray(value.toarray())
    result: np.ndarray = value.astype(np.float64)
    if not np.isfinite(result).all():
        raise InputError(f"{path}: {name} holds values that are not finite")
    return result


def number(value: Any, name: str, path: Path) -> float:
    """The one number of a 1x1 matrix; InputError on anything else."""
    return float(matrix(value, (1, 1), name, path)[0, 0])
