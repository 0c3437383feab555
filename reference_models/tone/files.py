"""Tone files: the curves of `reference_models.tone.match` as safetensors, with a card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reference_models.checkpoints import as_options
from reference_models.tone.match import MODELS
from wespe_bench import atomic, provenance, reading, tensors
from wespe_bench.errors import InputError, short

FORMAT_VERSION = 1

#: The file in a fit's folder.
NAME = "tone.safetensors"


@dataclasses.dataclass(frozen=True)
class Card:
    """The description in a tone file.

    ``model`` is "tone " and one of `match.MODELS`, ``camera`` the photos it was fitted for.
    ``training`` says of what it was fitted: photos, targets, what was counted, settings, versions.
    """

    model: str
    camera: str
    note: str
    training: Mapping[str, Any]
    format_version: int = FORMAT_VERSION


def write(path: Path, curves: np.ndarray, card: Card) -> str:
    """Write the curves, uint8 (3, 256), and beside them the card as Markdown.

    Args:
        path: The safetensors file; the page gets the suffix ``.md``.
        curves: As `match.fit` gives them.
        card: Their description.

    Returns:
        The file's SHA-256.

    Raises:
        OSError: They cannot be written.
    """
    digest = tensors.write(path, {"curves": curves}, dataclasses.asdict(card))
    # A folder's name may not be UTF-8; the page shows "?" instead.
    page = _page(path.name, card, digest).encode("utf-8", "replace")
    atomic.write_bytes(path.with_suffix(".md"), page)
    return digest


def _page(name: str, card: Card, digest: str) -> str:
    facts = "\n".join(
        f"| {name} | {json.dumps(value) if isinstance(value, (dict, list)) else value} |"
        for name, value in card.training.items()
        if name != "settings"
    )
    return f"""# {name}

Unpaired global tone matching ({card.model.removeprefix("tone ")}) for {card.camera} photos, \
{card.note}.

| | |
|---|---|
| curves | one of 256 values for each channel, fitted over all pixels of all photos |
| SHA-256 | `{digest}` |
{facts}

Fitted by `wespe-bench train tone {as_options(card.training["settings"])}`

It is the baseline of WESPE: what learns from the same photos has to be better than these three
curves. They change colours and brightness alike all over the photo, and nothing else.
"""


def read(path: Path) -> tuple[np.ndarray, Card, str]:
    """Read a tone file, without running code from it.

    Returns:
        The curves, uint8 (3, 256), the card, and the file's SHA-256.

    Raises:
        InputError: The file is missing, damaged, of a later format, or another method's.
    """
    data = reading.wanted_bytes(path)
    card = _card(path, data)
    arrays = tensors.load(path, data)
    odd = tensors.faults(arrays, {"curves": (3, 256)})
    if odd or arrays["curves"].dtype != np.uint8:
        raise InputError(f"{path}: {odd[0] if odd else 'curves is not uint8'}; the file is damaged")
    curves = arrays["curves"]
    return curves, card, provenance.sha256_bytes(data)


def _card(path: Path, data: bytes) -> Card:
    remedy = "make one with `wespe-bench train tone --source PHOTOS --target PHOTOS`"
    try:
        fields: dict[str, Any] = tensors.card_of(data)
        model, version = str(fields.get("model")), fields.get("format_version")
    except (ValueError, TypeError, AttributeError):
        raise InputError(f"{path}: not a tone file, or cut short; {remedy}") from None
    if model in ("WESPE", "DPED"):
        raise InputError(
            f"{path}: a {model} generator, not a tone file; use {model.lower()}:{path}"
        )
    if model not in {f"tone {name}" for name in MODELS}:
        raise InputError(f"{path}: not a tone file; {remedy}")
    if version != FORMAT_VERSION:
        found = short(version)
        raise InputError(f"{path}: tone format {found}, this version reads {FORMAT_VERSION}")
    camera, note = (tensors.text_of(fields, name, path) for name in ("camera", "note"))
    return Card(model, camera, note, tensors.training_of(fields, path))
