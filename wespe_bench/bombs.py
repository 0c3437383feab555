"""Photos that make far more work than their pixels: refused before a decoder has begun.

A header's width and height bound what a photo shows, not what its decoder does: compressed data
may go on for gigabytes after the last pixel, and a JPEG may repaint its pixels without end.
"""

from __future__ import annotations

import re

from wespe_bench.errors import InputError

#: Scans of a JPEG: encoders write about ten, and each goes over all pixels.
MOST_SCANS = 100

#: What a byte of deflate, LZW, ZSTD or LZMA can unpack to, and one of PackBits or of plain samples.
DENSE, DENSER, PLAIN = 4096, 2**15, 64
_SPARE = 2**20


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
        length = data[at + 2] << 8 | data[at + 3]
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


def jpeg_bits(data: bytes) -> int:
    """Bits a sample of a JPEG, 0 for what is none."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 5 <= len(data) and data[at] == 0xFF:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            return data[at + 4]
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0


def check_ratio(unpacked: int, stored: int, ratio: int) -> None:
    """Raise InputError for a picture of more bytes than so many stored ones can unpack to.

    So that a header of a few bytes does not make its decoder set a gigabyte aside.
    """
    if unpacked > stored * ratio + _SPARE:
        raise InputError("damaged: parts of the picture are missing")
