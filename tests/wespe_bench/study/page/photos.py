"""Photos that say where they are: what a canvas shows can be read off its colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wespe_bench.images import write_png
from wespe_bench.provenance import sha256_bytes
from wespe_bench.study.build import build
from wespe_bench.study.manifest import Study
from wespe_bench.study.sampling import Pair, Source

METHODS = ("original", "wespe")
TITLE = "Which photo do you prefer?"


def coded_photo(width: int, height: int, sample: int, method: int) -> np.ndarray:
    """Red grows with x and green with y; blue, the same everywhere, is the sample and method."""
    photo = np.empty((height, width, 3), np.uint8)
    photo[..., 0] = np.linspace(0, 255, width).round()[None, :]
    photo[..., 1] = np.linspace(0, 255, height).round()[:, None]
    photo[..., 2] = 10 + 16 * sample + 8 * method
    return photo


def read_code(blue: int) -> tuple[int, int]:
    """The (sample, method) of a coded photo."""
    return (blue - 10) // 16, (blue - 10) % 16 // 8


def build_study(root: Path, sizes: list[tuple[int, int]]) -> tuple[Path, Study]:
    """A study in ``root/study`` of one pair for each (width, height).

    There are colours for 15 samples; more pairs take them in turn.
    """
    pairs = []
    for number, size in enumerate(sizes):
        sources = []
        for at, method in enumerate(METHODS):
            path = root / "pictures" / f"{number}-{method}.png"
            data = write_png(path, coded_photo(*size, number % 15, at))
            sources.append(Source("coded", f"{number:02d}", method, path, sha256_bytes(data)))
        pairs.append(Pair(*sources, check=None))
    return root / "study", build(pairs, root / "study", seed=3, title=TITLE)
