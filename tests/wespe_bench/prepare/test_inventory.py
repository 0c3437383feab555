"""``data list`` and ``data split`` through the real entry point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.verbs import one_line
from tests.wespe_bench.datasets import trees
from wespe_bench import enhance, load_dataset, score
from wespe_bench.cli import call
from wespe_bench.datasets.source import sources


def test_list_says_what_is_here_and_how_to_get_the_rest(verb: Command, tmp_path: Path) -> None:
    trees.kitti(tmp_path, drives=2, frames=1)
    (tmp_path / "dped").mkdir()
    trees.camera(tmp_path / "photos", 3)
    (tmp_path / "wespe-data.toml").write_text('pixel8 = "photos"\n')
    result = verb("data", "list", "--data", tmp_path)
    assert result.returncode == 0, result.stderr
    for name, facts in sources().items():
        assert f"{name}: {facts.title}" in result.stdout
        assert facts.page in result.stdout
    words = " ".join(result.stdout.split())
    assert f"{tmp_path / 'kitti'} (2 extract image_02)" in words
    assert "dped: looked for PHONE/training_data and PHONE/test_data" in words
    assert "KITTI: 8458 + 124, 1392x512" in words
    assert (
        f"pixel8: your own, named in wespe-data.toml here {tmp_path / 'photos'} (3 pixel8)" in words
    )
    assert f"no; looked for {tmp_path / 'div2k'}" in words
    assert verb("data", "list", "kitti").stdout.startswith("kitti: ")
    one_line(verb("data", "list", "kity"), "did you mean 'kitti'?")


def test_split_writes_a_manifest_that_run_takes(command: Command, tmp_path: Path) -> None:
    trees.camera(tmp_path / "photos", 10)
    result = command("data", "split", "camera:photos", "--test", "0.3", "--seed", "5")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [
        ["train", "7", "photos,"],
        ["test", "3", "photos,"],
    ]
    assert lines[2] == "photos-5.json"
    content = json.loads((tmp_path / "photos-5.json").read_text())
    assert content["seed"] == 5
    one_line(command("data", "split", "camera:photos", "--seed", "5"), "already", "--force")
    spec = "camera:photos?split=test&manifest=photos-5.json"
    result = command("enhance", "identity", "--dataset", spec, "--jobs", "0")
    assert result.returncode == 0, result.stderr
    head = json.loads((tmp_path / "runs/photos_test_photos-5/identity/run.json").read_text())
    assert head["dataset"]["revision"] == content["revisions"]["test"]
    assert head["dataset"]["options"]["split"] == "test"
    assert (head["dataset"]["n"], head["dataset"]["note"]) == (3, "split by photos-5.json")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["split", "camera:photos?seed=3"], ["seed is not for a split; say it with --seed"]),
        (["split", "samples"], ["'samples' has no split", "camera:FOLDER"]),
        (["split", "camera:photos", "--test", "99"], ["99 test photos"]),
        (["split", "camera:photos", "--test", "nan"], ["test=nan: expected a number"]),
        (["split", "camera:photos", "--train", "x"], ["train=x: expected a number"]),
        (["split", "camera:photos", "--out", "photos/sub/größer/IMG_0.png/x"], ["cannot write"]),
        (["check", "folder:photos"], ["'folder' has no layout", "camera:FOLDER"]),
        (["check", "camera:photos?split=test"], ["check looks at everything, whatever split is"]),
        (["check", "camera:photos", "--jobs", "-1"], ["--jobs -1"]),
        (["check"], ["DATASET requires an argument"]),
        (["check", "photso"], ["unknown data set 'photso'"]),
        (["chekc"], ["data what? known:"]),
    ],
)
def test_mistakes_get_one_line(
    verb: Command, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    trees.camera(tmp_path / "photos", 4)
    one_line(verb("data", *arguments), *words)


def test_tables_refuse_two_revisions(verb: Command, tmp_path: Path) -> None:
    root = trees.dped(tmp_path, train=0, test=3)
    for enhancer in ("identity", "grey_world"):
        dataset = load_dataset("dped:iphone", data=tmp_path)
        enhance(enhancer, dataset, tmp_path / "a" / enhancer, quiet=True)
        score(tmp_path / "a" / enhancer, ["bpp"], quiet=True)
        trees.noise(root / "iphone/test_data/patches/canon/1.png", 99)
    one_line(verb("report", "a"), "'dped_iphone_patches_test' has 2 revisions")


@pytest.mark.slow
@pytest.mark.shared_data
def test_real_photos_in_every_official_layout(
    verb: Command, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.real(shared, tmp_path / "data")
    result = verb("data", "list", "--data", "data")
    assert result.returncode == 0, result.stderr
    papers = result.stdout.partition("== pairs of the field")[0]
    assert papers.count("no; looked for") == 0
    expected = {  # the faults are the counts: nobody keeps a whole data set for a test
        "dped": (3, "6 photos instead of 29"),
        "kitti:sync": (0, "nothing is wrong"),
        "cityscapes": (3, "2 photos instead of 2975"),
        "div2k": (3, "6 photos instead of 800"),
        "htc_m9": (3, "wrong size: 12"),
        "huawei_p9": (3, "wrong size: 8"),
        "iphone6": (3, "wrong size: 8"),
        "ffs": (0, "nothing is wrong"),
        "camera:data/ffs": (0, "nothing is wrong"),
    }
    for spec, (code, words) in expected.items():
        spec = spec.replace("camera:", f"camera:{tmp_path}/")
        arguments = [spec, "--data", str(tmp_path / "data"), "--verify", "--jobs", "0"]
        assert call("data check", arguments) == code
        assert words in capsys.readouterr().out


@pytest.mark.shared_data
def test_table_2_of_the_real_pairs(shared: Path, tmp_path: Path) -> None:
    trees.real(shared, tmp_path)
    means = []
    for phone in ("iphone", "blackberry", "sony"):
        run = enhance("identity", load_dataset(f"dped:{phone}", data=tmp_path), tmp_path / phone)
        means += list(score(run, ["psnr"])["value"])
    # The unprocessed pairs' mean, known to three decimals from elsewhere.
    assert sum(means) / len(means) == pytest.approx(18.116, abs=5e-4)
