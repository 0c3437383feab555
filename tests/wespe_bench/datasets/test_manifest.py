"""Manifests: the same split anywhere, and nothing else passes for it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.wespe_bench.datasets import trees
from wespe_bench import load_dataset
from wespe_bench.cli import call
from wespe_bench.errors import InputError


@pytest.fixture
def written(tmp_path: Path) -> Path:
    trees.kitti(tmp_path / "data", drives=3, frames=2)
    path = tmp_path / "k.json"
    assert (
        call(
            "data split",
            ["kitti", "--data", str(tmp_path / "data"), "--test", "2", "--out", str(path)],
        )
        == 0
    )
    return path


def test_a_moved_touched_reordered_copy_gives_the_same(
    written: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    first = load_dataset("kitti?test=2", data=tmp_path / "data")
    assert json.loads(written.read_text())["revisions"]["test"] == first.revision
    assert str(tmp_path) not in written.read_text()
    copy = tmp_path / "elsewhere" / "kitti"
    # Written in another order, a level deeper, at another time, one drive under another name.
    for file in sorted((tmp_path / "data").rglob("*.png"), reverse=True):
        target = copy / "deep" / file.relative_to(tmp_path / "data" / "kitti" / "2011_09_26")
        target = Path(str(target).replace("drive_0002", "drive_0077"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        os.utime(target, (1, 1))
    for side, count in (("test", 2), ("train", None)):
        spec = f"kitti?split={side}&manifest={written}"
        here, there = (load_dataset(spec, data=d) for d in (tmp_path / "data", copy.parent))
        assert (here.revision, here.name, here.note) == (there.revision, there.name, there.note)
        assert [s.id for s in here.samples] == [s.id for s in there.samples]
        assert not recwarn.list
        assert count in (None, len(here))


def test_a_flipped_byte_and_a_lost_file_are_refused(written: Path, tmp_path: Path) -> None:
    spec = f"kitti?split=all&manifest={written}"
    sample = load_dataset(spec, data=tmp_path / "data").samples[0]
    data = bytearray(sample.path.read_bytes())
    data[-20] ^= 1
    sample.path.write_bytes(data)
    with pytest.raises(InputError, match=r"does not match .*: 1 changed \(.*0000000000\) of the"):
        load_dataset(spec, data=tmp_path / "data")
    sample.path.unlink()
    with pytest.raises(InputError, match=r"1 not there"):
        load_dataset(spec, data=tmp_path / "data")


def test_photos_not_in_the_manifest_are_reported(written: Path, tmp_path: Path) -> None:
    drive = "kitti/2011_09_26/2011_09_26_drive_0001_extract/image_02/data"
    trees.noise(tmp_path / "data" / drive / "0000000099.png", 5)
    with pytest.warns(UserWarning, match="1 photos are not in .*0000000099"):
        load_dataset(f"kitti?manifest={written}", data=tmp_path / "data")


def test_pairs_are_pinned_too(verb: Command, tmp_path: Path) -> None:
    root = trees.dped(tmp_path)
    result = verb("data", "split", "dped:iphone", "--data", ".", "--out", "d.json")
    assert result.returncode == 0, result.stderr
    spec = f"dped:iphone?manifest={tmp_path / 'd.json'}"
    dataset = load_dataset(spec, data=tmp_path)
    assert dataset.revision == load_dataset("dped:iphone", data=tmp_path).revision
    # A twin that is missing elsewhere does not matter, one that changed does.
    trees.noise(root / "iphone/test_data/patches/iphone/50.png", 50)
    with pytest.warns(UserWarning, match="not in"):
        assert load_dataset(spec, data=tmp_path).revision == dataset.revision
    trees.noise(root / "iphone/test_data/patches/canon/1.png", 77)
    with pytest.raises(InputError, match="1 changed"):
        load_dataset(spec, data=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"wespe_bench_manifest": 1', '"wespe_bench_manifest": 2', "newer wespe-bench"),
        ('"wespe_bench_manifest": 1', '"x": 1', "not a manifest"),
        ("{", "[", "not a manifest"),
        ('"split": "test"', '"split": "train"', "edited or cut"),
        ('"split": "test"', '"split": "tset"', "damaged manifest"),
        ('{"id": "2011_09_26_drive', '{"id": "../../2011_09_26_drive', "damaged manifest"),
        ('"seed": 0', '"seed": "x"', "damaged manifest"),
        ('"seed": 0', '"seed": Infinity', "damaged manifest"),
        ('"wespe_bench_manifest": 1', '"wespe_bench_manifest": true', "not a manifest"),
        ('"wespe_bench_manifest": 1', '"wespe_bench_manifest": -4', "not a manifest"),
        ('{"id": ', '{"id": 5, "x": ', "damaged manifest"),
        ('{"id": ', '{"id": [1], "x": ', "damaged manifest"),
        ('{"id": ', '{"id": null, "x": ', "damaged manifest"),
        (
            "drive_0001_extract/image_02/0000000001",
            "drive_0001_extract/image_02/0000000000",
            "twice",
        ),
    ],
)
def test_other_manifests_are_refused(
    written: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = written.read_text()
    assert old in text
    written.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=words):
        load_dataset(f"kitti?manifest={written}", data=tmp_path / "data")


def test_a_manifest_and_a_seed_do_not_go_together(written: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out seed"):
        load_dataset(f"kitti?manifest={written}&seed=4", data=tmp_path / "data")
