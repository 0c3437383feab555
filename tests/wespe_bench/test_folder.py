"""The folder data set: ids, pairs, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from wespe_bench import load_dataset, load_enhancer
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb


def test_ids_are_in_natural_order(photos: Path) -> None:
    (photos / "img6.png").rename(photos / "img10.png")
    (photos / "sub").mkdir()
    shutil.copy(photos / "img1.png", photos / "sub" / "ünï cødé.PNG")
    (photos / "notes.txt").write_text("no photo")
    (photos / ".hidden.png").write_bytes(b"")
    dataset = load_dataset("folder", input=photos)
    ids = [sample.id for sample in dataset.samples]
    assert ids == ["img1", "img2", "img3", "img4", "img5", "img10", "sub/ünï cødé"]
    assert not dataset.paired
    assert dataset.name == "photos"


def test_pairs_by_name_not_by_order(photos: Path, references: Path) -> None:
    dataset = load_dataset("folder", input=photos, reference=references)
    assert dataset.paired
    for sample in dataset.samples:
        assert sample.reference == references / sample.path.name


def test_suffixes_in_one_folder(photos: Path) -> None:
    for n in (1, 2):
        (photos / f"img{n}.png").rename(photos / f"p{n}_phone.png")
        (photos / f"img{n + 2}.png").rename(photos / f"p{n}_dslr.png")
    dataset = load_dataset(
        "folder", input=photos, reference=photos, input_suffix="_phone", reference_suffix="_dslr"
    )
    assert [(s.id, s.path.name, s.reference and s.reference.name) for s in dataset.samples] == [
        ("p1", "p1_phone.png", "p1_dslr.png"),
        ("p2", "p2_phone.png", "p2_dslr.png"),
    ]


def test_revision_depends_on_bytes_and_names_only(photos: Path, tmp_path: Path) -> None:
    first = load_dataset("folder", input=photos).revision
    copy = tmp_path / "elsewhere"
    shutil.copytree(photos, copy)
    assert load_dataset("folder", input=copy, name="other").revision == first
    data = bytearray((copy / "img3.png").read_bytes())
    data[-1] ^= 1
    (copy / "img3.png").write_bytes(data)
    assert load_dataset("folder", input=copy).revision != first
    (photos / "img3.png").rename(photos / "img9.png")
    assert load_dataset("folder", input=photos).revision != first


def test_refusals(photos: Path, references: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_dataset("folder", input=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no photos in"):
        load_dataset("folder", input=tmp_path / "empty")
    with pytest.raises(InputError, match="its own reference"):
        load_dataset("folder", input=photos, reference=photos)
    with pytest.raises(InputError, match=r"no photos ending in '_x'.*6 photos there end otherwise"):
        load_dataset("folder", input=photos, input_suffix="_x")
    (references / "img2.png").unlink()
    with pytest.raises(InputError, match=r"1 of 6 photos have no reference .*img2"):
        load_dataset("folder", input=photos, reference=references)
    shutil.copy(photos / "img1.png", photos / "IMG1.jpg")
    with pytest.raises(InputError, match="have one id"):
        load_dataset("folder", input=photos)


def test_unused_references_are_reported(photos: Path, references: Path) -> None:
    (photos / "img2.png").unlink()
    with pytest.warns(UserWarning, match=r"1 references .* have no photo.*img2"):
        dataset = load_dataset("folder", input=photos, reference=references)
    assert len(dataset) == 5


def test_control_characters_are_refused(photos: Path) -> None:
    shutil.copy(photos / "img1.png", photos / "a\nb.png")
    with pytest.raises(InputError, match="control characters") as caught:
        load_dataset("folder", input=photos)
    assert "\n" not in str(caught.value)


def test_jpegs_by_other_endings_are_photos(photos: Path) -> None:
    for number, ending in ((1, ".jfif"), (2, ".JPE"), (3, ".avif"), (4, ".TIFF")):
        (photos / f"img{number}.png").rename(photos / f"img{number}{ending}")
    assert len(load_dataset("folder", input=photos)) == 6


def test_whatever_is_left_out_is_counted_and_named_once(photos: Path, references: Path) -> None:
    (photos / "sub").mkdir()
    for name in ("a.gif", "b.psd", "notes.txt", "sub/c.cr2", ".DS_Store"):
        (photos / name).write_text("x")
    (photos / "run").mkdir()
    (photos / "run" / "run.json").write_text("{}")
    (references / "old.xcf").write_text("x")
    with pytest.warns(UserWarning) as caught:
        load_dataset("folder", input=photos, reference=references)
    assert sorted(str(warning.message) for warning in caught) == sorted(
        [
            f"{photos}: left out 1 (hidden): .DS_Store; 4 (not a photo by its name): a.gif, "
            "b.psd, notes.txt and 1 more; 1 (a folder of wespe-bench's own): run",
            f"{references}: left out 1 (not a photo by its name): old.xcf",
        ]
    )


def test_another_suffix_is_left_out_aloud_unless_it_is_the_pairs(photos: Path) -> None:
    for number, suffix in ((1, "_phone"), (2, "_dslr"), (3, "_scan")):
        (photos / f"img{number}.png").rename(photos / f"p{suffix}.png")
    for number in (4, 5, 6):
        (photos / f"img{number}.png").unlink()
    with pytest.warns(UserWarning, match=r"left out 1 \(another suffix\): p_scan.png$"):
        load_dataset(
            "folder",
            input=photos,
            reference=photos,
            input_suffix="_phone",
            reference_suffix="_dslr",
        )
    with pytest.warns(UserWarning, match=r"left out 2 \(another suffix\)"):
        load_dataset("folder", input=photos, input_suffix="_phone")


def test_names_pair_however_their_accents_are_written(photos: Path, references: Path) -> None:
    decomposed, composed = "Cafe\u0301 e\u0301te\u0301", "Caf\u00e9 \u00e9t\u00e9"
    (photos / "img1.png").rename(photos / f"{decomposed}.png")
    (references / "img1.png").rename(references / f"{composed}.png")
    dataset = load_dataset("folder", input=photos, reference=references)
    (sample,) = [sample for sample in dataset.samples if sample.id == composed]
    assert sample.path == photos / f"{decomposed}.png"
    assert sample.reference == references / f"{composed}.png"
    # The other way round too, and so do results that a program on macOS wrote.
    turned = load_dataset("folder", input=references, reference=photos)
    assert [s.id for s in turned.samples] == [s.id for s in dataset.samples]
    theirs = load_enhancer(f"results:{photos}")
    assert theirs.for_sample(sample, None).shape == read_rgb(sample.path).shape
    shutil.copy(photos / "img2.png", photos / f"{composed}.png")
    with pytest.raises(InputError, match="but for how accents are written"):
        load_dataset("folder", input=photos)


def test_one_photo_in_place_of_a_folder(photos: Path, references: Path) -> None:
    dataset = load_dataset("folder", input=photos / "img2.png")
    assert [(s.id, s.path) for s in dataset.samples] == [("img2", photos / "img2.png")]
    assert dataset.name == "img2"
    for reference in (references, references / "img2.png"):
        dataset = load_dataset("folder", input=photos / "img2.png", reference=reference)
        assert dataset.samples[0].reference == references / "img2.png"
    dataset = load_dataset("folder", input=photos / "img2.png", reference=references / "img3.png")
    assert dataset.samples[0].reference == references / "img3.png"
    (references / "img2.png").unlink()
    with pytest.raises(InputError, match="no reference of its name"):
        load_dataset("folder", input=photos / "img2.png", reference=references)
    (photos / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes.txt: not a photo by its name; give a photo"):
        load_dataset("folder", input=photos / "notes.txt")
    with pytest.raises(InputError, match=r"img3\.png is a file"):
        load_dataset("folder", input=photos, reference=references / "img3.png")


def test_home_is_understood(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(photos.parent))
    assert len(load_dataset("folder", input=f"~/{photos.name}")) == 6
    with pytest.raises(InputError, match="no home folder is known for ~nobody-of-this-name"):
        load_dataset("folder", input="~nobody-of-this-name/photos")
    monkeypatch.chdir(photos.parent)
    (photos.parent / "~").mkdir()
    (photos.parent / "~" / photos.name).symlink_to(photos)
    assert load_dataset("folder", input=f"~/{photos.name}").samples[0].path.parts[0] == "~"
