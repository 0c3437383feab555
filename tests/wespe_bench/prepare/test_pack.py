"""``data pack`` through the real entry point: resumed, verified, honest about what it left out."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command, entry_point
from wespe_bench import load_dataset
from wespe_bench.datasets.headers import upright_size
from wespe_bench.datasets.packed import Packed
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_again_there_is_nothing_to_do(
    command: Command, photos: Path, references: Path, tmp_path: Path
) -> None:
    arguments = ["data", "pack", "--input", photos, "--reference", references, "--out", "out"]
    result = command(*arguments)
    assert result.returncode == 0, result.stderr
    assert "6 pairs packed -> out" in result.stdout
    first = content(tmp_path / "out")
    assert len(first) == 4
    result = command(*arguments, "--jobs", "0")
    assert "0 pairs packed, 6 were there already -> out" in result.stdout
    assert content(tmp_path / "out") == first
    # Alone in one process the bytes are the same.
    assert command(*arguments[:-1], "other", "--jobs", "0").returncode == 0
    assert content(tmp_path / "other") == first
    packed = Packed.open(tmp_path / "out")
    dataset = load_dataset("folder", input=photos, reference=references)
    assert packed.revision == dataset.revision
    assert packed.ids == tuple(sample.id for sample in dataset.samples)


def test_changed_photos_are_packed_again(verb: Command, photos: Path, tmp_path: Path) -> None:
    arguments = ["data", "pack", "--input", photos, "--out", "out"]
    assert verb(*arguments).returncode == 0
    before = Packed.open(tmp_path / "out")
    write_png(photos / "img2.png", np.zeros((24, 32, 3), np.uint8))
    result = verb(*arguments)
    assert "6 photos packed -> out" in result.stdout
    after = Packed.open(tmp_path / "out")
    assert after.revision != before.revision
    assert not after.photo(after.ids.index("img2")).any()
    assert len(content(tmp_path / "out")) == 3  # nothing of the old pack is left


def test_verify_finds_and_mends_a_flipped_byte(verb: Command, photos: Path, tmp_path: Path) -> None:
    arguments = ["data", "pack", "--input", photos, "--out", "out"]
    assert verb(*arguments).returncode == 0
    whole = content(tmp_path / "out")
    (pixels,) = (tmp_path / "out").glob("input-*.npy")
    with open(pixels, "r+b") as file:
        file.seek(-5, os.SEEK_END)
        byte = file.read(1)
        file.seek(-5, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    result = verb(*arguments, "--verify")
    assert "1 photos packed, 5 were there already and verified" in result.stdout
    assert content(tmp_path / "out") == whole


def test_what_cannot_be_packed_is_named_and_the_rest_is_kept(
    verb: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "img3.png").write_bytes((photos / "img3.png").read_bytes()[:100])
    write_png(photos / "img5.png", np.zeros((24, 31, 3), np.uint8))
    (photos / "notes.jpg").write_text("no photo")
    arguments = ["data", "pack", "--input", photos, "--out", "out"]
    for _ in range(2):  # a second time it still says so
        result = verb(*arguments, "--kind", "patches")
        assert result.returncode == 3
        lines = result.stderr.splitlines()
        assert "wespe-bench: 3 failed:" in lines
        assert any("pack out: img3: " in line and "damaged" in line for line in lines)
        assert any("img5.png: 31x24, not 32x24 like the other patches" in line for line in lines)
        assert any("pack out: notes: " in line and "not a photo" in line for line in lines)
        assert "Traceback" not in result.stderr
    assert Packed.open(tmp_path / "out").ids == ("img1", "img2", "img4", "img6")
    result = verb(*arguments[:-1], "any", "--kind", "photos")
    assert result.returncode == 3
    packed = Packed.open(tmp_path / "any")
    assert packed.ids == ("img1", "img2", "img4", "img5", "img6")
    for number, id_ in enumerate(packed.ids):
        np.testing.assert_array_equal(packed.photo(number), read_rgb(photos / f"{id_}.png"))


def test_pairs_of_two_sizes_are_left_out(verb: Command, photos: Path, references: Path) -> None:
    write_png(references / "img4.png", np.zeros((12, 16, 3), np.uint8))
    for kind in ("patches", "photos"):
        arguments = [
            "--input",
            photos,
            "--reference",
            references,
            "--out",
            f"out-{kind}",
            "--kind",
            kind,
        ]
        result = verb("data", "pack", *arguments)
        assert result.returncode == 3
        assert "5 pairs packed" in result.stdout
        assert "img4.png: 16x12, not 32x24 like the photo" in result.stderr


def test_mistakes_get_one_line(verb: Command, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_text("no photo")
    for arguments, words in (
        (["--input", photos, "--out", "full"], "full holds thesis.txt, so it is no pack"),
        (["--input", photos, "--out", ""], "--out is empty"),
        (["--input", photos, "--kind", "patch"], "patch"),
        (
            ["--input", "broken", "--out", "x"],
            "no photo could be packed; broken/a.jpg: not a photo",
        ),
        (["--input", "broken", "--out", "x", "--kind", "patches"], "no photo can be read"),
        (["--input", photos, "--out", "full/thesis.txt"], "is a file"),
    ):
        result = verb("data", "pack", *arguments)
        assert result.returncode == 2, result.stderr
        (line,) = (said for said in result.stderr.splitlines() if "photo/s" not in said)
        assert words in line
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_too_little_disk_is_said_before_anything_is_written(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wespe_bench.prepare.pack import pack

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(InputError, match="free; choose another --out"):
        pack(load_dataset("folder", input=photos), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_killed_again_and_again_it_ends_in_the_same_bytes(
    command: Command, verb: Command, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    for number in range(60):
        size = (300 + number, 400, 3)
        write_png(tmp_path / "in" / f"{number}.png", rng.integers(0, 256, size, np.uint8))
    arguments = ["data", "pack", "--input", "in", "--jobs", "2", "--out"]
    begun = time.monotonic()
    assert command(*arguments, "calm").returncode == 0
    seconds = time.monotonic() - begun
    for attempt in range(2):
        process = subprocess.Popen(
            [*entry_point(), *arguments, "hit"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds * (0.5 + 0.25 * attempt))
        unfinished = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        if unfinished and not (tmp_path / "hit" / "pack.json").exists():
            if (tmp_path / "hit").exists():
                with pytest.raises(InputError, match="not a packed set"):
                    Packed.open(tmp_path / "hit")
        else:
            shutil.rmtree(tmp_path / "hit")  # it had got through: begin again
    result = verb(*arguments, "hit")
    assert result.returncode == 0, result.stderr
    assert content(tmp_path / "hit") == content(tmp_path / "calm")


def test_what_a_killed_pack_left_is_hashed_before_it_is_believed(
    photos: Path, tmp_path: Path
) -> None:
    from wespe_bench.prepare.pack import pack

    dataset = load_dataset("folder", input=photos)
    pack(dataset, tmp_path / "calm")
    whole = content(tmp_path / "calm")
    # As after a power cut: the journal names all photos, the pixels of one are not there.
    shutil.copytree(tmp_path / "calm", tmp_path / "hit")
    packed = Packed.open(tmp_path / "hit")
    rows = packed.rows()
    name = packed.head["files"]["input"]
    (tmp_path / "hit" / "pack.json").unlink()
    with open(tmp_path / "hit" / name, "r+b") as file:
        file.seek(128 + rows["img4"]["offset"])
        file.write(bytes(24 * 32 * 3))
    from wespe_bench.journal import Journal

    key = name.removeprefix("input-").removesuffix(".npy")
    Journal(tmp_path / "hit" / f"journal-{key}").add(list(rows.values()))
    assert pack(dataset, tmp_path / "hit") == (1, 5, [])
    assert content(tmp_path / "hit") == whole


@pytest.mark.parametrize("damage", [b"", b"PK\3\4", b"\x93NUMPY\1\0\xff\xff{"])
def test_damaged_pixels_are_packed_again(damage: bytes, photos: Path, tmp_path: Path) -> None:
    from wespe_bench.prepare.pack import pack

    dataset = load_dataset("folder", input=photos)
    pack(dataset, tmp_path / "out")
    whole = content(tmp_path / "out")
    (pixels,) = (tmp_path / "out").glob("input-*.npy")
    pixels.write_bytes(damage and damage + pixels.read_bytes()[len(damage) :])
    with pytest.raises(InputError, match="damaged"):
        Packed.open(tmp_path / "out")
    assert pack(dataset, tmp_path / "out") == (6, 0, [])
    assert content(tmp_path / "out") == whole
    (tmp_path / "out" / "pack.json").write_text("[" * 200_000)
    assert pack(dataset, tmp_path / "out") == (6, 0, [])
    assert content(tmp_path / "out") == whole


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
def test_size_from_the_head_is_the_decoded_one(orientation: int, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert upright_size(tmp_path / "a.jpg") == read_rgb(tmp_path / "a.jpg").shape[:2]


def test_one_odd_patch_is_reported(photos: Path, tmp_path: Path) -> None:
    from wespe_bench.prepare.pack import pack

    write_png(photos / "img5.png", np.zeros((24, 31, 3), np.uint8))
    with pytest.warns(UserWarning, match="5 are 32x24 and 1 are not; --kind patches"):
        assert pack(load_dataset("folder", input=photos), tmp_path / "out") == (6, 0, [])


def test_a_rotation_that_the_header_does_not_state(photos: Path, tmp_path: Path) -> None:
    from wespe_bench.prepare.pack import pack

    data = (photos / "img2.png").read_bytes()
    exif = b"Exif\0\0"[6:] + b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6)
    chunk = b"eXIf" + exif
    late = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (photos / "img2.png").write_bytes(data[:-12] + late + data[-12:])
    dataset = load_dataset("folder", input=photos)
    _, _, failures = pack(dataset, tmp_path / "out", kind="photos")
    assert [failure.sample for failure in failures] == ["img2"]
    assert "24x32, not 32x24 as its header says; save it again" in failures[0].error
