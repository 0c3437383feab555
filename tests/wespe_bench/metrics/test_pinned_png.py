"""The pinned PNG encoder: other decoders read it, and its bytes never change."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import deflate
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests import needs
from tests.wespe_bench.metrics.conftest import noisy, rgb
from wespe_bench.doctor import golden_pair
from wespe_bench.images import encode_png, read_rgb
from wespe_bench.metrics.bpp import bpp_pinned
from wespe_bench.metrics.pinned_png import encode


def check_decodes(image: np.ndarray) -> bytes:
    data = encode(image)
    with Image.open(io.BytesIO(data)) as decoded:
        decoded.load()
        assert decoded.mode == "RGB"
        assert (np.asarray(decoded) == image).all()
    return data


@settings(max_examples=150, deadline=None)
@given(rgb(largest=40))
def test_any_image_decodes_to_its_pixels(image: np.ndarray) -> None:
    check_decodes(image)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 4, 30, 256]),
    st.sampled_from([1, 3, 17]),
)
def test_repetitive_and_noisy_images_decode(
    height: int, width: int, seed: int, levels: int, tile: int
) -> None:
    """Few levels and repeated tiles make long matches, near and far ones."""
    rng = np.random.default_rng(seed)
    part = rng.integers(0, levels, (-(-height // tile), -(-width // tile), 3), np.uint8)
    check_decodes(np.tile(part, (tile, tile, 1))[:height, :width])


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 1), (1, 40000), (40000, 1), (3, 12000), (10923, 1), (256, 128)]
)
@pytest.mark.parametrize("kind", ["flat", "noise", "ramp"])
def test_extreme_shapes_decode(shape: tuple[int, int], kind: str) -> None:
    size = (*shape, 3)
    image = {
        "flat": np.full(size, 200, np.uint8),
        "noise": np.random.default_rng(1).integers(0, 256, size, np.uint8),
        "ramp": np.arange(np.prod(size)).astype(np.uint8).reshape(size),
    }[kind]
    check_decodes(image)


def test_the_file_is_one_image_data_chunk_and_no_metadata(photo: np.ndarray) -> None:
    data = encode(photo)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    kinds, at = [], 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert checksum == zlib.crc32(kind + content)
        kinds.append(kind)
        at += 12 + size
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_filters_are_the_first_of_least_absolute_sum(photo: np.ndarray) -> None:
    """Against the five filters of the PNG specification, a byte at a time."""
    image = photo[:30, :40]
    data = encode(image)
    raw = zlib.decompress(data[41:-16])
    rows = image.reshape(30, -1).tolist()
    for number, row in enumerate(rows):
        above = rows[number - 1] if number else [0] * len(row)
        candidates = []
        for kind in range(5):
            line = []
            for i, value in enumerate(row):
                a = row[i - 3] if i >= 3 else 0
                b, c = above[i], above[i - 3] if i >= 3 else 0
                paeth = min((a, b, c), key=lambda p, a=a, b=b, c=c: abs(a + b - c - p))
                line.append((value - [0, a, b, (a + b) // 2, paeth][kind]) % 256)
            candidates.append(line)
        sums = [sum(min(value, 256 - value) for value in line) for line in candidates]
        best = sums.index(min(sums))
        start = number * (len(row) + 1)
        assert raw[start] == best
        assert list(raw[start + 1 : start + 1 + len(row)]) == candidates[best]


GOLDEN = {
    "golden pair": (10092, "04fcfb61194a90a8"),
    "flat": (797, "effddcd6118edc35"),
    "noise": (89772, "768cc45b30498a57"),
    "photo": (487958, "844763a3b6b8a50d"),
    "noisy photo": (561783, "1aa9243a76d9a431"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_are_what_they_were(name: str, photo: np.ndarray) -> None:
    if deflate.__version__ != "0.9.0":
        needs.missing(f"deflate {deflate.__version__} writes other bytes", "install deflate 0.9.0")
    image = {
        "golden pair": golden_pair()[0],
        "flat": np.full((300, 200, 3), 97, np.uint8),
        "noise": (np.arange(90_000, dtype=np.uint64) ** 3 * 2654435761 >> 13)
        .astype(np.uint8)
        .reshape(150, 200, 3),
        "photo": photo,
        "noisy photo": photo
        ^ ((np.arange(photo.size) * 40503 >> 7) & 3).astype(np.uint8).reshape(photo.shape),
    }[name]
    data = encode(image)
    assert (len(data), hashlib.sha256(data).hexdigest()[:16]) == GOLDEN[name]
    assert encode(image) == data
    assert encode(np.asfortranarray(image)) == data


def test_bpp_is_the_size_of_the_file(photo: np.ndarray) -> None:
    assert bpp_pinned(photo) == 8 * len(encode(photo)) / (photo.shape[0] * photo.shape[1])


def test_a_photo_costs_about_what_it_costs_with_pillow(photo: np.ndarray) -> None:
    for image in (photo, noisy(photo)):
        assert len(encode(image)) < 1.05 * len(encode_png(image, 6))


@pytest.mark.shared_data
@pytest.mark.slow
def test_real_photos_decode_and_cost_no_more_than_with_pillow(shared: Path) -> None:
    """60 photos of phones, reflex cameras and scanners; fewer bytes than level 6 on the whole."""
    files = [
        *sorted((shared / "dped/iphone_full").iterdir()),
        *sorted((shared / "hq/kodak24").iterdir()),
        *sorted((shared / "hq/bsds_train").iterdir())[:20],
        *sorted((shared / "wild/dicm").iterdir())[:18],
    ]
    assert len(files) >= 50
    ours = pillow = 0
    for file in files:
        image = read_rgb(file)
        image = image[-384:, -512:]
        ours += len(check_decodes(image))
        pillow += len(encode_png(image, 6))
    assert ours <= pillow
