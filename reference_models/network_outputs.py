"""What a network from a file gives back: which of its outputs counts, and whether its numbers fit.

A wrong range passes for a picture: 0..1 read as 0..255 is black, 0..1 read as -1..1 is pale.
`misfit` compares the numbers with the photo's and names the setting that would fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wespe_bench.errors import InputError

#: range -> (scale, offset) from [0, 1]
RANGES = {"0..1": (1.0, 0.0), "0..255": (255.0, 0.0), "-1..1": (2.0, -1.0)}

# On [0, 1]: half an 8-bit level, and the contrast from which a photo is not flat itself.
_FLAT, _CONTRAST = 0.5 / 255, 4 / 255
# Shares of values: nearly all, and too many to be the photo's own.
_NEARLY_ALL, _MANY = 0.95, 0.2

Shape = Sequence[int | str | None]


def flatten(outputs: Any, name: str = "") -> dict[str, Any]:
    """Tensors in tuples, lists and dicts by name: keys and indices, joined by dots.

    >>> flatten({"a": 1, "b": (2, [3])})
    {'a': 1, 'b.0': 2, 'b.1.0': 3}
    """
    if isinstance(outputs, Mapping):
        items = [(str(key), value) for key, value in outputs.items()]
    elif isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        items = list(zip(outputs._fields, outputs, strict=True))
    elif isinstance(outputs, (tuple, list)):
        items = [(str(index), value) for index, value in enumerate(outputs)]
    else:
        return {} if outputs is None else {name or "0": outputs}
    found: dict[str, Any] = {}
    for key, value in items:
        found |= flatten(value, f"{name}.{key}" if name else key)
    return found


def choose(file: str, outputs: Mapping[str, Shape], wanted: str) -> str:
    """The name of the output that counts: ``wanted`` by name or number, or the only one.

    Raises InputError that lists them when there are several and none is wanted, and when the
    wanted one is not there.
    """
    names = list(outputs)
    if wanted in outputs:
        return wanted
    if wanted.isdecimal() and int(wanted) < len(names):
        return names[int(wanted)]
    if not names:
        raise InputError(f"{file} gives no tensor")
    if len(names) == 1 and not wanted:
        return names[0]
    listed = ", ".join(
        (f"{index} " if name == str(index) else f"{index} {name!r} ") + _size(outputs[name])
        for index, name in enumerate(names)
    )
    if wanted:
        raise InputError(f"{file} has no output {wanted!r}; its outputs: {listed}")
    raise InputError(
        f"{file} has {len(names)} outputs: {listed}; choose one with output=NUMBER or output=NAME"
    )


def _size(shape: Shape) -> str:
    # Exporters give sides that they work out names like "Add72_dim_2".
    known = (isinstance(side, int) or (side or "?").isalpha() for side in shape)
    sides = (str(side) if k and side else "?" for side, k in zip(shape, known, strict=True))
    return f"({'x'.join(sides)})"


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is suspicious about a result, and the range that would explain it, if one would.

    ``useless`` says that next to nothing of the photo is left. The text holds no number of this
    photo, so that those of many photos are alike.
    """

    text: str
    likely: str
    useless: bool


def misfit(image: np.ndarray, result: np.ndarray, declared: str) -> Misfit | None:
    """Compare a result with its photo; None where nothing is suspicious.

    ``image`` is uint8 (H, W, 3), ``result`` float of that shape, on [0, 1] if the network's
    output was in the ``declared`` range. Of a large photo about 500 x 500 pixels are looked at.
    """
    step = max(1, min(image.shape[:2]) // 500)
    image, result = image[::step, ::step], result[::step, ::step]
    scale, offset = RANGES[declared]
    likely = _likely(result.min() * scale + offset, result.max() * scale + offset)
    likely = "" if likely == declared else likely
    photo = image.astype(np.float32) / 255
    outside = float(np.mean((result < -_FLAT) | (result > 1 + _FLAT)))
    ends = float(np.mean((image == 0) | (image == 255)))
    if photo.std() > _CONTRAST and result.std() < _FLAT:
        return Misfit("gives a nearly constant picture for a photo that is none", likely, True)
    if outside > _NEARLY_ALL and ends < 0.5:
        return Misfit("gives a picture of which nearly everything is clipped", likely, True)
    if declared == "-1..1" and likely == "0..1" and np.mean(photo < 0.4) > _MANY / 2:
        return Misfit("never gives less than the middle of -1..1", likely, False)
    if likely == "-1..1" and np.mean(result < -_FLAT) > _MANY and np.mean(image == 0) < _MANY / 2:
        text = f"gives many numbers below {declared.partition('..')[0]}"
        return Misfit(text, likely, False)
    return None


def _likely(low: float, high: float) -> str:
    """The range that numbers from ``low`` to ``high`` are probably in; empty if unclear."""
    if 4 < high < 320 and low > -64:
        return "0..255"
    if -1.5 < low < -0.15 and high < 1.5:
        return "-1..1"
    return "0..1" if low >= -0.15 and high < 1.5 else ""
