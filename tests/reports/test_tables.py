"""Aggregation against plain pandas: means, what is best, what is left out."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.notes import notes
from reports.tables import summarize
from tests.reports.runs import ids, one, scores
from wespe_bench import registry
from wespe_bench.errors import InputError
from wespe_bench.types import Metric

INF = math.inf


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


@given(
    means=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    higher=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_best_is_what_a_slow_loop_finds(means: list[int], higher: bool) -> None:
    with changed("psnr", higher_is_better=higher):
        found = one(scores({f"m{i}": {"psnr": [v, v + 2]} for i, v in enumerate(means)}), 2)
    places = {label: found.cell(label, "psnr").place for label in found.methods}
    marked = {label for label, place in places.items() if place == 1}
    expected, second = set(), set()
    for i, v in enumerate(means):
        beaten = any((w > v) if higher else (w < v) for w in means)
        if len(means) > 1 and not beaten:
            expected.add(f"m{i}")
    for i, v in enumerate(means):
        better = [w for w in means if ((w > v) if higher else (w < v))]
        if len(expected) == 1 and len(better) == 1:
            second.add(f"m{i}")
    assert marked == expected
    assert {label for label, place in places.items() if place == 2} == second


def test_identity_can_be_best_and_comes_first() -> None:
    found = one(scores({"b": {"psnr": [1, 2]}, "identity": {"psnr": [5, 6]}}), 2)
    assert found.methods == ("identity", "b")
    assert found.cell("identity", "psnr").place == 1


def test_methods_without_a_value_do_not_compete() -> None:
    frame = scores({"a": {"psnr": [3, 4], "ssim": [0.1, 0.2]}, "b": {"ssim": [0.3, 0.4]}})
    found = one(frame, 2)
    assert found.cell("a", "psnr").place == 0
    assert found.cell("b", "psnr").reason == "not scored"
    assert found.cell("b", "ssim").place == 1


def test_infinite_values_are_counted_and_left_out() -> None:
    found = one(scores({"a": {"psnr": [INF, 10, 20]}, "b": {"psnr": [30, 10, 20]}}), 3)
    cell = found.cell("a", "psnr")
    assert (cell.n, cell.n_infinite, cell.mean) == (2, 1, 15.0)
    # a is perfect on the photo that b's lead rests on: no fair best.
    assert not any(found.cell(label, "psnr").place == 1 for label in "ab")
    assert "different photos" in found.columns[0].remark


def test_infinite_on_the_same_photos_leaves_a_fair_best() -> None:
    found = one(scores({"a": {"psnr": [INF, 10]}, "b": {"psnr": [INF, 12]}}), 2)
    assert found.cell("b", "psnr").place == 1 and not found.columns[0].remark


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
    assert not any(found.cell(label, "x.py:M").place == 1 for label in "ab")
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
    _CHANGED = dataclasses.replace(registry.load_metric(name), **changes)
    before = registry.METRICS[name]
    registry.METRICS[name] = f"{__name__}:_CHANGED"
    try:
        yield
    finally:
        registry.METRICS[name] = before


_CHANGED: Metric | None = None


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
    assert (tuple(found.used), found.left_out) == (("s01", "s02"), ("s00", "s03"))
    assert found.cell("a", "psnr").mean == 2.5
    assert found.cell("b", "psnr").mean == 7.5
    assert (found.cell("c", "psnr").n, found.cell("c", "psnr").n_expected) == (2, 4)
    assert found.cell("c", "ssim").reason == "not scored"
    frame = scores({"a": {"psnr": [1]}, "b": {"psnr": [1, 2]}})
    with pytest.raises(InputError, match="no photo"):
        one(frame.drop(index=1), 2, common=True)


def test_methods_without_any_score_get_a_row() -> None:
    frame = scores({"a": {"psnr": [1, 2]}})
    found = one(frame, 2, methods={"photos": ["a", "z"]})
    assert found.methods == ("a", "z")
    assert found.cell("z", "psnr").reason == "not scored"


def test_clamped_terms_are_counted_and_shown() -> None:
    frame = scores({"m": {"ms_ssim": np.linspace(0, 1, 12)}})
    frame["extras"] = ['{"clamped": 1.0}' if i < 2 else '{"clamped": 0.0}' for i in range(12)]
    made = one(frame, 12)
    assert made.cell("m", "ms_ssim").n_clamped == 2
    assert any("on 2 photos a negative contrast term" in text for text in notes(made).numbered)


def test_a_metric_may_have_no_number_for_its_rows() -> None:
    made = one(scores({"m": {"psnr_dped": [20.0] * 11}}, extras='{"mse": 650.25}'), 11)
    cell = made.cell("m", "psnr_dped")
    assert not cell.has_value
    assert cell.reason == "needs 50 photos to fill a batch, has 11"
