"""Our PNG stream: other decoders read it, and its bytes never change."""

from __future__ import annotations

import hashlib
import heapq
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.wespe_bench.metrics.conftest import noisy, rgb
from wespe_bench.doctor import golden_pair
from wespe_bench.images import encode_png, read_rgb
from wespe_bench.metrics.bpp import bpp_pinned
from wespe_bench.metrics.huffman import code_lengths
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
                paeth = min((a, b, c), key=lambda p, a=a, b=b, c=c: abs(a + b - c - p))  # type: ignore[misc]
                line.append((value - [0, a, b, (a + b) // 2, paeth][kind]) % 256)
            candidates.append(line)
        sums = [sum(min(value, 256 - value) for value in line) for line in candidates]
        best = sums.index(min(sums))
        start = number * (len(row) + 1)
        assert raw[start] == best
        assert list(raw[start + 1 : start + 1 + len(row)]) == candidates[best]


def huffman(counts: list[int]) -> tuple[int, int]:
    """Bits of an optimal code, and its longest word (the shortest possible), from a heap."""
    heap = [(count, 0) for count in counts if count]
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        (first, deep), (second, deeper) = heapq.heappop(heap), heapq.heappop(heap)
        total += first + second
        heapq.heappush(heap, (first + second, max(deep, deeper) + 1))
    return total, heap[0][1] if heap else 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=19, max_size=286))
@example([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2000, 2000])
def test_codes_are_optimal_where_the_limit_does_not_bind(counts: list[int]) -> None:
    lengths = np.zeros(len(counts), np.int64)
    code_lengths(np.array(counts, np.int64), 15, lengths)
    used = sum(count > 0 for count in counts)
    if used < 2:
        assert sorted(lengths[lengths > 0]) == [1, 1]
        return
    assert sum(2.0**-length for length in lengths if length) == 1
    assert ((lengths > 0) == (np.array(counts) > 0)).all()
    bits, longest = huffman(counts)
    found = int((lengths * counts).sum())
    if longest <= 15:
        assert found == bits
    else:
        assert lengths.max() <= 15
        assert bits < found < 1.02 * bits


@pytest.mark.parametrize(("limit", "symbols"), [(15, 40), (7, 19)])
def test_codes_keep_the_limit(limit: int, symbols: int) -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < symbols:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = np.zeros(symbols, np.int64)
    code_lengths(np.array(fibonacci, np.int64), limit, lengths)
    assert lengths.max() <= limit
    assert sum(2.0 ** -int(length) for length in lengths) == 1


GOLDEN = {
    "golden pair": (11235, "2b9dbd1d93630581"),
    "flat": (956, "2d4e0b84d0609d64"),
    "noise": (90304, "faa36b6e4c7d1490"),
    "photo": (493266, "89d4356d84b8ad08"),
    "noisy photo": (557137, "c194e1f7eac71407"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_are_what_they_were(name: str, photo: np.ndarray) -> None:
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
        if image.shape[0] > 1000:
            image = image[:768, :1024]
        ours += len(check_decodes(image))
        pillow += len(encode_png(image, 6))
    assert ours <= pillow
