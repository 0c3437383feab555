"""PSNR against exact fractions and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from skimage.metrics import peak_signal_noise_ratio

from tests.oracles import psnr as oracle
from tests.wespe_bench.metrics.conftest import pairs
from wespe_bench.metrics.psnr import psnr, squared_error


@settings(deadline=None)
@given(pairs(largest=12))
def test_equals_the_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert squared_error(*pair) == oracle.squared_error(*pair)
    assert psnr(*pair) == pytest.approx(oracle.psnr(*pair), rel=1e-15, abs=1e-14)


def test_equals_scikit_image(photo: np.ndarray, distorted: np.ndarray) -> None:
    expected = peak_signal_noise_ratio(photo, distorted, data_range=255)
    assert psnr(distorted, photo) == pytest.approx(expected, rel=1e-12)


def test_sum_of_the_worst_case_does_not_overflow() -> None:
    white = np.full((1100, 1300, 3), 255, np.uint8)
    assert squared_error(white, np.zeros_like(white)) == 255**2 * white.size
    assert psnr(white, np.zeros_like(white)) == 0.0


@settings(deadline=None)
@given(pairs(largest=8))
def test_symmetric_and_not_negative(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = pair
    assert psnr(first, second) == psnr(second, first) >= 0


def test_identical_photos_are_infinite(photo: np.ndarray) -> None:
    assert psnr(photo, photo.copy()) == math.inf


def test_one_level_in_one_value_is_finite(photo: np.ndarray) -> None:
    other = photo.copy()
    other[-1, -1, -1] ^= 1
    assert psnr(other, photo) == pytest.approx(10 * math.log10(255**2 * photo.size), rel=1e-15)


def test_channels_and_strides_do_not_matter(photo: np.ndarray, distorted: np.ndarray) -> None:
    expected = psnr(distorted, photo)
    assert psnr(distorted[..., ::-1], photo[..., ::-1]) == expected
    assert psnr(distorted[::-1, ::-1], photo[::-1, ::-1]) == expected
