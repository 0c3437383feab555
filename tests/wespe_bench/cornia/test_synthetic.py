"""Distortions: known, ordered, seeded, of the photo's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import features

from wespe_bench.cornia import synthetic
from wespe_bench.cornia.measures import MEASURES, measure
from wespe_bench.errors import InputError
from wespe_bench.images import write_png


@pytest.fixture(scope="module")
def small(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[100:228, 200:360])


def test_every_kind_gets_worse_level_by_level(small: np.ndarray) -> None:
    found: dict[str, list[np.ndarray]] = {}
    for version in synthetic.versions(small, 0, synthetic.kinds()):
        assert version.image.shape == small.shape
        assert version.image.dtype == np.uint8
        found.setdefault(version.kind, []).append(measure(version.image, small))
    assert found.pop("pristine")[0][0] == np.inf
    assert set(found) == set(synthetic.kinds())
    names = list(MEASURES)
    for kind, rows in found.items():
        assert len(rows) == 5
        psnr = np.array(rows)[:, names.index("psnr")]
        assert (np.diff(psnr) < 0).all(), kind


def test_chance_follows_from_photo_and_seed(small: np.ndarray) -> None:
    for kind in ("noise", "camera"):
        first, again, other = (synthetic.distort(small, kind, 2, seed) for seed in (0, 0, 1))
        assert (first == again).all()
        assert (first != other).any()
    with pytest.raises(KeyError):
        synthetic.distort(small, "vignette", 1)


def test_without_jpeg_2000_the_kind_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "jpeg2000" in synthetic.kinds()
    monkeypatch.setattr(features, "check", lambda name: False)
    assert synthetic.kinds() == ("jpeg", "blur", "noise", "resample", "exposure", "camera")
    assert synthetic.check_kinds(("noise", "jpeg")) == ("jpeg", "noise")
    with pytest.raises(InputError, match="this Pillow cannot write jpeg2000"):
        synthetic.check_kinds(["jpeg2000"])
    with pytest.raises(InputError, match=r"unknown distortion 'blurr' \(did you mean 'blur'"):
        synthetic.check_kinds(["blurr"])


def test_big_photos_are_cut_and_small_ones_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "big.png", np.zeros((800, 1000, 3), np.uint8))
    assert synthetic.read_clean(tmp_path / "big.png").shape == (768, 768, 3)
    write_png(tmp_path / "small.png", np.zeros((47, 90, 3), np.uint8))
    with pytest.raises(InputError, match=r"small.png: 90x47; .* at least 48 pixels"):
        synthetic.read_clean(tmp_path / "small.png")
