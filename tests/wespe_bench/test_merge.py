"""Shards of one run, in one folder or merged from several."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.verbs import one_line


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
