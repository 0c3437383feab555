"""Shards of one run, in one folder or merged from several."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.verbs import one_line
from tests.wespe_bench.test_store_pieces import make
from wespe_bench import store, store_pieces
from wespe_bench.merge import merge
from wespe_bench.run import Run


@pytest.mark.slow
def test_shards_in_folders_of_their_own_merge_to_one_run(
    verb: Command, photos: Path, references: Path, tmp_path: Path
) -> None:
    arguments = ("run", "--enhancers", "identity", "unsharp", "--input", photos)
    arguments += ("--reference", references, "--jobs", "0")
    assert verb(*arguments, "--out", "whole").returncode == 0
    for index in (1, 2):
        result = verb(*arguments, "--shard", f"{index}/2", "--out", f"shard{index}")
        assert result.returncode == 0, result.stderr
        assert not (tmp_path / f"shard{index}" / "report.md").exists()
    result = verb("merge", "shard1", "shard2", "--out", "merged")
    assert result.returncode == 0, result.stderr
    assert "12 images" in result.stdout
    for folder in ("whole", "merged"):
        verb("export", "scores", folder)
    merged = (tmp_path / "merged" / "scores.csv").read_bytes()
    assert merged == (tmp_path / "whole" / "scores.csv").read_bytes()
    # Again: nothing is doubled.
    assert "0 images and 0 scores new" in verb("merge", "shard1", "--out", "merged").stdout
    # Something else is refused before anything is copied.
    assert verb(*arguments[:2], "clahe", *arguments[4:], "--out", "other").returncode == 0
    (tmp_path / "other" / "photos" / "clahe").rename(tmp_path / "other" / "photos" / "identity")
    one_line(verb("merge", "shard1", "other", "--out", "x"), "differ in label")
    assert not (tmp_path / "x").exists()


def test_shards_can_share_a_folder(verb: Command, photos: Path, tmp_path: Path) -> None:
    arguments = ("run", "--enhancers", "unsharp", "--input", photos, "--jobs", "0")
    for index in (1, 2, 3):
        assert verb(*arguments, "--shard", f"{index}/3", "--out", "shards").returncode == 0
    assert verb(*arguments, "--out", "whole").returncode == 0
    for folder in ("whole", "shards"):
        verb("export", "scores", folder)
    shards = (tmp_path / "shards" / "scores.csv").read_bytes()
    assert shards == (tmp_path / "whole" / "scores.csv").read_bytes()


def test_merge_heals_and_mends(verb: Command, photos: Path, tmp_path: Path) -> None:
    arguments = ["run", "--enhancers", "identity", "--input", photos, "--jobs", "0"]
    good = (photos / "img1.png").read_bytes()
    assert verb(*arguments, "--shard", "2/2", "--out", "s2").returncode == 0
    assert verb(*arguments, "--shard", "1/2", "--out", "s1").returncode == 0
    # A merge that was killed between its first two files.
    head = tmp_path / "m" / "photos" / "identity" / "run.json"
    head.parent.mkdir(parents=True)
    head.write_bytes((tmp_path / "s1" / "photos" / "identity" / "run.json").read_bytes())
    assert verb("merge", "s1", "s2", "--out", "m").returncode == 0
    result = verb("report", "m")
    assert result.returncode == 0, result.stderr
    assert "| identity | 6 |" in result.stdout
    assert good == (photos / "img1.png").read_bytes()


@pytest.mark.parametrize("at_once", [3, 2000])
def test_a_merge_reads_no_run_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    shards = [make(tmp_path / name / "run", 24, random.Random(name)) for name in ("a", "b")]
    expected: dict[str, set[object]] = {"enhanced": set(), "scores": set()}
    for shard in shards:
        opened = Run(shard)
        for sample, row in opened.results.iterrows():
            path = store.result_of(shard, str(sample))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"result {sample}")
            expected["enhanced"].add((sample, row["image_sha256"]))
        rows = store.load(shard, "scores")
        rows = rows[rows["sample"] <= opened.samples["sample"].max()]
        expected["scores"] |= set(zip(rows["sample"], rows["metric"], strict=True))
    with monkeypatch.context() as patch:
        for name in ("load", "load_samples", "load_failures"):
            patch.setattr(store, name, None)
        patch.setattr(store_pieces, "_AT_ONCE", at_once)
        done = merge([shard.parent for shard in shards], tmp_path / "out")
        again = merge([shard.parent for shard in shards[1:]], tmp_path / "out")
    out = Run(tmp_path / "out" / "run")
    found = store.load(out.folder, "enhanced")
    assert set(zip(found["sample"], found["image_sha256"], strict=True)) == expected["enhanced"]
    scores = store.load(out.folder, "scores")
    assert set(zip(scores["sample"], scores["metric"], strict=True)) == expected["scores"]
    assert (done.runs, again.runs, again.images) == (2, 1, 0)
    assert not set(out.failures["sample"]) & set(found["sample"])
