"""Every table that would lie is refused, and the message says what mends it."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tests.reports.runs import one, scores
from wespe_bench.errors import InputError


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
        assert "2 versions" in message and "wespe-bench score RUNS/photos --metrics psnr" in message


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
    assert "two rows" in refused(pd.concat([frame, frame.iloc[:1]]))


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
