"""Which pixels of a photo the rater sees: the same way in training and in scoring.

Photos are brought to HD first (`prepare_hd`). Training takes one random 224 x 224 patch of each,
scoring five crops that follow from the photo's id: one id, one set of crops, whatever an
enhancer made of the photo.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
from PIL import Image

from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb
from wespe_bench.metrics.patches import choose

#: Width and height in pixels.
HD = (1280, 720)

#: Side of what the network sees, in pixels; the longest side that a size may have.
SIDE, LONGEST = 224, 16384

#: Changes when the same photo, id and seed would give other crops.
VERSION = 1

#: Crops of a scored photo.
CROPS = 5

# Corners among which the crops are chosen: enough for five that do not touch on HD.
_CANDIDATES = 256

#: The top left corner of a crop or patch, in pixels of the prepared photo.
Corner = tuple[int, int]


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


def prepare_hd(image: np.ndarray, size: tuple[int, int] = HD) -> np.ndarray:
    """uint8 sRGB (H, W, 3) -> uint8 (size[1], size[0], 3): central crop, then Lanczos.

    A photo of that size comes back unchanged, to the bit. Smaller ones are enlarged. Raises
    ValueError unless ``image`` is uint8 (H, W, 3).

    >>> prepare_hd(np.zeros((1200, 1600, 3), np.uint8)).shape
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
    """Whether `prepare_hd` has to invent pixels.

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
    if not SIDE <= min(size) <= max(size) <= LONGEST:
        raise InputError(
            f"--size {text!r}: expected WIDTHxHEIGHT, sides of {SIDE} to {LONGEST}, as 1280x720"
        )
    return size


def size_of(preparation: str) -> tuple[int, int] | None:
    """Width and height that a preparation brings photos to; None for "native".

    Raises InputError for what is none.

    >>> size_of("hd"), size_of("1920x1080")
    ((1280, 720), (1920, 1080))
    """
    if preparation == "native":
        return None
    if preparation == "hd":
        return HD
    try:
        return parse_size(preparation)
    except InputError:
        raise InputError(
            f"--prep {preparation}: expected hd, native or WIDTHxHEIGHT, sides of {SIDE} to "
            f"{LONGEST}, as 1280x720"
        ) from None


def prepare(image: np.ndarray, preparation: str = "hd") -> np.ndarray:
    """uint8 (H, W, 3) as the network's crops are taken from it.

    "hd", or another size: cropped and resized to it by `prepare_hd`. "native": unchanged.
    Raises ValueError on another dtype or shape, and on a "native" photo with a side below 224.

    >>> prepare(np.zeros((512, 1392, 3), np.uint8)).shape
    (720, 1280, 3)
    """
    check_rgb(image)
    size = size_of(preparation)
    if size is not None:
        return prepare_hd(image, size)
    height, width = image.shape[:2]
    if min(height, width) < SIDE:
        raise ValueError(
            f"image is {width}x{height}; the rater's crops need {SIDE} pixels on each side"
        )
    return image


def corners(height: int, width: int, sample_id: str, seed: int = 0) -> tuple[Corner, ...]:
    """The five crops of a prepared photo of this size and id, as (top, left) each.

    All differ, and none overlap where there is room; where there is not, those that do lie as
    far apart as the candidates allow. A photo with fewer than five positions has that many.

    >>> corners(720, 1280, "iphone/0042")
    ((242, 918), (369, 91), (38, 365), (438, 517), (13, 140))
    """
    rows, columns = height - SIDE + 1, width - SIDE + 1
    key = hashlib.sha256(f"ffs crops {VERSION} {seed} {sample_id}".encode("utf-8", "replace"))
    places = choose(rows * columns, _CANDIDATES, key.digest())
    candidates = [(int(place) // columns, int(place) % columns) for place in places]
    chosen: list[Corner] = []
    for corner in candidates:
        if len(chosen) < CROPS and all(_distance(corner, other) >= SIDE for other in chosen):
            chosen.append(corner)
    while len(chosen) < min(CROPS, len(candidates)):
        free = [corner for corner in candidates if corner not in chosen]
        chosen.append(max(free, key=lambda c: min(_distance(c, other) for other in chosen)))
    return tuple(chosen)


def _distance(a: Corner, b: Corner) -> int:
    """Two crops overlap when this is below their side."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def patch(
    height: int, width: int, photo: str, seed: int, number: int, flip: bool
) -> tuple[Corner, bool]:
    """The ``number``-th random training patch of a prepared photo: corner, and mirrored or not.

    It follows from the arguments alone, so a resumed training draws what a calm one does.
    """
    key = hashlib.sha256(
        f"ffs patch {VERSION} {seed} {number} {photo}".encode("utf-8", "replace")
    ).digest()
    top, left, coin = (int.from_bytes(key[i : i + 8], "big") for i in (0, 8, 16))
    corner = (top % (height - SIDE + 1), left % (width - SIDE + 1))
    return corner, flip and bool(coin & 1)


def cut(image: np.ndarray, corner: Corner, mirrored: bool = False) -> np.ndarray:
    """The uint8 (224, 224, 3) crop of a prepared photo at ``corner``."""
    top, left = corner
    piece = image[top : top + SIDE, left : left + SIDE]
    return piece[:, ::-1] if mirrored else piece
