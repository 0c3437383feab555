"""``ffs build`` and ``stats``: labels by the median, owners whole, any CSV the same way."""

from __future__ import annotations

import csv
import dataclasses
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffs import crops, manifest
from ffs.dataset import Build, build
from ffs.rated import Rated
from ffs.stats import tables
from tests.conftest import Command
from tests.ffs.conftest import SMALL, Verb
from tests.ffs.test_verbs import complaint
from wespe_bench import load_dataset
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb


def test_a_licence_that_is_not_known_is_said(verb: Verb, rated: Path) -> None:
    lines = rated.read_text("utf-8-sig").splitlines()
    names = ["licence", "all rights reserved", *["cc-by"] * (len(lines) - 2)]
    text = "\n".join(f"{line},{name}" for line, name in zip(lines, names, strict=True))
    rated.write_text(text + "\n", "utf-8")
    _, _, err = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert "1 photos have a licence that is not known, 'all rights reserved' the first" in err


def test_the_column_of_layout_1_is_read(built: Path) -> None:
    new = manifest.read(built)
    table, head = built / manifest.TABLE, built / manifest.HEAD
    assert "uploaded,faves_per_view,label" in table.read_text("utf-8")
    table.write_text(table.read_text("utf-8").replace("faves_per_view", "score"), "utf-8")
    text = head.read_text("utf-8")
    head.write_text(text.replace('"wespe_bench_ffs": 2', '"wespe_bench_ffs": 1'), "utf-8")
    assert head.read_text("utf-8") != text
    assert manifest.read(built) == new


def test_a_csv_takes_the_same_path(verb: Verb, rated: Path, tmp_path: Path) -> None:
    code, _, err = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert code == 0, err
    found = manifest.read("set")
    assert [len(found.of(split)) for split in manifest.SPLITS] == [46, 6, 8]
    assert found.threshold == statistics.median(p.score for p in found.of("train"))
    for photo in found.photos:
        n = int(photo.id.removeprefix("=p"))
        assert (photo.views, photo.faves, photo.owner) == (1000, n // 2, f"=owner{n // 2}")
        assert photo.uploaded == f"2016-0{n % 9 + 1}-03"
        assert photo.label == ("high" if photo.score > found.threshold else "low")
        data = (tmp_path / "set" / photo.path).read_bytes()
        assert manifest.provenance.sha256_bytes(data) == photo.sha256
        original = read_rgb(tmp_path / "in" / f"{photo.id}.png")
        expected = crops.prepare_hd(original, (256, 224)).astype(float)
        assert read_rgb(data, name="x").shape == (224, 256, 3)
        assert np.abs(read_rgb(data, name="x") - expected).mean() < 2  # JPEG at 95
    cells = list(csv.DictReader((tmp_path / "set" / "ffs.csv").open()))
    assert all(row["owner"].startswith("'=") and row["id"].startswith("'=") for row in cells)
    assert [float(row["faves_per_view"]) for row in cells] == [p.score for p in found.photos]
    # The folder is the data set `ffs` too, and another seed replaces its splits.
    assert len(load_dataset(f"ffs:{tmp_path / 'set'}").samples) == 8
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "set" / "photos").iterdir()}
    assert verb("ffs", "build", rated, "--out", "set", *SMALL, "--seed", 5)[0] == 0
    other = manifest.read(tmp_path / "set" / "ffs.json")
    assert other.revision != found.revision
    assert {p.path for p in other.photos} == {
        p.relative_to(tmp_path / "set").as_posix()
        for split in manifest.SPLITS
        for p in (tmp_path / "set" / split).iterdir()
    }
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "set" / "photos").iterdir()}
    assert before == after  # prepared once


def test_stats(verb: Verb, built: Path) -> None:
    code, out, err = verb("ffs", "stats", "set")
    assert code == 0, err
    found = manifest.read("set")
    high = sum(p.label == "high" for p in found.of("train"))
    assert any(
        line.replace(" ", "").startswith(
            f"|train|46|{len({p.owner for p in found.of('train')})}|{high}|"
        )
        for line in out.splitlines()
    )
    assert "\n|   2016 |       60 |" in out
    nobodys = [dataclasses.replace(photo, owner="") for photo in found.photos]
    text = tables(dataclasses.replace(found, photos=tuple(nobodys)))
    assert re.search(r"^\| train +\| +46 \| unknown +\|", text, flags=re.MULTILINE)
    stats = built / "stats"
    assert sorted(p.name for p in stats.iterdir()) == [
        "counts.png",
        "scores.png",
        "stats.md",
        "years.png",
    ]
    assert (stats / "stats.md").read_text() in out
    for name in ("counts.png", "scores.png", "years.png"):
        assert read_rgb(stats / name).std() > 5


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 9)), min_size=12, max_size=40))
def test_a_tie_with_the_median_is_low(
    tmp_path_factory: pytest.TempPathFactory, counts: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("ties")
    (folder / "photos").mkdir()
    some = [Rated(f"p{n}", v, f, "", "", "0" * 64) for n, (v, f) in enumerate(counts)]
    for photo in some:
        (folder / "photos" / f"{photo.id}.jpg").write_bytes(b"x")
    config = Build("x", test=2, validation=2, min_views=1)
    try:
        found = build(folder, some, config, "")
    except InputError as error:
        assert "all labels are equal" in str(error)
        return
    scores = sorted(p.score for p in found.of("train"))
    assert found.threshold == statistics.median(scores)
    for photo in found.photos:
        assert (photo.label == "high") == (photo.score > found.threshold)
    assert sum(p.label == "high" for p in found.of("train")) <= len(scores) / 2


def test_zero_views_are_left_out_and_reported(verb: Verb, rated: Path) -> None:
    lines = rated.read_text("utf-8").replace("=p7.png,1000", "=p7.png,0")
    rated.write_text(lines.replace("=p8.png,1000", "=p8.png,49"), "utf-8")
    code, out, _ = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert code == 0
    assert "1 no views" in out
    assert "1 fewer than 50 views" in out
    assert not {"=p7", "=p8"} & {photo.id for photo in manifest.read("set").photos}


def test_forget_in_a_set_from_a_csv(verb: Verb, rated: Path, built: Path) -> None:
    assert verb("ffs", "forget", "set", "=p5")[0] == 0
    assert not list(built.rglob("=p5.jpg"))
    assert "=p5" not in {photo.id for photo in manifest.read("set").photos}
    assert verb("ffs", "build", rated, "--out", "set", *SMALL)[0] == 0
    assert "=p5" not in {photo.id for photo in manifest.read("set").photos}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "ffs.json").unlink(), "no such file: set/ffs.json; wespe-bench ffs build"),
        (lambda f: (f / "ffs.json").write_text("{"), "damaged, or not written by ffs build"),
        (lambda f: (f / "ffs.json").write_text('{"wespe_bench_ffs": 99}'), "newer wespe-bench"),
        (lambda f: (f / "ffs.csv").write_text("id\n"), "its first line is not id,path,views"),
        (lambda f: _edit(f, ",1000,", ",0,"), "line 2: 0 views"),
        (lambda f: _edit(f, ",1000,", ",1001,"), "rows do not give the revision"),
        (lambda f: _edit(f, "train/", "../"), "photo '"),
    ],
)
def test_a_damaged_manifest(verb: Verb, built: Path, spoil: object, said: str) -> None:
    spoil(built)
    assert said in complaint(verb("ffs", "stats", "set"))


def _edit(folder: Path, old: str, new: str) -> None:
    path = folder / "ffs.csv"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def test_in_a_process_of_its_own(command: Command, rated: Path) -> None:
    result = command("ffs", "build", rated, "--out", "set", *SMALL)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("60 photos: train 46 (")


def test_what_makes_the_test_weak_is_said(verb: Verb, rated: Path) -> None:
    lines = [line.rsplit(",", 2)[0] for line in rated.read_text("utf-8-sig").splitlines()]
    rated.write_text("\n".join(lines), "utf-8")
    code, _, err = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert code == 0
    assert "a test of 8 photos says little: 70% right has a 95% interval of 41% to 93%" in err
    assert "no photo names its owner" in err


def test_more_faves_than_views_are_reported(verb: Verb, rated: Path) -> None:
    rated.write_text(rated.read_text("utf-8").replace("=p7.png,1000,3", "=p7.png,1000,1001"))
    code, _, err = verb("ffs", "build", rated, "--out", "set", *SMALL)
    assert code == 0
    assert "1 photos have more faves than views, =p7 the first: are the columns what" in err


@pytest.mark.parametrize("id_", ["../in/=p5", "/etc/passwd", "a\\b", "x" * 5000, "a//b"])
def test_forget_refuses_what_is_not_an_id(verb: Verb, built: Path, id_: str) -> None:
    assert complaint(verb("ffs", "forget", "set", "=p5", id_)).endswith(" is no id of a photo")
    assert not (built / "forgotten.txt").exists()
    assert (built / "photos" / "=p5.jpg").exists()
