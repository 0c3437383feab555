"""What lies below a folder: photos, and everything else with its reason."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wespe_bench.datasets.trees import noise
from wespe_bench.datasets import tree
from wespe_bench.datasets.folder import find_photos, natural_key


def kinds(folder: Path, within: Path | None = None) -> dict[str, str]:
    """Name -> kind of everything that `walk` yields."""
    found = list(tree.walk(folder, within))
    assert len({thing.path for thing in found}) == len(found)
    return {os.path.relpath(thing.path, folder): thing.kind for thing in found}


def test_everything_is_named(tmp_path: Path) -> None:
    folder, outside = tmp_path / "set", tmp_path / "outside"
    noise(folder / "a.png", 1)
    noise(folder / "ünï cødé" / "照片.PNG", 2)
    noise(outside / "o.png", 3)
    noise(folder / "ours" / "b.png", 4)
    (folder / "ours" / tree.MARKER).write_text("")
    (folder / "notes.txt").write_text("text")
    (folder / "none").write_text("no ending")
    (folder / ".hidden.png").write_text("")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "file.png").symlink_to(outside / "o.png")
    (folder / "out").symlink_to(outside)
    os.mkfifo(folder / "pipe.png")
    noise(folder / "bad\nname.png", 5)
    assert kinds(folder) == {
        "a.png": tree.PHOTO,
        "ünï cødé/照片.PNG": tree.PHOTO,
        "ours": tree.OURS,
        "notes.txt": tree.OTHER,
        "none": tree.OTHER,
        ".hidden.png": tree.HIDDEN,
        "gone.png": tree.DANGLING,
        "file.png": tree.PHOTO,
        "out": tree.OUTSIDE,
        "pipe.png": tree.SPECIAL,
        "bad\nname.png": tree.UNUSABLE,
    }
    ids = {thing.id for thing in tree.walk(folder) if thing.kind == tree.PHOTO}
    assert ids == {"a", "file", "ünï cødé/照片"}


def test_links_inside_the_root_are_followed_once_and_cycles_end(tmp_path: Path) -> None:
    root = tmp_path / "set"
    noise(root / "store" / "a.png", 1)
    noise(root / "part" / "b.png", 2)
    (root / "part" / "linked").symlink_to(root / "store")
    (root / "part" / "up").symlink_to(root / "part")
    (root / "store" / "back").symlink_to(root / "part")
    # From the part alone the link to its neighbour is followed, the others come round again.
    assert kinds(root / "part", root) == {
        "b.png": tree.PHOTO,
        "linked/a.png": tree.PHOTO,
        "linked/back": tree.AGAIN,
        "up": tree.AGAIN,
    }
    # The part as its own root ends there.
    assert kinds(root / "part")["linked"] == tree.OUTSIDE
    # From the root every photo is listed once, under its real name.
    photos = [name for name, kind in kinds(root).items() if kind == tree.PHOTO]
    assert sorted(photos) == ["part/b.png", "store/a.png"]


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise(tmp_path / "a.png", 1)
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    # Not by chmod: these tests may run as root, whom no mode keeps out.
    monkeypatch.setattr(os, "scandir", refuse)
    assert kinds(tmp_path) == {"a.png": tree.PHOTO, "locked": tree.UNREADABLE}


def test_heic_without_its_library_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(tmp_path / "a.png", 1)
    (tmp_path / "b.heic").write_bytes(b"x")
    monkeypatch.setattr(tree, "EXTENSIONS", (".png",))
    assert kinds(tmp_path)["b.heic"] == tree.HEIC
    with pytest.warns(UserWarning, match=r"wespe-bench\[heic\].*b.heic"):
        assert list(find_photos(tmp_path)) == ["a"]


@pytest.mark.parametrize("id_", ["../a", "a/../b", "/a", "a//b", "a\\b", "a\tb", "\udcff", "."])
def test_unusable_ids(id_: str) -> None:
    assert not tree.usable(id_)


@given(st.lists(st.integers(0, 10**6), min_size=1), st.text("abß照_/ ", max_size=8))
def test_numbers_in_names_sort_as_numbers(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{number}x" for number in numbers]
    random.Random(0).shuffle(names)
    assert sorted(names, key=natural_key) == [f"{stem}{number}x" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=12)))
def test_natural_sort_orders_any_names(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert [natural_key(n) for n in ordered] == sorted(natural_key(n) for n in reversed(names))
    assert sorted(ordered) == sorted(names)
