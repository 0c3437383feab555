"""The classical enhancers that have an answer to compare with."""

import numpy as np
import pytest
from scipy import ndimage

from reference_models import classical
from wespe_bench.images import LUMA_WEIGHTS, quantize
from wespe_bench.registry import load_enhancer

NAMES = ("shades_of_grey", "auto_gamma", "retinex", "ape_like")


def _photo(height=90, width=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((height, width, 3)) ** 2 * [200, 140, 90]
    return ndimage.gaussian_filter(x, (3, 3, 0)).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "image",
    [
        _photo(),
        np.zeros((5, 7, 3), np.uint8),
        np.full((5, 7, 3), 255, np.uint8),
        np.full((1, 1, 3), 77, np.uint8),
        np.full((300, 1, 3), [1, 2, 3], np.uint8),
    ],
    ids=["photo", "black", "white", "pixel", "line"],
)
def test_any_photo_gives_a_photo(name, image):
    before = image.copy()
    result = load_enhancer(name)(image)
    assert result.shape == image.shape
    assert np.isfinite(result).all()
    quantize(result)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
def test_anything_else_is_refused(name):
    with pytest.raises(ValueError, match="expected"):
        load_enhancer(name)(np.zeros((4, 4), np.uint8))


def test_shades_of_grey_makes_the_norms_equal():
    image = _photo()
    result = classical.shades_of_grey(image).astype(np.float64)
    norms = np.mean(result**6, axis=(0, 1)) ** (1 / 6)
    np.testing.assert_allclose(norms, norms.mean(), rtol=1e-5)
    slow = [np.mean((image[..., c] / 255.0) ** 6) ** (1 / 6) for c in range(3)]
    np.testing.assert_allclose(norms.mean(), np.mean(slow), rtol=1e-5)


@pytest.mark.parametrize("gain", [0.3, 1, 1.27])
def test_auto_gamma_brings_the_mean_to_a_half(gain):
    image = (_photo() * gain).astype(np.uint8)
    result = classical.auto_gamma(image).astype(np.float64)
    assert (result @ LUMA_WEIGHTS).mean() == pytest.approx(0.5, abs=1e-6)
    # One monotonous curve for all channels.
    levels = [np.unique(result[image == v]) for v in np.unique(image)]
    assert all(len(v) == 1 for v in levels)
    assert np.all(np.diff(np.concatenate(levels)) > 0)


@pytest.mark.parametrize("sigma", [15.0, 80.0, 250.0])
def test_blur_against_the_gaussian_itself(sigma):
    plane = np.random.default_rng(0).random((331, 417)).astype(np.float32) ** 4
    plane[100:200, 150:] += 3
    expected = ndimage.gaussian_filter(plane.astype(np.float64), sigma, mode="reflect", truncate=6)
    ours = classical._blurred(plane, sigma)
    assert ours.shape == plane.shape
    assert np.abs(ours - expected).max() < 0.01 * np.ptp(plane)


def test_retinex_against_the_formula():
    image = _photo(200, 240)
    x = image.astype(np.float64) + 1
    reflectance = np.zeros_like(x)
    for sigma in (15, 80, 250):
        reflectance += np.log(x) - np.log(ndimage.gaussian_filter(x, (sigma, sigma, 0)))
    expected = reflectance * (np.log(125 * x) - np.log(x.sum(axis=2, keepdims=True)))
    low, high = np.percentile(expected, (1, 99), method="nearest")
    expected = (expected - low) / (high - low)
    assert np.abs(classical.retinex(image) - expected).max() < 0.02


def test_retinex_evens_out_the_light():
    texture = np.random.default_rng(0).integers(60, 120, (200, 900, 1))
    light = np.linspace(0.2, 1.6, 900)[None, :, None]
    image = np.repeat(np.clip(texture * light, 0, 255), 3, axis=2).astype(np.uint8)
    before, after = (x.mean(axis=(0, 2)) for x in (image, classical.retinex(image)))

    def dark_to_bright(columns: np.ndarray) -> float:
        return float(columns[20:60].mean() / columns[-60:-20].mean())

    assert dark_to_bright(after) > 2.5 * dark_to_bright(before)


def test_ape_like_does_what_it_says():
    image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    image = np.repeat(image, 4, axis=0)
    grey = classical.ape_like(image)
    assert np.all(np.diff(grey[0, :, 0]) >= 0)  # a grey ramp stays grey and in order
    np.testing.assert_allclose(grey[..., 0], grey[..., 1], atol=1e-6)
    assert grey[0, 0, 0] == 0
    assert grey[0, -1, 0] == 1
    assert grey[0, 64, 0] > 64 / 255  # shadows are lifted
    photo = _photo()
    levelled = classical.auto_levels(photo)
    dull = np.ptp(levelled.astype(int), axis=2) < 100
    assert np.ptp(classical.ape_like(photo), axis=2)[dull].mean() > (
        np.ptp(levelled.astype(int), axis=2)[dull].mean() / 255
    )
    assert "not on apple's enhancer" in " ".join((classical.ape_like.__doc__ or "").lower().split())
