"""How photos and archives are damaged, and read."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

from tests.hostile import photos
from tests.hostile.mutate import damaged


def read_photo(folder: Path, data: bytes) -> Any:
    from wespe_bench.datasets import headers
    from wespe_bench.errors import InputError
    from wespe_bench.images import read_rgb

    path = kept(folder, "x.png", data)
    for header in (headers.photo_size, headers.upright_size, headers.taken_at):
        with contextlib.suppress(InputError):
            header(path)
    return read_rgb(path).shape


def spoil_png(data: bytes, dice: random.Random, other: bytes) -> bytes:
    """A PNG's chunks with right checksums, their content damaged; other formats plainly."""
    tokens = (b"IDAT", b"iCCP", b"eXIf", b"zTXt", b"acTL", b"Exif\0\0", b"\xff\xda", b"ICC_PROFILE")
    tokens += (b"avis", b"ispe", b"av1C", b"colrnclx")
    if not data.startswith(b"\x89PNG") or dice.random() < 0.2:
        return damaged(data, dice, tokens, other)
    chunks = photos.chunks(data)
    number = dice.randrange(len(chunks))
    kind, content = chunks[number]
    chunks[number] = (kind, damaged(content, dice, (), other[:500]))
    if dice.random() < 0.2:
        chunks.insert(dice.randrange(len(chunks)), dice.choice(chunks))
    return photos.png(chunks)


def read_archive(folder: Path, data: bytes) -> Any:
    import shutil

    from wespe_bench.prepare.archives import unpack

    path = kept(folder, "x.zip", data)
    before = sorted(entry.name for entry in folder.iterdir())
    try:
        return unpack(path, folder / "into")[1]
    finally:
        shutil.rmtree(folder / "into", ignore_errors=True)
        if sorted(entry.name for entry in folder.iterdir()) != before:
            raise AssertionError("something was written beside the folder")


def spoil_archive(data: bytes, dice: random.Random, other: bytes) -> bytes:
    tokens = (b"../", b"/etc/x", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"ustar")
    if data.startswith(b"PK") or dice.random() < 0.3:
        return damaged(data, dice, tokens, other)
    spoilt = bytearray(damaged(data, dice, tokens, other))
    for at in range(0, len(spoilt) - 511, 512):  # right checksums lead deeper
        if spoilt[at + 257 : at + 262] == b"ustar":
            spoilt[at + 148 : at + 156] = b" " * 8
            total = sum(spoilt[at : at + 512])
            spoilt[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(spoilt)


def kept(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
