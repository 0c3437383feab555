"""What files say of themselves oddly or wrongly: ignored, understood, or refused by name."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.hostile.photos import deep_tiff
from tests.oracles import photo_colours, photo_files
from tests.oracles.photo_colours import ADOBE, P3, levels, power, profile, scene, upright
from tests.oracles.photo_writers import (
    adobe_tiff,
    by_heif,
    by_pillow,
    by_tifffile,
    chrm,
    exif,
    gama,
    iccp,
    integers,
    recoded,
    with_chunks,
)
from wespe_bench.datasets import headers
from wespe_bench.decoders import profiles
from wespe_bench.errors import InputError
from wespe_bench.images import read_photo, read_rgb

PIXELS = integers(scene(), 8)
DEEP = integers(scene(), 16)


def _exif(kind: int, count: int, value: bytes) -> bytes:
    """EXIF of one tag: Orientation, of any type."""
    entry = struct.pack(">HHI", 0x0112, kind, count) + value.ljust(4, b"\0")[:4]
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4) + value


ODD = {
    "byte": _exif(1, 1, b"\x06"),
    "ASCII": _exif(2, 4, b"top\0"),
    "empty ASCII": _exif(2, 1, b"\0"),
    "undefined": _exif(7, 1, b"\x06"),
    "rational 0/0": _exif(5, 1, struct.pack(">I", 26) + bytes(8)),
    "zero": _exif(3, 1, b"\0\0"),
    "nine": _exif(3, 1, b"\0\x09"),
    "cut short": _exif(3, 1, b"\0\x06")[:20],
    "noise": b"Exif\0\0" + np.random.default_rng(0).bytes(300),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_without_sense_turns_nothing(odd: str, kind: str) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = by_pillow(PIXELS, kind, exif=ODD[odd], **options)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(read_rgb(data), np.asarray(image))


@pytest.mark.parametrize("kind", [1, 2, 5, 7])
@pytest.mark.parametrize("samples", [PIXELS, DEEP], ids=["8", "16"])
def test_an_orientation_without_sense_turns_nothing_in_tiff(
    kind: int, samples: np.ndarray, tmp_path: Path
) -> None:
    data = by_tifffile(samples, 1)
    at = data.index(struct.pack("<HHI", 274, 3, 1))
    data = data[: at + 2] + struct.pack("<H", kind) + data[at + 4 :]
    data = data[: at + 8] + b"\x06\0\0\0" + data[at + 12 :]
    np.testing.assert_array_equal(read_rgb(data), PIXELS)
    (tmp_path / "a.tif").write_bytes(data)
    assert headers.upright_size(tmp_path / "a.tif") == PIXELS.shape[:2]


def test_sizes_of_headers_are_those_of_the_pixels(tmp_path: Path) -> None:
    for group in (photo_files.turned, photo_files.tiffs, photo_files.avif_and_heic):
        for file in group():
            path = tmp_path / "photo"
            path.write_bytes(file.data)
            assert headers.upright_size(path) == file.levels.shape[:2], file.name
            stored = headers.photo_size(path)
            if "HEI" not in file.format:  # libheif shows no other size than the upright one
                assert stored == upright(file.levels, file.orientation).shape[1::-1], file.name


def test_time_of_a_deep_tiff(tmp_path: Path) -> None:
    # Pillow opens no TIFF of 12 bits; its EXIF is read all the same.
    path = tmp_path / "a.tif"
    path.write_bytes(by_tifffile(integers(scene(), 12), 6, bitspersample=12))
    assert headers.taken_at(path) == ""
    assert headers.photo_size(path) == (47, 33)


def _cicp(*codes: int) -> bytes:
    return with_chunks(by_pillow(PIXELS, "PNG"), (b"cICP", bytes(codes)))


def _avif(primaries: int, transfer: int) -> bytes:
    return recoded(bytes(imagecodecs.avif_encode(PIXELS, level=90)), primaries, transfer)


def _with_cicp(transfer: int) -> bytes:
    """sRGB's profile with a tag that names a transfer function (ICC 4.4)."""
    data = profile("sRGB")
    (count,) = struct.unpack_from(">I", data, 128)
    moved = bytearray(data[132 : 132 + 12 * count])
    for at in range(4, len(moved), 12):
        (offset,) = struct.unpack_from(">I", moved, at)
        struct.pack_into(">I", moved, at, offset + 12)
    tag = struct.pack(">4sII", b"cicp", len(data) + 12, 12)
    whole = (
        data[:128]
        + struct.pack(">I", count + 1)
        + bytes(moved)
        + tag
        + data[132 + 12 * count :]
        + b"cicp\0\0\0\0"
        + bytes((9, transfer, 0, 1))
    )
    return struct.pack(">I", len(whole)) + whole[4:]


REFUSED = {
    "cICP PQ": (lambda: _cicp(9, 16, 0, 1), r"PQ \(HDR\)"),
    "cICP HLG": (lambda: _cicp(9, 18, 0, 1), r"HLG \(HDR\)"),
    "cICP unknown primaries": (lambda: _cicp(77, 13, 0, 1), "colour primaries 77"),
    "cICP unknown transfer": (lambda: _cicp(1, 99, 0, 1), "transfer function 99"),
    "cICP video range": (lambda: _cicp(1, 13, 0, 0), "video range"),
    "AVIF PQ": (lambda: _avif(9, 16), r"its nclx names .* PQ \(HDR\)"),
    "AVIF HLG": (lambda: _avif(9, 18), r"HLG \(HDR\)"),
    "HEIC HLG": (lambda: by_heif(DEEP, 1, (9, 18)), r"HLG \(HDR\)"),
    "ICC PQ": (lambda: by_pillow(PIXELS, "JPEG", icc_profile=_with_cicp(16)), r"ICC .* PQ"),
    "HDR floats": (lambda: by_tifffile(scene().astype(np.float32) * 40), "up to 40: HDR"),
    "NaN": (lambda: by_tifffile(np.full((9, 9, 3), np.nan, np.float32)), "not all numbers"),
    "infinity": (lambda: by_tifffile(np.full((9, 9, 3), -np.inf, np.float32)), "not all numbers"),
    "signed": (lambda: by_tifffile(DEEP.astype(np.int16)), "signed 16-bit"),
    "signed, 8 bits": (lambda: by_tifffile(PIXELS.astype(np.int8)), "signed 8-bit"),
    "complex": (lambda: _tiff(scene()[..., 0].astype(np.complex64)), "complex 64-bit"),
    "64 bits": (lambda: by_tifffile(DEEP.astype(np.uint64)), "unsigned 64-bit"),
    "YCbCr of 2x2": (
        lambda: _tiff(PIXELS, photometric="ycbcr", subsampling=(1, 1)).replace(
            struct.pack("<HHI2H", 530, 3, 2, 1, 1), struct.pack("<HHI2H", 530, 3, 2, 2, 2)
        ),
        "YCbCr samples without JPEG",
    ),
    "WebP in TIFF": (lambda: by_tifffile(PIXELS, compression="webp"), "WebP compression"),
    "JPEG 2000 in TIFF": (lambda: by_tifffile(PIXELS, compression="jpeg2000"), "JPEG2000 compr"),
    "animated AVIF": (lambda: _animated("AVIF", quality=90), "an animated AVIF"),
    "CMYK of 16 bits": (
        lambda: _tiff(np.zeros((9, 9, 4), np.uint16), photometric="separated"),
        "16-bit CMYK",
    ),
    "CIELAB": (lambda: _tiff(PIXELS, photometric="cielab"), "CIELAB"),
    "raw": (lambda: _tiff(DEEP[..., 0], photometric="cfa"), "16-bit raw"),
    "small copy": (lambda: by_tifffile(PIXELS, subfiletype=1), "small copy, as in raw photos"),
    "JPEG of 12 bits in TIFF": (
        lambda: by_tifffile(
            integers(scene(), 12), bitspersample=12, compression="jpeg", tile=(16, 16)
        ),
        "12-bit YCbCr",
    ),
    "JPEG of 12 bits": (
        lambda: bytes(imagecodecs.jpeg8_encode(integers(scene(), 12), bitspersample=12)),
        "a JPEG of 12 bits",
    ),
    "premultiplied": (
        lambda: _tiff(np.zeros((9, 9, 4), np.uint16), photometric="rgb", extrasamples=(1,)),
        "premultiplied",
    ),
    "missing strip": (
        lambda: deep_tiff(1, bytes(128)).replace(struct.pack("<HHII", 279, 4, 1, 128),
                                                  struct.pack("<HHII", 279, 4, 1, 0)),
        "parts of the picture are missing",
    ),
}  # fmt: skip


def _tiff(samples: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def _animated(format: str, **options: Any) -> bytes:
    later = [Image.fromarray(255 - PIXELS)] * 3
    return by_pillow(PIXELS, format, save_all=True, append_images=later, **options)


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(case: str) -> None:
    make, words = REFUSED[case]
    with pytest.raises(InputError, match=words) as caught:
        read_rgb(make(), name="photo.x")
    assert str(caught.value).startswith("photo.x: ")
    assert "\n" not in str(caught.value)


def test_floats_slightly_above_white_are_clipped() -> None:
    samples = scene().astype(np.float32) * 1.2 - 0.1
    expected = np.rint(np.clip(samples.astype(float), 0, 1) * 255)
    np.testing.assert_array_equal(read_rgb(by_tifffile(samples)), expected)


def test_white_may_be_zero_in_every_depth() -> None:
    for samples, white in ((integers(scene(1), 12), 4095), (scene(1).astype(np.float32), 1.0)):
        packed = {"bitspersample": 12} if white == 4095 else {}
        data = _tiff(samples[..., 0], photometric="miniswhite", **packed)
        expected = np.rint((1 - samples.astype(float) / white) * 255)
        np.testing.assert_array_equal(read_rgb(data), np.repeat(expected, 3, axis=2))


BROKEN = profile("Adobe RGB")[:200]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: by_pillow(PIXELS, "JPEG", icc_profile=BROKEN), "cannot be used"),
        (lambda: by_pillow(PIXELS, "PNG", icc_profile=profile("sRGB")), ""),
        (lambda: by_pillow(PIXELS, "PNG"), ""),
        (lambda: with_chunks(by_pillow(PIXELS, "PNG"), gama(1.8)), "gamma 1.8 (gAMA)"),
        (
            lambda: with_chunks(by_pillow(PIXELS, "PNG"), gama(563 / 256), chrm(ADOBE)),
            "Adobe RGB, gamma 2.199 (gAMA and cHRM)",
        ),
        (lambda: adobe_tiff(DEEP, 1), "Adobe RGB (EXIF)"),
        (lambda: _avif(12, 13), "Display P3 (nclx)"),
        (lambda: _avif(2, 2), ""),
        # Nonsense, which every reader skips: no power, and no colours between three greys.
        (lambda: with_chunks(by_pillow(PIXELS, "PNG"), (b"gAMA", bytes(4))), ""),
        (
            lambda: with_chunks(by_pillow(PIXELS, "PNG"), chrm(((0.3, 0.3),) * 3)),
            "",
        ),
    ],
)  # fmt: skip
def test_it_says_what_was_converted(data: Any, said: str) -> None:
    assert said in read_photo(data(), name="x").colours
    assert bool(said) == bool(read_photo(data(), name="x").colours)


def test_a_broken_profile_gives_way_to_what_counts_next() -> None:
    plain = by_pillow(PIXELS, "PNG")
    data = with_chunks(plain, iccp(BROKEN), gama(1.8))
    np.testing.assert_array_equal(read_rgb(data), read_rgb(with_chunks(plain, gama(1.8))))


def test_bmp_with_a_profile_and_with_chromaticities() -> None:
    plain = by_pillow(PIXELS, "BMP")
    body = plain[54:]
    expected = levels(PIXELS / 255, P3, power(2.6))
    icc = profile("P3 gamma 2.6")

    def bmp(kind: bytes, more: bytes, rest: bytes = b"") -> bytes:
        head = plain[14:54] + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0) + kind[::-1] + more
        head = struct.pack("<I", 124) + head[4:].ljust(120, b"\0")
        start = b"BM" + struct.pack("<IHHI", 0, 0, 0, 138)
        return start + head + body + rest

    at = 124 + len(body)
    # 36 bytes of chromaticities, 12 of gammas, 4 of intent, then where the profile is.
    found = bmp(b"MBED", bytes(52) + struct.pack("<2I", at, len(icc)), icc)
    assert np.abs(read_rgb(found) - expected).max() < 0.72
    columns = photo_colours.matrix(P3).T
    points = struct.pack("<9I", *(round(v * 2**30) for v in columns.ravel().clip(0)))
    found = bmp(bytes(4), points + struct.pack("<3I", *[round(2.6 * 65536)] * 3))
    assert np.abs(read_rgb(found) - expected).max() < 0.72
    with pytest.raises(InputError, match="in another file"):
        read_rgb(bmp(b"LINK", bytes(60)))
    for kind in (b"sRGB", b"Win ", bytes(4)):
        np.testing.assert_array_equal(read_rgb(bmp(kind, bytes(60))), PIXELS)


def test_tiffs_own_chromaticities_and_curves() -> None:
    table = np.rint(np.linspace(0, 1, 65536) ** 2.6 * 65535).astype(int).tolist()
    points = [v for point in P3 for v in point]
    white = (3127, 10000, 3290, 10000)
    rational = [number for v in points for number in (round(v * 10000), 10000)]
    tags = [
        (301, 3, 65536, table, True),
        (318, 5, 2, white, True),
        (319, 5, 6, rational, True),
    ]
    data = _tiff(DEEP, photometric="rgb", extratags=tags)
    expected = levels(DEEP / 65535, P3, power(2.6))
    assert np.abs(read_rgb(data) - expected).max() < 0.72
    assert read_photo(data).colours == "converted from Display P3, its own curve (EXIF)"


def test_exif_gamma() -> None:
    found = exif(1)
    found.get_ifd(0x8769)[0xA500] = 1.8
    data = by_pillow(PIXELS, "PNG", exif=found)
    expected = levels(PIXELS / 255, light=power(1.8))
    assert np.abs(read_rgb(data) - expected).max() < 0.72


def test_made_profiles_refuse_nonsense() -> None:
    nowhere = profiles.Chromaticities((0.3, 0.3), (0.3, 0.3), (0.3, 0.3), (0.3127, 0.329))
    with pytest.raises(ValueError, match="span no colours"):
        profiles.made(nowhere, profiles.SRGB_CURVE)
    srgb = profiles.Chromaticities(*photo_colours.SRGB, (0.3127, 0.329))
    with pytest.raises(ValueError, match="odd length"):
        profiles.made(srgb, (1, 2, 3))
