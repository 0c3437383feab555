"""A picture as a pyramid of lossless tiles: what a rater sees at 100% is what is scored."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb, encode_png
from wespe_bench.study import links
from wespe_bench.study.manifest import Level

if TYPE_CHECKING:
    import numpy as np


def levels(width: int, height: int, tile: int) -> tuple[Level, ...]:
    """The sizes of a picture: full, then halved (rounded up) until one tile holds it.

    >>> [(level.width, level.height, level.columns, level.rows) for level in levels(1025, 700, 512)]
    [(1025, 700, 3, 2), (513, 350, 2, 1), (257, 175, 1, 1)]
    """
    found = []
    while True:
        found.append(Level(width, height, math.ceil(width / tile), math.ceil(height / tile)))
        if width <= tile and height <= tile:
            return tuple(found)
        width, height = (width + 1) // 2, (height + 1) // 2


def write(folder: Path, image: np.ndarray, tile: int) -> None:
    """Write uint8 (H, W, 3) as ``folder/<level>/<column>_<row>.png``.

    The folder appears whole or not at all: it is filled under another name, flushed to disk and
    renamed. Smaller levels are means of 2 x 2 pixels.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for place, pixels in _cut(image, tile):
            path = temporary / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                file.write(encode_png(pixels, 6))  # sent to every rater: smaller is faster
                file.flush()
                os.fsync(file.fileno())
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another build of the same study was faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def size(folder: Path, tile: int) -> tuple[int, int]:
    """Width and height of the picture whose tiles `write` left in ``folder``.

    Raises InputError for links among them, and for what `write` did not leave.
    """
    from PIL import Image

    links.check_picture(folder)
    try:
        places = [tuple(map(int, path.stem.split("_"))) for path in (folder / "0").glob("*_*.png")]
        column, row = max(places)
        with Image.open(folder / "0" / f"{column}_{row}.png", formats=["PNG"]) as last:
            return column * tile + last.width, row * tile + last.height
    except Exception:  # Pillow has errors of many kinds for what is no picture
        raise InputError(f"{folder}: damaged tiles; delete it and build again") from None


def remove_leftovers(folder: Path) -> None:
    """Remove what killed builds left half done in a study's ``tiles`` folder."""
    import psutil

    for path in folder.glob(".*.part"):
        pid = path.name.split(".")[-2]
        if not pid.isdecimal() or not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _cut(image: np.ndarray, tile: int) -> Iterator[tuple[str, np.ndarray]]:
    """Every tile's path below the picture's folder, and its pixels."""
    import numpy as np
    from PIL import Image

    check_rgb(image)
    height, width = image.shape[:2]
    for number, level in enumerate(levels(width, height, tile)):
        if number:
            image = np.asarray(Image.fromarray(image).reduce(2))
        for row in range(level.rows):
            for column in range(level.columns):
                top, left = row * tile, column * tile
                part = image[top : top + tile, left : left + tile]
                yield f"{number}/{column}_{row}.png", np.ascontiguousarray(part)
