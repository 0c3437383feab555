"""Registration: what was done to a photo is undone; what does not belong together is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage.transform import ProjectiveTransform, warp

from wespe_bench.images import read_rgb
from wespe_bench.prepare.homography import (
    Unregistered,
    check_plausible,
    resample,
    through,
    valid_box,
)
from wespe_bench.prepare.registration import aligned, register


def homography(shape: tuple[int, ...], degrees: float = 2.3, scale: float = 1.04) -> np.ndarray:
    """A turn, a scale, a shift and a tilt, from the input's pixels to the reference's."""
    height, width = shape[:2]
    a = np.deg2rad(degrees)
    return np.array(
        [
            [scale * np.cos(a), -scale * np.sin(a), 0.02 * width],
            [scale * np.sin(a), scale * np.cos(a), -0.015 * height],
            [0.02 / width, -0.03 / height, 1],
        ]
    )


def seen(photo: np.ndarray, matrix: np.ndarray, exposure: float = 1.5) -> np.ndarray:
    """``photo`` as a second camera has it: through ``matrix``, brighter, another tone curve."""
    moved = warp(photo / 255.0, ProjectiveTransform(np.linalg.inv(matrix)), order=3)
    levels = np.clip(moved * exposure, 0, 1) ** 0.8
    return np.rint(levels * 255).astype(np.uint8)


def farthest(found: np.ndarray, true: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """The largest distance in px between two homographies over a box."""
    left, top, right, bottom = box
    grid = np.meshgrid(np.linspace(left, right, 9), np.linspace(top, bottom, 9))
    a, b = np.stack(through(found, *grid)), np.stack(through(true, *grid))
    return float(np.hypot(*(a - b)).max())


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "features"),
    [("hq/kodak24/23.png", "sift"), ("dped/iphone_full/phone_4.png", "orb")],
)
def test_a_known_homography_and_exposure_are_undone(shared: Path, file: str, features: str) -> None:
    photo = read_rgb(shared / file)[:600, :768]
    true = homography(photo.shape)
    reference = seen(photo, true)
    fit = register(photo, reference, features=features)
    assert farthest(fit.matrix, true, fit.box) < 0.5
    assert fit.error < 0.5
    left, top, right, bottom = fit.box
    assert (right - left) * (bottom - top) > 0.8 * photo.shape[0] * photo.shape[1]
    cropped, moved = aligned(photo, reference, fit)
    np.testing.assert_array_equal(cropped, photo[top:bottom, left:right])
    assert moved.shape == cropped.shape
    # Photo and reference differ by a tone curve alone now: monotone, so ranks agree.
    x, y = (np.argsort(np.argsort(p[::7, ::7, 1].ravel())) for p in (cropped, moved))
    assert np.corrcoef(x, y)[0, 1] > 0.98


@pytest.mark.shared_data
def test_a_reference_of_another_size(shared: Path) -> None:
    photo = read_rgb(shared / "hq/kodak24/01.png")
    reference = seen(photo, homography(photo.shape))
    small = resample(photo, np.diag([2.0, 2, 1]), (photo.shape[0] // 2, photo.shape[1] // 2))
    true = homography(photo.shape) @ np.diag([2.0, 2, 1])
    fit = register(small, reference)
    assert farthest(fit.matrix, true, fit.box) < 0.5
    assert aligned(small, reference, fit)[1].shape == aligned(small, reference, fit)[0].shape


@pytest.mark.shared_data
def test_unrelated_photos_are_refused(shared: Path) -> None:
    kodak = shared / "hq" / "kodak24"
    one, other = (read_rgb(kodak / f"{name}.png")[:320, :420] for name in ("01", "10"))
    for features in ("sift", "orb"):
        with pytest.raises(Unregistered, match=r"features|agree"):
            register(one, other, features=features)
    with pytest.raises(Unregistered, match=r"mirror|agree|match"):
        register(one, one[:, ::-1].copy())


def test_photos_without_detail_are_refused() -> None:
    grey = np.full((200, 300, 3), 90, np.uint8)
    with pytest.raises(Unregistered, match="too little detail"):
        register(grey, grey)
    with pytest.raises(Unregistered, match="smaller than 32"):
        register(grey[:20], grey)
    with pytest.raises(ValueError, match="dtype uint8"):
        register(grey / 255.0, grey)


@pytest.mark.shared_data
def test_a_bad_fit_is_refused_with_its_error(shared: Path) -> None:
    photo = read_rgb(shared / "hq/kodak24/05.png")[:360, :480]
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]].astype(float)
    # Waves of 2 px, which no homography follows.
    waves = np.stack([y + 2 * np.sin(x / 80), x + 2 * np.sin(y / 80)])
    wavy = np.stack([map_coordinates(photo[..., c], waves, order=1) for c in range(3)], axis=2)
    with pytest.raises(Unregistered, match=r"residual error \d|tiles"):
        register(photo, wavy, max_error=0.3)
    with pytest.raises(Unregistered, match=r"valid area \d+% of the photo"):
        register(photo, photo[:200, :280].copy(), min_overlap=0.5)


def test_resampling_agrees_with_the_identity_and_with_scikit_image() -> None:
    rng = np.random.default_rng(2)
    photo = rng.integers(0, 256, (70, 90, 3), np.uint8)
    np.testing.assert_array_equal(resample(photo, np.eye(3), (70, 90)), photo)
    shift = np.array([[1.0, 0, 5], [0, 1, 7], [0, 0, 1]])
    np.testing.assert_array_equal(resample(photo, shift, (60, 80)), photo[7:67, 5:85])
    # In strips from parts as from the whole, at a height of several strips.
    tall = rng.integers(0, 256, (700, 40, 3), np.uint8)
    matrix = homography((700, 40))
    expected = warp(tall / 255.0, ProjectiveTransform(matrix), order=3, mode="edge")
    expected = np.clip(expected, 0, 1) * 255
    error = np.abs(resample(tall, matrix, (700, 40)) - expected)
    assert error.max() < 0.51  # rounding to levels, and float32


def test_reducing_keeps_pixel_centres() -> None:
    y, x = np.mgrid[:120, :160]
    ramp = np.repeat((x + y)[..., None] * 0.9, 3, axis=2).astype(np.uint8)
    small = resample(ramp, np.diag([3.0, 3, 1]), (40, 53))
    # Pixel (r, c) of the small photo lies at (3r, 3c); a ramp is its own average there.
    expected = 0.9 * 3 * np.add.outer(np.arange(40), np.arange(53))
    assert np.abs(small[2:-2, 2:-2, 0] - expected[2:-2, 2:-2]).max() <= 1.5


@given(st.floats(-20, 20), st.floats(0.7, 1.4), st.integers(40, 300), st.integers(40, 300))
@settings(max_examples=30)
def test_the_valid_box_lies_inside_and_is_large(
    degrees: float, scale: float, height: int, width: int
) -> None:
    matrix = homography((height, width), degrees, scale)
    left, top, right, bottom = valid_box(matrix, (height, width), (height, width))
    if right == 0:
        return
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    x, y = through(matrix, *np.meshgrid([left, right - 1], [top, bottom - 1]))
    assert (x >= 2).all()
    assert (y >= 2).all()
    assert (x <= width - 3).all()
    assert (y <= height - 3).all()


def test_the_valid_box_of_a_plain_shift() -> None:
    shift = np.array([[1.0, 0, 20], [0, 1, -10], [0, 0, 1]])
    # Covered: columns 0 to 79 (minus two), rows 10 (plus two) to 99.
    assert valid_box(shift, (100, 100), (100, 100)) == (0, 12, 77, 100)
    far = np.array([[1.0, 0, 200], [0, 1, 0], [0, 0, 1]])
    assert valid_box(far, (100, 100), (100, 100)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (np.diag([-1.0, 1, 1]), "mirrors"),
        (np.diag([9.0, 9, 1]), "more than 36-fold"),
        (np.array([[1.0, 0, 0], [0, 1, 0], [-0.02, 0, 1]]), "folds"),
        (np.array([[1.0, 0, 0], [0, 1, 0], [0.01, 0, 1]]), "more than 4-fold"),
    ],
)
def test_implausible_fits(matrix: np.ndarray, why: str) -> None:
    with pytest.raises(Unregistered, match=why):
        check_plausible(matrix, (100, 100), (100, 100))
