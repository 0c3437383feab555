"""A metric of the user's own through the command line: its direction, and its own aggregate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command

MEAN = """
from wespe_bench.types import Metric
def compute(image, **_):
    return float(image.mean())
"""


@pytest.mark.slow
def test_own_metric_keeps_its_direction_in_the_table(
    verb: Command, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        MEAN + "DARK = Metric('dark', '3', 'level', False, False, compute, title='Darkness')\n"
        "def darker(image):\n"
        "    return image // 2\n"
    )
    arguments = ["run", "--enhancers", "identity", "Half=mine.py:darker", "--input", photos]
    arguments += ["--metrics", "mine.py:DARK", "entropy", "--out", "out"]
    result = verb(*arguments)
    assert result.returncode == 0, result.stderr
    header, _, _, half = (line for line in result.stdout.splitlines() if line.startswith("|"))
    assert "Darkness (level) ↓" in header
    assert half.split("|")[4].strip().startswith("**")
    # A resumed run forgets nothing of it.
    assert verb(*arguments, "--force", "--jobs", "0").returncode == 0
    assert "Darkness (level) ↓" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.slow
def test_an_own_metric_with_an_aggregate_is_not_averaged(
    verb: Command, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        MEAN + "def worst(rows):\n"
        "    return rows['value'].min()\n"
        "WORST = Metric('worst', '1', '', True, False, compute, aggregate=worst,\n"
        "               rates_quality=False)\n"
    )
    for jobs in ("0", "1"):
        arguments = ["run", "--enhancers", "identity", "clahe", "--input", photos, "--out", jobs]
        result = verb(*arguments, "--metrics", "mine.py:WORST", "entropy", "--jobs", jobs)
        assert "worst: it is not a mean over photos" in result.stdout
        (run,) = (tmp_path / jobs).glob("*/clahe/run.json")
        stated = json.loads(run.read_text())["metrics"]
        assert stated["worst"]["pooled"] is True and stated["worst"]["rates_quality"] is False
        assert "pooled" not in stated["entropy"]
    board = verb("leaderboard", "--runs", "1").stdout
    assert "- worst is left out: it is not a mean over photos" in board
