"""What papers print beside PSNR and SSIM: luma PSNR, CIEDE2000, borders shaved off."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.color import deltaE_ciede2000, rgb2lab, rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from tests.conftest import Command
from wespe_bench import load_scores
from wespe_bench.errors import InputError
from wespe_bench.metrics import delta_e, pairs
from wespe_bench.metrics.delta_e import ciede2000, lab
from wespe_bench.metrics.psnr_y import psnr_y
from wespe_bench.registry import load_metric

PHOTOS = arrays.arrays(
    np.uint8, st.tuples(st.just(2), st.integers(1, 9), st.integers(1, 9), st.just(3))
)


@given(PHOTOS)
def test_they_equal_scikit_image(photos: np.ndarray) -> None:
    image, reference = photos
    lumas = (rgb2ycbcr(reference)[..., 0], rgb2ycbcr(image)[..., 0])
    if (image == reference).all():
        assert psnr_y(image, reference) == math.inf
        assert delta_e.delta_e(image, reference) == 0
    elif not np.allclose(*lumas, atol=1e-6):
        wanted = peak_signal_noise_ratio(*lumas, data_range=255)
        assert psnr_y(image, reference) == pytest.approx(wanted, abs=1e-9)
    wanted = deltaE_ciede2000(rgb2lab(reference), rgb2lab(image)).mean()
    assert delta_e.delta_e(image, reference) == pytest.approx(wanted, abs=1e-9)


@given(PHOTOS)
def test_they_are_symmetric(photos: np.ndarray) -> None:
    for measure in (psnr_y, delta_e.delta_e):
        assert measure(*photos) == pytest.approx(measure(*photos[::-1]), rel=1e-12)


def test_all_grey_levels_and_corners_of_the_cube() -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    corners = np.array(np.meshgrid(*[[0, 1, 254, 255]] * 3), np.uint8).reshape(3, -1).T[:, None]
    for photo in (levels, corners):
        np.testing.assert_allclose(lab(photo), rgb2lab(photo), atol=1e-10)


# Of the table that Sharma, Wu and Dalal published for testing implementations.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0011), 7.2195),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0009, -2.4900), 4.8045),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "wanted"), SHARMA)
def test_the_published_pairs(
    first: tuple[float, ...], second: tuple[float, ...], wanted: float
) -> None:
    assert round(float(ciede2000(np.array(first), np.array(second))), 4) == wanted


def test_bands_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = np.random.default_rng(2).integers(0, 256, (2, 23, 11, 3), np.uint8)
    whole = psnr_y(*photos), delta_e.delta_e(*photos)
    monkeypatch.setattr(pairs.row_bands, "__defaults__", (50,))
    assert len(list(pairs.row_bands(*photos))) == 6
    assert psnr_y(*photos) == whole[0]
    assert delta_e.delta_e(*photos) == pytest.approx(whole[1], rel=1e-14)


@pytest.mark.parametrize("name", ["psnr", "ssim", "psnr_y", "delta_e", "entropy", "cornia"])
def test_shaved_is_the_metric_of_the_inner_photo(name: str) -> None:
    photos = list(np.random.default_rng(1).integers(0, 256, (2, 30, 40, 3), np.uint8))
    metric, shaved = load_metric(name), load_metric(f"{name}?shave=4")
    photos = photos if metric.full_reference else photos[:1]
    inner = [np.ascontiguousarray(photo[4:-4, 4:-4]) for photo in photos]
    assert shaved.compute(*photos) == metric.compute(*inner) != metric.compute(*photos)
    assert (shaved.name, shaved.version) == (f"{name}?shave=4", metric.version)
    assert "4 px shaved" in shaved.title


def test_shaves_that_are_wrong() -> None:
    for option in ("shave=0", "shave=-1", "shave=", "shave=4&x=1", "crop=4", ""):
        with pytest.raises(InputError, match="takes shave=PIXELS alone"):
            load_metric(f"psnr?{option}")
    with pytest.raises(ValueError, match="image is 8x9; shave=4 leaves nothing of it"):
        load_metric("psnr?shave=4").compute(*np.zeros((2, 9, 8, 3), np.uint8))


def test_from_a_run_to_pages(verb: Command, photos: Path, references: Path, tmp_path: Path) -> None:
    names = ["psnr", "psnr?shave=4", "psnr_y", "delta_e"]
    words = ["--input", photos, "--reference", references, "--jobs", "0", "--out", "runs"]
    result = verb("run", "--enhancers", "identity", "clahe", *words, "--metrics", *names)
    assert result.returncode == 0, result.stderr
    scores = load_scores(tmp_path / "runs").groupby("metric")["value"].mean()
    assert set(scores.index) == set(names)
    assert scores["psnr"] != scores["psnr?shave=4"]
    page = next(tmp_path.glob("runs/**/report.md")).read_text("utf-8")
    assert "PSNR, 4 px shaved (dB)" in page and "CIEDE2000 ↓" in page
    for verb_words in (["compare", "clahe", "identity"], ["leaderboard", "--out", "board"]):
        result = verb(*verb_words, "--runs", "runs")
        assert result.returncode == 0, result.stderr
