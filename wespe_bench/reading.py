"""Reading files that somebody else wrote, whole: regular ones only, and text that is data.

A pipe or a device under a file's name would be waited for, or read, for ever. JSON and TOML
nested a hundred thousand deep are errors of the file, and so a ValueError like any other.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from wespe_bench import paths
from wespe_bench.errors import InputError


def check_regular(path: Path | str) -> None:
    """Raise OSError ("not a regular file") for a pipe, a device or a socket, and as stat does."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder, reading says so itself
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_bytes(path: Path | str) -> bytes:
    """The bytes of a regular file, or of an object in a store. Raises OSError."""
    path = paths.to_path(path)
    if paths.is_remote(path):
        return paths.read_bytes(path)
    check_regular(path)
    return path.read_bytes()


def wanted_bytes(path: Path | str, *, name: str = "", missing: str = "") -> bytes:
    """As `read_bytes`, of a file the user names: raises InputError where it cannot be read.

    ``name`` stands for the path in the line; ``missing`` is the whole line for no such file.
    """
    name = name or str(path)
    try:
        return read_bytes(path)
    except FileNotFoundError:
        raise InputError(missing or f"{name}: no such file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None


def wanted_text(path: Path, *, missing: str = "", strange: str = "not a text file in UTF-8") -> str:
    """As `wanted_bytes`, decoded from UTF-8 with or without a byte order mark.

    ``strange`` is what the line says of other bytes.
    """
    try:
        return wanted_bytes(path, missing=missing).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: {strange}") from None


def read_json(path: Path) -> Any:
    """What a JSON file says, in UTF-8 with or without a byte order mark.

    Raises OSError, and ValueError where it is no JSON.
    """
    return parse_json(read_bytes(path).decode("utf-8-sig"))


def parse_json(text: str | bytes) -> Any:
    """What JSON says. Raises ValueError where it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says. Raises OSError, and ValueError where it is no TOML."""
    text = read_bytes(path).decode("utf-8-sig")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def layout_number(value: Any) -> int:
    """A format's number as a file states it: a whole number from 1. Raises ValueError.

    >>> layout_number(1)
    1
    """
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is no layout number")
    return value
