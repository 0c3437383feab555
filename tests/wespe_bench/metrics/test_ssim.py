"""SSIM against a loop over windows and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from skimage.metrics import structural_similarity

from tests.oracles import ssim as oracle
from tests.oracles.grey import grey
from tests.wespe_bench.metrics.conftest import noisy, pairs, rgb
from wespe_bench.images import luma
from wespe_bench.metrics.ssim import ssim, ssim_rgb


def scikit_image(first: np.ndarray, second: np.ndarray) -> float:
    """Wang's settings."""
    return float(
        structural_similarity(
            first,
            second,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


@settings(deadline=None)
@given(rgb(largest=6))
def test_grey_is_matlabs(image: np.ndarray) -> None:
    assert luma(image).tolist() == grey(image)


@settings(max_examples=25, deadline=None)
@given(pairs(11, 20))
def test_equals_the_loop(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = (np.array(grey(image)) for image in pair)
    assert ssim(*pair) == pytest.approx(oracle.terms(first, second)[0], abs=1e-12)


@pytest.mark.parametrize("shape", [(11, 11), (11, 40), (57, 12), (100, 100), (427, 640)])
def test_equals_scikit_image(
    photo: np.ndarray, distorted: np.ndarray, shape: tuple[int, int]
) -> None:
    first, second = (x[: shape[0], : shape[1]] for x in (photo, distorted))
    assert ssim(second, first) == pytest.approx(scikit_image(luma(first), luma(second)), abs=1e-12)


def test_rgb_equals_scikit_image(photo: np.ndarray, distorted: np.ndarray) -> None:
    expected = structural_similarity(
        photo,
        distorted,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )
    assert ssim_rgb(distorted, photo) == pytest.approx(expected, abs=1e-12)
    assert ssim_rgb(photo, photo) == 1.0


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_flat_photos_keep_their_luminance_term(value: int) -> None:
    """No variance at all: the stabilisers alone decide, and rounding must not."""
    flat, black = np.full((31, 17, 3), value, np.uint8), np.zeros((31, 17, 3), np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(flat, black) == pytest.approx(c1 / (value**2 + c1), rel=1e-11)
    assert ssim(flat, flat) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(pairs(11, 20))
def test_symmetric_and_bounded(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = pair
    assert ssim(first, second) == ssim(second, first)
    assert -1 <= ssim(first, second) <= 1 + 1e-12


@settings(max_examples=25, deadline=None)
@given(rgb(11, 20))
def test_one_for_identical_photos(image: np.ndarray) -> None:
    assert ssim(image, image) == 1.0


def test_a_negative_scores_below_zero(photo: np.ndarray) -> None:
    assert ssim(255 - photo, photo) < 0


def test_more_noise_scores_less(photo: np.ndarray) -> None:
    scores = [ssim(noisy(photo, sigma), photo) for sigma in (2, 8, 32)]
    assert scores == sorted(scores, reverse=True)
