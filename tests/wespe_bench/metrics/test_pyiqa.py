"""``pyiqa:NAME``: its own label, version and direction; here with a stand-in for the package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conftest import Command
from tests.verbs import one_line
from wespe_bench.errors import InputError
from wespe_bench.metrics import pyiqa
from wespe_bench.registry import load_metric

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 14, 3), np.uint8)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    pyiqa.load.cache_clear()
    pyiqa._model.cache_clear()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A pyiqa with metrics that note what they are called with."""
    import torch

    calls: list[tuple[Any, ...]] = []

    def create_metric(name: str, device: str) -> Any:
        if name == "locked":
            raise OSError("cannot reach the hub\nat all")

        def metric(*tensors: torch.Tensor) -> torch.Tensor:
            calls.append(tensors)
            return tensors[0].double().mean() + torch.rand(1).double()

        return metric

    package = ModuleType("pyiqa")
    package.__dict__.update(__version__="9.9", create_metric=create_metric)
    configs = ModuleType("pyiqa.default_model_configs")
    configs.__dict__["DEFAULT_CONFIGS"] = {
        "good": {"metric_mode": "FR"},
        "bad": {"metric_mode": "NR", "lower_better": True},
        "locked": {"metric_mode": "NR"},
        "fid": {"metric_mode": "NR"},
        "lpips": {"metric_mode": "FR", "lower_better": True},
        "musiq": {"metric_mode": "NR"},
    }
    monkeypatch.setitem(sys.modules, "pyiqa", package)
    monkeypatch.setitem(sys.modules, "pyiqa.default_model_configs", configs)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(name=name))
    return calls


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"'pyiqa:niqe' needs the package pyiqa.*pip install"):
        load_metric("pyiqa:niqe")


def test_label_version_and_direction(stand_in: list[tuple[Any, ...]]) -> None:
    good, bad = load_metric("pyiqa:good"), load_metric("pyiqa:bad")
    assert (good.name, good.version, good.full_reference) == ("pyiqa:good", "1+pyiqa9.9", True)
    assert (bad.name, bad.higher_is_better, bad.full_reference) == ("pyiqa:bad", False, False)
    assert good.higher_is_better and "pyiqa" in good.title
    assert load_metric("pyiqa:good") is good


def test_photos_go_in_as_floats_on_one(stand_in: list[tuple[Any, ...]]) -> None:
    value = load_metric("pyiqa:good").compute(PHOTO, 255 - PHOTO)
    assert isinstance(value, float)
    image, reference = stand_in[0]
    assert image.shape == (1, 3, 12, 14)
    assert (image[0].permute(1, 2, 0).numpy() == PHOTO.astype(np.float32) / 255).all()
    assert float(image.max()) <= 1 and float((image + reference).sub(1).abs().max()) < 1e-6


def test_chance_follows_the_seed_and_stays_inside(stand_in: list[tuple[Any, ...]]) -> None:
    import torch

    compute = load_metric("pyiqa:bad").compute
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert compute(PHOTO, seed=1) == compute(PHOTO, seed=1) != compute(PHOTO, seed=2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_name_it_does_not_have(stand_in: list[tuple[Any, ...]]) -> None:
    with pytest.raises(InputError, match=r"no metric 'goood' \(did you mean 'good'\?\)"):
        load_metric("pyiqa:goood")
    with pytest.raises(InputError, match="sets of photos"):
        load_metric("pyiqa:fid")
    with pytest.raises(InputError, match="needs an argument: pyiqa:NAME"):
        load_metric("pyiqa")


def test_weights_that_cannot_be_fetched_are_one_line(stand_in: list[tuple[Any, ...]]) -> None:
    with pytest.raises(InputError, match=r"weights downloaded\?\): OSError: cannot reach the hub"):
        load_metric("pyiqa:locked").compute(PHOTO)


def test_it_refuses_what_ours_refuse(stand_in: list[tuple[Any, ...]]) -> None:
    good, bad = load_metric("pyiqa:good").compute, load_metric("pyiqa:bad").compute
    for wrong in (lambda: good(PHOTO), lambda: good(PHOTO, PHOTO[:5]), lambda: bad(PHOTO, PHOTO)):
        with pytest.raises(ValueError, match="reference"):
            wrong()
    with pytest.raises(ValueError, match="uint8"):
        bad(PHOTO / 255)
    assert not stand_in


@pytest.mark.parametrize("name", ["lpips", "dists", "niqe", "brisque", "musiq"])
def test_plain_names_say_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, verb: Command, photos: Path, name: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    words = ["--enhancers", "identity", "--input", photos, "--reference", photos, "--jobs", "0"]
    result = verb("run", *words, "--metrics", "psnr", name, "--out", "runs")
    one_line(result, f"'{name}' needs the package pyiqa", "pip install 'wespe-bench[pyiqa]'")
    assert not (photos.parent / "runs").exists()


def test_plain_names(stand_in: list[tuple[Any, ...]], verb: Command) -> None:
    lpips, musiq = load_metric("lpips"), load_metric("musiq")
    assert (lpips.name, lpips.title, lpips.version) == ("lpips", "LPIPS", "1+pyiqa9.9")
    assert (lpips.full_reference, lpips.higher_is_better) == (True, False)
    assert (musiq.full_reference, musiq.higher_is_better) == (False, True)
    assert lpips.compute(PHOTO, PHOTO) == load_metric("pyiqa:lpips").compute(PHOTO, PHOTO)
    assert lpips.prepare is not None and lpips.prepare()
    shaved = load_metric("lpips?shave=2")
    assert shaved.compute(PHOTO, PHOTO) == lpips.compute(PHOTO[2:-2, 2:-2], PHOTO[2:-2, 2:-2])
    assert "  lpips " in verb("list", "metrics").stdout


def test_what_it_says_while_it_loads_is_no_output(
    stand_in: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def chatty(name: str, device: str) -> Any:
        print("Loading pretrained model")
        return lambda *tensors: tensors[0].mean()

    monkeypatch.setattr(sys.modules["pyiqa"], "create_metric", chatty)
    load_metric("musiq").compute(PHOTO)
    assert capsys.readouterr().out == ""
