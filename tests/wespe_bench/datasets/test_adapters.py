"""Each adapter on a small tree in the official layout, with what is missing and what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.wespe_bench.datasets import trees
from wespe_bench import load_dataset
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb


def ids(spec: str, data: Path) -> list[str]:
    return [sample.id for sample in load_dataset(spec, data=data).samples]


def test_dped_patches_pair_with_canon_by_name(tmp_path: Path) -> None:
    root = trees.dped(tmp_path)
    dataset = load_dataset("dped:iphone", data=tmp_path)
    assert (dataset.name, dataset.paired) == ("dped_iphone_patches_test", True)
    patches = root / "iphone/test_data/patches"
    assert [(s.id, s.path, s.reference) for s in dataset.samples] == [
        (f"iphone/test/{n}", patches / f"iphone/{n}.png", patches / f"canon/{n}.png")
        for n in range(3)
    ]
    assert ids("dped:iphone?split=train", tmp_path) == [f"iphone/train/{n}" for n in range(4)]
    assert len(load_dataset("dped:iphone?split=all", data=tmp_path)) == 7
    canon = load_dataset("dped:iphone?side=canon&split=train", data=tmp_path)
    assert not canon.paired
    assert canon.samples[0].path == root / "iphone/training_data/canon/0.png"
    full = load_dataset("dped:iphone?protocol=full", data=tmp_path)
    assert [s.id for s in full.samples] == ["iphone/full/0", "iphone/full/1"]
    assert not full.paired
    # One revision per set, and none for two.
    assert len({dataset.revision, canon.revision, full.revision}) == 3


def test_dped_full_size_pairs(tmp_path: Path) -> None:
    home = trees.dped(tmp_path) / "iphone"
    for side, size in (("iphone", (64, 48)), ("canon", (90, 60))):
        trees.noise(home / "originals" / side / "7.png", 7, *size)
    for side in ("input", "reference"):
        trees.noise(home / "registered" / side / "7.png", 8, 60, 40)
        trees.noise(tmp_path / "elsewhere" / side / "9.png", 9, 60, 40)
    originals = load_dataset("dped:iphone?protocol=originals", data=tmp_path)
    assert not originals.paired
    assert originals.samples[0].id == "iphone/originals/7"
    registered = load_dataset("dped:iphone?protocol=registered", data=tmp_path)
    assert registered.samples[0].reference == home / "registered/reference/7.png"
    assert registered.note.startswith("no registration.csv")
    (home / "registered" / "registration.csv").touch()
    registered = load_dataset("dped:iphone?protocol=registered", data=tmp_path)
    assert registered.note == ""
    spec = f"dped:iphone?protocol=registered&pairs={tmp_path / 'elsewhere'}"
    assert ids(spec, tmp_path) == ["iphone/registered/9"]


def test_a_missing_twin_is_refused_by_name(tmp_path: Path) -> None:
    root = trees.dped(tmp_path)
    (root / "iphone/test_data/patches/canon/1.png").unlink()
    with pytest.raises(InputError, match=r"1 photos of .* have no pair in .*canon: 1; .*check"):
        load_dataset("dped:iphone", data=tmp_path)


def test_blackberry_is_halved_once_into_a_copy(tmp_path: Path) -> None:
    root = trees.dped(tmp_path, "blackberry", train=0, test=1)
    full = load_dataset("dped:blackberry?protocol=full", data=tmp_path)
    sample = full.samples[0]
    assert full.note == "halved to 2080x1560"
    assert sample.path.is_relative_to(tmp_path / "prepared")
    source = Image.open(root / "blackberry/test_data/full_size_test_images/0.png")
    expected = np.asarray(source.resize((2080, 1560), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(read_rgb(sample.path), expected)
    written = sample.path.stat().st_mtime_ns
    again = load_dataset("dped:blackberry?protocol=full", data=tmp_path)
    assert again == full
    assert again.samples[0].path.stat().st_mtime_ns == written
    whole = load_dataset("dped:blackberry?protocol=full&halve=no", data=tmp_path)
    assert whole.revision != full.revision
    trees.noise(root / "blackberry/test_data/full_size_test_images/0.png", 3, 400, 300)
    with pytest.raises(InputError, match=r"400x300 is no BlackBerry photo.*halve=no"):
        load_dataset("dped:blackberry?protocol=full", data=tmp_path)


def test_kitti_draws_whole_drives_at_any_depth(tmp_path: Path) -> None:
    root = trees.kitti(tmp_path, drives=3, frames=2)
    dataset = load_dataset("kitti?test=2", data=tmp_path)
    drives = {s.id.partition("/")[0] for s in dataset.samples}
    train = load_dataset("kitti?split=train&test=2", data=tmp_path)
    assert not drives & {s.id.partition("/")[0] for s in train.samples}
    assert dataset.note == "split drawn by seed 0"
    everything = load_dataset("kitti?split=all", data=tmp_path)
    assert len(everything) == 6
    assert everything.samples[0].id == "2011_09_26_drive_0001_extract/image_02/0000000000"
    right = load_dataset("kitti?camera=image_03&split=all", data=tmp_path)
    assert right.revision != everything.revision
    # Folders above the drives do not matter.
    (root / "deeper").mkdir()
    shutil.move(root / "2011_09_26", root / "deeper")
    assert load_dataset("kitti?split=all", data=tmp_path).revision == everything.revision
    with pytest.raises(InputError, match=r"looked for .*_sync.*there are extract drives"):
        load_dataset("kitti:sync", data=tmp_path)


def test_kitti_holds_out_the_same_drives_in_every_kind(tmp_path: Path) -> None:
    drives = {}
    for kind in ("extract", "sync"):
        trees.kitti(tmp_path / kind, drives=6, frames=2, kind=kind)
        dataset = load_dataset(f"kitti:{kind}?test=4", data=tmp_path / kind)
        drives[kind] = {s.id.partition(f"_{kind}/")[0] for s in dataset.samples}
    assert drives["extract"] == drives["sync"]


def test_the_sets_own_folder_as_data_is_answered_with_the_option(tmp_path: Path) -> None:
    root = trees.kitti(tmp_path, drives=1, frames=1)
    with pytest.raises(InputError, match=f"say --data {re.escape(str(tmp_path))}, or write kitti"):
        load_dataset("kitti", data=root)
    inner = tmp_path / "dped" / "dped"  # as an archive with a folder of its own name is unpacked
    trees.dped(inner.parent)
    with pytest.raises(InputError, match=f"if {re.escape(str(inner))} is it, say --data"):
        load_dataset("dped:iphone", data=tmp_path)
    assert load_dataset("dped:iphone", data=inner.parent)


def test_kitti_loses_no_frames_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = trees.kitti(tmp_path, drives=2, frames=2)
    drive = "2011_09_26_drive_0001_extract"
    (root / "twice").symlink_to(root / "2011_09_26")  # the same drives by a link
    assert len(load_dataset("kitti?split=all", data=tmp_path)) == 4
    shutil.copytree(root / "2011_09_26" / drive, root / "copy" / drive)
    with pytest.raises(InputError, match="are two drives of one name; keep one"):
        load_dataset("kitti?split=all", data=tmp_path)
    shutil.rmtree(root / "copy")
    (root / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # not by chmod: root may list everything
    with pytest.raises(InputError, match="locked: folder that cannot be listed; make it readable"):
        load_dataset("kitti?split=all", data=tmp_path)


def test_kitti_object(tmp_path: Path) -> None:
    for number in range(3):
        trees.noise(tmp_path / f"kitti/training/image_2/{number:06d}.png", number, 1242, 375)
    with pytest.warns(UserWarning, match=r"not there.*testing"):
        dataset = load_dataset("kitti:object?split=all", data=tmp_path)
    assert [s.id for s in dataset.samples] == [f"training/{n:06d}" for n in range(3)]
    assert "near-duplicates" in dataset.note


def test_cityscapes_tests_on_val(tmp_path: Path) -> None:
    trees.cityscapes(tmp_path)
    assert ids("cityscapes", tmp_path)[0] == "val/munster/munster_000000_000019"
    assert ids("cityscapes?split=train", tmp_path)[0] == "train/aachen/aachen_000000_000019"
    assert len(ids("cityscapes?test=2", tmp_path)) == 2
    shutil.rmtree(tmp_path / "cityscapes/leftImg8bit/val")
    with pytest.warns(UserWarning, match="val"):
        assert len(ids("cityscapes?split=train", tmp_path)) == 3


def test_div2k_is_all_training(tmp_path: Path) -> None:
    trees.div2k(tmp_path)
    assert ids("div2k", tmp_path) == ["0001", "0002", "0010", "801", "802"]
    with pytest.raises(InputError, match="no test photos"):
        load_dataset("div2k?split=test", data=tmp_path)


@pytest.mark.parametrize("name", ["htc_m9", "huawei_p9", "iphone6", "ffs"])
def test_phones_and_ffs_take_any_folder(name: str, tmp_path: Path) -> None:
    trees.camera(tmp_path / name)
    trees.camera(tmp_path / "somewhere", 10)
    test, train = (
        load_dataset(f"{name}?split={side}", data=tmp_path) for side in ("test", "train")
    )
    assert (len(test), len(train)) == (1, 19)
    assert len(ids(f"{name}:{tmp_path / 'somewhere'}?split=all", tmp_path)) == 10


def test_ffs_with_sides_of_its_own(tmp_path: Path) -> None:
    for side, count in (("train", 3), ("validation", 2), ("test", 2)):
        trees.camera(tmp_path / "ffs" / side, count)
    assert len(ids("ffs", tmp_path)) == 2
    assert len(ids("ffs?split=train", tmp_path)) == 5


def test_any_camera_takes_one_line(tmp_path: Path) -> None:
    folder = trees.camera(tmp_path / "holiday")
    assert len(ids(f"camera:{folder}", tmp_path)) == 20
    dataset = load_dataset(f"camera:{folder}?split=test", data=tmp_path)
    assert (dataset.name, len(dataset)) == ("holiday_test", 2)
    (tmp_path / "wespe-data.toml").write_text('pixel8 = "holiday"\n')
    named = load_dataset("pixel8", data=tmp_path)
    assert (named.name, len(named)) == ("pixel8", 20)
    assert len(ids("pixel8?split=train&test=0.5&group=none", tmp_path)) == 10
    folders = load_dataset("pixel8?split=test&group=folder&test=10", data=tmp_path)
    assert len({s.id.rpartition("/")[0] for s in folders.samples}) == 1


def test_shots_of_one_scene_stay_together(tmp_path: Path) -> None:
    for number in range(12):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 12:{number // 3:02d}:{number % 3:02d}"
        path = tmp_path / "set" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (100, 100), (number, 0, 0)).save(path, exif=exif)
    for seed in range(5):
        dataset = load_dataset(f"camera:{tmp_path / 'set'}?split=test&test=3&seed={seed}")
        train = load_dataset(f"camera:{tmp_path / 'set'}?split=train&test=3&seed={seed}")
        scenes = {int(s.id) // 3 for s in dataset.samples}
        assert not scenes & {int(s.id) // 3 for s in train.samples}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("dped", "which phone?"),
        ("dped:sonny", "did you mean 'sony'"),
        ("dped:iphone?protocl=full", "no option 'protocl' (did you mean 'protocol'?)"),
        ("dped:iphone?protocol=fulll", "did you mean 'full'"),
        ("dped:iphone?split=tset", "expected one of train, test, all"),
        ("dped:iphone?split", "expected option=value"),
        ("dped:iphone?split=test&split=test", "given twice"),
        ("dped:sony", "looked for sony/training_data/sony and sony/test_data/patches/sony in"),
        ("dped:iphone?protocol=registered", "make them with wespe-bench data register"),
        ("dped:iphone?pairs=x", "goes with protocol=registered"),
        ("dped:", "nothing after the colon"),
        ("kitti", "no data set kitti: looked for the folder"),
        ("div2k:x", "div2k takes no argument"),
        ("cityscapes", "looked for leftImg8bit/train"),
        ("htc_m9:nowhere", "no such folder: nowhere"),
        ("camera", "which folder?"),
        ("camera:nowhere", "no such folder: nowhere"),
        ("iphone6?seed=x", "seed=x: expected a whole number"),
        ("iphone6?test=many", "test=many: expected a number of photos, or a share"),
        ("iphone6?test=99", "99 test photos cannot be drawn"),
        ("iphone6?manifest=none.json", "no such manifest: none.json"),
        ("dpde", "did you mean 'dped'?"),
    ],
)
def test_mistakes_say_what_and_where(spec: str, words: str, tmp_path: Path) -> None:
    trees.dped(tmp_path, train=1, test=1)
    trees.camera(tmp_path / "iphone6", 6)
    (tmp_path / "cityscapes" / "images").mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as caught:
            load_dataset(spec, data=tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
