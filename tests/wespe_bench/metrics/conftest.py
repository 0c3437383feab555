"""Photos and random images that the metric tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wespe_bench.images import read_rgb


def pairs(smallest: int = 1, largest: int = 24) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """Two uint8 (H, W, 3) arrays of one shape, the second often close to the first."""

    def second(image: np.ndarray) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
        others = hnp.arrays(np.uint8, image.shape)
        near = hnp.arrays(np.uint8, image.shape, elements=st.integers(0, 3))
        return st.one_of(
            others.map(lambda other: (image, other)),
            near.map(lambda noise: (image, image ^ noise)),
            st.just((image, 255 - image)),
        )

    return rgb(smallest, largest).flatmap(second)


def rgb(smallest: int = 1, largest: int = 24) -> st.SearchStrategy[np.ndarray]:
    """uint8 (H, W, 3) arrays."""
    sides = st.integers(smallest, largest)
    return st.tuples(sides, sides).flatmap(lambda s: hnp.arrays(np.uint8, (*s, 3)))


def noisy(image: np.ndarray, sigma: float = 12.0, seed: int = 0) -> np.ndarray:
    """The photo with Gaussian noise and a colour cast, clipped to 8 bits."""
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.rint(image * (0.9, 1.0, 1.05) + 4 + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photo that scikit-learn ships, uint8 (427, 640, 3)."""
    import sklearn.datasets

    return read_rgb(Path(sklearn.datasets.__file__).parent / "images" / "china.jpg")


@pytest.fixture(scope="session")
def distorted(photo: np.ndarray) -> np.ndarray:
    """The same photo with noise and a colour cast."""
    return noisy(photo)
