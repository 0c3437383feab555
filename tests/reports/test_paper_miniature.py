"""A miniature's tables: marked, with n, and without one number of the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import wespe_bench
from docs import tables_picture
from reports.paper import render, tables
from reports.paper.choices import Choices
from tests.reports.paper_store import PATCHES, TRUTH, add, scores
from wespe_bench.datasets.miniature import FILE, WORD

NOTE = f"{WORD}: packaged photos"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    add(tmp_path / "runs", PATCHES, "ape_like", scores(1, 6, TRUTH), note=NOTE)
    sony = PATCHES.replace("iphone", "sony")
    add(tmp_path / "runs", sony, "tone [DPED]", scores(2, 5, TRUTH), note=NOTE)
    return tmp_path


def test_the_papers_numbers_are_left_out(here: Path) -> None:
    found = wespe_bench.tables(2, 6, runs=here / "runs", data="none")
    small, real = found[found["table"] == 2], found[found["table"] == 6]
    assert small["ours"].notna().sum() == 6
    assert small[["paper", "difference"]].isna().all().all()
    assert not small["paper_text"].any() and not small[["paper_best", "paper_second"]].any().any()
    assert real["paper"].notna().sum() == 5 * 3 * 3  # none of its runs is a miniature's


def test_every_format_says_it(here: Path) -> None:
    grids = tables.build((2, 6), Path("runs"), Choices(data="none"))
    for ending in ("md", "tex", "html", "json"):
        text = render.render(grids, ending)
        assert f"{WORD}, n = 5 to 6. PSNR and SSIM" in text
        assert "The paper's numbers are left out" in text.replace("&#39;", "'")


def test_beside_real_runs_the_miniatures_are_left_out(here: Path) -> None:
    add(here / "runs/paper", PATCHES, "ape_like", scores(3, 4, TRUTH))
    with pytest.warns(UserWarning, match=r"^runs: left out 2 runs of the miniature .* --runs"):
        (grid,) = tables.build((2,), Path("runs"), Choices(data="none"))
    assert not grid.miniature
    text = render.render([grid], "md")
    assert "n = 4" in text and WORD not in text


def test_tables_of_a_marked_folder_of_data_are_a_miniatures(here: Path) -> None:
    (here / "data").mkdir()
    (here / "data" / FILE).write_text(f"{NOTE}\n", "utf-8")
    (here / "empty").mkdir()
    grids = tables.build(tables.NUMBERS, Path("empty"), Choices(data="data"))
    assert [grid.number for grid in grids if not grid.miniature] == []
    text = render.render(grids, "md")
    assert "paper: what the paper printed" not in text
    assert "| paper " not in text


def test_the_readmes_picture_holds_the_tables(here: Path) -> None:
    (here / "runs/data").mkdir(exist_ok=True)
    (here / "runs/data" / FILE).write_text(f"{NOTE}\n", "utf-8")
    tables_picture.main(here / "runs", here / "t.png")
    with Image.open(here / "t.png") as image:
        assert image.mode == "P" and image.width == tables_picture.WIDTH
    with Image.open(tables_picture.ROOT / "docs/miniature.png") as shown:
        assert shown.size[0] == tables_picture.WIDTH
    (small,) = tables.build((2,), here / "runs", Choices(data="runs/data"))
    heads, lines = tables_picture.turned(small)
    assert heads[:2] == [("iPhone 3GS", "PSNR"), ("iPhone 3GS", "MS-SSIM")]
    ape = dict(lines)["APE"]
    shown_cell = small.entries["iphone", ("ape", "psnr")].ours
    assert ape[0][0] == f"{shown_cell:.2f}"
