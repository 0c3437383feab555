"""The field's own sets on small trees in their layouts: loaded, checked, listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.verbs import one_line
from tests.wespe_bench.datasets import trees
from wespe_bench import load_dataset
from wespe_bench.errors import InputError
from wespe_bench.prepare import faults
from wespe_bench.prepare.check import check

# By spec: files as released, photo and reference; what is a test photo is marked.
PAIRS = {
    "lol": [
        ("our485/low/2.png", "our485/high/2.png", ""),
        ("eval15/low/1.png", "eval15/high/1.png", "test"),
        ("eval15/low/22.png", "eval15/high/22.png", "test"),
    ],
    "lol_v2:real": [
        (
            "Real_captured/Train/Low/low00001.png",
            "Real_captured/Train/Normal/normal00001.png",
            "",
        ),
        (
            "Real_captured/Test/Low/low00690.png",
            "Real_captured/Test/Normal/normal00690.png",
            "test",
        ),
    ],
    "lol_v2:synthetic": [
        ("Synthetic/Train/Low/r0.png", "Synthetic/Train/Normal/r0.png", ""),
        ("Synthetic/Test/Low/r1.png", "Synthetic/Test/Normal/r1.png", "test"),
    ],
    "lsrw": [
        ("Training data/Huawei/low/1.png", "Training data/Huawei/high/1.png", ""),
        ("Training data/Nikon/low/1.png", "Training data/Nikon/high/1.png", ""),
        ("Eval/Huawei/low/2001.png", "Eval/Huawei/high/2001.png", "test"),
        ("Eval/Nikon/low/3001.png", "Eval/Nikon/high/3001.png", "test"),
    ],
    "fivek:480p": [("480p/input/a0001.png", "480p/expertC/a0001.png", "test")],
    "fivek:full": [("full/input/a0001.png", "full/expertC/a0001.png", "test")],
    "msec": [
        ("training/INPUT_IMAGES/a0001-j_D_N1.5.png", "training/GT_IMAGES/a0001-j_D.png", ""),
        ("training/INPUT_IMAGES/a0001-j_D_P1.png", "training/GT_IMAGES/a0001-j_D.png", ""),
        ("validation/INPUT_IMAGES/a0002-j_D_0.png", "validation/GT_IMAGES/a0002-j_D.png", ""),
        (
            "testing/INPUT_IMAGES/a4-k_0.png",
            "testing/expert_c_testing_set/a4-k.png",
            "test",
        ),
        (
            "testing/INPUT_IMAGES/a4-k_P1.5.png",
            "testing/expert_c_testing_set/a4-k.png",
            "test",
        ),
    ],
    "sice": [
        ("Dataset_Part1/1/1.png", "Dataset_Part1/Label/1.png", "test"),
        ("Dataset_Part1/1/2.png", "Dataset_Part1/Label/1.png", "test"),
        ("Dataset_Part2/7/1.png", "Dataset_Part2/Label/7.png", "test"),
    ],
    **{
        f"ppr10k:{expert}": [
            ("train/source/0_0.png", f"train/target_{expert}/0_0.png", ""),
            ("val/source/1_0.png", f"val/target_{expert}/1_0.png", "test"),
        ]
        for expert in "abc"
    },
}
PHOTOS = {
    **{name: ["a.png", "sub/b.png"] for name in ("dicm", "lime", "mef", "npe", "vv", "kodak")},
    "bsds500": [f"data/images/{part}/8049.png" for part in ("train", "val", "test")],
}


def _made(spec: str, data: Path) -> Path:
    root = data / spec.partition(":")[0]
    files = [(photo, "", "") for photo in PHOTOS.get(spec, [])] or PAIRS[spec]
    for number, (photo, reference, _) in enumerate(files):
        trees.noise(root / photo, number, 60, 40)
        if reference:
            trees.noise(root / reference, 100 + sum(map(ord, reference)), 60, 40)
    return root


@pytest.mark.parametrize("spec", PAIRS)
def test_pairs(spec: str, tmp_path: Path) -> None:
    root = _made(spec, tmp_path)
    found = load_dataset(spec, data=tmp_path)
    assert found.paired
    wanted = {(root / p, root / r) for p, r, side in PAIRS[spec] if side == "test"}
    assert {(sample.path, sample.reference) for sample in found.samples} == wanted
    assert all(sample.id == str(sample.path.relative_to(root))[:-4] for sample in found.samples)
    if not spec.startswith(("fivek", "sice")):
        training = load_dataset(f"{spec}?split=train", data=tmp_path)
        paths = {sample.path for sample in training.samples}
        assert paths == {
            root / p for p, _, side in PAIRS[spec] if not side and "validation" not in p
        }


@pytest.mark.parametrize("spec", PHOTOS)
def test_photos_without_references(spec: str, tmp_path: Path) -> None:
    root = _made(spec, tmp_path)
    found = load_dataset(spec, data=tmp_path)
    assert not found.paired
    wanted = [name for name in PHOTOS[spec] if spec != "bsds500" or "test" in name]
    assert {sample.path for sample in found.samples} == {root / name for name in wanted}


@pytest.mark.parametrize("spec", [*PAIRS, *PHOTOS])
def test_a_check_finds_the_counts_alone_to_be_wrong(spec: str, tmp_path: Path) -> None:
    _made(spec, tmp_path)
    report = check(spec, tmp_path, quiet=True)
    assert {fault.kind for fault in report.faults} == {faults.COUNT}


def test_a_copy_of_another_count_is_whole(tmp_path: Path) -> None:
    found = []
    for number in range(8):
        trees.noise(tmp_path / f"npe/{number}.png", number, 20, 10)
        found.append([fault.detail for fault in check("npe", tmp_path, quiet=True).faults])
    assert found[0] == ["1 photo instead of 84 or 8"]
    assert found[6] == ["7 photos instead of 84 or 8"]
    assert found[7] == []


@pytest.mark.slow
def test_a_check_decodes_in_other_processes(tmp_path: Path) -> None:
    _made("lol_v2:real", tmp_path)
    report = check("lol_v2:real", tmp_path, verify=True, jobs=2, quiet=True)
    assert {fault.kind for fault in report.faults} == {faults.COUNT}


def test_a_check_finds_what_is_missing(tmp_path: Path) -> None:
    root = _made("msec", tmp_path)
    (root / "training/GT_IMAGES/a0001-j_D.png").unlink()
    for name in ("GT_IMAGES/a9-j.png", "INPUT_IMAGES/a9-j_0.png"):
        trees.noise(root / "training" / name, 50 + len(name), 60, 40)
    trees.noise(root / "testing/expert_c_testing_set/a5-k.png", 7, 60, 40)
    trees.noise(root / "testing/INPUT_IMAGES/a4-k_N1.png", 8, 50, 40)
    found = [f for f in check("msec", tmp_path, quiet=True).faults if f.kind != faults.COUNT]
    kinds = sorted((fault.kind, Path(fault.path).name) for fault in found)
    assert kinds == [
        (faults.NO_PAIR, "a0001-j_D_N1.5.png"),
        (faults.NO_PAIR, "a0001-j_D_P1.png"),
        (faults.NO_PHOTO, "a5-k.png"),
        (faults.WRONG_SIZE, "a4-k.png"),
    ]
    with pytest.raises(InputError, match=r"2 photos of .* have no pair"):
        load_dataset("msec?split=train", data=tmp_path)


def test_another_layout_is_one_line(tmp_path: Path, verb: Command) -> None:
    trees.noise(tmp_path / "lol/train/low/1.png", 1)
    words = ["data", "check", "--data", tmp_path]
    one_line(verb(*words, "lol"), "lol: looked for our485/low and eval15/low in", "found train/")
    one_line(verb(*words, "lol:real"), "lol takes no argument")
    one_line(verb(*words, "lol_v2:raw"), "expected one of real, synthetic")
    one_line(verb(*words, "fivek"), "no data set fivek: looked for")


def test_the_list_has_groups(tmp_path: Path, verb: Command) -> None:
    _made("lol", tmp_path)
    out = verb("data", "list", "--data", tmp_path).stdout
    heads = [line for line in out.splitlines() if line.startswith("== ")]
    assert heads == [
        "== the paper's, and your own",
        "== pairs of the field",
        "== photos of the field, without references",
    ]
    assert "1 our485/low, 2 eval15/low" in " ".join(out.split())
    for name in (*PAIRS, *PHOTOS):
        entry = verb("data", "list", name.partition(":")[0], "--data", tmp_path).stdout
        assert "page" in entry and "https://" in entry and "terms" in entry
        assert "== " not in entry
