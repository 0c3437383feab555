"""Where the crops lie: from the id alone, different, apart where there is room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ffs import crops
from wespe_bench.errors import InputError

SIDES = st.integers(crops.SIDE, 1400)


@settings(max_examples=25)
@given(SIDES, SIDES, st.text(max_size=20), st.integers(0, 9))
def test_corners_are_inside_and_differ(height: int, width: int, id_: str, seed: int) -> None:
    found = crops.corners(height, width, id_, seed)
    assert found == crops.corners(height, width, id_, seed)
    places = (height - crops.SIDE + 1) * (width - crops.SIDE + 1)
    assert len(set(found)) == len(found) == min(crops.CROPS, places)
    assert all(0 <= t <= height - crops.SIDE and 0 <= x <= width - crops.SIDE for t, x in found)


@given(st.text(max_size=20), st.integers(0, 9))
def test_on_hd_no_two_crops_touch(id_: str, seed: int) -> None:
    covered = np.zeros((720, 1280), int)
    for top, left in crops.corners(720, 1280, id_, seed):
        covered[top : top + crops.SIDE, left : left + crops.SIDE] += 1
    assert covered.sum() == 5 * crops.SIDE**2
    assert covered.max() == 1


def test_ids_and_seeds_spread_the_crops() -> None:
    found = {crops.corners(720, 1280, f"photo {n}", n % 3) for n in range(300)}
    assert len(found) == 300
    tops, lefts = np.array([corner for some in found for corner in some]).T
    for values, room in ((tops, 720 - crops.SIDE), (lefts, 1280 - crops.SIDE)):
        shares = np.histogram(values, 4, (0, room + 1))[0] / len(values)
        assert shares.min() > 0.15  # no part of the photo is left out
    assert crops.corners(720, 1280, "a", 0) != crops.corners(720, 1280, "a", 1)


@given(SIDES, SIDES, st.text(max_size=9), st.integers(0, 9), st.integers(0, 99))
def test_training_patches_are_inside(h: int, w: int, id_: str, seed: int, number: int) -> None:
    (top, left), mirrored = crops.patch(h, w, id_, seed, number, flip=True)
    assert 0 <= top <= h - crops.SIDE
    assert 0 <= left <= w - crops.SIDE
    same, never = crops.patch(h, w, id_, seed, number, flip=False)
    assert (same, never) == ((top, left), False)
    assert crops.patch(h, w, id_, seed, number, flip=True) == ((top, left), mirrored)


def test_half_of_the_patches_are_mirrored() -> None:
    found = [crops.patch(720, 1280, "a", 0, n, flip=True) for n in range(1000)]
    assert 430 < sum(mirrored for _, mirrored in found) < 570
    assert len({corner for corner, _ in found}) > 990
    image = np.arange(230 * 240 * 3, dtype=np.uint32).astype(np.uint8).reshape(230, 240, 3)
    piece = crops.cut(image, (3, 5), True)
    np.testing.assert_array_equal(piece, image[3:227, 5:229][:, ::-1])


def test_preparation() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (900, 1700, 3), np.uint8)
    found = crops.prepare(image)
    # 16:9 of 900 rows is 1600 columns, 50 off each side.
    middle = Image.fromarray(image[:, 50:1650]).resize((1280, 720), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(found, np.asarray(middle))
    np.testing.assert_array_equal(crops.prepare(found), found)
    np.testing.assert_array_equal(crops.prepare(image, "native"), image)
    assert crops.prepare(image, "320x240").shape == (240, 320, 3)
    with pytest.raises(ValueError, match="need 224 pixels on each side"):
        crops.prepare(image[:223], "native")
    with pytest.raises(InputError, match="expected hd, native or WIDTHxHEIGHT"):
        crops.prepare(image, "100x100")
