"""Hostile photos: bombs, absurd headers, broken profiles and EXIF."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.cases import Case
from tests.hostile.photos import (
    avif,
    bmp,
    deep_tiff,
    ended_png,
    endless,
    frames,
    gif,
    header,
    jpeg_of,
    pixels,
    saved,
    scans,
    small_png,
    srgb_profile,
    tag,
    tiff,
    webp,
    zeros,
)
from tests.oracles.photo_colours import profile

TITLE = "Photos"

_RUN = "enhance identity --input photos --out out --jobs 0"
_DONE = "1 photos enhanced with identity -> out"
_WHERE = "enhance out: x: "


def _file(name: str, data: Callable[[], bytes]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "photos").mkdir()
        (folder / "photos" / name).write_bytes(data())

    return make


def _with_profile(profile: Callable[[], bytes]) -> Callable[[Path], object]:
    return _file("x.png", lambda: saved("PNG", icc_profile=profile()))


def _exif(content: bytes) -> Callable[[Path], object]:
    return _file("x.png", lambda: small_png((b"eXIf", content)))


def _pixels_as_stored(folder: Path) -> None:
    with Image.open(folder / "out" / "images" / "x.png") as image:
        assert (np.asarray(image) == pixels()).all()


def _refused(offered: str, name: str, data: Callable[[], bytes], answer: str) -> Case:
    return Case(offered, _file(name, data), _RUN, f"{_WHERE}photos/{name}: {answer}", 3)


def _taken(offered: str, make: Callable[[Path], object], same: bool = True) -> Case:
    harmless = _pixels_as_stored if same else lambda _: None
    return Case(offered, make, _RUN, _DONE, 0, harmless)


_LIMIT = "more than the limit of 268435456 pixels"

CASES = (
    _refused(
        "a PNG of 100 bytes that says 4,000,000,000 pixels",
        "x.png",
        lambda: ended_png(header(100_000, 40_000), (b"IDAT", zlib.compress(b""))),
        _LIMIT,
    ),
    _taken(
        "a 16-bit PNG of 24x16 with 2 GB of zeros after its pixels",
        _file(
            "x.png",
            lambda: ended_png(header(24, 16, 16), (b"IDAT", zeros(2048))),
        ),
        same=False,
    ),
    _refused(
        "a 16-bit PNG cut short",
        "x.png",
        lambda: ended_png(header(24, 16, 16), (b"IDAT", zlib.compress(bytes(500)))),
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a 16-bit PNG of 100 bytes that says 16,384x16,384",
        "x.png",
        lambda: ended_png(header(16_384, 16_384, 16), (b"IDAT", zlib.compress(b""))),
        "damaged: parts of the picture are missing",
    ),
    _refused(
        "a 16-bit TIFF of 200 bytes that says 16,777,216x8",
        "x.tif",
        lambda: deep_tiff(5, bytes(64), 2**24),
        "damaged: parts of the picture are missing",
    ),
    _refused(
        "a 16-bit PNG that says 4,000,000,000 pixels",
        "x.png",
        lambda: ended_png(header(100_000, 40_000, 16), (b"IDAT", zlib.compress(b""))),
        _LIMIT,
    ),
    _taken(
        "an 8-bit PNG of 24x16 with 2 GB of zeros after its pixels",
        _file("x.png", lambda: ended_png(header(24, 16), (b"IDAT", zeros(2048)))),
        same=False,
    ),
    _refused(
        "a PNG whose comment inflates to 2 GB",
        "x.png",
        lambda: small_png((b"zTXt", b"Comment\0\0" + zeros(2048))),
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a PNG whose colour profile inflates to 2 GB",
        "x.png",
        lambda: small_png((b"iCCP", b"p\0\0" + zeros(2048))),
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a PNG with a chunk of 4 GB, cut short",
        "x.png",
        lambda: ended_png(header(24, 16))[:-12] + b"\xff\xff\xff\xffIDATx",
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a BMP header of 60,000x60,000",
        "x.bmp",
        lambda: bmp(60_000, 60_000),
        _LIMIT,
    ),
    _refused(
        "a GIF screen of 65,535x65,535",
        "x.png",
        lambda: gif(65_535, 65_535),
        _LIMIT,
    ),
    _taken("a GIF of 3,000 frames: the first counts", _file("x.png", frames), same=False),
    _refused(
        "a JPEG header of 65,000x65,000",
        "x.jpg",
        lambda: jpeg_of(65_000, 65_000),
        _LIMIT,
    ),
    _refused(
        "a JPEG that repaints its pixels 50,000 times",
        "x.jpg",
        scans,
        "a JPEG of more than 100 scans",
    ),
    _refused(
        "a WebP header of 16,384x16,384, and nothing else",
        "x.webp",
        lambda: webp(16_384, 16_384),
        "...",
    ),
    _refused(
        "a TIFF of 200 bytes that says 10,000,000,000 pixels",
        "x.tif",
        lambda: deep_tiff(1, bytes(64), 2**30),
        f"1073741824x8 is {_LIMIT}",
    ),
    _refused(
        "a 16-bit TIFF of 8x8 whose strip inflates to 2 GB",
        "x.tif",
        lambda: deep_tiff(8, zeros(2048)),
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a 16-bit TIFF of 8x8 whose LZW strip unpacks to 3 bytes",
        "x.tif",
        lambda: deep_tiff(5, bytes.fromhex("80004040")),
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a 16-bit TIFF whose strip is 4 GB long",
        "x.tif",
        lambda: deep_tiff(1, bytes(128)).replace(tag(279, 128), tag(279, 2**32 - 1)),
        "damaged: parts of the picture are missing",
    ),
    _refused(
        "a 16-bit TIFF without its strip",
        "x.tif",
        lambda: deep_tiff(1, bytes(128)).replace(tag(279, 128), tag(279, 0)),
        "damaged: parts of the picture are missing",
    ),
    _refused(
        "a 16-bit TIFF whose strip is a JPEG",
        "x.tif",
        lambda: deep_tiff(7, jpeg_of(65_000, 65_000)),
        "a TIFF of 16 bits with JPEG compression; save it with LZW",
    ),
    _refused(
        "a 16-bit TIFF whose strip is an AVIF, 16 MB deep",
        "x.tif",
        lambda: deep_tiff(60001, avif(16_384, 16_384)),
        "...",
    ),
    _refused(
        "a 16-bit TIFF that is 100,000,000 layers deep by another tag",
        "x.tif",
        lambda: deep_tiff(1, bytes(128), 8, (32997, 4, 1, 100_000_000)),
        "a TIFF with conflicting size tags",
    ),
    _refused(
        "a TIFF of 2**20 samples a pixel",
        "x.tif",
        lambda: deep_tiff(1, bytes(128)).replace(tag(277, 1, 3), tag(277, 2**20)),
        "...",
    ),
    _refused(
        "an AVIF that says 16,000,000,000 pixels",
        "x.avif",
        lambda: avif(200_000, 80_000),
        "...",
    ),
    _refused(
        "an AVIF of 24x16 whose boxes say 16,384x16,384",
        "x.avif",
        lambda: avif(16_384, 16_384),
        "damaged or unsupported image (...)",
    ),
    _refused(
        "a 16-bit TIFF whose LZW strip begins with a code of no entry, which imagecodecs follows",
        "x.tif",
        lambda: deep_tiff(5, bytes.fromhex("805980ffff00ffff00")),
        "damaged: its LZW data are not whole",
    ),
    _refused(
        "a BMP of a kilobyte that says 16,000x16,000",
        "x.bmp",
        lambda: bmp(16_000, 16_000),
        "damaged: parts of the picture are missing",
    ),
    _refused(
        "an animated AVIF, whose later frames imagecodecs writes over other memory",
        "x.avif",
        lambda: saved("AVIF", save_all=True, append_images=[Image.new("RGB", (24, 16))] * 40),
        "an animated AVIF; save the frame that is the photo",
    ),
    _refused("an AVIF cut short", "x.avif", lambda: avif(24, 16)[:-40], "damaged or ..."),
    _taken(
        "a 16-bit TIFF whose list of pages leads back to its first",
        _file("x.tif", endless),
        same=False,
    ),
    _refused(
        "a TIFF with a tag of 4,000,000,000 values",
        "x.tif",
        lambda: tiff((256, 4, 2**32 - 1, 8), (257, 4, 1, 8)),
        "...",
    ),
    _taken("a profile of 1 MB of zeros", _with_profile(lambda: bytes(2**20))),
    _taken("a profile that says 4 GB", _with_profile(lambda: srgb_profile(at0=b"\xff" * 4))),
    _taken(
        "a profile with 4,000,000,000 tags",
        _with_profile(lambda: srgb_profile(at128=b"\xff" * 4)),
    ),
    _taken(
        "a profile whose first tag is the profile itself",
        _with_profile(lambda: srgb_profile(at136=struct.pack(">II", 0, 500))),
    ),
    _taken(
        "a profile of a printer (CMYK) on RGB", _with_profile(lambda: srgb_profile(at16=b"CMYK"))
    ),
    _taken("a profile of class link", _with_profile(lambda: srgb_profile(at12=b"link"))),
    _taken("EXIF that is turned by 9999", _exif(tiff((0x0112, 3, 1, 9999)))),
    _taken("EXIF whose directory is its own next", _exif(tiff((0x0112, 3, 1, 1), loop=True))),
    _taken(
        "EXIF whose directory of the shot is the first again",
        _exif(tiff((0x0112, 3, 1, 1), (0x8769, 4, 1, 8))),
    ),
    _taken("EXIF with 65,535 tags, cut short", _exif(b"II*\0\x08\0\0\0\xff\xff")),
    _taken("EXIF of 1 MB of noise", _exif(np.random.default_rng(0).bytes(2**20))),
    _taken(
        "a colour profile whose table of colours says 255x255x255",
        _with_profile(lambda: profile("look-up table").replace(b"\x03\x03\x21", b"\x03\x03\xff")),
    ),
    _taken(
        "a PNG whose primaries span no colours",
        _file("x.png", lambda: small_png((b"cHRM", bytes(32)), (b"gAMA", bytes(4)))),
    ),
    _refused(
        "a PNG whose cICP says HDR",
        "x.png",
        lambda: small_png((b"cICP", bytes((9, 16, 0, 1)))),
        "its cICP names the transfer function PQ (HDR), made for other displays; save it as an "
        "ordinary photo (SDR)",
    ),
    _refused(
        "a PostScript program called .png",
        "x.png",
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(touch pwned) system\n",
        "not a photo in a known format (JPEG, PNG, TIFF, WebP, AVIF, BMP)",
    ),
    _refused(
        "an SVG with a script called .png",
        "x.png",
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "not a photo in a known format (JPEG, PNG, TIFF, WebP, AVIF, BMP)",
    ),
    _refused("an empty file", "x.png", lambda: b"", "the file is empty"),
)
