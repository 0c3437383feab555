"""Comparisons from run folders: pairing, refusals, seeds, words, and the real entry point."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wespe_bench
from reports.compare import as_csv, as_frame, as_json, as_markdown
from reports.compare_page import as_html
from reports.comparison import compare_methods
from reports.strip import most_different
from reports.verdict import headline, notes, sentence
from tests.conftest import Command
from tests.reports.runs import ids, make_run
from tests.reports.test_markdown import HOSTILE, tokens
from tests.reports.test_page import Elements
from tests.wespe_bench.test_cli import one_line
from wespe_bench.cli import call
from wespe_bench.errors import InputError

RNG = np.random.default_rng(1)
BASE = RNG.normal(20, 3, 30)


def refused(*names: str, runs: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        compare_methods(names, runs=runs, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    make_run(tmp_path, "a", {"psnr": BASE + 1 + RNG.normal(0, 0.5, 30), "entropy": BASE / 3})
    make_run(tmp_path, "b", {"psnr": BASE, "entropy": BASE / 3})
    return tmp_path


def test_a_clear_difference_is_claimed_in_the_metrics_direction(pair: Path) -> None:
    found = compare_methods(["a", "b"], runs=pair)
    psnr, entropy = found.differences
    assert psnr.better == "a" and psnr.shown and psnr.low > 0
    assert psnr.difference == pytest.approx(psnr.mean_a - psnr.mean_b)
    assert sentence(psnr).startswith("a is better than b in PSNR: ")
    assert f"better on {psnr.wins} of 30." in sentence(psnr)
    assert sentence(entropy) == "a and b have the same Entropy on every one of 30 photos."
    turned = compare_methods(["b", "a"], runs=pair).differences[0]
    assert turned.better == "a" and turned.difference == pytest.approx(-psnr.difference)
    assert sentence(turned).startswith("a is better than b in PSNR: ")
    assert headline(found) == (
        f"In PSNR, over 30 photos, a is better than b ({psnr.difference:.2f} dB on average)."
    )


def test_lower_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    described = {"noise": {"version": "1", "title": "Noise", "higher_is_better": False}}
    for label, shift in {"a": 0.0, "b": 1.0}.items():
        make_run(
            tmp_path, label, {"noise": BASE + shift + RNG.normal(0, 0.1, 30)}, metrics=described
        )
    (one,) = compare_methods(["a", "b"], runs=tmp_path).differences
    assert one.better == "a" and one.wins == 30 and one.win_rate == 1.0
    assert sentence(one).startswith("a is better than b in Noise: ") and " lower on " in sentence(
        one
    )


def test_no_claim_where_the_interval_covers_zero_or_the_test_does_not_confirm(
    tmp_path: Path,
) -> None:
    make_run(tmp_path, "a", {"psnr": BASE + RNG.normal(0, 3, 30)})
    make_run(tmp_path, "b", {"psnr": BASE})
    (one,) = compare_methods(["a", "b"], runs=tmp_path).differences
    assert one.low < 0 < one.high and not one.shown and one.better == ""
    assert "covers 0: no difference is shown" in sentence(one)
    # Five photos, all in favour: the interval leaves 0 out, the test cannot.
    make_run(tmp_path, "c", {"psnr": [1.0, 1.1, 1.2, 1.3, 1.4]}, dataset="five")
    make_run(tmp_path, "d", {"psnr": [0.0, 0.0, 0.0, 0.0, 0.0]}, dataset="five")
    (one,) = compare_methods(["c", "d"], runs=tmp_path).differences
    assert one.low > 0 and one.p == 0.0625 and not one.shown
    assert "so few photos (the rank test's p is 0.062 at best)" in sentence(one)


def test_a_difference_that_rounds_to_zero_is_not_said_as_zero(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": BASE + 0.001 + RNG.normal(0, 1e-3, 30)})
    make_run(tmp_path, "b", {"psnr": BASE})
    make_run(tmp_path, "c", {"psnr": BASE + 0.002 + RNG.normal(0, 1e-4, 30)})
    (one,) = compare_methods(["a", "b"], runs=tmp_path).differences
    shown = one.column.show(abs(one.difference))
    assert float(shown) == 0
    least = f"less than {shown[:-1]}1 dB higher on average"
    assert least in sentence(one) and f" {shown} dB" not in sentence(one)
    (one,) = compare_methods(["b", "c"], runs=tmp_path).differences
    assert one.better == "c" and least in sentence(one)
    for label, values in {"d": [3.0, 5.0], "e": [5.0, 3.0]}.items():
        make_run(tmp_path, label, {"psnr": values}, dataset="two")
    (one,) = compare_methods(["d", "e"], runs=tmp_path).differences
    assert "no different on average over 2 photos" in sentence(one)


def test_one_photo_gives_no_interval_and_no_claim(tmp_path: Path) -> None:
    for label, value in {"a": 9.0, "b": 1.0}.items():
        make_run(tmp_path, label, {"psnr": [value]})
    found = compare_methods(["a", "b"], runs=tmp_path)
    (one,) = found.differences
    assert math.isnan(one.low) and one.p == 1.0 and not one.shown
    assert "too few for an interval" in sentence(one)
    assert "With 1 photo there is no interval: from 3 on." in notes(found)
    assert json.loads(as_json(found))["differences"][0]["low"] is None


def test_unpaired_photos_are_named_and_counted_and_none_at_all_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": BASE[:8]}, samples=ids(10), revision="r")
    make_run(tmp_path, "b", {"psnr": BASE[:10]}, samples=ids(10), revision="r")
    found = compare_methods(["a", "b"], runs=tmp_path)
    (one,) = found.differences
    assert (one.n, one.lacking) == (8, (("a", ("s08", "s09")),))
    assert one.mean_a == pytest.approx(BASE[:8].mean()) == one.mean_b
    assert any("a has no score of 2 photos (s08, s09)" in note for note in notes(found))
    frame = as_frame(found)
    assert frame["n_unpaired"].tolist() == [2]
    shown = json.loads(as_json(found))
    assert shown["unpaired"] == [{"metric": "psnr", "method": "a", "samples": ["s08", "s09"]}]
    for label, part in {"c": [1, 2, math.nan, math.nan], "d": [math.nan, math.nan, 1, 2]}.items():
        values = [value for value in part if not math.isnan(value)]
        names = [name for name, value in zip(ids(4), part, strict=True) if not math.isnan(value)]
        make_run(tmp_path, label, {"psnr": values}, dataset="apart", samples=names, revision="r")
    assert "c and d have no photo in common" in refused("c", "d", runs=tmp_path)


def test_infinite_scores_count_in_the_ranks_and_not_in_the_mean(tmp_path: Path) -> None:
    a = [math.inf, math.inf, *BASE[:8] + 1]
    b = [math.inf, 30.0, *BASE[:8]]
    for label, values in {"a": a, "b": b}.items():
        make_run(tmp_path, label, {"psnr": values})
    found = compare_methods(["a", "b"], runs=tmp_path)
    (one,) = found.differences
    assert (one.n, one.n_infinite, one.wins, one.equal) == (10, 2, 9, 1)
    assert one.difference == pytest.approx(1.0) and one.effect == 1.0
    assert any("PSNR: infinite on 2 photos" in note for note in notes(found))
    assert most_different(one)[0] == ("s01", math.inf)
    assert "inf" not in as_json(found).replace("infinite", "")


def test_versions_revisions_and_nan_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {"psnr": [1, 2, 3]})
    make_run(tmp_path, "version", {"psnr": [1, 2, 3]}, version="2")
    make_run(tmp_path, "revision", {"psnr": [1, 2, 3]}, revision="other")
    make_run(tmp_path, "nan", {"psnr": [1, math.nan, 3]})
    make_run(tmp_path, "none", {})
    make_run(tmp_path, "else", {"psnr": [1, 2, 3]}, dataset="elsewhere")
    said = refused("a", "version", runs=tmp_path)
    assert "2 versions" in said and f"wespe-bench score {tmp_path}/photos --metrics" in said
    assert "2 revisions" in refused("a", "revision", runs=tmp_path)
    assert "not a number for s01" in refused("a", "nan", runs=tmp_path)
    assert "has no scores" in refused("a", "none", runs=tmp_path)
    assert "share no data set (a on photos; else on elsewhere)" in refused(
        "a", "else", runs=tmp_path
    )


def test_names_are_found_or_refused(pair: Path) -> None:
    assert "did you mean 'a'" not in refused("a", "nothing", runs=pair)
    assert "there are: a, b" in refused("a", "nothing", runs=pair)
    assert "two methods or more" in refused("a", runs=pair)
    assert "named twice" in refused("a", "a", runs=pair)
    assert "not all methods have a run on 'photo' (did you mean 'photos'?)" in refused(
        "a", "b", runs=pair, dataset="photo"
    )
    assert "no method has scores of 'psnrr' (did you mean 'psnr'?)" in refused(
        "a", "b", runs=pair, metrics=["psnrr"]
    )
    make_run(pair, "a", {"psnr": BASE}, dataset="more")
    make_run(pair, "b", {"psnr": BASE}, dataset="more")
    assert "several data sets: more, photos" in refused("a", "b", runs=pair)
    assert compare_methods(["a", "b"], runs=pair, dataset="more").dataset == "more"
    make_run(pair, "b", {"psnr": BASE}, folder="again", dataset="more")
    assert "2 runs on 'more' are called 'b' with seed 0" in refused(
        "a", "b", runs=pair, dataset="more"
    )
    found = compare_methods([str(pair / "more" / "b"), str(pair / "again")], runs=pair)
    assert [method.label for method in found.methods] == [
        str(pair / "more" / "b"),
        str(pair / "again"),
    ]


def test_metrics_that_are_no_means_or_of_one_side_are_left_out_with_a_reason(
    tmp_path: Path,
) -> None:
    make_run(tmp_path, "a", {"psnr": BASE, "psnr_pooled": BASE, "ssim": BASE / 30})
    make_run(tmp_path, "b", {"psnr": BASE, "psnr_pooled": BASE})
    found = compare_methods(["a", "b"], runs=tmp_path)
    assert [one.column.metric for one in found.differences] == ["psnr"]
    assert "psnr_pooled is not a mean over photos" in found.left_out[0] + found.left_out[1]
    assert any("ssim: not scored for b (wespe-bench score" in text for text in found.left_out)
    assert "not scored for b" in refused("a", "b", runs=tmp_path, metrics=["ssim"])


def test_seeds_are_averaged_on_each_photo_and_their_spread_is_shown(tmp_path: Path) -> None:
    for seed, shift in enumerate((0.0, 1.0, 2.0), 1):
        make_run(tmp_path, f"W@{seed}", {"psnr": BASE + shift})
    make_run(tmp_path, "b", {"psnr": BASE + 0.5})
    runs = [str(tmp_path / "photos" / f"W@{seed}") for seed in (1, 2, 3)]
    for name in ("W", f"W={','.join(runs)}"):
        found = compare_methods([name, "b"], runs=tmp_path)
        (one,) = found.differences
        assert one.mean_a == pytest.approx(BASE.mean() + 1)
        assert one.seed_means_a == pytest.approx([BASE.mean() + s for s in (0, 1, 2)])
        assert as_frame(found)["seed_spread_a"].tolist() == pytest.approx([1.0])
        assert one.shown and sentence(one).endswith("; not every seed agrees.")
        assert any(note.startswith("W is 3 seeds, averaged on each photo") for note in notes(found))
    for seed in (0, 1):
        make_run(tmp_path, "V", {"psnr": BASE}, folder=f"v{seed}", seed=seed)
    assert as_frame(compare_methods(["V", "b"], runs=tmp_path))["seeds_a"].tolist() == [2]
    assert as_frame(compare_methods(["W@1", "b"], runs=tmp_path))["seeds_a"].tolist() == [1]


def test_hostile_names_inject_nothing(tmp_path: Path) -> None:
    names = [name for name in HOSTILE if "\udce9" not in name and "\0" not in name]
    samples = [name.replace("/", "∕") for name in names[:4]]
    labels = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "[x](javascript:1)"]
    for number, label in enumerate(labels):
        values = [float(number + i) for i in range(4)]
        make_run(
            tmp_path, label, {"psnr": values, names[2]: values}, folder=f"r{number}",
            samples=samples, note=names[0], dataset="=1+1",
            fingerprint="f",
        )  # fmt: skip
    found = compare_methods(labels, runs=tmp_path)
    kinds = {token.type for token in tokens(as_markdown(found))}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "code_inline"}
    for row in csv.DictReader(io.StringIO(as_csv(found))):
        for key, cell in row.items():
            number = cell.replace(".", "").replace("-", "").replace("e", "").isdigit()
            assert not cell.startswith(("=", "+", "-", "@")) or number, key
    assert json.loads(as_json(found))["dataset"] == "=1+1"
    elements = Elements(as_html(found, {}))
    assert len(elements.all("script")) == 1 and not elements.all("a") and not elements.all("img")


def test_verb_prints_and_writes(
    pair: Path, command: Command, verb: Command, tmp_path: Path
) -> None:
    for run, ending in ((command, "md"), (verb, "json")):
        result = run("compare", "a", "b", "--runs", pair, "--format", ending)
        assert result.returncode == 0, result.stderr
        assert (pair / f"compare-a-b.{ending}").read_text("utf-8") == result.stdout
        for name in ("compare-a-b.png", "compare-a-b.html"):
            assert str(pair / name) in result.stderr and (pair / name).is_file()
    assert json.loads(result.stdout)["differences"][0]["better"] == "a"
    assert "two methods or more" in refused("a", runs=pair)
    assert "no such folder" in refused("a", "b", runs=tmp_path / "gone")
    (pair / "photos" / "b" / "samples.parquet").unlink()
    one_line(verb("compare", "a", "b", "--runs", pair), "no samples.parquet")
    shutil.rmtree(pair / "photos" / "b")
    gone = str(pair / "photos" / "b")
    assert "no run folder and no label" in refused("a", gone, runs=pair)


def test_a_label_that_is_not_found_may_be_where_nothing_can_be_read(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, scandir = pair / "photos" / "closed", os.scandir
    closed.mkdir()

    def refuse(path: str) -> object:  # not by chmod: root may list everything
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (pair / "photos" / "broken").mkdir()
    (pair / "photos" / "broken" / "run.json").write_text("{")
    found = refused("a", "c", runs=pair)
    assert "there are: a, b; photos/broken is left out: " in found
    assert f"; {closed} cannot be listed, so its runs are left out" in found


def test_python_gives_the_frame(pair: Path) -> None:
    frame = wespe_bench.compare("a", "b", runs=pair, metrics=["psnr"])
    assert frame["better"].tolist() == ["a"]
    assert {"difference", "low", "high", "p_corrected", "win_rate", "effect"} <= set(frame.columns)


def test_why_there_is_no_strip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("a", "b"):
        make_run(tmp_path, label, {"psnr": [math.inf, 20.0]})
    assert call("compare", ["a", "b", "--runs", str(tmp_path)]) == 0
    assert "no strip of photos: no two scores differ" in capsys.readouterr().err
