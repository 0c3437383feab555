"""What an enhancer warned of stands on the page, in the Markdown, on the board and on the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.cards import read_card
from reports.contents import read_contents
from reports.leaderboard import Leaderboard, main
from reports.markdown import markdown_report
from reports.page import html_report
from tests.reports.runs import make_run
from tests.reports.test_page import Elements
from wespe_bench.errors import InputError
from wespe_bench.run import Run

WARNINGS = {
    "trained for iphone photos, <b>these</b> are sony's": 0,
    "net.onnx gives a nearly constant picture": 2,
}
LINES = (
    "net.onnx gives a nearly constant picture (2 photos)",
    "trained for iphone photos, <b>these</b> are sony's",
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path, "calm", {"psnr": [20, 21, 22]})
    make_run(tmp_path, "loud", {"psnr": [21, 22, 23]}, warnings=WARNINGS)
    return tmp_path


def test_the_report_shows_them(runs: Path) -> None:
    assert Run(runs / "photos" / "loud").warnings == LINES
    assert Run(runs / "photos" / "calm").warnings == ()
    contents = read_contents(runs)
    page, _ = html_report(contents)
    assert "<b>these</b>" not in page
    for line in LINES:
        assert f"loud: {line}" in Elements(page).text
    text = markdown_report(contents)
    assert "### Warnings" in text and "- loud: net.onnx gives a nearly constant" in text


def test_a_report_without_any_has_no_such_heading(tmp_path: Path) -> None:
    make_run(tmp_path, "calm", {"psnr": [20, 21, 22]})
    contents = read_contents(tmp_path)
    assert "Warnings" not in markdown_report(contents)
    assert "Warnings" not in Elements(html_report(contents)[0]).text


def test_board_and_card_carry_them_and_so_does_an_added_card(runs: Path, tmp_path: Path) -> None:
    assert main(Leaderboard(runs=str(runs))) == 0
    board = runs / "leaderboard"
    path = board / "cards" / "photos" / "loud" / "card.json"
    assert read_card(path).warnings == LINES
    assert f"loud: {LINES[0]}" in Elements((board / "leaderboard.html").read_text("utf-8")).text
    card = json.loads(path.read_text("utf-8"))
    card["method"]["label"] = "Theirs"
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(card), "utf-8")
    assert main(Leaderboard(runs=str(runs), add=(str(theirs),))) == 0
    assert f"Theirs: {LINES[0]}" in Elements((board / "leaderboard.html").read_text("utf-8")).text


@pytest.mark.parametrize("odd", ["text", [1], ["x" * 501], ["two\nlines"]])
def test_a_card_with_odd_warnings_is_refused(odd: object, runs: Path, tmp_path: Path) -> None:
    assert main(Leaderboard(runs=str(runs))) == 0
    path = runs / "leaderboard" / "cards" / "photos" / "loud" / "card.json"
    card = json.loads(path.read_text("utf-8"))
    card["method"]["warnings"] = odd
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(card), "utf-8")
    with pytest.raises(InputError, match="warning"):
        read_card(theirs)


@pytest.mark.parametrize("odd", ["text", [1], {"line": "many"}])
def test_a_run_with_odd_warnings_is_read(odd: object, tmp_path: Path) -> None:
    assert Run(make_run(tmp_path, "odd", {"psnr": [20]}, warnings=odd)).warnings == ()
