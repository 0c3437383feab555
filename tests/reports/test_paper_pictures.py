"""The pictures below the tables: which photo, which methods, and what is not shown."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest

from tests.wespe_bench.datasets import trees
from wespe_bench import enhance, load_dataset, score
from wespe_bench.cli import call
from wespe_bench.images import read_rgb, write_png


def darker(image: np.ndarray) -> np.ndarray:
    return image // 2


def _page(runs: Path, dataset: str) -> str:
    call("tables", ["2", "--runs", str(runs), "--dataset", f"iphone patches={dataset}",
                    "--format", "html", "--pictures", "--out", "t.html"])  # fmt: skip
    return Path("t.html").read_text("utf-8")


def test_the_first_photo_by_every_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trees.dped(tmp_path, test=2)
    photos = load_dataset("dped:iphone", data=tmp_path)
    score(enhance(darker, photos, out="runs/a", label="DPED"), ["psnr"])
    page = _page(Path("runs"), photos.name)
    assert "<figcaption>iPhone 3GS: iphone/test/0</figcaption>" in page
    assert re.findall(r'alt="">(.*?)</div>', page) == ["Input", "DPED", "Reference"]
    assert "pixels where" not in page
    home = tmp_path / "dped/iphone/test_data/patches"
    files = (home / "iphone/0.png", Path("runs/a/images/iphone/test/0.png"), home / "canon/0.png")
    shown = re.findall('src="data:image/png;base64,(.*?)"', page)
    for data, file in zip(shown, files, strict=True):
        assert np.array_equal(read_rgb(base64.b64decode(data)), read_rgb(file))
    write_png(files[1], np.zeros((100, 100, 3), np.uint8))
    page = _page(Path("runs"), photos.name)
    assert re.findall(r'alt="">(.*?)</div>', page) == ["Input", "Reference"]
    assert "is not the file that was scored" in page


def test_photos_of_another_size_than_the_tables_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for side in ("photos", "truth"):
        trees.noise(tmp_path / side / "0.png", len(side), 60, 40)
    photos = load_dataset("folder", input=Path("photos"), reference=Path("truth"))
    score(enhance(darker, photos, out="runs/a", label="DPED"), ["psnr"])
    page = _page(Path("runs"), photos.name)
    assert (
        f"Photos of {photos.name} instead of dped_iphone_patches_test, the first of 60x40 " in page
    )
    assert "pixels where 100x100 belong" in page
