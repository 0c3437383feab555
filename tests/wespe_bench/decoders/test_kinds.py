"""Kinds of photos that are rare, and what their samples mean."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.hostile.photos import chunks, png
from tests.oracles.photo_colours import (
    ADOBE,
    SRGB,
    Array,
    levels,
    power,
    profile,
    scene,
    srgb_light,
    upright,
)
from tests.oracles.photo_writers import (
    by_pillow,
    by_tifffile,
    decoded,
    exif,
    gama,
    iccp,
    integers,
    with_chunks,
)
from wespe_bench.images import read_rgb

PIXELS, DEEP = integers(scene(), 8), integers(scene(), 16)
GREY, DEEP_GREY = integers(scene(1), 8), integers(scene(1), 16)
TURNED = exif(6).tobytes()[6:]


def _png(rows: Array, bits: int, kind: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of samples (H, W) or (H, W, C), of any depth and colour type, not filtered."""
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], bits, kind, 0, 0, 0)
    flat = rows.reshape(len(rows), -1)
    if bits < 8:
        apart = np.unpackbits(flat.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
        flat = np.packbits(apart.reshape(len(rows), -1), axis=1)
    stored = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in flat)
    data = (b"IDAT", zlib.compress(stored))
    return png([(b"IHDR", head), *more, data, (b"IEND", b"")])


@pytest.mark.parametrize("light", [srgb_light, power(1)], ids=["plain", "gAMA 1"])
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_png_of_few_bits_and_of_palettes(bits: int, clear: bool, light: Any) -> None:
    grey = np.rint(scene(1)[..., 0] * (2**bits - 1)).astype(np.uint8)
    palette = np.random.default_rng(bits).integers(0, 256, (2**bits, 3), np.uint8)
    gamma = [] if light is srgb_light else [gama(1)]
    found = read_rgb(_png(grey, bits, 0, *gamma, *[(b"tRNS", b"\0\1")] * clear))
    expected = levels(grey[..., None] / (2**bits - 1), SRGB, light)
    assert np.abs(found - expected).max() < 0.72
    colours = [(b"PLTE", palette.tobytes()), *[(b"tRNS", b"\0\x80")] * clear]
    found = read_rgb(_png(grey, bits, 3, *gamma, *colours))
    assert np.abs(found - levels(palette[grey] / 255, SRGB, light)).max() < 0.72


@pytest.mark.parametrize("bits", [8, 16])
def test_png_with_alpha_and_transparent_colours(bits: int) -> None:
    colour, grey = (PIXELS, GREY) if bits == 8 else (DEEP, DEEP_GREY)
    with_alpha = np.concatenate([grey, grey // 3], -1)
    white = 2**bits - 1
    for data, shown in (
        (_png(with_alpha, bits, 4), levels(grey / white)),
        (_png(with_alpha, bits, 4, gama(1)), levels(grey / white, SRGB, power(1))),
        (_png(colour, bits, 2, (b"tRNS", bytes(6))), levels(colour / white)),
        (_png(grey, bits, 0, (b"tRNS", bytes(2))), levels(grey / white)),
        (_png(colour, bits, 2, (b"sBIT", b"\5\5\5")), levels(colour / white)),
        (
            _png(np.concatenate([colour, grey], -1), bits, 6, iccp(profile("Adobe RGB"))),
            levels(colour / white, ADOBE, power(563 / 256)),
        ),
    ):
        assert np.abs(read_rgb(data) - shown).max() < 0.72


def test_exif_behind_a_pngs_pixels() -> None:
    for samples, white in ((PIXELS, 255), (DEEP, 65535)):
        *parts, end = chunks(_png(samples, white.bit_length(), 2))
        shown = levels(upright(samples / white, 6))
        assert np.abs(read_rgb(png([*parts, (b"eXIf", TURNED), end])) - shown).max() < 0.51


def test_of_an_animation_the_first_frame_is_taken() -> None:
    later = [Image.fromarray(255 - PIXELS)] * 2
    for kind, options in (
        ("PNG", {}),
        ("PNG", {"default_image": True}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
    ):
        data = by_pillow(PIXELS, kind, save_all=True, append_images=later, **options)
        np.testing.assert_array_equal(read_rgb(data), PIXELS)
    data = by_pillow(PIXELS, "MPO", save_all=True, append_images=later, quality=95)
    expected = decoded(by_pillow(PIXELS, "JPEG", quality=95)) * 255
    assert np.abs(read_rgb(data) - expected).max() < 1.01


def _tiff(samples: Array, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def _with(samples: Array, value: float) -> Array:
    return np.concatenate([samples, np.full_like(samples[..., :1], value)], -1)


FLOATS = scene().astype(np.float32)
PALETTE = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
TIFFS: dict[str, tuple[bytes, Array]] = {
    "grey and alpha, 8": (
        _tiff(_with(GREY, 9), photometric="minisblack", extrasamples=[2]),
        levels(GREY / 255),
    ),
    "grey and alpha, 16": (
        _tiff(_with(DEEP_GREY, 9), photometric="minisblack", extrasamples=[2]),
        levels(DEEP_GREY / 65535),
    ),
    "grey and alpha that is NaN": (
        _tiff(_with(FLOATS[..., :1], np.nan), photometric="minisblack", extrasamples=[0]),
        levels(FLOATS[..., :1].astype(float)),
    ),
    "two samples more, 8": (
        _tiff(_with(_with(PIXELS, 7), 9), photometric="rgb", extrasamples=[0, 0]),
        levels(PIXELS / 255),
    ),
    "planes, 8": (
        _tiff(PIXELS.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
        levels(PIXELS / 255),
    ),
    "negative floats": (by_tifffile(FLOATS - 0.25), levels(FLOATS.astype(float) - 0.25)),
    "big-endian floats": (
        _tiff(FLOATS.astype(">f4"), photometric="rgb", byteorder=">"),
        levels(FLOATS.astype(float)),
    ),
    "white is 0, 8": (_tiff(GREY[..., 0], photometric="miniswhite"), levels(1 - GREY / 255)),
    "1 bit": (
        _tiff(GREY[..., 0] > 99, photometric="minisblack"),
        levels((GREY > 99).astype(float)),
    ),
    "4 bits": (_tiff(GREY[..., 0] // 16, bitspersample=4), levels(GREY // 16 / 15)),
    "6 bits": (_tiff(GREY[..., 0] // 4, bitspersample=6), levels(GREY // 4 / 63)),
    "palette": (
        _tiff(GREY[..., 0], photometric="palette", colormap=PALETTE * 257),
        PALETTE.T[GREY[..., 0]].astype(float),
    ),
    "several pages": (
        _tiff(np.stack([DEEP, 65535 - DEEP]), photometric="rgb"),
        levels(DEEP / 65535),
    ),
    "linear light": (
        by_tifffile(DEEP_GREY, 1, profile("linear grey")),
        levels(DEEP_GREY / 65535, SRGB, power(1)),
    ),
}


@pytest.mark.parametrize("kind", TIFFS)
def test_tiff(kind: str) -> None:
    data, shown = TIFFS[kind]
    assert np.abs(read_rgb(data) - shown).max() < 0.51


def test_profiles_of_other_spaces_are_not_used() -> None:
    """Lab, XYZ and grey profiles say nothing of RGB samples."""
    made = [ImageCms.ImageCmsProfile(ImageCms.createProfile(name)) for name in ("LAB", "XYZ")]
    for icc in (*(p.tobytes() for p in made), profile("linear grey")):
        np.testing.assert_array_equal(read_rgb(by_pillow(PIXELS, "PNG", icc_profile=icc)), PIXELS)
        found = read_rgb(by_tifffile(DEEP, 1, icc))
        assert np.abs(found - levels(DEEP / 65535)).max() < 0.51


def test_grey_profiles_of_grey_samples() -> None:
    data = by_pillow(GREY, "PNG", icc_profile=profile("linear grey"))
    assert np.abs(read_rgb(data) - levels(GREY / 255, SRGB, power(1))).max() < 0.72
    with_palette = _png(GREY[..., 0], 8, 3, (b"PLTE", PALETTE.T.astype("u1").tobytes()))
    data = with_chunks(with_palette, iccp(profile("Adobe RGB")))
    shown = levels(PALETTE.T[GREY[..., 0]] / 255, ADOBE, power(563 / 256))
    assert np.abs(read_rgb(data) - shown).max() < 0.72


def test_of_a_gain_map_the_picture_below_is_read() -> None:
    """UltraHDR: an ordinary JPEG, its gain map behind it."""
    base, gain_map = by_pillow(PIXELS, "JPEG", quality=95), by_pillow(GREY, "JPEG")
    text = b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0'/>"
    app1 = b"\xff\xe1" + struct.pack(">H", len(text) + 2) + text
    np.testing.assert_array_equal(read_rgb(base[:2] + app1 + base[2:] + gain_map), read_rgb(base))


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_in_grey_and_with_alpha(bits: int) -> None:
    colour, grey = integers(scene(), bits), integers(scene(1), bits)
    white = 2**bits - 1
    for samples, shown in (
        (grey[..., 0], levels(grey / white)),
        (_with(grey, 9), levels(grey / white)),
        (_with(colour, 9), levels(colour / white)),
    ):
        data = bytes(imagecodecs.avif_encode(samples, level=100, bitspersample=bits, numthreads=1))
        assert np.abs(read_rgb(data) - shown).max() < 1.01


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_the_smallest_photos(size: tuple[int, int]) -> None:
    pixels, deep = PIXELS[: size[0], 20 : 20 + size[1]], DEEP[: size[0], 20 : 20 + size[1]]
    for kind in ("PNG", "TIFF", "BMP"):
        np.testing.assert_array_equal(read_rgb(by_pillow(pixels, kind)), pixels)
    assert np.abs(read_rgb(by_tifffile(deep)) - levels(deep / 65535)).max() < 0.51
    assert np.abs(read_rgb(_png(deep, 16, 2)) - levels(deep / 65535)).max() < 0.51


def test_a_photo_of_many_strips_and_a_last_short_one() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (331, 1000, 3), np.uint8)
    np.testing.assert_array_equal(read_rgb(by_pillow(pixels, "PNG", compress_level=0)), pixels)
