"""Headers: sizes and times without decoding; HEIC through the one decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.wespe_bench.datasets.trees import noise
from wespe_bench.datasets.headers import photo_size, taken_at
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb


def test_size_and_time_of_a_photo_whose_pixels_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:00:00"
    Image.new("RGB", (300, 200)).save(path, exif=exif)
    path.write_bytes(path.read_bytes()[:700])
    assert photo_size(path) == (300, 200)
    assert taken_at(path) == "2024:05:01 12:00:00"
    assert taken_at(noise(tmp_path / "b.png", 1)) == ""


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"some text", "not a photo")])
def test_files_that_are_not_photos(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for read in (photo_size, taken_at):
        with pytest.raises(InputError, match=words):
            read(path)
    with pytest.raises(InputError, match="cannot be read"):
        photo_size(tmp_path / "none.jpg")


def test_heic_is_read_upright(tmp_path: Path) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32] = (200, 30, 30)
    exif = Image.Exif()
    exif[0x0112] = 6  # as a phone held upright writes it: to be turned a quarter clockwise
    pillow_heif.from_pillow(Image.fromarray(image)).save(
        tmp_path / "a.heic", quality=95, exif=exif.tobytes()
    )
    read = read_rgb(tmp_path / "a.heic")
    assert read.shape == (96, 64, 3)
    expected = np.rot90(image, -1)
    assert np.abs(read[:, 8:-8].astype(int) - expected[:, 8:-8]).mean() < 6


def test_heic_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    pillow_heif.from_pillow(Image.new("RGB", (64, 64))).save(tmp_path / "a.heic")
    real = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    for read in (read_rgb, photo_size):
        with pytest.raises(InputError, match=r"pip install 'wespe-bench\[heic\]'"):
            read(tmp_path / "a.heic")
