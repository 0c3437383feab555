"""Options of ``ffs train``: a tracker, what the mode has no use for, seeds that are empty."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.ffs.conftest import Verb
from tests.ffs.rated import FROZEN, make
from tests.wespe_bench.test_tracking import scalars

pytestmark = pytest.mark.usefixtures("undrawn")


def test_its_curve_goes_to_a_tracker(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "ratings")
    code, _, err = verb(*FROZEN, "--epochs", "7", "--track", "tensorboard:board")
    assert code == 0, err
    assert "--epochs: of --mode full, this is frozen" in err
    rows = list(csv.DictReader((tmp_path / "out/train.csv").open(newline="")))
    found = scalars(tmp_path / "board/out")
    assert set(found) == set(rows[0]) and rows
    for name, points in found.items():
        assert [value for _, value in points] == pytest.approx([float(row[name]) for row in rows])


def test_empty_seeds_are_refused(verb: Verb) -> None:
    code, _, err = verb("ffs", "train", "ratings", "--seeds", "")
    assert code == 2 and "--seeds is empty" in err
