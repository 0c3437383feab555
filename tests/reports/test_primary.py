"""The design of a comparison: a primary metric, exploratory others, few photos, a check for CI."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import paired
from reports.compare import as_frame, as_markdown
from reports.comparison import compare_methods
from reports.verdict import notes, sentence
from tests.conftest import Command
from tests.reports.runs import make_run
from tests.reports.test_compare import BASE, refused
from tests.wespe_bench.test_cli import one_line

RNG = np.random.default_rng(1)


def test_all_but_the_primary_metric_are_corrected_over_rivals_and_metrics(tmp_path: Path) -> None:
    more = {"entropy": BASE, "ssim": BASE / 40}
    make_run(tmp_path, "a", {"psnr": BASE + 1 + RNG.normal(0, 0.5, 30), **more})
    make_run(
        tmp_path, "b", {"psnr": BASE, **{k: v + RNG.normal(0, 1, 30) for k, v in more.items()}}
    )
    make_run(
        tmp_path, "c", {"psnr": BASE, **{k: v + RNG.normal(0, 1, 30) for k, v in more.items()}}
    )
    found = compare_methods(["a", "b", "c"], runs=tmp_path)
    frame = as_frame(found)
    assert frame["b"].tolist() == ["b"] * 3 + ["c"] * 3
    assert frame["metric"].tolist() == ["psnr", "ssim", "entropy"] * 2
    assert frame["primary"].tolist() == [True, False, False] * 2
    first = frame[frame["primary"]]
    assert (first["p_corrected"] == first["p"]).all()
    others = frame[~frame["primary"]]
    smallest = others["p"].idxmin()
    assert others["p_corrected"][smallest] == pytest.approx(min(1.0, 4 * others["p"][smallest]))
    assert (others["p_corrected"] >= others["p"]).all()
    design = "PSNR is primary by default: tested without correction, whatever else is compared."
    assert (
        f"{design} Other metrics are exploratory, with p after Holm's correction over 4 tests."
        in notes(found)
    )
    # Another one on request, and none where there is no reference to compare with.
    named = as_frame(compare_methods(["a", "b"], runs=tmp_path, primary="entropy"))
    assert named["metric"].tolist() == ["entropy", "psnr", "ssim"]
    free = compare_methods(["a", "b"], runs=tmp_path, metrics=["entropy"])
    assert free.primary == ""
    assert any(note.startswith("No metric is primary (--primary METRIC") for note in notes(free))
    assert "not among the metrics" in refused(
        "a", "b", runs=tmp_path, metrics=["ssim"], primary="psnr"
    )
    twice = compare_methods(["a", "b"], runs=tmp_path, metrics=["psnr", "ssim", "ssim"])
    assert [row.tests for row in twice.differences] == [1, 1]
    assert "no method has scores of 'psnt'" in refused("a", "b", runs=tmp_path, primary="psnt")


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(0, 5))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rivals_and_metrics_beside_it_do_not_change_the_primary_verdict(
    tmp_path_factory: pytest.TempPathFactory, seed: int, junk: int
) -> None:
    rng = np.random.default_rng(seed)
    root = tmp_path_factory.mktemp("junk")
    for label, shift in {"a": 0.5, "b": 0.0, "c": 0.1, "d": -0.1}.items():
        values = {"psnr": BASE[:12] + shift + rng.normal(0, 0.7, 12)}
        values |= {f"junk{number}": rng.normal(0, 1, 12) for number in range(junk)}
        make_run(root, label, values)
    alone = compare_methods(["a", "b"], runs=root, metrics=["psnr"])
    among = compare_methods(["a", "b", "c", "d"], runs=root)
    assert sentence(among.differences[0]) == sentence(alone.differences[0])
    assert among.differences[0].better == alone.differences[0].better


def test_five_photos_have_a_sane_interval_and_many_tests_are_counted(tmp_path: Path) -> None:
    apart = np.array([-5.76, 9.98, -5.23, -3.55, 5.08])
    make_run(tmp_path, "a", {"psnr": 20 + apart})
    make_run(tmp_path, "b", {"psnr": [20.0] * 5})
    (one,) = compare_methods(["a", "b"], runs=tmp_path).differences
    assert (one.low, one.high) == pytest.approx((-8.6, 8.8), abs=0.1)  # Student's, by hand
    # Six photos all in favour would do alone, but not among six exploratory tests.
    for label, shift in {"c": 1.0, "d": 0.0}.items():
        values = {f"m{n}": np.arange(6) * (1 + shift / 9) + shift for n in range(6)}
        make_run(tmp_path, label, values, dataset="six")
    rows = compare_methods(["c", "d"], runs=tmp_path).differences
    assert [row.tests for row in rows] == [6] * 6
    assert rows[0].p == 0.03125 and not rows[0].shown
    assert "so few photos (the rank test's p is 0.19 at best among 6 tests)" in sentence(rows[0])


def test_what_is_not_shown_says_how_many_photos_would_show_it(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": [20.0, 22.0, 19.5, 21.5, 20.0, 23.0, 19.0, 21.0]})
    make_run(tmp_path, "b", {"psnr": [20.5, 20.0, 20.0, 20.0, 20.5, 20.0, 20.0, 20.0]})
    (one,) = compare_methods(["a", "b"], runs=tmp_path).differences
    count = paired.photos_needed(one.values, 1)
    text = f"some {count} photos like these would show it in 4 of 5 studies"
    assert 10 < count < 100 and text in sentence(one)


def test_the_page_says_who_chose_the_primary_metric(tmp_path: Path) -> None:
    for label, shift in (("a", 0.0), ("b", 1.0)):
        make_run(tmp_path, label, {"psnr": RNG.normal(20 + shift, 1, 8)})
    for primary, said in (("", "by default"), ("psnr", "as --primary says")):
        found = compare_methods(["a", "b"], runs=tmp_path, primary=primary)
        assert f"PSNR is primary {said}: tested" in as_markdown(found)


def test_a_worse_method_fails_a_check(tmp_path: Path, verb: Command) -> None:
    make_run(tmp_path, "a", {"psnr": BASE + 1 + RNG.normal(0, 0.5, 30), "entropy": BASE / 3})
    make_run(tmp_path, "b", {"psnr": BASE, "entropy": BASE / 3})
    for order, code in (("ab", 0), ("ba", 1)):
        result = verb("compare", *order, "--runs", tmp_path, "--fail-if-worse", "--format", "json")
        assert result.returncode == code, result.stderr
        assert json.loads(result.stdout)["primary"] == "psnr"
    for label, value in {"c": 20.0, "d": 30.0}.items():
        make_run(tmp_path, label, {"psnr": [value + n / 9 for n in range(5)]}, dataset="five")
    result = verb("compare", "c", "d", "--runs", tmp_path, "--fail-if-worse")
    assert result.returncode == 2
    assert "cannot tell c from d by 5 photos; compare at least 6" in result.stderr
    words = ["--runs", tmp_path, "--metrics", "entropy", "--fail-if-worse"]
    one_line(verb("compare", "a", "b", *words), "needs a primary metric")


def test_what_is_not_a_quality_score_is_never_called_better(tmp_path: Path) -> None:
    for label, start in (("a", 6.0), ("b", 5.0)):
        make_run(tmp_path, label, {"entropy": [start + n**2 / 99 * start for n in range(12)]})
    (one,) = compare_methods(["a", "b"], runs=tmp_path).differences
    assert one.shown and sentence(one).startswith("a has ") and "better" not in sentence(one)
    assert sentence(one).endswith("; it is not a quality score.")
