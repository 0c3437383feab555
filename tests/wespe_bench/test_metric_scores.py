"""Scores by run and metric are those of the run, in a fraction of the memory."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from tests.wespe_bench.test_store_pieces import make
from wespe_bench import metric_scores, run, store, store_pieces
from wespe_bench.metric_scores import HEAD, ROWS

METRICS = ("psnr", "=m")


@pytest.mark.parametrize("at_once", [30, 2000])
def test_scores_by_metric_are_those_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(store_pieces, "_AT_ONCE", at_once)
    opened = run.Run(make(tmp_path / "run", 250, random.Random(1)), "run")
    expected = {
        of.metric: of.frame()[[*HEAD, *ROWS]] for of in metric_scores.of_frame(opened.read_scores())
    }
    found, photos, path = metric_scores.of_run(opened, METRICS)
    assert sorted(of.metric for of in found) == sorted(expected) == sorted(METRICS)
    for of in found:
        pd.testing.assert_frame_equal(of.frame()[[*HEAD, *ROWS]], expected[of.metric])
    assert list(photos["sample"]) == list(opened.samples["sample"])
    assert photos["reference"].isna().all()
    assert path == opened.samples["path"].iloc[0]
    (only,), _, _ = metric_scores.of_run(opened, METRICS[:1])
    assert only.metric == "psnr"


def test_a_score_takes_few_bytes(tmp_path: Path) -> None:
    """So a million photos take megabytes: only the needed columns are kept, and the ids once."""
    folder, count = make(tmp_path / "run", 1, random.Random(0)), 5000
    (row,) = store.records(store.load_samples(folder))
    ids = [f"{number:012d}" for number in range(count)]
    store.write_samples(folder, [row | {"sample": id_} for id_ in ids])
    made = {"input_sha256": row["sha256"], "image_sha256": row["sha256"], "fingerprint": "f"}
    store.append(folder, "enhanced", [made | {"sample": id_} for id_ in ids])
    score = {"metric_version": "1", "value": 1.0, "extras": "{}", "seed": 0}
    score["image_sha256"] = row["sha256"]
    rows = [score | {"sample": id_, "metric": name} for id_ in ids for name in METRICS]
    store.append(folder, "scores", rows)
    found, photos, _ = metric_scores.of_run(run.Run(folder, "run"), METRICS)
    assert [len(of.rows) for of in found] == [count, count]
    assert photos.memory_usage(index=False).sum() < 40 * count
    for of in found:
        assert of.rows.memory_usage(index=False).drop("sample").sum() < 24 * count
        assert list(of.rows.columns) == ROWS
