"""A run against the card of an earlier one, as the example workflow for pull requests does it."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import wespe_bench
from reports.comparison import compare_methods
from tests.conftest import Command
from tests.reports.runs import make_run
from tests.reports.test_cards import changed, resigned
from tests.verbs import one_line
from wespe_bench.images import write_png

EXAMPLE = Path(__file__).parents[2] / "examples" / "compare_on_pull_request.yml"
RNG = np.random.default_rng(4)


@pytest.fixture
def here(tmp_path: Path, verb: Command) -> Path:
    """A run, its card, and the same method's run after a change, 1 dB better."""
    base = RNG.normal(20, 2, 12)
    make_run(tmp_path / "old", "Mine", {"psnr": base, "entropy": RNG.uniform(5, 7, 12)})
    assert verb("leaderboard", "--runs", "old").returncode == 0
    shutil.copy(tmp_path / "old/leaderboard/cards/photos/Mine/card.json", tmp_path / "card.json")
    make_run(tmp_path / "runs", "Mine", {"psnr": base + RNG.normal(1, 0.3, 12), "ssim": [0.5] * 12})
    return tmp_path


SINCE = ("compare", "Mine", "--runs", "runs", "--since", "card.json")


def test_the_last_change_is_judged(here: Path, verb: Command) -> None:
    shown = verb(*SINCE, "--fail-if-worse")
    assert shown.returncode == 0, shown.stderr
    assert "Mine is better than Mine (earlier) in PSNR: " in shown.stdout
    assert "Mine (earlier): a card, not verified.**" in shown.stdout
    assert "Mine (earlier) is the card card.json, made on 2026-11-22; its scores are not" in (
        shown.stdout
    )
    assert "ssim: not scored for Mine (earlier) (its card has none)" in shown.stdout
    found = json.loads(verb(*SINCE, "--format", "json").stdout)
    (row,) = found["differences"]
    frame = wespe_bench.compare("Mine", runs=here / "runs", since=here / "card.json")
    old = wespe_bench.load_scores(here / "old")
    new = wespe_bench.load_scores(here / "runs")
    psnr = [rows[rows["metric"] == "psnr"].set_index("sample")["value"] for rows in (new, old)]
    assert row["difference"] == pytest.approx((psnr[0] - psnr[1]).mean(), rel=1e-9)
    assert frame["difference"].tolist() == [row["difference"]]
    assert (row["b"], row["better"]) == ("Mine (earlier)", "Mine")


def test_a_change_for_the_worse_ends_with_1(here: Path, verb: Command) -> None:
    change = resigned(lambda c: c["scores"].update(psnr=[v + 3 for v in c["scores"]["psnr"]]))
    changed(here / "card.json", change)
    shown = verb(*SINCE, "--fail-if-worse")
    assert shown.returncode == 1
    assert "Mine (earlier) is better than Mine in PSNR: " in shown.stdout


def test_rivals_follow_and_pictures_of_the_run_are_shown(here: Path, verb: Command) -> None:
    make_run(here / "runs", "Other", {"psnr": RNG.normal(15, 1, 12)})
    found = compare_methods(["Mine", "Other"], runs=here / "runs", since=here / "card.json")
    assert [one.b for one in found.differences] == ["Mine (earlier)", "Other"]
    assert verb(*SINCE).returncode == 0
    assert (here / "runs" / "compare-Mine-Mine__earlier_.png").is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["dataset"].update(revision="0" * 64), "other photos"),
        (lambda c: c["metrics"]["psnr"].update(version="2"), "must be scored again"),
        (lambda c: c["dataset"].update(name="else"), "not all methods have a run on 'else'"),
        (lambda c: c["samples"].__setitem__(0, "../../x"), "no plain relative path"),
        (resigned(lambda c: c.update(samples=[f"z{i}" for i in range(12)])), "other photos"),
        (lambda c: c["scores"]["psnr"].__setitem__(0, 99.0), "scores_sha256"),
    ],
)
def test_cards_that_cannot_be_compared_get_one_line(
    here: Path, verb: Command, change: Any, words: str
) -> None:
    changed(here / "card.json", change)
    one_line(verb(*SINCE), words)
    one_line(verb("compare", "Mine", "--runs", "runs"), "two methods or more")
    one_line(verb(*SINCE[:-1], "gone.json"), "gone.json: cannot be read")


@pytest.mark.slow
def test_the_example_workflow_does_what_it_says(tmp_path: Path, verb: Command) -> None:
    workflow = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    # YAML 1.1 reads the key "on" as true.
    assert workflow[True] == "pull_request"
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    for number in range(8):
        photo = RNG.integers(0, 200, (24, 32, 3)).astype(np.uint8)
        write_png(tmp_path / "photos" / f"{number}.png", photo)
        write_png(tmp_path / "truth" / f"{number}.png", photo + np.uint8(20 + number))
    lines = [
        line[1:].strip() for line in EXAMPLE.read_text("utf-8").splitlines() if line[:1] == "#"
    ]
    made = [line for line in lines if line.startswith(("wespe-bench ", "cp "))]
    steps = [step["run"] for step in workflow["jobs"]["compare"]["steps"] if "run" in step]
    tested = [step for step in steps if step.startswith("wespe-bench ")]
    assert len(made) == 3 and len(tested) == 2 and made[0] == tested[0]

    def run(commands: list[str], shift: int) -> list[int]:
        (tmp_path / "mine.py").write_text(f"def enhance(image):\n    return image + {shift}\n")
        codes = []
        for words in map(shlex.split, commands):
            if words[0] == "cp":
                shutil.copy(tmp_path / words[1], tmp_path / words[2])
                continue
            words, target = (words[:-2], words[-1]) if words[-2] == ">" else (words, "")
            result = verb(*words[1:])
            codes.append(result.returncode)
            if target:
                (tmp_path / target).write_text(result.stdout, "utf-8")
        return codes

    assert run(made, 10) == [0, 0]
    assert run(tested, 20) == [0, 0]
    assert "Mine is better than Mine (earlier) in PSNR" in (tmp_path / "verdict.md").read_text()
    assert run(tested, 5) == [0, 1]
    assert "Mine (earlier) is better than Mine in PSNR" in (tmp_path / "verdict.md").read_text()
