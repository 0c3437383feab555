"""The photos that our Flickr serves: real ones that scikit-image brings, degraded by strength."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageFilter
from skimage import data

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


@functools.cache
def _base(kind: int, strength: int, size: tuple[int, int]) -> bytes:
    """JPEG of a packaged photo at ``size``; strength 0 (as it is) to 4 (blurred and noisy)."""
    image = Image.fromarray(getattr(data, NAMES[kind])())
    wide, high = size
    shape = min(image.width / wide, image.height / high)
    cut = image.crop((0, 0, int(wide * shape), int(high * shape)))
    if strength:
        cut = cut.filter(ImageFilter.GaussianBlur(strength / 2))
        rng = np.random.default_rng(strength)
        noise = rng.normal(0, 4 * strength, (cut.height, cut.width, 1))
        cut = Image.fromarray(np.clip(np.asarray(cut) + noise, 0, 255).astype(np.uint8))
    cut = cut.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    cut.save(buffer, format="JPEG", quality=70)
    return buffer.getvalue()


def jpeg(id_: str, kind: int, strength: int, size: tuple[int, int]) -> bytes:
    """A file of its own for each id: the same pixels behind a comment that says whose they are."""
    data = _base(kind % len(NAMES), strength, size)
    note = f"photo {id_}".encode()
    return data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]


@functools.cache
def placeholder() -> bytes:
    """What comes for a photo that is gone."""
    buffer = io.BytesIO()
    Image.new("RGB", (500, 375), (230, 230, 230)).save(buffer, format="PNG")
    return buffer.getvalue()
