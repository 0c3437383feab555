"""Tables 1, 4 and 5: counts of trees in the official layout, and a study's votes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from reports.paper import study, tables
from reports.paper.choices import Choices
from tests.reports.paper_store import cell, one
from tests.wespe_bench.datasets import trees
from wespe_bench.datasets.miniature import FILE, WORD
from wespe_bench.errors import InputError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    trees.dped(tmp_path)
    trees.kitti(tmp_path, kind="sync")
    trees.div2k(tmp_path)
    trees.camera(tmp_path / "iphone6")
    return tmp_path


def test_table_1_counts_full_size_photos(data: Path) -> None:
    found = one(1, None, data=str(data))
    test = cell(found, "iphone", "photos", "test")
    assert (test.ours, test.paper, test.difference) == (2, 113, -111)
    train = cell(found, "iphone", "photos", "train")
    assert math.isnan(train.ours)
    assert "none for training" in train.reason
    assert cell(found, "iphone", "photos", "size").ours_text == "2048x1536"
    assert any("4 training and 3 test patches" in source for source in found.sources)
    assert "Not here" in cell(found, "sony", "photos", "test").reason
    (data / FILE).write_text(f"{WORD}: photos", "utf-8")
    small = tables.build((1,), None, Choices(data=str(data)))[0]
    assert cell(small, "iphone", "photos", "train").reason.startswith("The miniature has no")
    (data / FILE).unlink()
    for key in ("iphone", "canon"):
        for side, count in (("phone", 10), ("canon", 10)):
            name = "blackberry" if side == "phone" else "canon"
            for number in range(count):
                trees.noise(data / f"dped/blackberry/originals/{name}/{number}.png", number)
        assert key
    found = one(1, None, data=str(data))
    for key in ("blackberry", "canon"):
        sides = [cell(found, key, "photos", side).ours for side in ("train", "test")]
        assert sides == [9, 1]


def test_table_4_counts_what_a_run_would_take(data: Path) -> None:
    found = one(4, None, data=str(data))
    kitti = [cell(found, "kitti", "photos", side) for side in ("train", "test")]
    assert [entry.ours for entry in kitti] == [16, 1] or sum(e.ours for e in kitti) <= 20
    assert any("sync frames" in note for note in kitti[0].notes)
    assert cell(found, "iphone6", "photos", "test").paper == 57
    div2k = cell(found, "div2k", "photos", "train")
    assert (div2k.ours, div2k.difference) == (5, -895)
    assert "wespe-bench data list cityscapes" in cell(found, "cityscapes", "photos", "test").reason


def _report(folder: Path, **changes: Any) -> Path:
    one_cell = {"rival": "original", "dataset": "kitti", "share": 0.75, "spread": 0.1}
    one_cell |= {"low": 0.7, "high": 0.8, "votes": 266, "method": "WESPE [DIV2K]"}
    content = {"format": 1, "study": "38 people", "cells": [one_cell | changes]}
    folder.mkdir(exist_ok=True)
    (folder / study.FILE).write_text(json.dumps(content), "utf-8")
    return folder


def test_table_5_reads_a_study(tmp_path: Path) -> None:
    empty = one(5, None)
    assert all("No study yet" in entry.reason for entry in empty.entries.values())
    found = one(5, None, study=_report(tmp_path / "study", rival_method="ape_like"))
    entry = cell(found, "original", "kitti", "share")
    assert (entry.ours_text, entry.n, entry.paper_text) == ("0.75 ± 0.10", 266, "0.81 ± 0.10")
    assert entry.difference == pytest.approx(-0.06)
    assert entry.notes == ("ape_like stood for the rival",)
    assert "did not ask" in cell(found, "ape", "kitti", "share").reason


@pytest.mark.parametrize(
    "changes",
    [{"share": 1.5}, {"votes": 0}, {"dataset": "x"}, {"share": "much"}, {"rival": []}],
)
def test_a_damaged_study_is_one_line(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no report of a study, or damaged"):
        one(5, None, study=_report(tmp_path / "study", **changes))
