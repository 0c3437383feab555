"""MATLAB's .mat files (version 5) and the checks that make a wrong one an error of one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench.errors import InputError, one_line
from wespe_bench.reading import check_regular

_POINTER = b"version https://git-lfs.github.com/spec"
_V5 = b"MATLAB 5.0 MAT-file"
_V73 = (b"MATLAB 7.3 MAT-file", b"\x89HDF")


def read(path: Path) -> dict[str, Any]:
    """The variables of a version 5 .mat file by name, as scipy gives them.

    Raises InputError when the file is missing, a large-file pointer, of version 7.3 (HDF5),
    damaged or something else.
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
        found = loadmat(path)
    except Exception as error:  # scipy raises nearly anything on damaged files
        raise InputError(f"{path}: damaged, or cut short ({one_line(error)[:200]})") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


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

    Sparse matrices are filled. Raises InputError on another shape, on what is no real
    numbers, and on values that are not finite.
    """
    if hasattr(value, "toarray"):
        value = value.toarray()
    wanted = "x".join("n" if length is None else str(length) for length in shape)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} is not a matrix of real numbers, expected {wanted}")
    fits = value.ndim == 2 and all(
        found >= 1 if length is None else found == length
        for found, length in zip(value.shape, shape, strict=True)
    )
    if not fits:
        found = "x".join(map(str, value.shape))
        raise InputError(f"{path}: {name} is {found}, expected {wanted}")
    result = value.astype(np.float64)
    if not np.isfinite(result).all():
        raise InputError(f"{path}: {name} holds values that are not finite")
    return result


def number(value: Any, name: str, path: Path) -> float:
    """The one number of a 1x1 matrix; InputError on anything else."""
    return float(matrix(value, (1, 1), name, path)[0, 0])
