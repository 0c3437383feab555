"""``data register`` through the real entry point."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.wespe_bench.prepare.test_registration import homography, seen
from wespe_bench import load_dataset
from wespe_bench.images import read_rgb, write_png

pytestmark = pytest.mark.shared_data


@pytest.fixture
def two_cameras(shared: Path, tmp_path: Path) -> Path:
    """Two good pairs, one whose reference shows nothing, one whose photo is no photo."""
    photos = sorted((shared / "hq" / "kodak24").iterdir())
    for number, source in enumerate(photos[:2]):
        photo = read_rgb(source)[:300, :380]
        write_png(tmp_path / "phone" / f"{number}.png", photo)
        matrix = homography(photo.shape, 1 + number)
        write_png(tmp_path / "dslr" / f"{number}.png", seen(photo, matrix))
    write_png(tmp_path / "phone" / "wrong.png", read_rgb(photos[3])[:400, :400])
    write_png(tmp_path / "dslr" / "wrong.png", np.full((400, 400, 3), 90, np.uint8))
    (tmp_path / "phone" / "broken.png").write_bytes(b"no photo")
    write_png(tmp_path / "dslr" / "broken.png", read_rgb(photos[4])[:64, :64])
    return tmp_path


def table(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "registration.csv", newline="") as file:
        return {row["sample"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_good_pairs_are_written_and_bad_ones_listed(
    verb: Command, command: Command, two_cameras: Path
) -> None:
    arguments = ["data", "register", "--input", "phone", "--reference", "dslr", "--out", "out"]
    result = verb(*arguments, "--features", "orb", "--jobs", "0")
    assert result.returncode == 3, result.stderr
    assert "2 pairs registered -> out" in result.stdout
    assert "register out: wrong: dropped: " in result.stderr
    assert "register out: broken: phone/broken.png: not a photo" in result.stderr
    rows = table(two_cameras / "out")
    assert [name for name, row in rows.items() if row["registered"] == "yes"] == ["0", "1"]
    assert "too little detail" in rows["wrong"]["reason"]
    for name in ("0", "1"):
        assert float(rows[name]["error_px"]) < 0.5
        one, other = (
            read_rgb(two_cameras / "out" / side / f"{name}.png") for side in ("input", "reference")
        )
        assert one.shape == other.shape
        left, top, right, bottom = (int(rows[name][k]) for k in ("left", "top", "right", "bottom"))
        original = read_rgb(two_cameras / "phone" / f"{name}.png")
        np.testing.assert_array_equal(one, original[top:bottom, left:right])
    assert sorted(p.name for p in (two_cameras / "out" / "input").iterdir()) == ["0.png", "1.png"]
    # Again: only what failed is tried, and what is missing is made again, to the same bytes.
    first = (two_cameras / "out" / "registration.csv").read_bytes()
    (two_cameras / "out" / "reference" / "1.png").unlink()
    result = command(*arguments, "--features", "orb", "--jobs", "0")
    assert result.returncode == 3
    assert "1 pairs registered, 1 were there already" in result.stdout
    assert (two_cameras / "out" / "registration.csv").read_bytes() == first
    # The pairs are a data set like any other.
    sides = {side: two_cameras / "out" / side for side in ("input", "reference")}
    assert len(load_dataset("folder", **sides)) == 2


def test_mistakes_get_one_line(verb: Command, two_cameras: Path) -> None:
    (two_cameras / "taken").mkdir()
    (two_cameras / "taken" / "thesis.txt").write_text("mine")
    pair = ["--input", "phone", "--reference", "dslr"]
    for arguments, words in (
        ([*pair], "--out FOLDER is missing"),
        (["--input", "phone", "--out", "x"], "--reference FOLDER is missing"),
        ([*pair, "--out", "taken"], "taken holds thesis.txt, not made here"),
        ([*pair, "--out", "dslr/new"], "lies inside dslr"),
        ([*pair, "--out", "x", "--max-error", "nan"], "--max-error nan"),
        ([*pair, "--out", "x", "--min-overlap", "2"], "--min-overlap 2.0"),
        ([*pair, "--out", "x", "--features", "surf"], "surf"),
    ):
        result = verb("data", "register", *arguments)
        assert result.returncode == 2, result.stderr
        (line,) = result.stderr.splitlines()
        assert words in line
