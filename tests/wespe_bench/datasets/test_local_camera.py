"""The simulated camera whose faults differ from place to place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from skimage import data

from wespe_bench.datasets.local_camera import LocalCamera
from wespe_bench.datasets.simulator import Camera
from wespe_bench.images import read_rgb
from wespe_bench.metrics.psnr import psnr

#: No fault but the mosaic.
PERFECT = LocalCamera(
    haze=0,
    mixed_light=0,
    exposure_stops=0,
    exposure_jitter=0,
    local_exposure=0,
    white_balance=(1, 1, 1),
    white_balance_jitter=0,
    crosstalk=0,
    chromatic_aberration=0,
    blur=0,
    defocus=0,
    shading=0,
    shot_noise=0,
    read_noise=0,
    contrast=0,
    halo=0,
    jpeg_quality=95,
)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return np.ascontiguousarray(data.coffee()[100:260, 150:390])


def shot(scene: np.ndarray, **changes: object) -> np.ndarray:
    camera = dataclasses.replace(PERFECT, **changes)
    return read_rgb(camera.photograph(scene, "x")).astype(float)


def grey(size: tuple[int, int] = (120, 160), value: int = 110) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def test_shots_follow_from_id_seed_and_settings(scene: np.ndarray) -> None:
    one = LocalCamera().photograph(scene, "a")
    assert LocalCamera().photograph(scene, "a") == one
    assert LocalCamera().photograph(scene, "b") != one
    assert LocalCamera(seed=1).photograph(scene, "a") != one
    assert "v2" in LocalCamera().describe()
    assert read_rgb(one).shape == scene.shape


def test_a_perfect_camera_leaves_what_a_mosaic_leaves(scene: np.ndarray) -> None:
    assert psnr(shot(scene).astype(np.uint8), scene) > 30  # a bilinear demosaic of a detailed photo
    assert abs(shot(grey()) - grey()).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 400)])
def test_odd_sizes_are_taken(size: tuple[int, int]) -> None:
    assert read_rgb(LocalCamera().photograph(grey(size), "x")).shape == (*size, 3)


def test_shading_darkens_the_corners(scene: np.ndarray) -> None:
    flat = shot(grey(), shading=0.5)
    assert abs(flat[60, 80] - 110).max() <= 1
    assert flat[0, 0].max() < 85


def test_defocus_grows_towards_the_corners() -> None:
    noise = np.random.default_rng(0).integers(60, 200, (120, 160, 1), np.uint8).repeat(3, 2)
    sharp, soft = (shot(noise, blur=0.3, defocus=d) for d in (0.3, 2.5))
    kept = [soft[at].std() / sharp[at].std() for at in (np.s_[50:70, 70:90], np.s_[:16, :16])]
    assert kept[0] > 0.8
    assert kept[1] < 0.4


def test_chromatic_aberration_parts_red_from_blue() -> None:
    edge = grey((120, 160), 40)
    edge[:, 140:] = 200  # a step near the right border
    row = shot(edge, chromatic_aberration=0.03)[60]
    red, blue = (int(np.argmax(row[:, c] > 120)) for c in (0, 2))
    assert red > 140 > blue  # red is magnified, so its edge lies farther out


def test_haze_lifts_blacks_and_more_so_at_the_top() -> None:
    rows = shot(grey(value=10), haze=0.8).mean(axis=(1, 2))
    assert rows[:20].mean() > rows[-20:].mean() + 5 > 15


def test_places_in_shade_come_out_darker_and_bluer() -> None:
    halves = grey(value=60)
    halves[:, 80:] = 180
    plain, local = shot(halves), shot(halves, local_exposure=0.5, surroundings=6.0)
    change = (local - plain).mean(axis=(0, 2))
    assert change[:60].mean() < -5
    assert change[100:].mean() > 5
    mixed = shot(halves, mixed_light=0.5, surroundings=6.0) - plain
    warmth = (mixed[..., 0] - mixed[..., 2]).mean(axis=0)
    assert warmth[100:].mean() > warmth[:60].mean() + 10


def test_crosstalk_takes_colour_away(scene: np.ndarray) -> None:
    spread = [np.ptp(shot(scene, crosstalk=c), axis=2).mean() for c in (0.0, 0.2)]
    assert spread[1] < 0.6 * spread[0]


def test_grain_is_correlated() -> None:
    grain = shot(grey((240, 240)), read_noise=0.03, shot_noise=0.01)[..., 0]
    grain -= grain.mean()
    assert grain.std() > 5
    assert (grain[:, 1:] * grain[:, :-1]).mean() / grain.var() > 0.3


def _best_curves(taken: np.ndarray, scene: np.ndarray) -> float:
    """PSNR after the best possible curve per channel for this very photo."""
    mended = np.empty(scene.shape)
    for c in range(3):
        values, counts = taken[..., c].ravel(), np.bincount(taken[..., c].ravel(), minlength=256)
        sums = np.bincount(values, scene[..., c].ravel(), minlength=256)
        mended[..., c] = (sums / np.maximum(counts, 1))[taken[..., c]]
    return psnr(mended.round().astype(np.uint8), scene)


def test_no_curve_undoes_it(scene: np.ndarray) -> None:
    cameras = (Camera(), LocalCamera())
    old, new = (_best_curves(read_rgb(c.photograph(scene, "x")), scene) for c in cameras)
    assert new < old - 3
