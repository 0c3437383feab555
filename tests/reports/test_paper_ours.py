"""The user's own methods in the paper's tables, and what marks the best, second and worse."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import wespe_bench
from reports import paired
from reports.paper import render, tables
from reports.paper.best import worse_than_best
from reports.paper.choices import Choices, parse_order, parse_ours
from reports.paper.grid import Grid
from reports.paper.layout import WIDEST, Cell, as_in_paper, for_page
from reports.tables import summarize
from tests.conftest import Command
from tests.reports.paper_store import PATCHES, add, cell, one, whole
from tests.reports.runs import ids
from tests.reports.runs import scores as frame_of
from wespe_bench.errors import InputError
from wespe_bench.metric_scores import of_frame


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    whole(tmp_path / "runs")
    better = {"psnr": [30.0 + n / 7 for n in range(6)], "ms_ssim": [0.8] * 6, "ssim": [0.1] * 6}
    add(tmp_path / "runs", PATCHES, "run 3", better)
    return tmp_path / "runs"


def test_ours_stand_in_columns_of_their_own_and_the_papers_stay(store: Path) -> None:
    before = wespe_bench.tables("all", runs=store, data="data")
    after = wespe_bench.tables("all", runs=store, data="data", ours=["Mine=run 3"])
    mine = after["method"] == "ours:Mine"
    kept = [name for name in before.columns if name not in ("best", "second", "worse")]
    scored = before["table"].isin((2, 3, 6, 7, 8))
    others = after[after["table"].isin((2, 3, 6, 7, 8)) & ~mine].reset_index(drop=True)
    assert others[kept].equals(before.loc[scored, kept].reset_index(drop=True))
    assert set(after.loc[mine, "table"]) == {2, 3, 6, 7, 8}
    assert after.loc[mine, "paper"].isna().all() and not after.loc[mine, "paper_best"].any()
    filled = after[mine & after["ours"].notna()]
    assert set(zip(filled["table"], filled["row"], strict=True)) == {(2, "iphone")}
    reasons = after.loc[mine & (after["table"] == 3), "reason"]
    assert reasons.str.contains(
        "No run of Mine .ours. here: wespe-bench run .*'run 3=ENHANCER'"
    ).all()


def test_order_puts_methods_first(store: Path) -> None:
    options = {"ours": parse_ours(["Mine=run 3"], {}), "order": ("ours:Mine", "dped")}
    grid = one(2, store, **options)
    groups = list(dict.fromkeys(column.group for column in grid.columns))
    assert groups[:3] == ["Mine (ours)", "DPED [13]", "APE"]
    assert len(groups) == len(set(groups)) == 7
    assert parse_order(["Mine", "WESPE [DPED]", "Mine"], ["ours:Mine"]) == (
        "ours:Mine",
        "wespe_dped",
    )
    with pytest.raises(InputError, match=r"--order 'WESPE': no such method.*; Original, .*Mine"):
        parse_order(["WESPE"], ["ours:Mine"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ours", "=x"], "expected NAME=LABEL"),
        (["--ours", "Mine="], "expected NAME=LABEL"),
        (["--ours", "WESPE [DPED]=run 3"], "give its run with --method"),
        (["--ours", "A=run 3", "B=run 3"], "given to two methods"),
        (["--ours", "A=run 3", "A=w1"], "two methods are called 'A'"),
        (["--ours", "A=run 3", "--method", "APE=run 3"], "given to two methods"),
        (["--ours", "A=run 4"], "--ours: no run of 'run 4' in runs (did you mean 'run 3'?)"),
    ],
)
def test_names_that_are_wrong_get_one_line(
    store: Path, verb: Command, options: list[str], said: str
) -> None:
    result = verb("tables", "2", "--runs", "runs", *options)
    assert result.returncode == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_the_second_and_what_is_worse_are_those_of_the_numbers(store: Path) -> None:
    grid = one(2, store, ours=parse_ours(["Mine=run 3"], {}))
    row = {m: cell(grid, "iphone", m, "psnr") for m in ("ours:Mine", "ape", "dped", "wespe_div2k")}
    means = {method: entry.ours for method, entry in row.items()}
    ordered = sorted(means, key=means.__getitem__, reverse=True)
    assert [method for method, entry in row.items() if entry.best] == ordered[:1] == ["ours:Mine"]
    assert [method for method, entry in row.items() if entry.second] == ordered[1:2]
    # 30 dB against 18 on each of six photos: the rank test gives 2 / 2^6, Holm's factor is 4.
    assert not any(entry.worse for entry in row.values())
    paper = {m: cell(grid, "iphone", m, "psnr").paper for m in ("ape", "wespe_dped", "dped")}
    assert paper == {"ape": 17.28, "wespe_dped": 18.11, "dped": 21.35}
    assert [m for m in paper if cell(grid, "iphone", m, "psnr").paper_second] == ["wespe_dped"]
    text = render.markdown_tables([grid])
    assert "**30.36**" in text and "<ins>18.11</ins>" in text


def test_what_is_worse_is_what_interval_and_test_say() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(20, 3, 12)
    values = {
        "best": {"psnr": base + 1, "cornia": base - 1},
        "close": {"psnr": base + 1 - rng.normal(0, 1, 12), "cornia": base + rng.normal(0, 9, 12)},
        "far": {"psnr": base - rng.uniform(0, 1, 12), "cornia": base + rng.uniform(2, 3, 12)},
        "few": {"psnr": base - 1, "cornia": base + 1},
    }
    rows = frame_of(values)
    rows = rows[(rows["label"] != "few") | rows["sample"].isin(ids(5))]
    (table,) = summarize(rows[rows["label"] != "few"], {"photos": ids(12)})
    assert table.cell("best", "psnr").place == 1
    scores = of_frame(rows)
    found = worse_than_best(scores, table.cells, {"psnr": True, "cornia": False}, ())
    assert found == {("far", "psnr"), ("far", "cornia")}
    assert worse_than_best(scores, table.cells, {"psnr": True}, {"psnr"}) == set()
    apart = np.array(values["far"]["psnr"]) - np.array(values["best"]["psnr"])
    assert paired.intervals(apart[:, None])[0, 1] < 0


def test_all_formats_show_the_marks(store: Path) -> None:
    grids = tables.build((2,), store, Choices(ours=parse_ours(["Mine=run 3"], {})))
    marked = {"md": ("**30.36**", "<ins>"), "tex": (r"\textbf{30.36}", r"\underline{")}
    marked |= {
        "html": ("<strong>30.36</strong>", "<u>"),
        "csv": ("ours:Mine",),
        "json": ("second",),
    }
    for ending, words in marked.items():
        text = render.render(grids, ending)
        assert all(word in text for word in words), ending
        assert "Mine" in text


def _worse(grid: Grid) -> bool:
    return any(entry.worse for entry in grid.entries.values())


def test_a_star_says_what_it_means_where_photos_allow_it(tmp_path: Path) -> None:
    for label, shift in (("DPED", 0.0), ("mine", 2.0)):
        values = {"psnr": [18 + shift + math.sin(n) / 3 for n in range(12)]}
        add(tmp_path, PATCHES, label, values)
    grid = one(2, tmp_path, ours=parse_ours(["mine"], {}))
    assert cell(grid, "iphone", "dped", "psnr").worse and _worse(grid)
    assert any(note.startswith("* marks what is shown to be worse") for note in grid.notes)
    assert cell(grid, "iphone", "dped", "psnr").second
    shown = f"{cell(grid, 'iphone', 'dped', 'psnr').ours:.2f}"
    assert rf"<ins>{shown}\*</ins>" in render.markdown_tables([grid])
    assert rf"\underline{{{shown}*}}" in render.latex_tables([grid])


def test_pages_have_a_line_for_each_method_and_the_html_has_the_papers_columns(store: Path) -> None:
    grid = one(2, store, ours=parse_ours(["Mine=run 3"], {}))
    page, wide = for_page(grid), as_in_paper(grid)
    assert page.heads == ("n", "PSNR ↑", "paper", 'MS-SSIM (paper: "SSIM") ↑', "paper", "SSIM ↑")
    assert len(wide.heads) == len(grid.columns) > WIDEST and wide.groups and not page.groups
    (mine,) = [line for line in page.lines if line.name.startswith("Mine") and line.title == ""][:1]
    entry = cell(grid, "iphone", "ours:Mine", "psnr")
    assert mine.cells[:3] == (Cell(f"{entry.n}"), Cell("30.36", 1), Cell("–"))
    below = page.lines[page.lines.index(mine) + 1]
    assert below.name == "" and below.cells[1].text == f"[{entry.low:.2f}, {entry.high:.2f}]"
    assert sum(line.span for line in page.lines) == len(page.lines)
    assert for_page(one(7, store)) == as_in_paper(one(7, store))
