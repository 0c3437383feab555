"""Files of fitted metrics (`wespe_bench.tensors`), and where an imported one is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import provenance, reading
from wespe_bench import tensors as files
from wespe_bench.errors import InputError, short

FORMAT_VERSION = 1


def models_folder() -> Path:
    """Where imported models are kept, found from every folder: ``$WESPE_DATA/models`` if set.

    Else ``wespe-bench/models`` below ``$XDG_DATA_HOME`` or ``~/.local/share``; ``data/models`` for
    a user without a home.
    """
    return _folders()[0]


def _folders() -> list[Path]:
    """Where models are looked for. Earlier versions kept them below the current folder."""
    here = provenance.data_folder() / "models"
    if os.environ.get("WESPE_DATA"):
        return [here]
    try:
        shared = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:
        return [here]
    return [shared / "wespe-bench" / "models", here]


def imported(name: str) -> Path:
    """The imported model of a file name where there is one, else where it would be kept."""
    found = (folder / name for folder in _folders())
    return next((path for path in found if path.is_file()), models_folder() / name)


def looked_in(name: str) -> str:
    """The places where `imported` looks, for a message."""
    return " or ".join(str(folder.absolute() / name) for folder in _folders())


def write(path: Path, kind: str, tensors: Mapping[str, np.ndarray], card: Mapping[str, Any]) -> str:
    """Write tensors and card atomically; the SHA-256 of the file.

    ``kind`` ("cornia", "hosa") is noted in the card, for `read` to insist on. Raises
    InputError when ``path`` does not end in .safetensors.
    """
    check_name(path)
    return files.write(path, tensors, {"kind": kind, "format_version": FORMAT_VERSION, **card})


def check_name(path: Path) -> None:
    """Raise InputError unless ``path`` ends in .safetensors and is no folder."""
    if path.is_dir():
        raise InputError(f"--out {path}: is a folder, expected a file to write")
    if path.suffix != ".safetensors":
        raise InputError(f"--out {path}: expected a name that ends in .safetensors")


def read(
    path: Path, kind: str, shapes: Mapping[str, files.Shape]
) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """The tensors as float64, the card, and the SHA-256 of the file.

    ``shapes`` names every tensor with its shape. Raises InputError when the file is missing,
    no model of this kind, of a later format, or holds other, misshapen or non-finite tensors.
    """
    data = reading.wanted_bytes(path)
    card = _card(path, kind, data)
    stored = files.load(path, data)
    if odd := files.faults(stored, shapes):
        raise InputError(f"{path}: {odd[0]}; not a {kind} model, or damaged")
    tensors = {}
    for name in shapes:
        tensor = stored[name].astype(np.float64)
        if not np.isfinite(tensor).all():
            raise InputError(f"{path}: {name} holds values that are not finite; it is damaged")
        tensor.setflags(write=False)
        tensors[name] = tensor
    return tensors, card, provenance.sha256_bytes(data)


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file, to tell whether what was read of it still holds."""
    try:
        status = path.stat()
    except OSError:  # `read` says what is wrong with it
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def _card(path: Path, kind: str, data: bytes) -> dict[str, Any]:
    try:
        card = files.card_of(data)
        found, version = card["kind"], card["format_version"]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: not a {kind} model with a card; make one with `wespe-bench import {kind}`"
            + (" or `wespe-bench cornia fit`" if kind == "cornia" else "")
        ) from None
    if found != kind:
        raise InputError(f"{path}: a model of {short(found)}, not of {kind!r}")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: model format {short(version)}, this version reads {FORMAT_VERSION}"
        )
    return dict(card)
