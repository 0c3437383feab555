"""The verb ``conventions``: every number of one pair, and why it is what it is."""

from __future__ import annotations

import importlib.metadata
import math
from pathlib import Path

import numpy as np
import pytest

from wespe_bench import conventions
from wespe_bench.cli import call
from wespe_bench.conventions import PEERS, compare, ours
from wespe_bench.doctor import golden_pair
from wespe_bench.errors import InputError
from wespe_bench.images import write_png


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for path, photo in zip(paths, golden_pair(), strict=True):
        write_png(path, photo)
    return paths


def test_every_metric_of_ours_is_shown_once_with_a_reason() -> None:
    metrics = [metric for quantity in ours().values() for metric in quantity]
    assert len(metrics) == len({metric.name for metric in metrics}) > 10
    assert all(metric.convention for metric in metrics)


def test_the_page_of_one_pair(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("conventions", [str(path) for path in pair]) == 0
    out = capsys.readouterr().out
    for quantity, metrics in ours().items():
        assert f"\n{quantity}\n" in out
        assert all(f"\n  {metric.name} " in out for metric in metrics)
    line = next(line for line in out.splitlines() if line.startswith("  ssim "))
    assert "0.723730" in line and "Wang 2004" in line
    dped = next(line for line in out.splitlines() if line.startswith("  psnr_dped "))
    assert " - " in dped and "needs 50 photos to fill a batch, has 1" in dped
    assert all(len(line) < 220 for line in out.splitlines())


def test_lines_that_claim_equality_are_equal() -> None:
    values = {line.name: line.value for line in compare(*golden_pair())}
    version = importlib.metadata.version("scikit-image")
    for peer, mine in [
        ("psnr", "psnr"),
        ("ssim, Wang's options", "ssim"),
        ("shannon_entropy", "entropy_rgb"),
    ]:
        assert values[f"scikit-image {version}: {peer}"] == pytest.approx(values[mine], abs=1e-12)
    default = values[f"scikit-image {version}: ssim"]
    assert default is not None and default != pytest.approx(values["ssim_rgb"], abs=1e-3)


def test_identical_photos(photos: Path) -> None:
    photo = golden_pair()[0]
    values = {line.name: line.value for line in compare(photo, photo)}
    assert values["psnr"] == values["psnr_pooled"] == math.inf
    assert values["ssim"] == values["ssim_rgb"] == values["ms_ssim"] == 1.0


def test_what_is_not_installed_is_named_and_left_out(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(conventions.importlib.metadata, "version", version)
    assert call("conventions", [str(path) for path in pair]) == 0
    out = capsys.readouterr().out
    packages = sorted({peer.package for peers in PEERS.values() for peer in peers})
    assert f"not installed, so not shown: {', '.join(packages)}" in out
    assert not any(f"  {package} " in out for package in packages)


def test_small_photos_show_the_metrics_that_work() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 8, 8, 3), np.uint8)
    lines = {line.name: line for line in compare(first, second)}
    assert lines["psnr"].value is not None and lines["ms_ssim"].value is not None
    assert lines["ssim"].value is None and "at least 11" in lines["ssim"].why


def test_two_sizes_are_one_clear_line(pair: tuple[Path, Path], tmp_path: Path) -> None:
    write_png(tmp_path / "c.png", np.zeros((5, 9, 3), np.uint8))
    with pytest.raises(InputError, match=r"a\.png is 90x67 but .*c\.png is 9x5"):
        call("conventions", [str(pair[0]), str(tmp_path / "c.png")])
    with pytest.raises(InputError, match=r"nowhere\.png: no such file"):
        call("conventions", [str(pair[0]), "nowhere.png"])
