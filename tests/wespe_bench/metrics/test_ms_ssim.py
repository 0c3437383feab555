"""MS-SSIM against loops over windows and pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.oracles import ms_ssim as oracle
from tests.wespe_bench.metrics.conftest import noisy, pairs, rgb
from wespe_bench.metrics.ms_ssim import ms_ssim


def check_against_loop(first: np.ndarray, second: np.ndarray) -> None:
    result = ms_ssim(first, second)
    scales = oracle.scale_terms(first, second)
    assert result["value"] == pytest.approx(oracle.product(scales), abs=1e-10)
    for number, (full, contrast) in enumerate(scales, start=1):
        assert result[f"ssim{number}"] == pytest.approx(full, abs=1e-10)
        assert result[f"cs{number}"] == pytest.approx(contrast, abs=1e-10)


@settings(max_examples=15, deadline=None)
@given(pairs(7, 20))
def test_equals_the_loop(pair: tuple[np.ndarray, np.ndarray]) -> None:
    check_against_loop(*pair)


@pytest.mark.parametrize("shape", [(100, 100), (7, 7), (7, 30), (13, 9), (33, 64), (70, 51)])
def test_equals_the_loop_on_a_photo(
    photo: np.ndarray, distorted: np.ndarray, shape: tuple[int, int]
) -> None:
    check_against_loop(*(x[60 : 60 + shape[0], 200 : 200 + shape[1]] for x in (distorted, photo)))


def test_negative_contrast_is_clamped_and_counted(photo: np.ndarray) -> None:
    """A negative turns every structure round; its coarsest term keeps a sign of its own."""
    result = ms_ssim(255 - photo, photo)
    factors = [result[f"cs{scale}"] for scale in range(1, 5)] + [result["ssim5"]]
    assert result["clamped"] == sum(f < 0 for f in factors) >= 4
    assert result["value"] == 0.0


def test_nothing_is_clamped_on_ordinary_pairs(photo: np.ndarray, distorted: np.ndarray) -> None:
    assert ms_ssim(distorted, photo)["clamped"] == 0


@settings(max_examples=50, deadline=None)
@given(pairs(7, 20))
def test_symmetric_and_bounded(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = pair
    assert ms_ssim(first, second) == ms_ssim(second, first)
    assert 0 <= ms_ssim(first, second)["value"] <= 1 + 1e-12


@settings(max_examples=25, deadline=None)
@given(rgb(7, 20))
def test_one_for_identical_photos(image: np.ndarray) -> None:
    result = ms_ssim(image, image)
    assert result["value"] == pytest.approx(1.0, abs=1e-12)
    assert result["clamped"] == 0


def test_more_noise_scores_less(photo: np.ndarray) -> None:
    scores = [ms_ssim(noisy(photo, sigma), photo)["value"] for sigma in (2, 8, 32)]
    assert scores == sorted(scores, reverse=True)
