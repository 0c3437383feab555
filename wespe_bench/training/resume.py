"""A training's state on disk: one file, written whole or not at all, read without running code."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from wespe_bench import atomic, provenance
from wespe_bench.errors import InputError, one_line

#: Raised when the file's content changes its meaning.
FORMAT_VERSION = 1

NAME = "state.pt"
_TOLD = "settings.json"

#: Files of which each tells that a training made the folder.
MARKS = (NAME, _TOLD)

#: What calms a training of two networks against each other.
REMEDY = "lower --lr or --lr-disc, or set --clip 1"


def settings_of(config: Any, free: Sequence[str], **facts: str) -> dict[str, Any]:
    """What a trajectory follows from: the config without its ``free`` fields, and the facts."""
    fields = dataclasses.asdict(config).items()
    return {name: value for name, value in fields if name not in free} | facts


def announce(folder: Path, settings: Mapping[str, Any], config: Any) -> None:
    """Write ``settings.json``: the settings, every option and the versions, for people."""
    told = {
        "settings": settings,
        "options": dataclasses.asdict(config),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
    }
    atomic.write_text(folder / _TOLD, json.dumps(told, indent=1, sort_keys=True) + "\n")


def save(
    folder: Path,
    iteration: int,
    settings: Mapping[str, Any],
    parts: Mapping[str, Any],
    remedy: str = REMEDY,
) -> None:
    """Write the state of all ``parts`` (each has a ``state_dict``) as of ``iteration``.

    Raises InputError when a weight is not finite, or the disk is full or not writable; the
    state saved before is then still there.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    check_weights(folder, iteration, parts, remedy)
    buffer = io.BytesIO()
    torch.save(
        {
            "format_version": FORMAT_VERSION,
            "iteration": iteration,
            "settings": json.dumps(dict(settings), sort_keys=True),
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


def check_weights(
    folder: Path, iteration: int, parts: Mapping[str, Any], remedy: str = REMEDY
) -> None:
    """As `check_finite`, of the weights of those ``parts`` that are networks."""
    for name, part in parts.items():
        if isinstance(part, torch.nn.Module):
            weights = f"weights of {name}"
            check_finite(folder, iteration, *part.parameters(), what=weights, remedy=remedy)


def check_finite(
    folder: Path,
    iteration: int,
    *values: torch.Tensor,
    what: str = "loss",
    remedy: str = REMEDY,
) -> None:
    """Raise InputError unless all is finite: the training stops, its last state is kept.

    ``remedy`` says which settings calm it.
    """
    if all(bool(torch.isfinite(value).all()) for value in values):
        return
    kept = f"the state saved before is kept in {folder}" if (folder / NAME).is_file() else ""
    raise InputError(
        f"iteration {iteration}: {what} not finite; {kept or 'nothing had been saved'}; "
        f"{remedy}, in another --out"
    )


def restore(folder: Path, settings: Mapping[str, Any], parts: Mapping[str, Any]) -> int:
    """Put the saved state into the ``parts``; the iteration it is of, 0 when there is none.

    Raises InputError when the file is damaged or of a training with other settings.
    """
    path = folder / NAME
    if not path.is_file():
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, to those who write such files
            saved = torch.load(path, map_location="cpu", weights_only=True)
        version, iteration = saved["format_version"], int(saved["iteration"])
        if iteration < 0:
            raise ValueError(f"iteration {iteration}")
        before: dict[str, Any] = dict(json.loads(saved["settings"]))
        state = dict(saved["state"])
    except Exception as error:  # torch raises anything on a file that is none
        # torch's own words for such a pickle advise to run the code in it
        cannot = isinstance(error, pickle.UnpicklingError)
        reason = "no pickle of tensors alone" if cannot else one_line(error)[:120]
        raise InputError(
            f"{path}: not a training's state, or damaged ({reason}); "
            "delete it to start anew, or choose another --out"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(f"{path}: state format {version!r}, this version reads {FORMAT_VERSION}")
    same_settings(folder, before, settings)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except Exception as error:  # optimisers take what they are given, and trip over it
        raise InputError(
            f"{path}: does not fit these networks ({one_line(error)[:120]}); choose another --out"
        ) from None
    return iteration


def check_length(folder: Path, begun: int, iterations: int) -> None:
    """Raise InputError when the training in ``folder`` is past the ``iterations`` asked for."""
    if begun > iterations:
        raise InputError(
            f"{folder}: this training is at iteration {begun:,}, past --iterations {iterations:,}; "
            f"what it made on the way is in {folder / 'generators'}, or choose another --out"
        )


def same_settings(folder: Path, before: dict[str, Any], settings: Mapping[str, Any]) -> None:
    now = json.loads(json.dumps(dict(settings)))
    other = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    strange = sorted(before.keys() ^ now.keys())
    if strange:
        raise InputError(
            f"{folder} holds a training of another network, or by another version: only one of the "
            f"two has {', '.join(strange[:3])}; choose another --out, or delete it"
        )
    if other:
        what = ", ".join(f"{n} (was {before.get(n)!r}, is {now.get(n)!r})" for n in other[:3])
        raise InputError(
            f"{folder} holds a training with other settings: {what}"
            f"{f' and {len(other) - 3} more' if len(other) > 3 else ''}; "
            "choose another --out, or delete it"
        )
