"""The state of a training on disk: one file, written atomically, read without running code."""

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

from wespe_bench import atomic, provenance, reading
from wespe_bench.errors import InputError, one_line

#: Raised when the file's content changes its meaning.
FORMAT_VERSION = 1

NAME = "state.pt"
SETTINGS = "settings.json"

#: Files that only a training writes: a folder with one of them is a training's.
MARKS = (NAME, SETTINGS)

#: What to change when a training of two networks against each other diverges.
REMEDY = "lower --lr or --lr-disc, or set --clip 1"


def settings_of(config: Any, free: Sequence[str], **facts: str) -> dict[str, Any]:
    """Everything that the weights depend on: ``config`` without its ``free`` fields, and facts."""
    fields = dataclasses.asdict(config).items()
    return {name: value for name, value in fields if name not in free} | facts


def write_settings(folder: Path, settings: Mapping[str, Any], config: Any) -> None:
    """Write ``settings.json`` for people: settings, all options, versions and machine."""
    content = {
        "settings": settings,
        "options": dataclasses.asdict(config),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
    }
    atomic.write_text(folder / SETTINGS, json.dumps(content, indent=1, sort_keys=True) + "\n")


def save(
    folder: Path,
    iteration: int,
    settings: Mapping[str, Any],
    parts: Mapping[str, Any],
    remedy: str = REMEDY,
) -> None:
    """Write the state after ``iteration``.

    Args:
        folder: The training's folder.
        iteration: Iterations done.
        settings: What `settings_of` gave.
        parts: By name, everything that has a ``state_dict``: networks, optimisers, watches.
        remedy: What to change when a weight is not finite.

    Raises:
        InputError: A weight is not finite, or the file cannot be written. The state saved before
            is kept.
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
    """`check_finite` of the weights of those ``parts`` that are networks."""
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
    """Stop the training when a value is not finite; its last state stays as it is.

    Raises:
        InputError: One of the ``values`` is not finite. The message ends with ``remedy``.
    """
    if all(bool(torch.isfinite(value).all()) for value in values):
        return
    kept = f"the state saved before is kept in {folder}" if (folder / NAME).is_file() else ""
    raise InputError(
        f"iteration {iteration}: {what} not finite; {kept or 'nothing had been saved'}; "
        f"{remedy}, in another --out"
    )


def restore(folder: Path, settings: Mapping[str, Any], parts: Mapping[str, Any]) -> int:
    """Load the saved state into the ``parts``.

    Returns:
        The iteration after which it was saved; 0 when there is no state.

    Raises:
        InputError: The file is damaged, or belongs to a training with other settings.
    """
    path = folder / NAME
    if not path.is_file():
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's warnings are for the file's author
            saved = torch.load(path, map_location="cpu", weights_only=True)
        version, iteration = saved["format_version"], int(saved["iteration"])
        if iteration < 0:
            raise ValueError(f"iteration {iteration}")
        before: dict[str, Any] = dict(json.loads(saved["settings"]))
        state = dict(saved["state"])
    except Exception as error:  # torch raises anything on a file of another kind
        # torch's own message for such a pickle advises to run the code in it
        code = isinstance(error, pickle.UnpicklingError)
        reason = "it contains objects that are not tensors" if code else one_line(error)[:120]
        raise InputError(
            f"{path}: not a training's state, or damaged ({reason}); "
            "delete it to start again, or choose another --out"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(f"{path}: state format {version!r}, this version reads {FORMAT_VERSION}")
    _check_settings(folder, before, settings)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except Exception as error:  # optimisers accept anything, and fail on it with any exception
        raise InputError(
            f"{path}: does not fit these networks ({one_line(error)[:120]}); choose another --out"
        ) from None
    return iteration


def check_length(folder: Path, done: int, iterations: int) -> None:
    """Raise InputError when the training in ``folder`` has done more than ``iterations``."""
    if done > iterations:
        raise InputError(
            f"{folder}: this training is at iteration {done:,}, past --iterations {iterations:,}; "
            f"earlier generators are in {folder / 'generators'}, or choose another --out"
        )


def check_written_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raise InputError when ``settings.json`` is of a training with other settings.

    For trainings without a state file; one that is missing or damaged is no obstacle.
    """
    try:
        before = reading.read_json(folder / SETTINGS)["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    _check_settings(folder, before, settings)


def _check_settings(folder: Path, before: dict[str, Any], settings: Mapping[str, Any]) -> None:
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
