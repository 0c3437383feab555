"""Photo files built byte by byte: whole ones of every format, and hostile ones."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


@functools.cache
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)


def photos() -> list[bytes]:
    """A photo in every format, with a profile and EXIF where it takes them."""
    import imagecodecs
    import png as pypng
    import tifffile
    from PIL import Image, ImageCms

    image = Image.fromarray(pixels())
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:00:00"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = []
    for kind, options in (
        ("PNG", {"icc_profile": profile, "exif": exif}),
        ("JPEG", {"icc_profile": profile, "exif": exif}),
        ("JPEG", {"progressive": True}),
        ("TIFF", {"compression": "tiff_deflate", "icc_profile": profile}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True, "exif": exif}),
        ("BMP", {}),
        ("AVIF", {"exif": exif, "icc_profile": profile}),
        ("GIF", {"save_all": True, "append_images": [image.rotate(180)]}),
    ):
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        found.append(buffer.getvalue())
    deep = pixels().astype(np.uint16) * 257
    options: dict[str, Any]
    for options in (
        {"iccprofile": profile, "extratags": [(274, 3, 1, 6, True)]},
        {"compression": "zlib", "predictor": True, "tile": (16, 16)},
        {"compression": "lzw", "predictor": True, "rowsperstrip": 3},
        {"compression": "zstd", "planarconfig": "separate"},
        {"compression": "lzma"},
        {"compression": "packbits", "byteorder": ">"},
        {"bitspersample": 12},
    ):
        samples = deep >> 4 if "bitspersample" in options else deep
        planes = samples.transpose(2, 0, 1) if "planarconfig" in options else samples
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, planes, photometric="rgb", metadata=None, **options)
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    floats = (deep / 65535).astype(np.float32)
    tifffile.imwrite(buffer, floats, photometric="rgb", compression="zlib", predictor=3)
    found.append(buffer.getvalue())
    found.append(bytes(imagecodecs.avif_encode(deep >> 6, level=90, bitspersample=10)))
    for interlace in (False, True):
        buffer = io.BytesIO()
        writer = pypng.Writer(24, 16, bitdepth=16, greyscale=False, interlace=interlace)
        writer.write(buffer, deep.reshape(16, -1).tolist())
        found.append(buffer.getvalue())
    return found


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The (kind, content) of a PNG's chunks."""
    found, at = [], 8
    while at + 8 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def png(parts: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks, with right lengths and checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


@functools.cache
def zeros(megabytes: int) -> bytes:
    """A zlib stream of that many; what a full flush ends can be repeated."""
    engine = zlib.compressobj(9)
    head = engine.compress(b"") + engine.flush(zlib.Z_FULL_FLUSH)
    part = engine.compress(bytes(2**20)) + engine.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", megabytes * 2**20 % 65521, 1)
    return head + part * megabytes + b"\x03\0" + checksum


def ended_png(*parts: tuple[bytes, bytes]) -> bytes:
    return png([*parts, (b"IEND", b"")])


def small_png(*parts: tuple[bytes, bytes]) -> bytes:
    rows = zlib.compress(b"".join(b"\0" + bytes(row) for row in pixels().reshape(16, -1)))
    return ended_png(header(24, 16), *parts, (b"IDAT", rows))


def saved(format: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(pixels())).save(buffer, format, **options)
    return buffer.getvalue()


def bmp(width: int, height: int) -> bytes:
    data = bytearray(saved("BMP"))
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b"," + bytes(8) + b"\x02\0;"


def frames() -> bytes:
    frames = [Image.fromarray(np.full((8, 8), n % 256, np.uint8)) for n in range(3000)]
    return saved("GIF", frames[0], save_all=True, append_images=frames[1:])


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(saved("JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def scans() -> bytes:
    data = saved("JPEG", progressive=True)
    scan, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:end] + data[scan:end] * 50_000 + data[end:]


def tiff(*tags: tuple[int, int, int, int], more: bytes = b"", loop: bool = False) -> bytes:
    """A TIFF of one directory: (tag, type, count, value); ``more`` follows it."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    following = 8 if loop else 0
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", len(tags))
        + entries
        + struct.pack("<I", following)
        + more
    )


def deep_tiff(
    compression: int, data: bytes, width: int = 8, *extra: tuple[int, int, int, int]
) -> bytes:
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, 8),
        (258, 3, 1, 16),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (278, 4, 1, 8),
        (279, 4, 1, len(data)),
        *extra,
    ]
    at = 8 + 2 + 12 * (len(tags) + 1) + 4
    return tiff(*tags, (273, 4, 1, at), more=data)


def endless() -> bytes:
    """A TIFF whose only page names itself as the next one."""
    data = bytearray(deep_tiff(1, bytes(128)))
    struct.pack_into("<I", data, len(data) - 132, 8)
    return bytes(data)


def tag(tag: int, value: int, kind: int = 4) -> bytes:
    return struct.pack("<HHII", tag, kind, 1, value)


def avif(width: int, height: int) -> bytes:
    """An AVIF of 24x16 whose box of the size says something else."""
    data = bytearray(saved("AVIF"))
    struct.pack_into(">II", data, data.index(b"ispe") + 8, width, height)
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(8)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def srgb_profile(**change: bytes) -> bytes:
    """sRGB's profile with bytes of its header changed: ``at12=...`` from byte 12 on."""
    from PIL import ImageCms

    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, content in change.items():
        at = int(name.removeprefix("at"))
        data[at : at + len(content)] = content
    return bytes(data)
