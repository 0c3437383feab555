"""Tone curves on a photo: `reference_models.tone.match.apply` against Pillow's ``Image.point``.

    python benchmarks/tone.py --csv benchmarks/results/tone.csv

Both give the same pixels, which is checked. Times are the least of several calls, in turn, so that
other work on the machine counts for little; the arrays are made once.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from reference_models.tone import match

SIZES = {0.01: (100, 100), 3: (1536, 2048), 12: (3000, 4000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--csv", type=Path, default=Path("benchmarks/results/tone.csv"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    curves = np.sort(rng.integers(0, 256, (3, 256)), axis=1).astype(np.uint8)
    table = curves.reshape(-1).tolist()
    rows = []
    for megapixels, size in SIZES.items():
        photo = rng.integers(0, 256, (*size, 3), np.uint8)
        ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "tone": lambda image: match.apply(curves, image),
            "Pillow": lambda image: np.asarray(Image.fromarray(image).point(table)),
        }
        assert (ways["tone"](photo) == ways["Pillow"](photo)).all()
        least = dict.fromkeys(ways, float("inf"))
        for _ in range(arguments.repeats):
            for name, way in ways.items():
                begun = time.perf_counter()
                way(photo)
                least[name] = min(least[name], time.perf_counter() - begun)
        row = {"megapixels": megapixels, **{k: f"{v * 1e3:.3g} ms" for k, v in least.items()}}
        rows.append(row | {"ratio": f"{least['Pillow'] / least['tone']:.2f}"})
        print(rows[-1])
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
