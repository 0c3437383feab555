"""Entropy against a dictionary of counts and scikit-image."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from skimage.measure import shannon_entropy

from tests.oracles import entropy as oracle
from tests.oracles.grey import grey
from tests.wespe_bench.metrics.conftest import rgb
from wespe_bench.images import luma
from wespe_bench.metrics.entropy import entropy, entropy_rgb


@settings(deadline=None)
@given(rgb(largest=10))
def test_equals_the_definition(image: np.ndarray) -> None:
    expected = oracle.entropy(itertools.chain.from_iterable(grey(image)))
    assert entropy(image) == pytest.approx(expected, abs=1e-13)
    assert 0 <= entropy(image) <= 8
    expected = oracle.entropy(image.ravel().tolist())
    assert entropy_rgb(image) == pytest.approx(expected, abs=1e-13)


def test_equals_scikit_image(photo: np.ndarray) -> None:
    assert entropy(photo) == pytest.approx(shannon_entropy(luma(photo)), rel=1e-13)
    assert entropy_rgb(photo) == pytest.approx(shannon_entropy(photo), rel=1e-13)


def test_flat_photo_has_none_and_every_level_once_has_eight() -> None:
    assert str(entropy(np.full((5, 9, 3), 77, np.uint8))) == "0.0"
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert entropy(ramp) == 8.0


def test_order_of_pixels_does_not_matter(photo: np.ndarray) -> None:
    shuffled = np.random.default_rng(0).permutation(photo.reshape(-1, 3)).reshape(photo.shape)
    assert entropy(shuffled) == entropy(photo)
