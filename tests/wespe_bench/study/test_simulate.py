"""Simulated votes: from the stated model, whatever the study's ids, never beside people's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.paper import study as table
from reports.study.votes import load_votes
from tests.conftest import Command
from tests.wespe_bench.study.studies import make_study
from tests.wespe_bench.study.test_importing import filled, put
from wespe_bench.datasets.miniature import FILE, chance, liking, note_of


def test_liking_is_what_its_words_say() -> None:
    half = np.zeros((2, 2, 3), np.uint8)
    half[0] = 255  # grey of mean 0.5 and standard deviation 0.5, without colour
    assert liking(half) == pytest.approx(4 * 0.5)
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255  # flat, colour 1, brightness 1/3
    assert liking(red) == pytest.approx(2 - 6 / 6)
    assert chance(1.0, 1.0) == 0.5
    assert chance(1.0, 0.5) == pytest.approx(1 / (1 + np.exp(-2)))
    assert chance(0.5, 1.0) == pytest.approx(1 - chance(1.0, 0.5))


def test_votes_follow_the_model_and_not_the_ids(tmp_path: Path, verb: Command) -> None:
    shares = []
    for home in ("a", "b"):  # two studies of the same pictures, with other secrets
        folder, _ = make_study(tmp_path / home, questions=4)
        result = verb("study", "simulate", folder, "--raters", 40)
        assert result.returncode == 0, result.stderr
        votes = load_votes(folder)
        assert len(votes) == 40 * 4
        assert set(votes["source"]) == {"file"}
        votes = votes.assign(won=votes["chosen"] == "method")
        shares.append(votes.groupby("sample")["won"].mean().to_dict())
    assert shares[0] == shares[1]
    # Flat greys of level n and n + 100: the lighter one is nearer to the middle.
    assert sum(shares[0].values()) / 4 > 0.85
    again = verb("study", "simulate", folder, "--raters", 40)
    assert again.stdout.startswith("0 votes new")


def test_a_simulated_study_is_marked(tmp_path: Path, verb: Command) -> None:
    folder, _ = make_study(tmp_path, questions=2)
    assert verb("study", "simulate", folder, "--raters", 3).returncode == 0
    assert note_of(folder).startswith("MINIATURE, simulated: votes drawn from a model, no people")
    result = verb("study", "report", folder)
    assert result.returncode == 0, result.stderr
    mark = "MINIATURE, simulated: votes drawn from a model, no people were asked"
    assert result.stdout.startswith(mark)
    assert f"**{mark}" in (folder / "report.md").read_text("utf-8")
    page = (folder / "report.html").read_text("utf-8")
    assert '<span class="badge">simulated</span>' in page and mark in page
    assert table.grid(folder).number == 5
    result = verb("tables", 5, "--study", folder, "--runs", tmp_path)
    assert "Table 5: MINIATURE, simulated" in result.stdout
    assert "38 people" not in result.stdout


def test_votes_of_people_are_not_mixed(tmp_path: Path, verb: Command) -> None:
    folder, study = make_study(tmp_path, questions=2)
    file = put(tmp_path / "a.json", filled(study))
    assert verb("study", "import", folder, file).returncode == 0
    result = verb("study", "simulate", folder)
    assert result.returncode == 2
    assert "has votes of people" in result.stderr
    assert not (folder / FILE).exists()
    assert "--raters 0: expected 1 to 1000" in verb("study", "simulate", "x", "--raters", 0).stderr
