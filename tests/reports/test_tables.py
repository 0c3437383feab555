"""Aggregation against plain pandas and scipy, and every error with its remedy."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.tables import RESAMPLES, bootstrap_interval, mean, standard_error, summarize, table
from tests.reports.runs import ids, scores
from wespe_bench import registry
from wespe_bench.errors import InputError
from wespe_bench.types import Metric

INF = math.inf


def one(frame: pd.DataFrame, count: int, **options: object):
    (found,) = summarize(frame, {"photos": ids(count)}, **options)
    return found


def same(left: object, right: object) -> bool:
    """Equal, NaN included."""
    return repr(left) == repr(right)


def test_mean_and_error_are_those_of_pandas() -> None:
    rng = np.random.default_rng(1)
    frame = scores({label: {"psnr": rng.normal(20, 4, 31)} for label in ("a", "b")})
    found = one(frame, 31)
    oracle = frame.groupby("label")["value"].agg(["mean", "sem", "count"])
    for label in ("a", "b"):
        cell = found.cell(label, "psnr")
        assert cell.mean == pytest.approx(oracle.loc[label, "mean"], rel=1e-14)
        assert cell.standard_error == pytest.approx(oracle.loc[label, "sem"], rel=1e-12)
        assert (cell.n, cell.n_infinite, cell.n_expected) == (31, 0, 31)


@pytest.mark.parametrize("n", [5, 40])
def test_interval_is_the_percentile_interval_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, 3.0, n)
    oracle = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=40_000, rng=np.random.default_rng(9)
    ).confidence_interval
    low, high = bootstrap_interval(values)
    width = oracle.high - oracle.low
    # The ends of two independent intervals differ by the noise of their resamples: a
    # standard error of about 1% of the width at 5,000.
    assert low == pytest.approx(oracle.low, abs=0.05 * width)
    assert high == pytest.approx(oracle.high, abs=0.05 * width)


def test_interval_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        low, high = bootstrap_interval(rng.normal(0, 1, 40), resamples=1000)
        hits += low <= 0 <= high
    assert 0.88 <= hits / 300 <= 0.98  # a percentile interval at n = 40 covers about 0.94


def test_large_samples_are_drawn_in_steps() -> None:
    values = np.random.default_rng(4).normal(0, 1, 3000)
    low, high = bootstrap_interval(values)
    half = 1.96 * standard_error(values)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert RESAMPLES >= 2000


@given(
    values=st.lists(
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4), min_size=1, max_size=3
    ),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_row_order_does_not_matter(values: list[list[float]], seed: int) -> None:
    frame = scores({f"m{i}": {"psnr": v, "entropy": v} for i, v in enumerate(values)})
    shuffled = frame.sample(frac=1, random_state=seed % 2**32)
    assert same(one(frame, 4), one(shuffled, 4))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_interval_holds_within_the_values(values: list[float]) -> None:
    array = np.array(values)
    low, high = bootstrap_interval(array)
    if len(values) == 1:
        assert math.isnan(low) and math.isnan(high)
        return
    slack = 1e-9 * max(1.0, float(np.abs(array).max()))
    assert array.min() - slack <= low <= high <= array.max() + slack
    assert array.min() <= mean(array) <= array.max() or mean(array) == pytest.approx(array.mean())


@given(
    means=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    higher=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_best_is_what_a_slow_loop_finds(means: list[int], higher: bool) -> None:
    with changed("psnr", higher_is_better=higher):
        found = one(scores({f"m{i}": {"psnr": [v, v + 2]} for i, v in enumerate(means)}), 2)
    marked = {label for label in found.methods if found.cell(label, "psnr").best}
    expected = set()
    for i, v in enumerate(means):
        beaten = any((w > v) if higher else (w < v) for w in means)
        if len(means) > 1 and not beaten:
            expected.add(f"m{i}")
    assert marked == expected


def test_identity_can_be_best_and_comes_first() -> None:
    found = one(scores({"b": {"psnr": [1, 2]}, "identity": {"psnr": [5, 6]}}), 2)
    assert found.methods == ("identity", "b")
    assert found.cell("identity", "psnr").best


def test_methods_without_a_value_do_not_compete() -> None:
    frame = scores({"a": {"psnr": [3, 4], "ssim": [0.1, 0.2]}, "b": {"ssim": [0.3, 0.4]}})
    found = one(frame, 2)
    assert not found.cell("a", "psnr").best
    assert found.cell("b", "psnr").reason == "not scored"
    assert found.cell("b", "ssim").best


def test_infinite_values_are_counted_and_left_out() -> None:
    found = one(scores({"a": {"psnr": [INF, 10, 20]}, "b": {"psnr": [30, 10, 20]}}), 3)
    cell = found.cell("a", "psnr")
    assert (cell.n, cell.n_infinite, cell.mean) == (2, 1, 15.0)
    # a is perfect on the photo that b's lead rests on: no fair best.
    assert not any(found.cell(label, "psnr").best for label in "ab")
    assert "different photos" in found.columns[0].remark


def test_infinite_on_the_same_photos_leaves_a_fair_best() -> None:
    found = one(scores({"a": {"psnr": [INF, 10]}, "b": {"psnr": [INF, 12]}}), 2)
    assert found.cell("b", "psnr").best and not found.columns[0].remark


def test_all_infinite_has_no_mean_but_a_reason() -> None:
    cell = one(scores({"a": {"psnr": [INF, INF]}}), 2).cell("a", "psnr")
    assert (cell.n, cell.n_infinite, cell.has_value) == (0, 2, False)
    assert cell.reason == "infinite on every photo"


def test_one_photo_has_a_mean_and_nothing_else() -> None:
    cell = one(scores({"a": {"psnr": [7]}}), 1).cell("a", "psnr")
    assert cell.mean == 7 and cell.n == 1
    assert all(math.isnan(v) for v in (cell.low, cell.high, cell.standard_error))


def test_unknown_metric_has_a_name_and_no_direction() -> None:
    found = one(scores({"a": {"x.py:M": [1, 2]}, "b": {"x.py:M": [3, 4]}}), 2)
    (column,) = found.columns
    assert (column.title, column.arrow) == ("x.py:M", "")
    assert not any(found.cell(label, "x.py:M").best for label in "ab")
    assert "not known" in column.remark


def test_unpaired_photos_miss_full_reference_metrics_with_a_reason() -> None:
    frame = scores({"a": {"psnr": [1, 2], "entropy": [3, 4]}})
    frame = frame[frame["metric"] == "entropy"]
    other = scores({"a": {"psnr": [1, 2]}}, dataset="paired")
    unpaired = pd.DataFrame({"sample": ids(2), "reference": [None, None]})
    found = summarize(pd.concat([frame, other]), {"photos": unpaired, "paired": ids(2)})
    assert [t.dataset for t in found] == ["paired", "photos"]
    assert [c.metric for c in found[1].columns] == ["entropy"]
    both = scores({"a": {"entropy": [3, 4]}, "b": {"entropy": [3, 4], "psnr": []}})
    assert [c.metric for c in summarize(both, {"photos": unpaired})[0].columns] == ["entropy"]


def test_partly_paired_photos_expect_full_reference_scores_where_there_is_a_reference() -> None:
    frame = scores({"a": {"psnr": [1, 2], "entropy": [3, 4, 5]}})
    samples = pd.DataFrame({"sample": ids(3), "reference": ["x", "y", None]})
    (found,) = summarize(frame, {"photos": samples})
    assert found.cell("a", "psnr").n_expected == 2
    assert found.cell("a", "entropy").n_expected == 3


def test_own_aggregate_takes_the_place_of_the_mean() -> None:
    def pooled(rows: pd.DataFrame) -> float:
        """The PSNR of the mean squared error."""
        error = float((255**2 / 10 ** (rows["value"].to_numpy() / 10)).mean())
        return 10 * math.log10(255**2 / error) if error else INF

    with changed("psnr", aggregate=pooled):
        cell = one(scores({"a": {"psnr": [10.0, 20.0, INF]}}), 3).cell("a", "psnr")
    assert cell.n == 3  # an identical photo has error 0 and counts
    assert cell.mean == pytest.approx(-10 * math.log10((0.1 + 0.01 + 0) / 3))
    assert cell.low < cell.mean
    # Every 27th resample holds the identical photo alone, more than the upper 2.5%.
    assert cell.high == INF and math.isnan(cell.standard_error)


@contextlib.contextmanager
def changed(name: str, **changes: object) -> Iterator[None]:
    """A registered metric with some fields changed, for the length of a block."""
    global _CHANGED
    _CHANGED = dataclasses.replace(registry.load_metric(name), **changes)  # type: ignore[arg-type]
    before = registry.METRICS[name]
    registry.METRICS[name] = f"{__name__}:_CHANGED"
    try:
        yield
    finally:
        registry.METRICS[name] = before


_CHANGED: Metric | None = None


def refused(frame: pd.DataFrame, count: int = 3, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        one(frame, count, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_nan_is_refused() -> None:
    message = refused(scores({"a": {"psnr": [1, math.nan, 3]}}))
    assert "photos/a" in message and "psnr" in message and "s01" in message
    assert "wespe-bench score RUNS/photos/a --metrics psnr" in message


def test_two_metric_versions_are_refused_in_a_cell_and_in_a_column() -> None:
    frame = scores({"a": {"psnr": [1, 2, 3]}, "b": {"psnr": [1, 2, 3]}})
    for rows in (frame["sample"] == "s01", frame["label"] == "b"):
        changed = frame.copy()
        changed.loc[rows, "metric_version"] = "2"
        message = refused(changed)
        assert "2 versions" in message and "wespe-bench score RUNS --metrics psnr" in message


def test_two_seeds_are_refused() -> None:
    frame = scores({"a": {"psnr": [1, 2, 3]}})
    message = refused(pd.concat([frame, frame.assign(seed=1)]))
    assert "2 seeds" in message and "folder of its own" in message


def test_two_revisions_are_refused() -> None:
    frame = scores({"a": {"psnr": [1, 2, 3]}, "b": {"psnr": [1, 2, 3]}})
    frame.loc[frame["label"] == "b", "revision"] = "r2"
    message = refused(frame)
    assert "2 revisions" in message and "photos/a" in message and "photos/b" in message


def test_two_runs_with_one_label_are_refused() -> None:
    frame = scores({"a": {"psnr": [1, 2, 3]}})
    message = refused(pd.concat([frame, frame.assign(run="elsewhere")]))
    assert "elsewhere" in message and "LABEL=ENHANCER" in message


def test_a_doubled_row_is_refused() -> None:
    frame = scores({"a": {"psnr": [1, 2, 3]}})
    assert "twice" in refused(pd.concat([frame, frame.iloc[:1]]))


def test_a_missing_photo_is_refused_with_the_commands_that_mend_it() -> None:
    frame = scores({"a b": {"psnr": [1, 2, 3]}, "b": {"psnr": [1, 2]}})
    message = refused(frame)
    assert "photos/b" in message and "lacks 1 of 3 photos (s02)" in message
    assert "wespe-bench score RUNS/photos/b --metrics psnr" in message
    assert "wespe-bench report RUNS --common" in message
    many = refused(scores({"a b": {"psnr": [1]}}), 9)
    assert "lacks 8 of 9 photos (s01, s02, s03 and 5 more)" in many
    assert "'RUNS/photos/a b'" in many


def test_a_photo_the_data_set_does_not_list_is_refused() -> None:
    assert "does not list (s03)" in refused(scores({"a": {"psnr": [1, 2, 3, 4]}}))


def test_common_restricts_every_method_to_what_all_have() -> None:
    frame = scores(
        {
            "a": {"psnr": [1, 2, 3, 4], "ssim": [0.1, 0.2, 0.3]},
            "b": {"psnr": [9, 8, 7, 6], "ssim": [0.1, 0.2, 0.3, 0.4]},
            "c": {"psnr": [5, 5, 5, 5]},
        }
    )
    frame = frame[~((frame["label"] == "b") & (frame["sample"] == "s00"))]
    found = one(frame, 4, common=True)
    assert (found.used, found.left_out) == (("s01", "s02"), ("s00", "s03"))
    assert found.cell("a", "psnr").mean == 2.5
    assert found.cell("b", "psnr").mean == 7.5
    assert (found.cell("c", "psnr").n, found.cell("c", "psnr").n_expected) == (2, 4)
    assert found.cell("c", "ssim").reason == "not scored"
    frame = scores({"a": {"psnr": [1]}, "b": {"psnr": [1, 2]}})
    assert "no photo" in refused(frame.drop(index=1), 2, common=True)


def test_methods_without_any_score_get_a_row() -> None:
    frame = scores({"a": {"psnr": [1, 2]}})
    found = one(frame, 2, methods={"photos": ["a", "z"]})
    assert found.methods == ("a", "z")
    assert found.cell("z", "psnr").reason == "not scored"


def test_long_frame_has_a_row_a_cell() -> None:
    frame = scores({"a": {"psnr": [1, 3], "entropy": [3, 4]}, "b": {"psnr": [2, 4]}})
    long = table([one(frame, 2)])
    assert len(long) == 4
    row = long[(long["label"] == "b") & (long["metric"] == "psnr")].iloc[0]
    assert (row["mean"], row["n"], row["best"], row["metric_version"]) == (3.0, 2, True, "1")
    assert list(long["revision"].unique()) == ["r1"]


def test_clamped_terms_are_counted_and_told() -> None:
    from reports.notes import notes

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "run": "r",
            "label": "m",
            "dataset": "d",
            "revision": "x",
            "note": "",
            "sample": [f"s{i}" for i in range(12)],
            "metric": "ms_ssim",
            "metric_version": "1",
            "value": rng.random(12),
            "extras": ['{"clamped": 1.0}' if i < 2 else '{"clamped": 0.0}' for i in range(12)],
            "seed": 0,
        }
    )
    (made,) = summarize(frame, {"d": list(frame["sample"])})
    assert made.cell("m", "ms_ssim").n_clamped == 2
    assert any("on 2 photos a negative contrast term" in text for text in notes(made).numbered)


def test_a_metric_may_have_no_number_for_its_rows() -> None:
    frame = pd.DataFrame(
        {
            "run": "r",
            "label": "m",
            "dataset": "d",
            "revision": "x",
            "note": "",
            "sample": [f"s{i}" for i in range(11)],
            "metric": "psnr_dped",
            "metric_version": "1",
            "value": 20.0,
            "extras": '{"mse": 650.25}',
            "seed": 0,
        }
    )
    (made,) = summarize(frame, {"d": list(frame["sample"])})
    cell = made.cell("m", "psnr_dped")
    assert not cell.has_value
    assert cell.reason == "needs 50 photos to fill a batch, has 11"
