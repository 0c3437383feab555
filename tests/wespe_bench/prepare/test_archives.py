"""Archives that mean harm are refused before anything is written; others are unpacked whole."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from wespe_bench.errors import InputError
from wespe_bench.images import encode_png
from wespe_bench.prepare import archives
from wespe_bench.prepare.archives import unpack

PHOTO = encode_png(np.zeros((8, 8, 3), np.uint8))


def zipped(path: Path, files: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in options.items():
                setattr(info, key, value)
            file.writestr(info, data)
    return path


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for info, data in members:
            file.addfile(info, io.BytesIO(data))
    return path


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    return info, data


def untouched(folder: Path, archive: Path) -> None:
    """Nothing but the archive is there, neither in the folder nor beside it."""
    assert [path for path in folder.rglob("*") if path != archive] == []


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar(tmp_path: Path, mode: str) -> None:
    made = tarred(
        tmp_path / "set.tar",
        member("./set/", kind=tarfile.DIRTYPE),
        member("./set/a/1.png", PHOTO),
        member("./set/Ü.png", b"x" * 3_000_000),
        mode=mode,
    )
    folder, files = unpack(made, tmp_path / "data")
    assert (folder, files) == (tmp_path / "data" / "set", 2)
    assert (folder / "a" / "1.png").read_bytes() == PHOTO
    assert (folder / "Ü.png").read_bytes() == b"x" * 3_000_000
    with pytest.raises(InputError, match="set is there already; move it away"):
        unpack(made, tmp_path / "data")


def test_a_top_folder_with_the_name_of_the_new_folder_is_that_folder(tmp_path: Path) -> None:
    made = tmp_path / "photos.zip"
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("dped/a.txt", "a")
    assert unpack(made, tmp_path / "data/dped") == (tmp_path / "data/dped", 1)
    assert (tmp_path / "data/dped/a.txt").read_text() == "a"
    with pytest.raises(InputError, match="is there already"):
        (tmp_path / "data/dped/dped").mkdir()
        unpack(made, tmp_path / "data/dped")


def test_zip_without_a_top_folder_gets_one(tmp_path: Path) -> None:
    made = zipped(tmp_path / "photos.v2.zip", {"1.png": PHOTO, "b/2.png": PHOTO})
    folder, files = unpack(made, tmp_path / "data")
    assert (folder, files) == (tmp_path / "data" / "photos.v2", 2)
    assert (folder / "b" / "2.png").read_bytes() == PHOTO


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.png", "climbs out"),
        ("a/../../evil.png", "climbs out"),
        ("/etc/evil.png", "absolute"),
        ("C:/evil.png", "Windows"),
        ("a\\..\\evil.png", "Windows"),
        ("a\nb.png", "control characters"),
        ("x" * 300 + ".png", "too long"),
    ],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str, why: str) -> None:
    # A zip's names are stored as they are here, whatever the system's separator is.
    bad = zipped(tmp_path / "bad.zip", {"good.png": PHOTO, name: PHOTO})
    with pytest.raises(InputError, match=why):
        unpack(bad, tmp_path / "data")
    untouched(tmp_path, bad)
    bad.unlink()
    bad = tarred(tmp_path / "bad.tgz", member("good.png", PHOTO), member(name, PHOTO))
    with pytest.raises(InputError, match=why):
        unpack(bad, tmp_path / "data")
    untouched(tmp_path, bad)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.FIFOTYPE, "a device or pipe"),
        (tarfile.CHRTYPE, "a device or pipe"),
    ],
)
def test_links_and_devices(tmp_path: Path, kind: bytes, why: str) -> None:
    bad = tarred(
        tmp_path / "bad.tgz", member("good.png", PHOTO), member("l", kind=kind, link="/etc/passwd")
    )
    with pytest.raises(InputError, match=f"refused, 'l' is {why}"):
        unpack(bad, tmp_path / "data")
    untouched(tmp_path, bad)


def test_links_in_zip(tmp_path: Path) -> None:
    bad = zipped(tmp_path / "bad.zip", {"l": b"/etc/passwd"}, external_attr=0o120777 << 16)
    with pytest.raises(InputError, match="'l' is a link"):
        unpack(bad, tmp_path / "data")
    untouched(tmp_path, bad)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("a.png", "./a.png"), "there twice"),
        (("a.png", "A.PNG"), "there twice"),
        (("ü.png", "u\u0308.png"), "there twice"),
        (("a", "a/b.png"), "file and folder"),
        (("a/b.png", "a"), "there twice"),
    ],
)
def test_two_names_for_one_file(tmp_path: Path, names: tuple[str, str], why: str) -> None:
    bad = tarred(tmp_path / "bad.tar", *(member(name, PHOTO) for name in names), mode="w")
    with pytest.raises(InputError, match=why):
        unpack(bad, tmp_path / "data")
    untouched(tmp_path, bad)


def test_expansion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = bytes(70 * 2**20)
    for make in (
        lambda: zipped(tmp_path / "bad.zip", {f"{n}.png": bomb for n in range(2)}),
        lambda: tarred(tmp_path / "bad.tgz", member("1.png", bomb)),
    ):
        bad = make()
        with pytest.raises(InputError, match=r"refused, \d+ bytes would become"):
            unpack(bad, tmp_path / "data")
        untouched(tmp_path, bad)
        bad.unlink()
    many = zipped(tmp_path / "many.zip", {f"{n}.png": PHOTO for n in range(12)})
    monkeypatch.setattr(archives, "MAX_FILES", 10)
    with pytest.raises(InputError, match="more than 10 files"):
        unpack(many, tmp_path / "data")
    monkeypatch.setattr(archives, "MAX_BYTES", 500)
    with pytest.raises(InputError, match="would become"):
        unpack(many, tmp_path / "data")


def test_a_zip_that_lies_about_its_sizes(tmp_path: Path) -> None:
    made = zipped(tmp_path / "lie.zip", {"set/1.png": bytes(3_000_000)})
    data = made.read_bytes()
    size = (3_000_000).to_bytes(4, "little")
    for said in (1000, 4_000_000):
        made.write_bytes(data.replace(size, said.to_bytes(4, "little")))
        with pytest.raises(InputError, match=r"'set/1\.png' is damaged"):
            unpack(made, tmp_path / "data")
        assert list((tmp_path / "data").iterdir()) == []


def test_a_forged_tar_header(tmp_path: Path) -> None:
    # A PAX header that claims four gigabytes would be read into memory whole.
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 2**32
    (tmp_path / "bad.tar").write_bytes(info.tobuf() + bytes(1024))
    with pytest.raises(InputError, match="header of more than 64 MB"):
        unpack(tmp_path / "bad.tar", tmp_path / "data")


@pytest.mark.parametrize("name", ["set.zip", "set.tgz"])
def test_cut_short_or_damaged(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).bytes(200_000)
    files = {f"set/{n}.png": noise for n in range(5)}
    if name.endswith("zip"):
        made = zipped(tmp_path / name, files)
    else:
        made = tarred(tmp_path / name, *(member(n, d) for n, d in files.items()))
    data = made.read_bytes()
    for broken in (data[: len(data) // 2], data[:500_000] + b"\0" * 50 + data[500_050:], b""):
        made.write_bytes(broken)
        with pytest.raises(InputError, match=r"damaged|no zip or tar|no files"):
            unpack(made, tmp_path / "data")
        left = list((tmp_path / "data").iterdir()) if (tmp_path / "data").exists() else []
        assert left == []


def test_through_the_real_entry_point(verb: Command, tmp_path: Path) -> None:
    zipped(tmp_path / "bad.zip", {"../evil.png": PHOTO})
    result = verb("data", "fetch", "bad.zip", "--out", "data")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "bad.zip: refused, '../evil.png' is a path that climbs out" in line
    zipped(tmp_path / "good.zip", {"mine/1.png": PHOTO})
    result = verb("data", "fetch", "good.zip", "--out", "data")
    assert result.returncode == 0, result.stderr
    assert "1 files -> data/mine" in result.stdout
    for arguments, words in (
        (["good.zip", "--sha256", "0" * 64], "its SHA-256 is not 0000"),
        (["good.zip", "--sha256", "12"], "64 hexadecimal digits"),
        (["data"], "is a folder"),
        (["nowhere.zip"], "no such file: nowhere.zip"),
        (["dvi2k"], "did you mean 'div2k'?"),
    ):
        result = verb("data", "fetch", *arguments)
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert words in line


def test_names_that_leave_no_room_or_no_name(tmp_path: Path) -> None:
    top = "\U0001f4f7" * 63  # 252 bytes
    folder, _ = unpack(zipped(tmp_path / "a.zip", {f"{top}/1.png": PHOTO}), tmp_path / "data")
    assert folder.name == top
    folder, _ = unpack(zipped(tmp_path / "...zip", {"1.png": PHOTO}), tmp_path / "new")
    assert folder == tmp_path / "new" / "unpacked"


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = zipped(tmp_path / "a.zip", {"1.png": PHOTO})
    monkeypatch.setattr(os, "access", lambda *_: False)  # these tests may run as root
    with pytest.raises(InputError, match=r"cannot write .*; choose another --out"):
        unpack(made, tmp_path)
