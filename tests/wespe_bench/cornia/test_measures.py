"""GMSD, VIF and the fused ranks against slow oracles and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.oracles import measures as oracle
from tests.wespe_bench.metrics.conftest import noisy
from wespe_bench.cornia.measures import MEASURES, fuse, gmsd, measure, vif


def pair(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    slopes = (np.mgrid[0:51, 0:54][0] * 3 + np.mgrid[0:51, 0:54][1] * 2) % 200
    photo = (slopes[..., None] + rng.integers(0, 50, (51, 54, 3))).astype(np.uint8)
    photo[10:40, 5:30] = 77
    other = {
        "noisy": noisy(photo),
        "negative": 255 - photo,
        "flat": np.full_like(photo, 128),
        "contrast": np.clip(photo.astype(int) * 2 - 100, 0, 255).astype(np.uint8),
    }[kind]
    return other, photo


@pytest.mark.parametrize("kind", ["noisy", "negative", "flat", "contrast"])
def test_equal_the_oracles(kind: str) -> None:
    image, reference = pair(kind)
    assert gmsd(image, reference) == pytest.approx(oracle.gmsd(image, reference), abs=1e-12)
    # The oracle centres each window before it squares; differences stay below its rounding.
    assert vif(image, reference) == pytest.approx(oracle.vif(image, reference), abs=1e-8)


def test_identical_photos_are_perfect(photo: np.ndarray) -> None:
    assert gmsd(photo, photo) == 0
    assert vif(photo, photo) == pytest.approx(1, abs=1e-9)
    flat = np.full((50, 50, 3), 9, np.uint8)
    assert (gmsd(flat, flat), vif(flat, flat)) == (0, 1)


def test_every_measure_falls_with_noise(photo: np.ndarray) -> None:
    small = photo[:120, :160]
    rows = [measure(noisy(small, sigma), small) for sigma in (2, 8, 20, 50)]
    assert len(rows[0]) == len(MEASURES)
    assert (np.diff(rows, axis=0) < 0).all()


@pytest.mark.parametrize("function", [gmsd, vif])
def test_too_small(function: object) -> None:
    with pytest.raises(ValueError, match="at least 48 pixels"):
        function(np.zeros((47, 60, 3), np.uint8), np.zeros((47, 60, 3), np.uint8))


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.integers(0, 6)
    )
)
def test_fused_labels_are_ranks(measured: np.ndarray) -> None:
    labels = fuse(measured)
    assert labels.min() > 0
    assert labels.max() <= 100
    assert labels.mean() == pytest.approx(50 * (len(labels) + 1) / len(labels))
    for first in range(len(labels)):
        for second in range(len(labels)):
            if (measured[first] >= measured[second]).all():
                assert labels[first] <= labels[second]


def test_fused_labels_do_not_depend_on_units(photo: np.ndarray) -> None:
    measured = np.random.default_rng(6).standard_normal((30, 4))
    assert (fuse(measured) == fuse(np.exp(measured) * [1, 5, 0.1, 9])).all()
