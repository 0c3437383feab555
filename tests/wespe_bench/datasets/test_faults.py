"""Each data set's tree with each fault: `data check` names it, and what it passes can be used."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.verbs import one_line
from tests.wespe_bench.datasets import trees
from tests.wespe_bench.datasets.test_enhancement import PAIRS, PHOTOS, _made
from wespe_bench import load_dataset
from wespe_bench.errors import InputError
from wespe_bench.prepare import faults as kinds
from wespe_bench.prepare.check import check

DRIVE = "kitti/2011_09_26/2011_09_26_drive_0001_extract"
FRAME = f"{DRIVE}/image_02/data/0000000001.png"
OBJECT = "kitti/training/image_2"
PATCHES = "dped/iphone/test_data/patches"
VAL = "cityscapes/leftImg8bit/val"
CITY = f"{VAL}/munster/munster_000001_000019_leftImg8bit.png"
HR = "div2k/DIV2K_train_HR"


def _objects(data: Path) -> None:
    for seed, part in enumerate(("training", "testing")):
        for n in range(4):
            trees.noise(data / f"kitti/{part}/image_2/{n:06d}.png", 10 * seed + n, 1242, 375)


MAKE: dict[str, Callable[[Path], object]] = {
    "dped:iphone": trees.dped,
    "kitti": lambda data: trees.kitti(data, drives=3),
    "kitti:object": _objects,
    "cityscapes": trees.cityscapes,
    "div2k": trees.div2k,
    "ffs": lambda data: trees.camera(data / "ffs"),
    **{spec: lambda data, spec=spec: _made(spec, data) for spec in (*PAIRS, *PHOTOS)},
}

Do = Callable[[Path], object]


def removed(*names: str) -> Do:
    return lambda data: [(data / name).unlink() for name in names]


def cut(name: str, least: int = 0) -> Do:
    """A partial download: half of the file, or its first ``least`` bytes."""

    def do(data: Path) -> None:
        content = (data / name).read_bytes()
        (data / name).write_bytes(content[: least or len(content) // 2])

    return do


def copied(name: str, to: str) -> Do:
    return lambda data: shutil.copytree(data / name, data / to)


def emptied(*names: str) -> Do:
    return lambda data: [photo.unlink() for n in names for photo in (data / n).iterdir()]


def other_size(name: str) -> Do:
    return lambda data: trees.noise(data / name, 77, 64, 40)


def new_city(data: Path) -> None:
    """Frames of a city of val, others than there, in train."""
    for n in (7, 8):
        name = f"munster_{n:06d}_000019_leftImg8bit.png"
        trees.noise(data / f"cityscapes/leftImg8bit/train/munster/{name}", n, 2048, 1024)


SIDES = [f"{PATCHES}/{side}" for side in ("iphone", "canon")]

#: Data set, what is done to its tree, and the faults: kind, path, and words of the detail.
FAULTS: list[tuple[str, Do, list[tuple[str, str, str]]]] = [
    (
        *("dped:iphone", copied(SIDES[0], f"{SIDES[0]}/copy")),
        [
            *((kinds.NO_PAIR, f"{SIDES[0]}/copy/{n}.png", "") for n in range(3)),
            *((kinds.DUPLICATE, f"{SIDES[0]}/copy/{n}.png", f"{n}.png") for n in range(3)),
        ],
    ),
    ("dped:iphone", emptied(*SIDES), [(kinds.EMPTY, SIDES[0], "")]),
    (
        *("dped:iphone", removed(f"{SIDES[1]}/1.png")),
        [(kinds.NO_PAIR, f"{SIDES[0]}/1.png", f"none in DATA/{SIDES[1]}")],
    ),
    (
        *("dped:iphone", other_size(f"{SIDES[0]}/1.png")),
        [(kinds.WRONG_SIZE, f"{SIDES[0]}/1.png", "64x40 instead of 100x100")],
    ),
    ("dped:iphone", cut(f"{SIDES[0]}/1.png"), [(kinds.UNREADABLE, f"{SIDES[0]}/1.png", "cut")]),
    ("kitti", emptied(f"{DRIVE}/image_02/data"), [(kinds.EMPTY, f"{DRIVE}/image_02/data", "")]),
    (
        *("kitti", removed(FRAME)),
        [
            (kinds.GAP, f"{DRIVE}/image_02/data", "1 between 0 and 2"),
            (kinds.CAMERAS, f"{DRIVE}/image_02/data", "lacks 1 of the other camera's"),
        ],
    ),
    (
        *("kitti", removed(f"{DRIVE}/image_03/data/0000000003.png")),
        [(kinds.CAMERAS, f"{DRIVE}/image_03/data", "frames: 0000000003")],
    ),
    ("kitti", other_size(FRAME), [(kinds.WRONG_SIZE, FRAME, "64x40 instead of 1392x512")]),
    ("kitti", cut(FRAME), [(kinds.UNREADABLE, FRAME, "cut short")]),
    ("kitti", cut(FRAME, 10), [(kinds.UNREADABLE, FRAME, "not a photo in a known format")]),
    ("kitti", cut(f"{DRIVE}/image_03/data/0000000001.png"), []),  # not the camera that is used
    (
        *("kitti:object", copied(OBJECT, f"{OBJECT}/copy")),
        [
            (kinds.DUPLICATE, f"{OBJECT}/copy/{n:06d}.png", f"DATA/{OBJECT}/{n:06d}.png")
            for n in range(4)
        ],
    ),
    ("kitti:object", emptied(OBJECT), [(kinds.EMPTY, OBJECT, "")]),
    (
        *("kitti:object", cut(f"{OBJECT}/000001.png")),
        [(kinds.UNREADABLE, f"{OBJECT}/000001.png", "cut short")],
    ),
    (
        *("cityscapes", new_city),
        [(kinds.TWICE, f"{VAL}/munster", "as DATA/cityscapes/leftImg8bit/train/munster")],
    ),
    (
        *("cityscapes", copied(f"{VAL}/munster", f"{VAL}/munster2")),
        [
            (
                kinds.DUPLICATE,
                f"{VAL}/munster2/munster_{n:06d}_000019_leftImg8bit.png",
                f"DATA/{VAL}/munster/munster_{n:06d}_000019_leftImg8bit.png",
            )
            for n in range(3)
        ],
    ),
    (
        "cityscapes",
        lambda data: (data / VAL / "lindau").mkdir(),
        [(kinds.EMPTY, f"{VAL}/lindau", "")],
    ),
    ("cityscapes", cut(CITY), [(kinds.UNREADABLE, CITY, "cut short")]),
    ("cityscapes", other_size(CITY), [(kinds.WRONG_SIZE, CITY, "64x40 instead of 2048x1024")]),
    ("div2k", emptied("div2k/DIV2K_valid_HR"), [(kinds.EMPTY, "div2k/DIV2K_valid_HR", "")]),
    ("div2k", cut(f"{HR}/0001.png"), [(kinds.UNREADABLE, f"{HR}/0001.png", "cut short")]),
    (
        *("div2k", copied(HR, f"{HR}/copy")),
        [(kinds.DUPLICATE, f"{HR}/copy/{n:04d}.png", f"DATA/{HR}/{n:04d}.png") for n in (1, 2, 10)],
    ),
    ("ffs", cut("ffs/IMG_1.png"), [(kinds.UNREADABLE, "ffs/IMG_1.png", "cut short")]),
    ("lol", emptied("lol/eval15/low", "lol/eval15/high"), [(kinds.EMPTY, "lol/eval15/low", "")]),
    (
        *("lol", removed("lol/eval15/high/1.png")),
        [(kinds.NO_PAIR, "lol/eval15/low/1.png", "none in DATA/lol/eval15/high")],
    ),
    (
        *("sice", copied("sice/Dataset_Part2/7", "sice/Dataset_Part1/7")),
        [
            (kinds.NO_PAIR, "sice/Dataset_Part1/7/1.png", "none in"),
            (kinds.DUPLICATE, "sice/Dataset_Part2/7/1.png", "DATA/sice/Dataset_Part1/7/1.png"),
        ],
    ),
    (
        *("sice", lambda data: (data / "sice/Dataset_Part1/9").mkdir()),
        [(kinds.EMPTY, "sice/Dataset_Part1/9", "")],
    ),
]


@pytest.mark.parametrize(("spec", "do", "wanted"), FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_a_check_names_the_fault(
    spec: str, do: Do, wanted: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    MAKE[spec](tmp_path)
    do(tmp_path)
    found = [f for f in check(spec, tmp_path, quiet=True).faults if f.kind != kinds.COUNT]
    named = {(f.kind, str(Path(f.path).relative_to(tmp_path))): f.detail for f in found}
    assert sorted(named) == sorted((kind, path) for kind, path, _ in wanted)
    for kind, path, words in wanted:
        assert words.replace("DATA", str(tmp_path)) in named[kind, path]


@pytest.mark.parametrize(
    ("spec", "gone", "folder", "detail"),
    [
        ("dped:iphone", [f"{side}/1.png" for side in SIDES], SIDES[0], "1 between 0 and 2"),
        ("kitti:object", [f"{OBJECT}/000001.png"], OBJECT, "1 between 0 and 2"),
        ("div2k", [], HR, "7 between 2 and 10"),
    ],
)
def test_a_gap_in_numbers_is_remarked(
    spec: str, gone: list[str], folder: str, detail: str, tmp_path: Path
) -> None:
    """Not a fault: pairs are whole, and what the release has is counted where it is known."""
    MAKE[spec](tmp_path)
    removed(*gone)(tmp_path)
    found = check(spec, tmp_path, quiet=True).remarks
    assert (kinds.GAP, str(tmp_path / folder), detail) in {
        (f.kind, f.path, f.detail) for f in found
    }


def test_a_drive_that_is_there_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    trees.kitti(tmp_path, drives=2)
    copied(DRIVE, "kitti/copy/2011_09_26_drive_0001_extract")(tmp_path)
    for use in (lambda: check("kitti", tmp_path), lambda: load_dataset("kitti", data=tmp_path)):
        with pytest.raises(InputError, match="two drives of one name") as caught:
            use()
        assert f"{tmp_path / DRIVE} and {tmp_path / 'kitti/copy'}" in str(caught.value)


@pytest.mark.parametrize("spec", MAKE)
def test_roots_and_nested_unzips(spec: str, tmp_path: Path) -> None:
    """The set's own root as --data, and an archive unpacked into a folder of its own name."""
    MAKE[spec](tmp_path)
    name = spec.partition(":")[0]
    with pytest.raises(InputError, match=f"say --data {tmp_path}"):
        check(spec, tmp_path / name, quiet=True)
    whole = [s.id for s in load_dataset(f"{spec}?split=all", data=tmp_path).samples]
    (tmp_path / name).rename(tmp_path / "x")
    (tmp_path / name).mkdir()
    (tmp_path / "x").rename(tmp_path / name / name)
    try:
        check(spec, tmp_path, quiet=True)
    except InputError as error:
        assert f"if {tmp_path / name / name} is it, say --data {tmp_path / name}" in str(error)
        assert check(spec, tmp_path / name, quiet=True)
    else:  # drives and photos are found at any depth
        assert spec in ("kitti", "ffs", *PHOTOS)
        photos = load_dataset(f"{spec}?split=all", data=tmp_path)
        assert len(photos) == len(whole)


@pytest.mark.parametrize(
    ("spec", "folder"), [("div2k", HR), ("cityscapes", "cityscapes/leftImg8bit")]
)
def test_a_nested_folder_of_a_set_is_the_folder(spec: str, folder: str, tmp_path: Path) -> None:
    MAKE[spec](tmp_path)
    whole = load_dataset(f"{spec}?split=all", data=tmp_path)
    inner = tmp_path / folder / Path(folder).name
    (tmp_path / folder).rename(tmp_path / "x")
    inner.parent.mkdir(parents=True)
    (tmp_path / "x").rename(inner)
    assert load_dataset(f"{spec}?split=all", data=tmp_path).revision == whole.revision
    assert {f.kind for f in check(spec, tmp_path, quiet=True).faults} == {kinds.COUNT}


@pytest.mark.parametrize("spec", MAKE)
def test_what_a_check_passes_split_takes(spec: str, tmp_path: Path, verb: Command) -> None:
    MAKE[spec](tmp_path)
    found = check(spec, tmp_path, quiet=True).faults
    assert {fault.kind for fault in found} <= {kinds.COUNT}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = verb("data", "split", spec, "--data", tmp_path, "--test", "1", "--out", "s.json")
    if result.returncode:  # fewer photos than a test and a rest
        one_line(result, "test photos cannot be drawn")
        assert len(load_dataset(f"{spec}?split=all", data=tmp_path)) < 4
        return
    option = "&manifest" if "?" in spec else "?manifest"
    chosen = f"{spec}{option}={tmp_path / 's.json'}&split=test"
    result = verb(
        *("run", "--dataset", chosen, "--data", tmp_path, "--enhancers", "identity"),
        *("--metrics", "entropy", "--out", "out", "--jobs", "0"),
    )
    assert result.returncode == 0, result.stderr
