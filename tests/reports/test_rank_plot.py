"""The report's plot of ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports import rank_plot
from reports.contents import read_contents
from reports.ranking import rank
from tests.reports.runs import make_run

RNG = np.random.default_rng(0)
BASE = RNG.normal(20, 3, 12)


def test_lines_run_from_the_best_to_the_last_with_the_leaderboards_ranks(tmp_path: Path) -> None:
    scores = {
        label: {
            "psnr": BASE + shift + RNG.normal(0, 1, 12),
            "ssim": BASE / 30 + shift / 30 + RNG.normal(0, 0.02, 12),
            "entropy": BASE - shift,
        }
        for label, shift in {"worst": -2.0, "best": 2.0, "middle": 0.0}.items()
    }
    for label, values in scores.items():
        make_run(tmp_path, label, values)
    (section,) = read_contents(tmp_path).sections
    plot = rank_plot.rank_plot(section)
    assert plot is not None
    assert [line.label for line in plot.lines] == ["best", "middle", "worst"]
    values = np.array([[scores[n][m] for m in ("psnr", "ssim")] for n in ("best", "middle")])
    values = np.concatenate([values, [[scores["worst"][m] for m in ("psnr", "ssim")]]])
    expected = rank(values, [True, True], [True, True]).mean
    for line, ends in zip(plot.lines, expected, strict=True):
        shown = [
            1 + 2 * (x - rank_plot.LEFT) / rank_plot.SCALE for x in (line.at, line.low, line.high)
        ]
        assert shown == pytest.approx(list(ends), abs=1e-3)
    assert [tick for _, tick in plot.ticks] == [1, 2, 3]
    assert "PSNR and SSIM; 1 is the best" in plot.caption


def test_a_method_that_lacks_a_metric_or_a_pair_alone_is_not_ranked(tmp_path: Path) -> None:
    for label in "abcd":
        both = {"psnr": BASE, "ssim": BASE / 30}
        make_run(tmp_path, label, {"ssim": BASE / 30} if label == "d" else both)
    (section,) = read_contents(tmp_path).sections
    plot = rank_plot.rank_plot(section)
    assert plot is not None and [line.label for line in plot.lines] == ["a", "b", "c"]
    make_run(tmp_path / "two", "a", {"psnr": BASE})
    make_run(tmp_path / "two", "b", {"psnr": BASE})
    (section,) = read_contents(tmp_path / "two").sections
    assert rank_plot.rank_plot(section) is None
