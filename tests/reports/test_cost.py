"""What methods cost, wherever methods are compared; none of it where no method has a count."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from reports.contents import read_contents
from reports.cost import COUNTS, HEADS, NOTE, cost_of
from reports.latex import tex
from tests.conftest import Command
from tests.reports.runs import make_run
from wespe_bench.run import Run

SCORES = np.random.default_rng(2).normal(20, 1, 6)
NET = {"parameters": 79_416, "multiply_adds": 79_200_000_000}


@pytest.fixture
def methods(tmp_path: Path) -> Path:
    """A network, one that says part of it, one that says nothing, and what is no network."""
    makes = {
        "Net": {"enhancer": "zero_dce:x.safetensors", "about": NET},
        "Half": {"enhancer": "onnx:x.onnx", "about": {"parameters": 7, "multiply_adds": "many"}},
        "Mine": {"enhancer": "mine.py:f"},
        "Curve": {"enhancer": "tone:demo"},
        "identity": {"enhancer": "identity"},
    }
    for number, (label, record) in enumerate(makes.items()):
        make_run(tmp_path, label, {"psnr": SCORES + number}, shade=number, memory=1e6, **record)
    return tmp_path


ROWS = [
    "| Net | 79,416 | 79.2 | 0.1 |",
    "| Half | 7 | not stated | 0.1 |",
    "| Mine | not stated | not stated | 0.1 |",
    "| Curve | not a network | not a network | 0.1 |",
    "| identity | not a network | not a network | 0.1 |",
]


def test_it_stands_wherever_methods_are_compared(methods: Path, verb: Command) -> None:
    words = ["compare", "Net", "Half", "Mine", "Curve", "identity", "--runs", methods]
    compared = verb(*words)
    board = verb("leaderboard", "--runs", methods)
    report = verb("report", methods)
    assert [r.returncode for r in (compared, board, report)] == [0, 0, 0], report.stderr
    text = (methods / "report.md").read_text("utf-8")
    for shown in (compared.stdout, board.stdout, text):
        lines = shown.splitlines()
        assert f"| {' | '.join(HEADS)} |" in lines and f"- {NOTE}" in lines
        assert sorted(lines.index(row) for row in ROWS)
    pages = [methods / "report.html", methods / "leaderboard" / "leaderboard.html"]
    for page in pages:
        html = page.read_text("utf-8")
        assert '<td class="number" data-sort="79416">79,416</td>' in html
        assert '<td class="number" data-sort="">not a network</td>' in html
    for file in (methods / "report.tex", methods / "leaderboard" / "leaderboard.tex"):
        source = file.read_text("utf-8")
        assert r"Net & 79,416 & 79.2 \\" in source and tex(COUNTS) in source
    assert r"Half & 7 & not stated \\" in verb(*words, "--format", "tex").stdout


def test_numbers_for_scripts_and_cards(methods: Path, verb: Command) -> None:
    wanted = {**NET, "seconds": 0.1}
    found = json.loads(
        verb("compare", "Net", "Mine", "--runs", methods, "--format", "json").stdout
    )["costs"]
    assert found == [
        {"method": "Net", **wanted},
        {"method": "Mine", "parameters": None, "multiply_adds": None, "seconds": 0.1},
    ]
    verb("leaderboard", "--runs", methods)
    folder = methods / "leaderboard"
    board = json.loads((folder / "leaderboard.json").read_text("utf-8"))["boards"][0]
    assert {name: board["methods"][-1][name] for name in wanted} == wanted
    rows = list(csv.DictReader((folder / "leaderboard.csv").open(encoding="utf-8")))
    assert rows[-1]["label"] == "Net" and float(rows[-1]["parameters"]) == 79_416
    card = folder / "cards" / "photos" / "Net" / "card.json"
    content = json.loads(card.read_text("utf-8"))
    assert content["method"]["multiply_adds"] == 79_200_000_000
    content["method"] |= {"label": "Sent", "parameters": -3}
    (methods / "sent.json").write_text(json.dumps(content), "utf-8")
    out = verb("leaderboard", "--runs", methods, "--add", methods / "sent.json").stdout
    assert "| Sent | not in its card | 79.2 | – |" in out


def test_figures_against_them(methods: Path, verb: Command) -> None:
    assert verb("figures", methods).returncode == 0
    captions = (methods / "figures" / "figures.md").read_text("utf-8")
    assert "the parameters that a method states (none stated for identity, Curve, Mine)" in captions
    assert (methods / "figures" / "multiply-adds-photos.svg").is_file()


def test_functions_alone_have_no_such_table(runs: Path, verb: Command) -> None:
    assert all(not section.costs for section in read_contents(runs).sections)
    assert HEADS[1] not in verb("leaderboard", "--runs", runs).stdout
    assert HEADS[1] not in verb("compare", "good", "bad", "--runs", runs).stdout


def test_seconds_are_those_of_work(tmp_path: Path) -> None:
    copied = make_run(tmp_path, "copied", {"psnr": SCORES}, enhancer="results:made/")
    assert cost_of("copied", [Run(copied)]).texts() == ["copied", "not stated", "not stated", "–"]
