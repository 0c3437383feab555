"""The report as a whole: golden, invariant, safe from names, and through the real entry point."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reports.paper import study as paper_study
from reports.study.cells import cells, oriented
from reports.study.contents import Report, make_report
from reports.study.page import as_html, as_markdown
from reports.study.report import write as write_report
from reports.study.verdict import headline, notes, rater_lines, sentence
from reports.study.votes import check_votes
from tests.conftest import Command
from tests.reports.study.simulated import PAPER, row, table, votes, write
from tests.reports.test_markdown import HOSTILE, tokens
from tests.wespe_bench.test_cli import one_line
from wespe_bench.cli import call
from wespe_bench.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden" / "study.md"
SMALL = {
    ("original", "WESPE", "kitti"): 0.85,
    ("original", "WESPE", "cityscapes"): 0.6,
    ("ape_like", "WESPE", "kitti"): 0.2,
}


@pytest.fixture(scope="module")
def small() -> Report:
    frame = votes(SMALL, raters=12, images=5, seed=7, checks=1, unfinished=2)
    return make_report(frame, min_ms=300)


def test_the_report_is_the_golden_one(small: Report, pytestconfig: pytest.Config) -> None:
    text = as_markdown(small)
    if pytestconfig.getoption("--rewrite-golden"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


def test_a_cells_numbers_are_those_by_hand() -> None:
    """8 of 12 votes; Wilson's interval by its formula, the test by summing the binomial."""
    frame = table([[1, 0, 1], [1, 1, 0], [1, 0, 1], [1, 1, 0]])
    (cell,) = cells(oriented(check_votes(frame)))
    assert (cell.votes, cell.raters, len(cell.images)) == (12, 4, 3)
    assert cell.share == pytest.approx(8 / 12) == cell.mean
    assert cell.spread == pytest.approx(np.std([1, 0.5, 0.5], ddof=1))
    z, n, p = 1.959963984540054, 12, 8 / 12
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    assert cell.wilson_low == pytest.approx(middle - half)
    assert cell.wilson_high == pytest.approx(middle + half)
    chance = [math.comb(12, k) / 2**12 for k in range(13)]
    assert cell.p == pytest.approx(sum(c for c in chance if c <= chance[8] * (1 + 1e-9)))
    assert cell.p == pytest.approx(stats.binomtest(8, 12).pvalue) == cell.p_holm
    assert not cell.shown and "covers one half: no preference is shown" in sentence(cell)


def test_a_pair_asked_in_both_orders_is_one_cell() -> None:
    one = table([[1, 1, 1], [1, 1, 0]])
    other = table([[0, 1], [1, 0]], rival="b", method="a")
    other = other.assign(question="t" + other["question"], sample="t" + other["sample"])
    (cell,) = cells(oriented(check_votes(pd.concat([one, other], ignore_index=True))))
    assert (cell.rival, cell.method, cell.votes) == ("a", "b", 10)
    assert cell.share == pytest.approx((5 + 2) / 10)


@settings(max_examples=8)
@given(st.integers(0, 1000))
def test_swapped_sides_and_shuffled_rows_change_nothing_but_the_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = table(rng.integers(0, 2, (4, 3)).astype(float))
    swapped = frame.assign(
        left=frame["right"],
        right=frame["left"],
        choice=frame["choice"].map({"left": "right", "right": "left"}),
    ).sample(frac=1, random_state=seed)
    found, again = make_report(frame), make_report(swapped)
    assert found.cells == again.cells or str(found.cells) == str(again.cells)  # NaN is not NaN
    assert again.raters.left == found.raters.votes - found.raters.left
    shuffled = make_report(frame.sample(frac=1, random_state=seed))
    assert as_markdown(shuffled) == as_markdown(found)


def test_few_raters_one_image_and_agreement_of_all_are_named() -> None:
    alone = make_report(table([[1, 0, 1]]))
    assert any("with one rater nothing can be said of other raters" in n for n in notes(alone))
    assert "too few raters or images for an interval" in headline(alone)
    photo = make_report(table([[1], [1], [0]]))
    assert any("with one image nothing can be said" in n for n in notes(photo))
    same = make_report(table(np.ones((10, 8)).tolist()))
    assert any("all votes agree" in note for note in notes(same))
    assert same.cells[0].shown and "100% of 80 votes (95% interval 63% to 100%" in headline(same)
    for report in (alone, photo, same):
        assert "nan" not in as_markdown(report) and "nan" not in as_html(report)
        json.dumps(report.table5)
    gaps = make_report(table([[1, 1, 0], [1, np.nan, np.nan], [0, np.nan, np.nan]]))
    assert gaps.cells[0].mean == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert any("with each image counted alike the share is 0.56" in n for n in notes(gaps))
    assert any("Unfinished: 2 raters" in line for line in rater_lines(gaps.raters))


def test_bias_haste_and_failed_checks_are_reported_and_nobody_dropped() -> None:
    frame = table(np.ones((6, 12)).tolist())
    frame.loc[frame["rater"] == "r1", "milliseconds"] = 200
    left = frame["rater"].isin([f"r{n}" for n in range(5)])
    frame.loc[left, "left"], frame.loc[left, "right"] = "b", "a"
    frame["choice"] = np.where(frame["chosen"] == frame["left"], "left", "right")
    check = row(
        rater="r2", question="c", dataset="c", sample="c", first="x", second="y", left="x",
        right="y", chosen="x", check="second", correct=False, position=13, milliseconds=900,
    )  # fmt: skip
    report = make_report(pd.concat([frame, pd.DataFrame([check])], ignore_index=True))
    found = report.raters
    assert (found.votes, found.count, found.checks, found.failed) == (72, 6, 1, 1)
    assert found.one_sided == ("r0", "r1", "r2", "r3", "r4") and found.biased
    assert found.fast_raters == ("r1",) and found.fast == 12 and found.failed_raters == ("r2",)
    assert found.left_p == pytest.approx(stats.binomtest(found.left, 72).pvalue)
    lines = " ".join(rater_lines(found))
    assert "people favour the left side" in lines and "by 1 rater (r2)" in lines
    assert "Screens" not in lines
    seen = frame.assign(surround="#777777", window="1280x720", pixel_ratio="2")
    seen.loc[seen.index[:2], ["window", "pixel_ratio"]] = ["999x700", "1.5"]
    seen.loc[seen.index[2:5], ["surround", "window", "pixel_ratio"]] = ""
    assert rater_lines(make_report(seen).raters)[-1] == (
        "Screens: windows of 999x700 to 1280x720 CSS pixels; pixel ratios 1.5, 2; "
        "surround #777777; not reported for 3 votes."
    )


def test_table_5_reads_it_back_beside_the_papers(tmp_path: Path) -> None:
    write(tmp_path, votes(PAPER, raters=6, images=3))
    report = make_report(pd.read_csv(tmp_path / "votes.csv", keep_default_na=False))
    write_report(report, tmp_path, source=tmp_path)
    grid = paper_study.grid(tmp_path)
    assert len(report.table5["cells"]) == 10 and report.notes == ()
    for cell in report.cells:
        entry = grid.entries[cell.rival, (cell.dataset, "share")]
        assert (entry.ours, entry.n) == (cell.share, 18) and entry.notes == ()
        assert (entry.low, entry.high) == (cell.interval.low, cell.interval.high)


def test_table_5_says_what_stood_in_turns_round_and_leaves_out_the_rest() -> None:
    shares = {("My WESPE", "identity", "kitti"): 0.3, ("clahe", "equalize", "kitti"): 0.5}
    report = make_report(votes(shares, raters=6, images=3))
    (entry,) = report.table5["cells"]
    turned = next(cell for cell in report.cells if cell.method == "identity")
    assert (entry["rival"], entry["dataset"], entry["method"]) == ("original", "kitti", "My WESPE")
    assert entry["share"] == pytest.approx(1 - turned.share) and "rival_method" not in entry
    assert any("equalize against clahe on kitti" in note for note in report.notes)
    made = make_report(
        votes(shares, raters=6, images=3),
        methods={"equalize": "wespe_div2k", "clahe": "ape"},
        datasets={"iphone6": "kitti"},
    )
    places = {(one["rival"], one["dataset"]): one for one in made.table5["cells"]}
    assert places["ape", "iphone6"]["rival_method"] == "clahe"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        names = ("src", "href", "action", "srcset", "style")
        self.addresses += [f"{n}={v}" for n, v in attrs if n in names or n.startswith("on")]


def test_names_stay_names_in_markdown_and_on_the_page() -> None:
    frames = []
    for number, hostile in enumerate(HOSTILE):
        name = hostile.encode("utf-8", "replace").decode("utf-8")  # as any file of votes has it
        one = table([[1, 0], [1, 1]], rival=f"r{name}", method=name)
        frames.append(one.assign(dataset=name, sample=name + one["sample"]))
        frames[-1]["question"] = f"{number}" + one["question"]
    report = make_report(pd.concat(frames, ignore_index=True))
    kinds = {token.type for token in tokens(as_markdown(report))}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "fence", "code_inline"}
    page = _Tags()
    text = as_html(report)
    page.feed(text)
    assert page.addresses == [] and not page.seen & {"script", "img", "iframe", "link", "a"}
    assert "default-src &#39;none&#39;" in text
    assert "http" not in text.split("<main>")[0].split("</style>")[1]


@pytest.mark.slow
def test_the_command_writes_four_files_and_complains_in_one_line(
    command: Command, tmp_path: Path
) -> None:
    folder = write(tmp_path / "study", votes(SMALL, raters=5, images=3, seed=1))
    before = (folder / "votes.csv").read_bytes()
    done = command("study", "report", folder, "--min-ms", 500, "--out", tmp_path / "out")
    assert done.returncode == 0 and "--min-ms left out" in done.stdout
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"report.md", "report.html", "table5.json", "votes.csv"}
    one_line(command("study", "report", tmp_path / "none"))
    assert (
        call("study report", [str(folder)]) == 0 and (folder / "votes.csv").read_bytes() == before
    )
    for options in (["--runs", "none"], ["--min-ms", "-1"], ["--out", str(folder / "votes.csv")]):
        with pytest.raises(InputError):
            call("study report", [str(folder), *options])
