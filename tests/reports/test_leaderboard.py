"""Boards: ranks against brute force, half-scored runs, and the order of methods."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wespe_bench
from reports.cards import read_card
from reports.leaderboard_page import as_html, as_latex, as_markdown, thumbnails
from reports.ranking import rank
from reports.standings import read_standings
from tests.conftest import Command
from tests.reports.runs import make_run
from tests.reports.test_page import Elements
from tests.verbs import one_line
from wespe_bench.cli import call
from wespe_bench.errors import InputError

RNG = np.random.default_rng(3)


@given(
    values=st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=5),
    higher=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_ranks_are_those_of_a_slow_loop(values: list[list[int]], higher: bool) -> None:
    array = np.array(values, float)[:, None, :]
    found = rank(array, [higher], [True]).metric[:, 0]
    means = array.mean(axis=2)[:, 0]
    for i, own in enumerate(means):
        better = sum(m > own if higher else m < own for m in means)
        equal = sum(m == own for m in means) - 1
        assert found[i, 0] == 1 + better + equal / 2
        assert 1 <= found[i, 1] <= found[i, 2] <= len(means)


def test_rank_intervals_are_those_of_resamples() -> None:
    values = RNG.normal(0, 1, (3, 2, 15))
    found = rank(values, [True, False], [True, True])
    rng = np.random.default_rng(0)
    ranks = []
    for _ in range(4000):
        means = values[:, :, rng.integers(0, 15, 15)].mean(axis=2)
        order = np.stack([-means[:, 0], means[:, 1]], axis=1)
        ranks.append((order[:, None] > order[None]).sum(axis=1) + 1)
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    assert np.abs(found.metric[..., 1] - low).max() <= 1
    assert np.mean(found.metric[..., 1] == low) >= 5 / 6
    assert np.mean(found.metric[..., 2] == high) >= 5 / 6
    assert found.mean[:, 0] == pytest.approx(found.metric[..., 0].mean(axis=1))


def test_missing_and_infinite_values() -> None:
    values = np.array([[[1.0, math.inf], [1, 2]], [[2.0, 2.0], [3, 4]], [[np.nan] * 2, [0, 0]]])
    found = rank(values, [True, True], [True, True])
    assert found.metric[:2, 0, 0].tolist() == [2.0, 1.0]
    assert np.isnan(found.metric[2, 0]).all() and np.isnan(found.mean[2]).all()
    assert np.isnan(rank(np.ones((2, 1, 1)), [True], [True]).metric[..., 1:]).all()


def test_ranks_are_over_the_same_photos_where_scores_are_infinite(runs: Path) -> None:
    # Perfect on its hardest photo, the first method would lose by the mean of the other.
    found = rank(np.array([[[21.0, math.inf]], [[20.0, 30.0]], [[math.inf] * 2]]), [True], [True])
    assert found.metric[:2, 0, 0].tolist() == [1.0, 2.0]
    assert np.isnan(found.metric[2]).all()
    make_run(runs, "perfect", {"psnr": [math.inf, *[30.0] * 11], "entropy": [6.0] * 12})
    (board,) = read_standings(runs)
    (remark,) = board.remarks
    assert remark.startswith("PSNR: ∞ for perfect on 1 photo, left out of that mean; ranks")
    assert "the 11 photos" in remark
    assert call("leaderboard", ["--runs", str(runs)]) == 0
    for page in ("leaderboard.md", "leaderboard.html"):
        assert "the 11 photos" in (runs / "leaderboard" / page).read_text("utf-8")


def test_a_board_of_infinite_scores_says_what_is_infinite_and_orders_nothing(
    tmp_path: Path, verb: Command
) -> None:
    record = {"minf": {"version": "1", "title": "Minf", "higher_is_better": True}}
    both = {"a": [-math.inf] * 4 + [1.0] * 4, "b": [2.0] * 4 + [math.inf] * 4, "c": [-math.inf] * 8}
    for label, values in both.items():
        make_run(tmp_path, label, {"minf": values, "psnr": [20.0] * 8}, metrics=record)
    text = verb("leaderboard", "--runs", tmp_path, "--rank-by", "minf").stdout
    assert "No overall order: no method has a rank by Minf; the remarks below say why." in text
    assert "−∞ for a on 4 photos, ∞ for b on 4 photos, −∞ for c on 8 photos" in text
    assert "there are no ranks by it, as on no photo all that have a mean are finite" in text
    assert [row.split("|")[6].strip() for row in text.splitlines() if row.startswith("| –")] == [
        "1.000",
        "2.000",
        "−∞",
    ]
    make_run(tmp_path, "a", {"minf": [1.0] * 8, "psnr": [20.0] * 8}, metrics=record, folder="a2")
    assert verb("leaderboard", "--runs", tmp_path / "a2").returncode == 0
    shutil.rmtree(tmp_path / "photos" / "a")
    shutil.rmtree(tmp_path / "photos" / "b")
    text = verb("leaderboard", "--runs", tmp_path, "--rank-by", "minf").stdout
    assert "Ordered by Minf (--rank-by). Without a rank by all of these, and so without a" in text
    assert "place: c." in text


def test_metrics_that_pool_photos_are_named_and_not_ranked(tmp_path: Path, verb: Command) -> None:
    record = {"worst": {"version": "1", "title": "Worst", "pooled": True, "higher_is_better": True}}
    for label, shift in {"a": 0.0, "b": 1.0}.items():
        values = RNG.uniform(10, 20, 8) + shift
        make_run(tmp_path, label, {"worst": values, "psnr": values}, metrics=record)
    (board,) = read_standings(tmp_path)
    assert [column.metric for column in board.table.columns] == ["psnr"]
    assert board.remarks == ("worst is left out: it is not a mean over photos",)
    with pytest.raises(InputError, match="worst is not a mean over photos"):
        read_standings(tmp_path, rank_by=["worst"])
    found = verb("compare", "a", "b", "--runs", tmp_path)
    assert "Left out: worst is not a mean over photos" in found.stdout
    assert verb("report", tmp_path).returncode == 0
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "Worst: it is not a mean over photos, and its own code is not run here." in page


def test_the_board_says_whose_choice_the_order_is(tmp_path: Path, verb: Command) -> None:
    for label, shift in {"a": 0.0, "b": 1.0}.items():
        make_run(tmp_path, label, {"psnr": RNG.uniform(10, 20, 8) + shift})
    for words, said in (((), "Ordered by PSNR."), (("--rank-by", "psnr"), "by PSNR (--rank-by).")):
        assert said in verb("leaderboard", "--runs", tmp_path, *words).stdout
        assert said in (tmp_path / "leaderboard" / "leaderboard.html").read_text("utf-8")


def test_board_is_ordered_by_mean_rank(runs: Path) -> None:
    (board,) = read_standings(runs, metrics=["psnr"])
    assert [entry.label for entry in board.entries] == ["good", "identity", "bad"]
    assert [entry.mean_rank for entry in board.entries] == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    frame = wespe_bench.leaderboard(runs, metrics=["psnr"])
    assert frame["label"].tolist() == ["good", "identity", "bad"]
    assert frame["mean"].tolist() == sorted(frame["mean"], reverse=True)


def test_what_does_not_rate_quality_has_no_say(tmp_path: Path) -> None:
    """A sharpener that loses every full-reference metric and wins all the others comes last."""
    said: dict[str, list[float]] = {"psnr": [20.0, 18, 12], "ssim": [0.8, 0.7, 0.3]}
    said |= {"entropy": [5, 6, 7.9], "bpp": [9, 10, 15], "ffs-standin": [0.2, 0.3, 0.9]}
    for number, label in enumerate(("dped", "identity", "sharper")):
        values = {name: RNG.normal(of[number], 0.01, 12) for name, of in said.items()}
        make_run(tmp_path, label, values)
    (board,) = read_standings(tmp_path)
    assert [entry.label for entry in board.entries] == ["dped", "identity", "sharper"]
    assert [entry.place for entry in board.entries] == [(1, 1), (2, 2), (3, 3)]
    text = as_markdown([board])
    assert "Ordered by the mean of the ranks by PSNR and SSIM." in text
    for title in ("Entropy (bit)", "PNG bpp (bit/px)"):
        assert f"{title} (not a quality score)" in text
    assert "PSNR (dB) ↑ |" in text
    assert "**20.0" in text and "<ins>18.0" in text
    assert not any(mark + value in text for mark in ("**", "<ins>") for value in ("7.9", "6.0"))
    assert not any(board.table.cell("sharper", name).place for name in ("entropy", "bpp"))
    for shown in (as_html([board], {}), as_latex([board])):
        assert "not a quality score" in shown
    # Asked to, it orders by entropy.
    (board,) = read_standings(tmp_path, rank_by=["entropy"])
    assert [entry.label for entry in board.entries] == ["sharper", "identity", "dped"]
    with pytest.raises(InputError, match="no run has scores of 'entropi'"):
        read_standings(tmp_path, rank_by=["entropi"])
    with pytest.raises(InputError, match="no run has scores of 'ssim'"):
        read_standings(tmp_path, metrics=["psnr"], rank_by=["ssim"])


def test_without_references_there_is_no_overall_order(tmp_path: Path, verb: Command) -> None:
    for label, shift in {"a": 0.0, "b": 1.0}.items():
        make_run(tmp_path, label, {"entropy": RNG.uniform(4, 5, 12) + shift})
    result = verb("leaderboard", "--runs", tmp_path)
    assert result.returncode == 0
    assert "No overall order: none of these scores compares with a reference." in result.stdout
    rows = [line.split("|")[1:5] for line in result.stdout.splitlines() if line.startswith("| –")]
    assert [[cell.strip() for cell in row[:3]] for row in rows] == [
        ["–", "–", "a"],
        ["–", "–", "b"],
    ]
    assert "(1 [1, 1])" in result.stdout  # by entropy itself


@given(
    values=st.lists(st.lists(st.integers(0, 3), min_size=8, max_size=8), min_size=2, max_size=4),
    other=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
@settings(max_examples=15, deadline=None)
def test_places_hold_the_order_and_no_other_metric_moves_them(
    values: list[list[int]], other: list[int]
) -> None:
    array = np.array(values, float)[:, None, :]
    found = rank(array, [True], [True])
    for one, mean in zip(found.place, found.mean, strict=True):
        assert 1 <= one[0] <= one[1] <= len(values)
        assert one[0] <= mean[0]
    beside = np.concatenate([array, RNG.permuted(array, axis=0)], axis=1)
    assert np.array_equal(rank(beside, [True, True], [True, False]).place, found.place)


def test_few_photos_give_an_order_without_places(tmp_path: Path) -> None:
    for label, value in {"a": 20.0, "b": 21.0}.items():
        make_run(tmp_path, label, {"psnr": [value] * 5})
    (board,) = read_standings(tmp_path)
    assert [entry.label for entry in board.entries] == ["b", "a"]
    assert all(math.isnan(entry.place[0]) for entry in board.entries)
    assert "No places: 5 photos are too few to tell methods apart (at least 6)." in as_markdown(
        [board]
    )


def test_half_scored_runs_are_named_and_not_ranked(runs: Path, command: Command) -> None:
    make_run(runs, "half", {"psnr": RNG.normal(9, 1, 5), "entropy": RNG.uniform(4, 7.9, 12)})
    result = command("leaderboard", "--runs", runs)
    assert result.returncode == 3
    assert (
        "half is not ranked by psnr: it lacks 7 photos of 12 (s05, s06, s07 ...)" in result.stderr
    )
    with (runs / "leaderboard" / "leaderboard.csv").open() as file:
        rows = {(row["label"], row["metric"]): row for row in csv.DictReader(file)}
    assert rows["half", "psnr"]["mean"] == "" == rows["half", "entropy"]["mean_rank"]
    assert float(rows["half", "entropy"]["rank"]) >= 1
    assert "half is not ranked" in (runs / "leaderboard" / "leaderboard.html").read_text("utf-8")


def test_methods_without_a_photo_in_common_are_never_ranked_together(
    tmp_path: Path, verb: Command
) -> None:
    for label, names in {"a": ["x1", "x2"], "b": ["y1", "y2"]}.items():
        make_run(tmp_path, label, {"psnr": [20.0, 21.0]}, samples=names)
    one_line(verb("leaderboard", "--runs", tmp_path), "2 revisions", "photos/a", "photos/b")


def test_one_bad_run_is_left_out_with_its_line(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bad,) = (f for f in runs.rglob("run.json") if json.loads(f.read_text())["label"] == "good")
    bad.write_text("[")
    assert call("leaderboard", ["--runs", str(runs)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line.startswith(f"wespe-bench: {bad.parent.relative_to(runs).as_posix()} is left out: ")
        and "run.json" in line
    )
    for page in ("leaderboard.md", "leaderboard.html"):
        text = (runs / "leaderboard" / page).read_text("utf-8")
        assert "is left out" in text and "identity" in text
    with pytest.warns(UserWarning, match="is left out"):
        assert "good" not in set(wespe_bench.leaderboard(runs)["label"])
    for path in runs.rglob("run.json"):
        path.write_text("[")
    with pytest.raises(InputError, match=r"none of the 3 runs in .* can be read; "):
        call("leaderboard", ["--runs", str(runs)])


def test_a_board_of_halves_only_says_so(tmp_path: Path, verb: Command) -> None:
    for label in "ab":
        make_run(tmp_path, label, {"psnr": [20.0]}, samples=["s1", "s2"])
    result = verb("leaderboard", "--runs", tmp_path)
    assert result.returncode == 3 and "Traceback" not in result.stderr
    assert result.stderr.count("is not ranked by psnr: it lacks 1 photo of 2 (s2)") == 2


def test_every_row_leads_to_its_card(runs: Path) -> None:
    assert call("leaderboard", ["--runs", str(runs)]) == 0
    out = runs / "leaderboard"
    elements = Elements((out / "leaderboard.html").read_text("utf-8"))
    links = [a["href"] for a in elements.all("a")]
    labels = [entry.label for entry in read_standings(runs)[0].entries]
    assert links == [f"cards/photos/{label}/card.html" for label in labels]
    for link, label in zip(links, labels, strict=True):
        page = Elements((out / link).read_text("utf-8"))
        (file,) = (a["href"] for a in page.all("a"))
        assert label in page.text and "95% interval" in page.text and "s11" in page.text
        links[links.index(link)] = link = f"{Path(link).parent}/{file}"
        card = read_card(out / link)
        assert set(card.scores) == {"psnr", "entropy"} and len(card.samples) == 12
    text = (out / links[0]).read_text("utf-8")
    assert str(runs) not in text and "wespe-bench run" not in text  # no path, no command


def test_rows_show_a_picture_and_their_rank_on_a_scale(runs: Path) -> None:
    (board,) = read_standings(runs)
    changed: list[str] = []
    name, shown = thumbnails(board, changed)
    psnr = board.scores[board.scores["metric"] == "psnr"]
    spread = psnr.groupby("sample")["value"].agg(np.ptp)
    assert name == spread.idxmax() and changed == []
    assert set(shown) == {entry.label for entry in board.entries}
    elements = Elements(as_html([board], {}, pictures=[(name, shown)]))
    assert [image["src"] for image in elements.all("img")] == [
        shown[entry.label][0] for entry in board.entries
    ]
    last = len(board.entries) - 1
    places = [float(circle["cx"]) for circle in elements.all("circle")]
    assert places == [
        pytest.approx(100 * (entry.mean_rank[0] - 1) / last, abs=0.1) for entry in board.entries
    ]
    (runs / board.entries[0].run.name / "images" / f"{name}.png").write_bytes(b"other")
    assert set(thumbnails(board, changed)[1]) == set(shown) - {board.entries[0].label}
    assert len(changed) == 1 and "is not the file that was scored" in changed[0]
