"""A training's state on disk: one file, written whole or not at all, read without running code."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch

from wespe_bench import atomic
from wespe_bench.errors import InputError, one_line

#: Raised when the file's content changes its meaning.
FORMAT_VERSION = 1

NAME = "state.pt"


def save(folder: Path, iteration: int, settings: dict[str, Any], state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, texts and containers of them) as of ``iteration``.

    ``settings`` are what the trajectory follows from. Raises InputError when the disk is
    full or not writable; the state saved before is then still there.
    """
    buffer = io.BytesIO()
    torch.save(
        {
            "format_version": FORMAT_VERSION,
            "iteration": iteration,
            "settings": json.dumps(settings, sort_keys=True),
            "state": state,
        },
        buffer,
    )
    try:
        atomic.write_bytes(folder / NAME, buffer.getbuffer())
    except OSError as error:
        kept = " (the one saved before is kept)" if (folder / NAME).is_file() else ""
        raise InputError(
            f"{folder / NAME}: the training's state cannot be written "
            f"({error.strerror or error}){kept}; make room, and the same command resumes"
        ) from None


def load(folder: Path, settings: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """The iteration and the state saved in ``folder``; None when there is none.

    Raises InputError when the file is damaged or of a training with other settings.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        version, iteration = saved["format_version"], int(saved["iteration"])
        before: dict[str, Any] = json.loads(saved["settings"])
        state = saved["state"]
    except Exception as error:  # torch raises anything on a file that is none
        raise InputError(
            f"{path}: not a training's state, or damaged ({one_line(error)[:120]}); "
            "delete it to start anew, or choose another --out"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(f"{path}: state format {version!r}, this version reads {FORMAT_VERSION}")
    now = json.loads(json.dumps(settings))
    other = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if other:
        what = ", ".join(f"{n} (was {before.get(n)!r}, is {now.get(n)!r})" for n in other[:3])
        raise InputError(
            f"{folder} holds a training with other settings: {what}"
            f"{f' and {len(other) - 3} more' if len(other) > 3 else ''}; "
            "choose another --out, or delete it"
        )
    return iteration, state
