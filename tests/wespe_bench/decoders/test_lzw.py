"""LZW strips: whole ones of several writers pass, and codes that stand for nothing do not."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from wespe_bench.decoders import lzw
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb

NOISE = np.random.default_rng(0).integers(0, 256, 60_000, np.uint8)


def packed(*codes: int) -> bytes:
    """Codes of 9 bits."""
    text = "".join(f"{code:09b}" for code in codes)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))


@pytest.mark.parametrize(
    "data",
    [NOISE, NOISE // 64, np.zeros(300_000, np.uint8), NOISE[:1], np.repeat(NOISE, 7)],
    ids=["noise", "two bits", "zeros", "a byte", "runs"],
)
def test_whole_strips_pass(data: np.ndarray) -> None:
    strip = bytes(imagecodecs.lzw_encode(data.tobytes()))
    lzw.check(strip)
    lzw.check(strip[:-1])  # the decoder sees by itself that bytes are missing
    buffer = io.BytesIO()  # libtiff's
    Image.fromarray(data[None]).save(buffer, "TIFF", compression="tiff_lzw")
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        page = file.pages.first
        for at, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            lzw.check(buffer.getvalue()[at : at + count])


@pytest.mark.parametrize(
    "strip",
    [
        packed(256, 300, 7, 257),
        packed(256, 65, 66, 258, 256, 258, 257),
        packed(65, 66, 257),
        b"",
        b"\x00\x01\x02",
        bytes(imagecodecs.lzw_encode(NOISE.tobytes()))[:6000] + bytes(20_000),
    ],
    ids=["at first", "later", "no clear", "empty", "old style", "a table too full"],
)
def test_others_do_not(strip: bytes) -> None:
    with pytest.raises(InputError, match="LZW"):
        lzw.check(strip)


def test_such_a_photo_is_refused() -> None:
    buffer = io.BytesIO()
    deep = np.zeros((40, 50, 3), np.uint16)
    tifffile.imwrite(buffer, deep, photometric="rgb", compression="lzw", metadata=None)
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        at = file.pages.first.dataoffsets[0]
    np.testing.assert_array_equal(read_rgb(bytes(data)), np.zeros((40, 50, 3), np.uint8))
    data[at : at + 4] = packed(256, 400, 400)
    with pytest.raises(InputError, match="x: damaged: its LZW data"):
        read_rgb(bytes(data), name="x")
