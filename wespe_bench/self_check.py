"""Whether photos are still read and written right after other people's code has run in a process.

Code that replaces functions of Pillow or NumPy, or registers decoders of its own, changes them for
its whole process, and so for the photos that we decode there.
"""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image

from wespe_bench import images
from wespe_bench.decoders import profiles
from wespe_bench.errors import InputError


@functools.cache
def first_answers() -> tuple[bytes, ...]:
    """`answers` at the first call in this process, which comes before other people's code."""
    return answers()


def answers() -> tuple[bytes, ...]:
    """What our decoders, quantiser and encoder make of small photos."""
    pixels, files = _photos()
    deep = pixels[..., 0].astype(np.uint16) * 256 + 77
    return (
        *(images.read_rgb(file).tobytes() for file in files),
        profiles.deep_to_rgb(deep, 65535, b"").tobytes(),
        images.quantize(pixels / 301 - 0.01).tobytes(),
        images.encode_png(pixels),
    )


def check(name: str) -> None:
    """Raise InputError unless the answers are still the first ones, now that ``name`` is here."""
    try:
        same = answers() == first_answers()
    except Exception:
        same = False
    if not same:
        raise InputError(
            f"{name} replaces functions of Pillow or NumPy (or decoders), and photos are no longer "
            "read right in its process; give it functions of its own instead"
        )


@functools.cache
def _photos() -> tuple[np.ndarray, list[bytes]]:
    y, x = np.mgrid[0:16, 0:24]
    pixels = np.stack([x * 10, y * 15, (x + y) * 6], -1).astype(np.uint8)
    files = []
    for kind in ("JPEG", "PNG"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        files.append(buffer.getvalue())
    return pixels, files
