"""MATLAB's .mat files (version 5) and the checks that make a wrong one an error of one line."""

from __future__ import annotations

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
# Tags of an element: a matrix (with elements in it), and a deflated one.
_MATRIX, _DEFLATED = 14, 15
# Every matrix in another is a call of scipy's in a call: too many crash the process.
_MOST_MATRICES = 4000
_MOST_BYTES = 2**30
_V73 = (b"MATLAB 7.3 MAT-file", b"\x89HDF")


def read(path: Path, names: Collection[str] = ()) -> dict[str, Any]:
    """The variables of a version 5 .mat file by name, as scipy gives them.

    Only ``names``, or all; the others are not looked at. Raises InputError when the file is
    missing, a large-file pointer, of version 7.3 (HDF5), damaged or something else, and when a
    variable holds an array of more than 1 GiB or more than 4000 arrays.
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
        _check_sizes(path, names)
        found = loadmat(path, variable_names=list(names) or None)
    except InputError:
        raise
    except Exception as error:  # scipy raises nearly anything on damaged files
        raise InputError(f"{path}: damaged, or cut short ({one_line(error)[:200]})") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _check_sizes(path: Path, names: Collection[str]) -> None:
    """Go over the elements of the wanted variables without keeping them; InputError, as `read`."""
    with open(path, "rb") as file:
        order = ">" if file.read(128)[126:] == b"MI" else "<"
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            following = file.tell() + length
            if kind == _DEFLATED:
                complaint = _too_much(_Inflated(file, length).read, order, names)
            elif kind == _MATRIX:
                file.seek(-8, 1)
                complaint = _too_much(partial(_passed, file, following), order, names)
            else:
                complaint = ""
            if complaint:
                raise InputError(f"{path}: damaged ({complaint})")
            file.seek(following)


def _too_much(read: Callable[[int], bytes], order: str, names: Collection[str]) -> str:
    """What is wrong with the variable whose bytes ``read`` gives; empty if nothing is.

    Elements are counted one after the other, whatever they say they hold: so does scipy.
    """
    matrices = number = 0
    while len(tag := read(8)) == 8:
        kind, length = struct.unpack(f"{order}II", tag)
        small = kind >> 16  # an element of up to 4 bytes, which are in the tag
        if not small and kind == _MATRIX:
            matrices += 1
            if matrices > _MOST_MATRICES:
                return f"more than {_MOST_MATRICES} arrays in a variable"
            continue
        number += 1
        if not small and length > _MOST_BYTES:
            return f"an array of {length} bytes"
        # The flags and the name of the variable are short; of all else only the length counts.
        content = tag[4:] if small else b""
        left = 0 if small else length + -length % 8
        while left > 0:
            some = read(min(left, 2**20))
            if not some:
                return ""  # cut short: scipy says so
            content = content or some
            left -= len(some)
        if number == 3 and names:  # flags, shape, name
            name = content[: small or length].decode("latin-1")
            if name not in names:
                return ""
    return ""


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
