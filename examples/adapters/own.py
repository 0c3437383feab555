"""An enhancer in Python with all that the harness looks for; only ``__call__`` is needed.

wespe-bench run --enhancers Own=examples/adapters/own.py:Brighter --input photos/
"""

from __future__ import annotations

import warnings

import numpy as np

from wespe_bench import Dataset


class Brighter:
    """A gamma curve; a class is called without arguments once in each worker process."""

    def __init__(self) -> None:
        self.gamma = 0.8  # a network's weights would be loaded here

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3), sRGB, to the same shape: uint8, or floats on [0, 1]."""
        return (image / 255) ** self.gamma

    def batch(self, images: np.ndarray) -> np.ndarray:
        """Photos of one size at once, uint8 (N, H, W, 3); without it they come one by one."""
        return (images / 255) ** self.gamma

    @property
    def about(self) -> dict[str, object]:
        """What run.json, tables and cards keep of it; anything that JSON knows."""
        note = f"gamma {self.gamma}"
        # Multiply-adds are those for 1000x1000 pixels; `wespe-bench time` counts a network's.
        return {"model": "Brighter", "parameters": 1, "multiply_adds": 0, "note": note}

    def check(self, dataset: Dataset) -> None:
        """Called once before the photos: warn, or raise wespe_bench.errors.InputError."""
        if "night" in dataset.name:
            warnings.warn("Brighter was made for daylight", stacklevel=2)

    def inspect(self, image: np.ndarray, result: np.ndarray) -> str:
        """Called after each photo: a line to warn of, or "", the usual case."""
        return "clips photos" if np.mean(result >= 1) > np.mean(image == 255) + 0.1 else ""
