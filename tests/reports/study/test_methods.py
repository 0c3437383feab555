"""More than two methods on one scale, and metrics beside people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from reports.study.cells import oriented
from reports.study.contents import make_report
from reports.study.page import as_html, as_markdown
from reports.study.people import Agreement, agreements
from reports.study.strengths import Strengths, strengths
from reports.study.verdict import agreement_sentence
from reports.study.votes import check_votes
from tests.reports.runs import make_run
from tests.reports.study.simulated import table, votes
from wespe_bench.errors import InputError


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    parts = [
        frame.assign(question=f"{number}" + frame["question"])
        for number, frame in enumerate(frames)
    ]
    return oriented(check_votes(pd.concat(parts, ignore_index=True)))


def found(frame: pd.DataFrame) -> Strengths:
    result = strengths(frame)
    assert result is not None
    return result


def test_strengths_are_those_of_the_likelihoods_maximum() -> None:
    shares = {("a", "b", "s"): 0.7, ("b", "c", "s"): 0.6, ("a", "c", "s"): 0.75}
    frame = joined(votes(shares, raters=15, images=4))
    result = found(frame)

    def loss(free: np.ndarray) -> float:
        of = dict(zip("abc", [*free, -free.sum()], strict=True))
        total = 0.0
        for vote in frame.itertuples():
            winner, loser = (vote.method, vote.rival) if vote.won else (vote.rival, vote.method)
            total += np.log1p(np.exp(of[loser] - of[winner]))
        return total

    best = optimize.minimize(loss, np.zeros(2), tol=1e-10).x
    expected = dict(zip("abc", [*best, -best.sum()], strict=True))
    for one in result.methods:
        assert one.strength == pytest.approx(expected[one.method], abs=1e-4)
        assert one.low < one.strength < one.high
    assert result.methods[0].method == "c" and result.notes == ()
    assert strengths(joined(table([[1, 0]]))) is None


def test_parts_that_nobody_compared_and_endless_strengths_are_said() -> None:
    apart = found(joined(table([[1, 0], [0, 1]]), table([[1, 0], [1, 1]], "c", "d")))
    assert any("Nobody compared a and b; with c and d" in note for note in apart.notes)
    assert all(np.isfinite([one.strength, one.low, one.high]).all() for one in apart.methods)
    best = found(joined(table([[1, 1], [1, 1]]), table([[1, 0], [0, 1]], "c", "a")))
    assert best.methods[0].method == "b"
    assert any("b won every vote, so its strength has no end" in note for note in best.notes)
    assert any("half a vote each way was added" in note for note in best.notes)
    close = found(joined(table([[1, 1, 0], [0, 0, 1]]), table([[1, 0, 0], [0, 1, 1]], "a", "c")))
    assert len(close.tied) == 2


def test_few_raters_get_one_statement(tmp_path: Path) -> None:
    """Two raters: no pair shows a preference, so the scale orders nothing either."""
    rng = np.random.default_rng(2)
    pairs = (("a", "b", 0.7), ("b", "c", 0.7), ("a", "c", 0.85))
    frames = [
        table((rng.random((2, 7)) < share).astype(int).tolist(), rival, method)
        for rival, method, share in pairs
    ]
    frame = pd.concat(
        [one.assign(question=f"{n}" + one["question"]) for n, one in enumerate(frames)]
    )
    report = make_report(frame)
    assert report.strengths is not None
    shown = {cell.preferred for cell in (report.overall or report.cells)}
    assert shown == {""}
    assert len(report.strengths.tied) == 2
    text = as_markdown(report)
    for a, b in report.strengths.tied:
        assert f"No preference between {a} and {b} is shown." in text
    alone = found(oriented(check_votes(frame[frame["rater"] == frame["rater"].iloc[0]])))
    assert all(np.isnan([one.low, one.high]).all() for one in alone.methods)
    assert len(alone.tied) == 2


def test_intervals_of_two_methods_worth_of_votes_are_those_of_the_pair() -> None:
    """With a third method that nobody prefers either way, a and b differ as their votes say."""
    shares = {("a", "b", "s"): 0.75}
    pair = votes(shares, raters=20, images=6, seed=3)
    frame = joined(pair, votes({("a", "c", "s"): 0.5}, raters=20, images=6, seed=4))
    one = {s.method: s for s in found(frame).methods}
    (cell,) = make_report(pair).cells
    # Only votes on a and b say how the two differ: the log of the odds of their share.
    apart = one["b"].strength - one["a"].strength
    assert apart == pytest.approx(np.log(cell.share / (1 - cell.share)), abs=1e-6)


def scored(runs: Path, values: dict[str, dict[str, list[float]]]) -> None:
    for label, of in values.items():
        names = [f"s{number}" for number in range(4)]
        make_run(runs, label, of, dataset="set", samples=names, revision="r")


def test_a_metric_agrees_where_it_is_on_the_majoritys_side(tmp_path: Path) -> None:
    """Shares for b: 1, 2/3, 1/3, 0. PSNR says b, b, b, equal; CORNIA (less is better) is right."""
    frame = joined(table([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]))
    scored(
        tmp_path,
        {
            "a": {"psnr": [1, 1, 1, 1], "cornia": [9, 9, 9, 9]},
            "b": {"psnr": [5, 4, 3, 1], "cornia": [1, 2, 20, 30]},
        },
    )
    both, remarks = agreements(frame, tmp_path)
    psnr, cornia = both
    assert (psnr.questions, psnr.agreed, psnr.equal, psnr.split) == (3, 2, 1, 0)
    assert psnr.votes == pytest.approx((3 + 2 + 1) / 9)
    assert psnr.ceiling == pytest.approx((3 + 2 + 2) / 9)
    assert psnr.rank == pytest.approx(1.0) and psnr.ranked == 4
    assert (cornia.agreed, cornia.questions, cornia.rank) == (4, 4, pytest.approx(1.0))
    assert (cornia.low, cornia.high) == (pytest.approx(0.025 ** (1 / 4)), 1.0)
    assert not cornia.shown and remarks == ()


@pytest.mark.parametrize(("agreed", "of", "shown"), [(1, 7, False), (14, 15, True), (0, 6, True)])
def test_no_claim_of_a_metric_without_the_exact_test(agreed: int, of: int, shown: bool) -> None:
    """1 of 7 is a coin's work one time in eight, whatever four images drawn again say."""
    ends = (0.8, 1.0) if agreed > of / 2 else (0.0, 0.38)
    one = Agreement("psnr", "PSNR", True, of, agreed, *ends, 4, 0, 0, 0.5, 0.7, 0.1, of)
    assert one.shown == shown
    assert ("the exact test does not confirm, p 0.125" in agreement_sentence(one)) == (not shown)


def test_identity_is_the_original_and_other_pictures_do_not_count(tmp_path: Path) -> None:
    frame = joined(table([[1, 1, 0, 0], [1, 1, 1, 0]], rival="original"))
    scored(tmp_path, {"identity": {"psnr": [1, 1, 1, 1]}, "b": {"psnr": [2, 2, 2, 0]}})
    ((one,), remarks) = agreements(frame, tmp_path)
    assert (one.questions, one.split, one.agreed, remarks) == (3, 1, 3, ())
    ((one,), remarks) = agreements(frame, tmp_path, {("set", "s0", "b"): "another"})
    assert one.ranked == 3
    assert (
        "not those that were shown for 1 photo" in remarks[0] and "3 of 4 questions" in remarks[1]
    )


def test_runs_that_do_not_fit_are_refused_or_named(tmp_path: Path) -> None:
    frame = joined(table([[1, 1, 0, 0], [1, 1, 1, 0]]))
    with pytest.raises(InputError):
        agreements(frame, tmp_path)
    scored(tmp_path, {"elsewhere": {"psnr": [1, 2, 3, 4]}})
    none, remarks = agreements(frame, tmp_path)
    assert none == () and "No metric is scored for both methods" in remarks[-1]
    scored(tmp_path, {"a": {"psnr": [1, 2, 3, float("nan")]}, "b": {"psnr": [1, 2, 3, 4]}})
    with pytest.raises(InputError, match="not a number"):
        agreements(frame, tmp_path)


def test_the_report_shows_what_metrics_say(tmp_path: Path) -> None:
    frame = table([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    scored(tmp_path, {"a": {"cornia": [9, 9, 9, 9]}, "b": {"cornia": [1, 2, 20, 30]}})
    report = make_report(frame, runs=tmp_path)
    remarks = "agrees with the majority on 4 of 4 questions (95% interval 40% to 100%, which"
    assert remarks in as_html(report) and remarks in as_markdown(report)
    assert "| 1.00 | [0.40, 1.00] | 4 of 4 | 4 |" in as_markdown(report)
    scored(tmp_path / "none", {"x": {"cornia": [1, 2, 3, 4]}})
    lacking = make_report(frame, runs=tmp_path / "none")
    assert "No metric is scored for both methods" in as_markdown(lacking)
    assert "No metric is scored for both methods" in as_html(lacking)
