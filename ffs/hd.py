"""HD preparation: how a photo is brought to one size before it is rated, in training and after.

The WESPE paper says "cropped and resized to HD-resolution" and no more. Our reading: the largest
central window of 16:9, of portrait photos too, then Lanczos resampling to 1280x720 (1920x1080
would enlarge the smallest photos that the paper allows).
"""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb

#: Width and height in pixels.
HD = (1280, 720)


def window(width: int, height: int, size: tuple[int, int] = HD) -> tuple[int, int, int, int]:
    """The largest central window with the proportions of ``size``: left, top, right, bottom.

    Whole pixels; an odd rest goes to the right and to the bottom.

    >>> window(1600, 1200), window(1200, 1600), window(1280, 720)
    ((0, 150, 1600, 1050), (0, 462, 1200, 1137), (0, 0, 1280, 720))
    """
    wide, high = size
    if width * high > height * wide:
        inner, outer = max(1, round(height * wide / high)), height
    else:
        inner, outer = width, max(1, round(width * high / wide))
    left, top = (width - inner) // 2, (height - outer) // 2
    return left, top, left + inner, top + outer


def prepare(image: np.ndarray, size: tuple[int, int] = HD) -> np.ndarray:
    """uint8 sRGB (H, W, 3) -> uint8 (size[1], size[0], 3): central crop, then Lanczos.

    A photo of that size comes back unchanged, to the bit. Smaller ones are enlarged. Raises
    ValueError unless ``image`` is uint8 (H, W, 3).

    >>> prepare(np.zeros((1200, 1600, 3), np.uint8)).shape
    (720, 1280, 3)
    """
    check_rgb(image)
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    left, top, right, bottom = window(width, height, size)
    cropped = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    return np.array(cropped.resize(size, Image.Resampling.LANCZOS))


def enlarges(width: int, height: int, size: tuple[int, int] = HD) -> bool:
    """Whether `prepare` has to invent pixels.

    >>> enlarges(1600, 1200), enlarges(1067, 1600)
    (False, True)
    """
    left, top, right, bottom = window(width, height, size)
    return right - left < size[0] or bottom - top < size[1]


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of "1280x720". Raises InputError, also below 224x224, a rater's patch.

    >>> parse_size("1280x720")
    (1280, 720)
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 224 <= min(size) <= max(size) <= 16384:
        raise InputError(f"--size {text!r}: expected WIDTHxHEIGHT of 224 to 16384, as 1280x720")
    return size
