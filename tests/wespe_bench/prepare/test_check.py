"""``data check``: every fault is named, nothing crashes, the exit code tells."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Command
from tests.verbs import one_line
from tests.wespe_bench.datasets import trees
from wespe_bench.cli import call
from wespe_bench.datasets import tree
from wespe_bench.errors import InputError
from wespe_bench.prepare import check_pixels
from wespe_bench.prepare import faults as kinds
from wespe_bench.prepare.check import check
from wespe_bench.prepare.faults import Fault


def found_at(found: Sequence[Fault], root: Path) -> set[tuple[str, str, str]]:
    """(part, kind, path below the root) of each."""
    return {(f.part, f.kind, os.path.relpath(f.path, root)) for f in found}


def test_a_whole_set_is_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trees.kitti(tmp_path, drives=3, frames=2)
    assert call("data check", ["kitti", "--data", str(tmp_path), "--verify", "--jobs", "0"]) == 0
    out = capsys.readouterr().out
    assert "nothing is wrong" in out
    assert "extract image_02        6           -  1392x512         0" in out
    assert "KITTI, 8458 training and 124 test photos, 1392x512" in out
    assert call("data check", ["kitti", "--data", str(tmp_path)]) == 0
    assert "not looked at: damage inside the files" in capsys.readouterr().out


def test_every_fault_of_patches_is_named(tmp_path: Path) -> None:
    root = trees.dped(tmp_path, train=6, test=4)
    test, train = root / "iphone/test_data/patches", root / "iphone/training_data"
    (test / "canon/0.png").unlink()
    (train / "iphone/5.png").unlink()
    trees.noise(train / "iphone/1.png", 1, 90, 100)
    (train / "iphone/2.png").write_text("this is text")
    (train / "canon/3.png").write_bytes(b"")
    shutil.copy(train / "iphone/0.png", train / "iphone/4.png")
    shutil.copy(train / "iphone/0.png", test / "iphone/3.png")
    (test / "iphone/notes.txt").write_text("text")
    (test / "iphone/gone.png").symlink_to("nowhere")
    report = check("dped:iphone", tmp_path)
    labels = ("iphone patches train", "iphone patches test")
    assert found_at(report.faults, root / "iphone") == {
        (labels[1], kinds.NO_PAIR, "test_data/patches/iphone/0.png"),
        (f"{labels[0]}, pairs", kinds.NO_PHOTO, "training_data/canon/5.png"),
        (labels[0], kinds.WRONG_SIZE, "training_data/iphone/1.png"),
        (labels[0], kinds.UNREADABLE, "training_data/iphone/2.png"),
        (f"{labels[0]}, pairs", kinds.UNREADABLE, "training_data/canon/3.png"),
        (labels[0], kinds.DUPLICATE, "training_data/iphone/4.png"),
        (labels[1], kinds.LEAK, "test_data/patches/iphone/3.png"),
        (labels[1], tree.DANGLING, "test_data/patches/iphone/gone.png"),
        ("iphone full test", kinds.COUNT, "test_data/full_size_test_images"),
    }
    assert found_at(report.remarks, test) == {(labels[1], tree.OTHER, "iphone/notes.txt")}


def test_a_missing_side_and_a_missing_set(tmp_path: Path, verb: Command) -> None:
    root = trees.dped(tmp_path, train=0, test=2)
    shutil.rmtree(root / "iphone/test_data/patches/canon")
    found = found_at(check("dped:iphone", tmp_path).faults, root / "iphone/test_data")
    assert {kind for _, kind, _ in found} == {tree.UNREADABLE, kinds.NO_PAIR, kinds.COUNT}
    one_line(verb("data", "check", "dped:sony", "--data", "."), "looked for sony/training_data")
    one_line(verb("data", "check", "kitti", "--data", "."), "no data set kitti", "found dped/")


def test_names_that_collide(tmp_path: Path) -> None:
    trees.noise(tmp_path / "a.png", 1)
    trees.noise(tmp_path / "A.png", 2)
    trees.noise(tmp_path / "é.png", 3)
    trees.noise(tmp_path / "e\u0301.png", 4)
    trees.noise(tmp_path / "b.png", 5)
    Image.new("RGB", (100, 100)).save(tmp_path / "b.jpg")
    trees.noise(tmp_path / "small.png", 6, 99, 300)
    trees.noise(tmp_path / "line\nbreak.png", 7)
    found = found_at(check(f"camera:{tmp_path}").faults, tmp_path)
    assert {(kind, name) for _, kind, name in found} == {
        (kinds.CASE, "a.png"),
        (kinds.CASE, "é.png"),
        (kinds.SAME_ID, "b.png"),
        (kinds.WRONG_SIZE, "small.png"),
        (tree.UNUSABLE, "line\nbreak.png"),
    }


def test_links_from_outside_are_remarked(tmp_path: Path) -> None:
    root = trees.dped(tmp_path, train=0, test=2)
    patches = root / "iphone/test_data/patches"
    shutil.move(patches / "canon", tmp_path / "canon")
    (patches / "canon").symlink_to(tmp_path / "canon")
    shutil.move(patches / "iphone/1.png", tmp_path / "1.png")
    (patches / "iphone/1.png").symlink_to(tmp_path / "1.png")
    report = check("dped:iphone", tmp_path)
    assert {kind for _, kind, _ in found_at(report.faults, root)} == {kinds.COUNT}
    found = {(kind, name) for _, kind, name in found_at(report.remarks, patches)}
    assert found == {(tree.LINKED, "canon"), (tree.LINKED, "iphone/1.png")}


def test_counts_of_the_release(tmp_path: Path) -> None:
    trees.cityscapes(tmp_path)
    found = [f for f in check("cityscapes", tmp_path).faults if f.kind == kinds.COUNT]
    assert [(f.part, f.detail) for f in found] == [
        ("train", "3 photos instead of 2975"),
        ("val", "3 photos instead of 500"),
    ]


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = tmp_path / "sice"
    for name in ("1/1.png", "1/2.png", "Label/1.png"):
        trees.noise(root / "Dataset_Part1" / name, len(name) + int(name[-5]), 60, 40)
    report = check("sice", tmp_path)
    counts = [(f.path, f.detail) for f in report.faults if f.kind == kinds.COUNT]
    assert counts == [(str(root), "2 photos instead of 4413")]
    assert f"{root / 'Dataset_Part2'}, which is not there" in report.unlooked


def test_a_reference_that_is_its_photo_is_a_fault(tmp_path: Path) -> None:
    root = trees.dped(tmp_path, train=0, test=3)
    patches = root / "iphone/test_data/patches"
    for number in (0, 1):
        (patches / f"canon/{number}.png").unlink()
    (patches / "canon/0.png").symlink_to("../iphone/0.png")
    shutil.copy(patches / "iphone/1.png", patches / "canon/1.png")
    faults = check("dped:iphone", tmp_path).faults
    found = [os.path.relpath(f.path, patches) for f in faults if f.kind == kinds.COPY]
    assert found == ["canon/0.png", "canon/1.png"]


def test_verify_finds_what_headers_hide(tmp_path: Path) -> None:
    folder = trees.camera(tmp_path / "set", 6)
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((360, 270))
    photo.save(folder / "cut.jpg", quality=90)
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    photo.save(folder / "whole.jpg", quality=90)
    assert check(f"camera:{folder}").faults == []
    report = check(f"camera:{folder}", verify=True)
    assert found_at(report.faults, folder) == {("camera", kinds.UNREADABLE, "cut.jpg")}


def test_likeness_between_training_and_test(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    root = trees.cityscapes(tmp_path) / "leftImg8bit"
    photo = Image.fromarray(rng.integers(0, 256, (8, 16, 3), np.uint8)).resize((2048, 1024))
    photo.save(root / "train/aachen/aachen_000009_000019_leftImg8bit.png")
    small = photo.resize((512, 256)).resize((2048, 1024))
    small.save(root / "val/munster/munster_000009_000019_leftImg8bit.png")
    report = check("cityscapes", tmp_path, verify=True)
    alike = [f for f in report.faults if f.kind == kinds.LIKENESS]
    assert [Path(f.path).name for f in alike] == ["munster_000009_000019_leftImg8bit.png"]
    assert "aachen_000009" in alike[0].detail


def test_bits_between_hashes() -> None:
    looks = {"a": 0, "b": 2**64 - 1, "c": 0b11_1111, "d": 0b111_1111, "e": 2**63}
    train = [Path("b"), Path("a")]
    found = list(check_pixels.alike(train, [Path(n) for n in "bcde"] + [Path("lost")], looks))
    assert found == [
        (Path("b"), Path("b"), 0),
        (Path("c"), Path("a"), 6),
        (Path("e"), Path("a"), 1),
    ]


def test_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.camera(tmp_path, 4)
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = found_at(check(f"camera:{tmp_path}").faults, tmp_path)
    assert found == {("camera", tree.UNREADABLE, "locked")}


def test_the_table_and_its_file(command: Command, tmp_path: Path) -> None:
    folder = trees.camera(tmp_path / "set", 4)
    for number in range(12):
        (folder / f"text{number}\n.jpg").write_text("text")
    (folder / "liste.txt").write_text("text")
    result = command("data", "check", "camera:set", "--verify", "--out", "faults.csv")
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    assert "  name with control characters" in result.stdout
    assert "    text0\\n.jpg" in result.stdout
    assert "and 2 more (--all prints them, --out FILE writes them)" in result.stdout
    assert "remarks:\n  not a photo by its name: 1\n    liste.txt" in result.stdout
    assert "12 faults" in result.stdout
    assert len((tmp_path / "faults.csv").read_text().splitlines()) == 1 + 12 + 1
    everything = command("data", "check", "camera:set", "--all")
    assert everything.stdout.count("text") == 12
    result = command("data", "check", "camera:set", "--out", "set")
    assert result.returncode == 2
    assert "cannot write set" in result.stderr.splitlines()[-1]


def test_only_its_own_table_is_replaced(tmp_path: Path) -> None:
    folder = trees.camera(tmp_path / "set", 2)
    photo = sorted(folder.iterdir())[0]
    (tmp_path / "mine.csv").write_text("name,age\n")
    for out in (photo, folder / "new.png", tmp_path / "mine.csv"):
        before = out.read_bytes() if out.exists() else None
        with pytest.raises(InputError, match="choose another --out"):
            call("data check", [f"camera:{folder}", "--out", str(out)])
        assert (out.read_bytes() if out.exists() else None) == before
    for _ in range(2):
        assert call("data check", [f"camera:{folder}", "--out", str(tmp_path / "new.csv")]) == 0


def test_an_empty_folder_is_not_fine(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photos in"):
        check(f"camera:{tmp_path}")


def test_empty_drives_and_gaps(tmp_path: Path) -> None:
    root = trees.kitti(tmp_path, drives=3, frames=6) / "2011_09_26"
    first, second, third = sorted(root.iterdir())
    for frame in (2, 3):
        (first / "image_02/data" / f"{frame:010d}.png").unlink()
    for path in (second / "image_02/data").iterdir():
        path.unlink()
    shutil.rmtree(third / "image_02")
    found = {(f.kind, f.path, f.detail) for f in check("kitti", tmp_path).faults}
    assert found == {
        (kinds.GAP, str(first / "image_02/data"), "2 between 1 and 4"),
        (
            *(kinds.CAMERAS, str(first / "image_02/data")),
            "lacks 2 of the other camera's frames: 0000000002, 0000000003",
        ),
        (kinds.EMPTY, str(second / "image_02/data"), ""),
        (kinds.EMPTY, str(third / "image_02/data"), ""),
    }
