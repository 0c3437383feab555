"""Photos that say where they are: what a canvas shows can be read off its colours."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TILE = 512
METHODS = ("original", "wespe")


def coded_photo(width: int, height: int, sample: int, method: int) -> np.ndarray:
    """Red grows with x and green with y; blue, the same everywhere, is the sample and method."""
    x = np.linspace(0, 255, width).round().astype(np.uint8)
    y = np.linspace(0, 255, height).round().astype(np.uint8)
    photo = np.empty((height, width, 3), np.uint8)
    photo[..., 0] = x[None, :]
    photo[..., 1] = y[:, None]
    photo[..., 2] = 10 + 16 * sample + 8 * method
    return photo


def read_code(blue: int) -> tuple[int, int]:
    """The (sample, method) of a coded photo."""
    return (blue - 10) // 16, (blue - 10) % 16 // 8


def write_tiles(folder: Path, photo: np.ndarray) -> list[dict[str, int]]:
    """``folder/<level>/<column>_<row>.png``; returns the levels as the manifest has them."""
    levels = []
    while True:
        height, width = photo.shape[:2]
        columns, rows = math.ceil(width / TILE), math.ceil(height / TILE)
        place = folder / str(len(levels))
        place.mkdir(parents=True)
        for row in range(rows):
            for column in range(columns):
                part = photo[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
                image = Image.fromarray(np.ascontiguousarray(part))
                image.save(place / f"{column}_{row}.png", compress_level=1)
        levels.append({"width": width, "height": height, "columns": columns, "rows": rows})
        if columns == rows == 1:
            return levels
        photo = np.asarray(Image.fromarray(photo).reduce(2))


def write_study(folder: Path, pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Tiles under ``folder/tiles`` and the study of these pairs, the first of each the rival's."""
    pictures: dict[str, Any] = {}
    questions = []
    for sample, pair in enumerate(pairs):
        ids = []
        for method, photo in zip(METHODS, pair, strict=True):
            ids.append(f"{len(pictures) * 7919 + 1:016x}")
            levels = write_tiles(folder / "tiles" / ids[-1], photo)
            pictures[ids[-1]] = {"method": method, "sample": str(sample), "levels": levels}
        first, second = ids
        questions.append({"id": f"{sample + 1:016x}", "first": first, "second": second})
    return {
        "title": "Which photo do you prefer?",
        "revision": "5" * 64,
        "tile": TILE,
        "pictures": pictures,
        "questions": questions,
    }
