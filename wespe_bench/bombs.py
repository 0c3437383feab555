"""Photos that make far more work than their pixels: refused before a decoder has begun.

A header's width and height bound what a photo shows, not what its decoder does: compressed data
may go on for gigabytes after the last pixel, and a JPEG may repaint its pixels without end.
"""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from collections.abc import Iterable
from typing import Any

from wespe_bench.errors import InputError

#: Scans of a JPEG: encoders write about ten, and each goes over all pixels.
MOST_SCANS = 100

# Compressed TIFF data that tifffile inflates whole, whatever its size: deflate (two numbers), LZMA.
_DEFLATE, _LZMA = (8, 32946), 34925
_SPARE = 2**24  # tiles may be larger than a small photo


def check_scans(data: bytes) -> None:
    """Raise InputError for a JPEG of more than `MOST_SCANS` scans.

    Only one whose first scan does not hold all of it can have several; of others nothing
    but the header is looked at.
    """
    components = None
    scans = 0
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:  # what follows belongs to other pictures
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in (0xC0, 0xC1) and components is None and at + 9 < len(data):
            components = data[at + 9]
        at += 2 + length
        if marker != 0xDA:
            continue
        if components is not None and data[at - length + 2 : at - length + 3] == bytes(
            [components]
        ):
            return  # sequential, and all in one scan
        scans += 1
        if scans > MOST_SCANS:
            raise InputError(f"a JPEG of more than {MOST_SCANS} scans")
        following = _MARKER.search(data, at)
        if following is None:
            return
        at = following.start()


# Within a scan a byte 0xFF is followed by 0, or by the number of a restart.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def check_png(data: bytes, most: int) -> None:
    """Raise InputError for a PNG whose pixels inflate to more than ``most`` bytes."""
    parts = []
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IDAT":
            parts.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    if _inflated(zlib.decompressobj(), parts, most) > most:
        raise InputError("its pixels inflate to more than its size allows")


def check_tiff(page: Any, size: tuple[int, int]) -> None:
    """Raise InputError unless a `tifffile.TiffPage` is one picture of ``size``, and no more.

    Pillow and tifffile may differ in which of two tags counts.
    """
    width, height = size
    told = (page.imagewidth, page.imagelength, page.imagedepth)
    if told != (width, height, 1) or not 1 <= page.samplesperpixel <= 8:
        raise InputError("a TIFF that says twice how large it is, each time something else")
    most = 2 * width * height * page.samplesperpixel * 2 + _SPARE
    left = most
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if int(page.compression) in _DEFLATE:
            engine: Any = zlib.decompressobj()
        elif int(page.compression) == _LZMA:
            engine = lzma.LZMADecompressor()
        else:
            return
        page.parent.filehandle.seek(offset)
        left -= _inflated(engine, [page.parent.filehandle.read(count)], left)
        if left < 0:
            raise InputError("its pixels inflate to more than its size allows")


def _inflated(engine: Any, parts: Iterable[bytes], most: int) -> int:
    """Bytes that ``parts`` inflate to; no more than ``most`` and a little are counted.

    Damage ends the count: the decoder will say what is wrong.
    """
    total = 0
    for part in parts:
        waiting = part
        while total <= most:
            try:
                some = engine.decompress(waiting, 2**20)
            except (zlib.error, lzma.LZMAError, EOFError):
                return total
            total += len(some)
            waiting = getattr(engine, "unconsumed_tail", b"")
            if engine.eof or (not some and not waiting):
                break
            if not waiting and len(some) < 2**20 and getattr(engine, "needs_input", True):
                break
    return total
