"""The folder data set: ids, pairs, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from wespe_bench import load_dataset
from wespe_bench.errors import InputError


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


def test_unused_references_are_told(photos: Path, references: Path) -> None:
    (photos / "img2.png").unlink()
    with pytest.warns(UserWarning, match=r"1 references .* have no photo.*img2"):
        dataset = load_dataset("folder", input=photos, reference=references)
    assert len(dataset) == 5


def test_control_characters_are_refused(photos: Path) -> None:
    shutil.copy(photos / "img1.png", photos / "a\nb.png")
    with pytest.raises(InputError, match="control characters") as caught:
        load_dataset("folder", input=photos)
    assert "\n" not in str(caught.value)
