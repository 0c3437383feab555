"""Generator checkpoints: safetensors files with a card (`wespe_bench.tensors`)."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wespe_bench import atomic, provenance, reading
from wespe_bench import tensors as files
from wespe_bench.errors import MAKE_ROOM, InputError, one_line, short, writing

if TYPE_CHECKING:
    from reference_models.wespe.networks import Generator
    from wespe_bench.training.session import Session

FORMAT_VERSION = 1

#: The file in a training's folder that holds its latest generator.
NAME = "generator.safetensors"


@dataclasses.dataclass(frozen=True)
class Card:
    """The description in a checkpoint's file.

    ``camera`` is the camera whose photos it enhances, empty when unknown. ``sources`` maps the
    names of the files it was converted from to their SHA-256. ``training`` describes one that we
    trained: settings, photos, features, versions, a summary of the curve.
    """

    model: str
    camera: str
    parameters: int
    width: int = 64
    blocks: int = 4
    norm: str = "instance"
    padding: str = "zero"
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
    note: str = ""
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    format_version: int = FORMAT_VERSION


def write(path: Path, tensors: Mapping[str, np.ndarray], card: Card) -> str:
    """Write tensors and card atomically; returns the file's SHA-256."""
    return files.write(path, tensors, dataclasses.asdict(card))


def keep(session: Session, generator: Generator, model: str) -> None:
    """Write a training's generator twice: as the enhancer, and below ``generators/`` to keep.

    Args:
        session: The training, which says what the card records.
        generator: The generator to write.
        model: "WESPE" or "DPED".

    Raises:
        InputError: The disk is full; earlier files are kept.
    """
    training = session.record()
    camera = training["photos"].rpartition(" ")[0]
    for name in (f"generators/{session.iteration:06d}.safetensors", NAME):
        write_trained(session.out / name, generator, model, camera, training)


def write_trained(
    path: Path, generator: Generator, model: str, camera: str, training: Mapping[str, Any]
) -> str:
    """Write a generator, and beside it its card as Markdown.

    Args:
        path: The safetensors file; the card gets the suffix ``.md``.
        generator: The generator.
        model: "WESPE" or "DPED".
        camera: Whose photos it enhances.
        training: How it was trained, JSON-ready.

    Returns:
        The file's SHA-256.

    Raises:
        InputError: The disk is full; an earlier file of that name is kept.
    """
    state = {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in generator.state_dict().items()
    }
    card = Card(
        model,
        camera,
        sum(tensor.size for tensor in state.values()),
        generator.width,
        len(generator.blocks),
        generator.norm,
        generator.padding,
        note="trained by wespe-bench",
        training=training,
    )
    with writing(path, MAKE_ROOM):
        digest = write(path, state, card)
        page = _readable(path, card, digest)
        # A folder's name may not be UTF-8; the page shows "?" instead.
        atomic.write_bytes(path.with_suffix(".md"), page.encode("utf-8", "replace"))
    return digest


def _readable(path: Path, card: Card, digest: str) -> str:
    facts = "\n".join(
        f"| {name} | {json.dumps(value) if isinstance(value, (dict, list)) else value} |"
        for name, value in card.training.items()
        if name not in ("settings", "curve")
    )
    settings = dict(card.training.get("settings", {}))
    settings["iterations"] = card.training.get("iterations")
    verb = card.model.lower()
    presets = import_module(f"reference_models.{verb}.recipe").PRESETS
    command = f"wespe-bench train {verb} {as_options(settings, next(iter(presets.values())))}"
    return f"""# {path.name}

{card.model} generator for {card.camera} photos, {card.note}.

| | |
|---|---|
| parameters | {card.parameters:,} (width {card.width}, blocks {card.blocks}) |
| SHA-256 | `{digest}` |
{facts}

Trained by `{command}`

It changes colours and texture as its target's photos suggest, and it invents: no evidence
should be read from what it makes. Photos of another camera are over-corrected. MODEL_CARD.md
in reference_models/wespe says what else it cannot do. Judge it against tone curves from the same
photos, fitted in seconds: `wespe-bench train tone --source PHOTOS --target PHOTOS`.
"""


def as_options(settings: Mapping[str, Any], defaults: Any = None) -> str:
    """Settings as command line options; those that are off, empty or not set are left out.

    What is off and not off in the verb's ``defaults`` is written as --no-NAME.

    >>> as_options({"lr_disc": 5e-4, "turn": True, "ema": 0.0, "camera": "", "input": "my photos"})
    "--lr-disc 0.0005 --turn --ema 0.0 --input 'my photos'"
    """
    words: list[str] = []
    for name, value in settings.items():
        option = name.replace("_", "-")
        if value is False:
            words += [f"--no-{option}"] * (getattr(defaults, name, False) is not False)
        elif value is not None and value != "":
            words.append(f"--{option}")
            if value is not True:
                words.append(shlex.quote(str(value)))
    return " ".join(words)


def read(path: Path) -> tuple[Generator, Card, str]:
    """Read a generator's checkpoint, without running code from it.

    Returns:
        The generator (evaluation mode, CPU), its card, and the file's SHA-256.

    Raises:
        InputError: The file is missing, not a generator's checkpoint, of a later format, or its
            tensors do not fit its card.
    """
    try:
        data = reading.read_bytes(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    card = _card(path, data)
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from reference_models.wespe.networks import Generator

    try:
        state = load(data)
        # A block has four tensors or more, a channel several bytes: larger counts are wrong.
        if not (_counts(card.blocks, len(state)) and _counts(card.width, len(data))):
            raise ValueError("its card states a larger network than the file holds")
        with torch.device("meta"):  # check shapes before memory is allocated
            generator = Generator(card.width, card.blocks, card.norm, card.padding)
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a generator checkpoint ({one_line(error)[:300]})") from None
    wanted = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
    if odd := files.faults(state, wanted):
        raise InputError(f"{path}: not a generator checkpoint ({odd[0]})")
    files.check_finite(state, path)
    generator.load_state_dict(state, assign=True)
    return generator.eval().requires_grad_(False), card, provenance.sha256_bytes(data)


def _counts(number: object, most: int) -> bool:
    """Whether ``number`` is a count from 0 to ``most``."""
    return type(number) is int and 0 <= number <= most


def _card(path: Path, data: bytes) -> Card:
    try:
        fields: dict[str, Any] = files.card_of(data)
        version = fields.get("format_version")
        if version is None and "paper" in fields:
            raise InputError(f"{path}: weights of {short(fields.get('model'))}, no generator")
        if version != FORMAT_VERSION:
            found = short(version)
            raise InputError(
                f"{path}: checkpoint format {found}, this version reads {FORMAT_VERSION}"
            )
        for name in ("model", "camera", "note"):
            files.text_of({"note": "", **fields}, name, path)
        files.training_of(fields, path)
        known = {field.name for field in dataclasses.fields(Card)}
        return Card(**{key: value for key, value in fields.items() if key in known})
    except InputError:
        raise
    except (ValueError, TypeError, AttributeError):
        raise InputError(
            f"{path}: not a generator checkpoint with a card; "
            "make one with `wespe-bench import dped PREFIX --out FILE`"
        ) from None
