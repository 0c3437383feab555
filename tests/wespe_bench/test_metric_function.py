"""Metrics as functions: the suite's numbers to the bit, whatever the photos come as."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import wespe_bench
from wespe_bench.datasets import folder
from wespe_bench.errors import InputError
from wespe_bench.images import quantize, write_png

METRICS = ("psnr", "ssim", "ms_ssim", "psnr_y", "entropy", "bpp")
SIZE = (176, 200, 3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two results and their references."""
    root = tmp_path_factory.mktemp("function")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        truth = rng.integers(0, 256, SIZE, np.uint8)
        noisy = np.clip(truth + rng.normal(0, 20, SIZE), 0, 255).astype(np.uint8)
        write_png(root / "truth" / f"{name}.png", truth)
        write_png(root / "in" / f"{name}.png", noisy)
    return root


@pytest.fixture(scope="module")
def rows(photos: Path) -> dict[tuple[str, str], float]:
    """(metric, photo) -> the score that the suite stores."""
    run = wespe_bench.enhance(
        "identity", folder.load(photos / "in", photos / "truth"), photos / "run"
    )
    table = wespe_bench.score(run, METRICS)
    return {(row.metric, row.sample): row.value for row in table.itertuples()}


def array(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).movedim(-1, -3)


FORMS: dict[str, Any] = {
    "path": lambda path: path,
    "text": str,
    "PIL": Image.open,
    "uint8": array,
    "float64": lambda path: array(path) / 255,
    "float32 tensor": lambda path: tensor(array(path)).float() / 255,
    "uint8 tensor": lambda path: tensor(array(path)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", METRICS)
def test_every_form_has_the_suites_bits(
    name: str, form: str, photos: Path, rows: dict[tuple[str, str], float]
) -> None:
    metric, give = wespe_bench.metric(name), FORMS[form]
    paths = [photos / "in" / "a.png"] + [photos / "truth" / "a.png"] * metric.full_reference
    value = metric(*map(give, paths))
    assert isinstance(value, float)
    assert value == rows[name, "a"]


@pytest.mark.parametrize("name", METRICS)
def test_a_batch_gives_each_photos_score(
    name: str, photos: Path, rows: dict[tuple[str, str], float]
) -> None:
    metric = wespe_bench.create_metric(name)
    batch, truth = (
        np.stack([array(photos / side / f"{n}.png") for n in "ab"]) for side in ("in", "truth")
    )
    pair = (batch, truth) if metric.full_reference else (batch,)
    expected = [rows[name, "a"], rows[name, "b"]]
    for values in (
        metric(*pair),
        metric(*(x.astype(np.float32) for x in pair), data_range=255),
        metric(*(tensor(x) / 255 for x in pair)),
    ):
        assert isinstance(values, np.ndarray) and values.dtype == np.float64
        assert values.tolist() == expected


def test_floats_are_rounded_as_results_are() -> None:
    rng = np.random.default_rng(1)
    image, truth = rng.uniform(-0.1, 1.1, (2, 64, 64, 3))
    psnr = wespe_bench.metric("psnr")
    assert psnr(image, truth) == psnr(quantize(image), quantize(truth))
    half = torch.from_numpy(image).movedim(-1, 0).bfloat16()
    assert psnr(half, half) == float("inf")


def test_what_it_says_of_itself() -> None:
    psnr, entropy = wespe_bench.metric("psnr"), wespe_bench.metric("entropy")
    assert (psnr.name, psnr.full_reference, psnr.lower_better) == ("psnr", True, False)
    assert psnr.version == wespe_bench.load_metric("psnr").version
    assert not entropy.full_reference
    assert wespe_bench.metric("cornia").lower_better


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ((np.zeros((4, 4), np.uint8),), "expected one photo or a batch"),
        ((np.zeros((4, 4, 4), np.uint8),) * 2, "expected shape (H, W, 3)"),
        ((torch.zeros(4, 4, 3),) * 2, "expected a tensor (3, H, W)"),
        ((np.zeros((0, 4, 4, 3)),) * 2, "no photos"),
        ((np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)), "4x4 but its reference"),
        ((np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3))), "2 photos and 1 references"),
        ((np.zeros((4, 4, 3)),), "compares with a reference"),
        ((np.full((4, 4, 3), np.nan),) * 2, "NaN"),
        ((np.zeros((4, 4, 3), np.int64),) * 2, "got int64"),
        ((Image.new("RGBA", (4, 4)),) * 2, "mode RGBA; convert it to RGB"),
        ((np.full((4, 4, 3), 200.0),) * 2, "floats from 200 to 200 with data_range=1; give them"),
        ((np.full((4, 4, 3), -0.5),) * 2, "give them on [0, 1]"),
        ((np.ma.masked_array(np.zeros((4, 4, 3)), True),) * 2, "a masked array"),
        (([1, 2],), "expected a path, a PIL image, an array or a tensor"),
    ],
)
def test_what_cannot_be_scored_is_refused(pair: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        wespe_bench.metric("psnr")(*pair)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="psnr"):
        wespe_bench.metric("psnrr")
    with pytest.raises(InputError, match="a metric's name, got NoneType"):
        wespe_bench.metric(None)
    with pytest.raises(ValueError, match="no value above 1 with data_range=255"):
        wespe_bench.metric("entropy")(np.ones((4, 4, 3)), data_range=255)
    with pytest.raises(ValueError, match="data_range 0"):
        wespe_bench.metric("entropy")(np.zeros((4, 4, 3)), data_range=0)


def test_the_torchmetrics_adapter(photos: Path, rows: dict[tuple[str, str], float]) -> None:
    psnr = wespe_bench.metric("psnr").torchmetrics()
    for name in "ab":
        preds, target = (
            tensor(array(photos / side / f"{name}.png"))[None] / 255 for side in ("in", "truth")
        )
        psnr.update(preds, target)
    assert psnr.higher_is_better
    assert psnr.compute().item() == (rows["psnr", "a"] + rows["psnr", "b"]) / 2
    psnr.reset()
    assert psnr.update(preds, target) is None
    assert psnr.compute().item() == rows["psnr", "b"]
    with pytest.raises(ValueError, match="psnr_pooled is not the mean"):
        wespe_bench.metric("psnr_pooled").torchmetrics()
