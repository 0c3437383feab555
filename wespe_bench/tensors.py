"""Tensors in a safetensors file that carries its own card: written whole, read without torch.

Other people's, in PyTorch files, are read here too: no code of such a file is run.

The card is one JSON text under the metadata key ``card``. One key, because safetensors
writes several in random order and the same numbers would then hash differently each time.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import atomic, provenance
from wespe_bench.errors import InputError, one_line, short
from wespe_bench.reading import parse_json

# Most bytes of a file of torch's over its own size: torch compresses its code, not its weights.
_MOST_RATIO = 50
#: A tensor's shape; a letter stands for any one length of at least 1, "2K" for twice K.
Shape = tuple[int | str, ...]

# Characters of a card's texts that tables show.
_LONGEST = 500


def write(path: Path, tensors: Mapping[str, np.ndarray], card: Any) -> str:
    """Write the tensors and their card, which JSON has to know, atomically; the SHA-256.

    Raises OSError when the file cannot be written.
    """
    from safetensors.numpy import save

    data = save(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        metadata={"card": json.dumps(card, sort_keys=True)},
    )
    atomic.write_bytes(path, data)
    return provenance.sha256_bytes(data)


def card_of(data: bytes) -> Any:
    """The card in a file's bytes: 8 bytes of length, then JSON. ValueError where there is none."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError("the header is cut short")
    try:
        return parse_json(parse_json(data[8 : 8 + length])["__metadata__"]["card"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no card ({error})") from None


def read_torch(file: Path, what: str) -> dict[Any, Any]:
    """The named tensors of a file that torch.save wrote; no code of it is run.

    Raises InputError, in which ``what`` says what the file should be ("weights of Zero-DCE").
    """
    import torch

    try:
        check_inflation(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, to those who write such files
            state = torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except MemoryError:
        raise
    except pickle.UnpicklingError:  # its message advises to run the code
        raise InputError(
            f"{file}: not {what}: no tensors, or with Python objects among them, which could run "
            "code; save a state dict"
        ) from None
    except Exception as error:  # torch raises anything on a file that is none
        raise InputError(f"{file}: not {what} ({_first_sentence(error)})") from None
    if not isinstance(state, dict):
        raise InputError(f"{file}: holds a {type(state).__name__}, not named tensors")
    parallel = "module."  # before each name of a network that was saved inside DataParallel
    if all(str(name).startswith(parallel) for name in state):
        return {str(name).removeprefix(parallel): value for name, value in state.items()}
    return state


def _first_sentence(error: Exception) -> str:
    return one_line(error).partition(". ")[0][:120]


def check_inflation(file: Path) -> list[str]:
    """What an archive of torch's holds; nothing for a file of its older form.

    Raises InputError for one that would inflate without measure.
    """
    if not zipfile.is_zipfile(file):
        return []
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if sum(member.file_size for member in members) > _MOST_RATIO * file.stat().st_size:
        raise InputError(f"{file}: would inflate to more than {_MOST_RATIO} times its size")
    return [member.filename for member in members]


def text_of(card: Mapping[str, Any], key: str, path: Path) -> str:
    """A text of the card, one line fit for a table. Raises InputError where there is none."""
    text = card.get(key)
    if not isinstance(text, str):
        raise InputError(f"{path}: its card does not state {key!r}; the file is damaged")
    if len(text) > _LONGEST or not text.isprintable():
        raise InputError(
            f"{path}: metadata field {key!r} must be one line of at most {_LONGEST} characters; "
            "the file is damaged"
        )
    return text


def training_of(card: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """How a model was made, as its card says. Raises InputError for facts that fit no table.

    Those that a run records are checked: texts and a count of iterations.
    """
    training = card.get("training", {})
    if not isinstance(training, dict):
        raise InputError(f"{path}: its card's training is no object; the file is damaged")
    for key in ("photos", "targets", "features"):
        value = training.get(key, "")
        # No `text_of`: the name of a folder of photos may hold any character.
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise InputError(
                f"{path}: metadata field {key!r} must be a text of at most {_LONGEST} characters; "
                "the file is damaged"
            )
    count = training.get("iterations", 0)
    if type(count) is not int or not 0 <= count < 10**12:
        raise InputError(
            f"{path}: {short(count)} is not a count of iterations; the file is damaged"
        )
    return training


def faults(found: Mapping[str, Any], wanted: Mapping[str, Shape]) -> list[str]:
    """What is wrong with tensors, arrays or torch's: the missing, the misshapen, the surplus.

    >>> wanted = {"a": ("K", 49), "b": ("2K",)}
    >>> faults({"a": np.zeros((5, 49)), "b": np.zeros(10)}, wanted)
    []
    >>> faults({"b": np.zeros((3, 1)), "c": np.zeros(2)}, wanted)
    ['a is missing', 'b is (3, 1), not (2K,)', "'c' is none of its tensors"]
    """
    lengths: dict[str, int] = {}
    odd = [f"{name} is missing" for name in wanted if name not in found]
    for name, shape in wanted.items():
        if name in found and not _fits(has := tuple(found[name].shape), shape, lengths):
            odd.append(f"{name} is {has}, not {shape}".replace("'", ""))
    return odd + [f"{short(name)} is none of its tensors" for name in found if name not in wanted]


def _fits(found: tuple[int, ...], shape: Shape, lengths: dict[str, int]) -> bool:
    """Whether a shape is as described; letters get their lengths on the way."""
    if len(found) != len(shape):
        return False
    for length, wanted in zip(found, shape, strict=True):
        if isinstance(wanted, str):
            factor = 2 if wanted.startswith("2") else 1
            wanted = factor * lengths.setdefault(wanted[-1], length // factor)
        if length != wanted or not length:
            return False
    return True


def check_finite(found: Mapping[str, Any], path: Path) -> None:
    """Raise InputError for a tensor, an array or torch's, that is not float32 or not finite."""
    for name, tensor in found.items():
        is_float32 = str(tensor.dtype).endswith("float32")
        if not (is_float32 and np.isfinite(np.asarray(tensor)).all()):
            raise InputError(f"{path}: {name} is not finite float32; the file is damaged")


def load(path: Path, data: bytes) -> dict[str, np.ndarray]:
    """The arrays in a file's bytes. Raises InputError where they are damaged or not NumPy's."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(data))
    except KeyError as error:
        raise InputError(
            f"{path}: its numbers are of type {short(error.args[0])}, which cannot be read here"
        ) from None
    except (SafetensorError, ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({one_line(error)[:200]})") from None
