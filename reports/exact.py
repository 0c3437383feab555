"""The pixels that were scored, for the page's viewer: as files beside it, or as crops inside it."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from reports.pictures import data_uri
from wespe_bench import atomic, paths
from wespe_bench.errors import writing
from wespe_bench.images import encode_png

#: The folder beside the page, which goes where the page goes.
FOLDER = "report_files"

#: Bytes of all files of one page, and of all crops inside it as text.
FILE_BYTES, CROP_BYTES = 400_000_000, 1_900_000


# Chunks that leave a PNG's pixels as they are; for gAMA, iCCP, eXIf and the like browsers change
# what they show.
_NEUTRAL = {b"IHDR", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs"}


def is_plain_png(data: bytes) -> bool:
    """Whether a file is an 8-bit RGB PNG whose pixels every browser shows unchanged."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[24:26] != b"\x08\x02":
        return False
    place = 8
    while place + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        if data[place + 4 : place + 8] not in _NEUTRAL:
            return False
        place += 12 + size
    return place == len(data)


class Exact:
    """Takes pictures until their bytes reach ``budget``, counted by whole photos.

    ``folder`` is the page's, ``name`` that of the folder beside it; without ``folder`` the pictures
    are embedded.
    """

    def __init__(self, folder: Path | None, budget: int, name: str = FOLDER) -> None:
        self._folder = folder
        self._name = name
        self._left = budget
        self.files: set[str] = set()

    @property
    def beside(self) -> bool:
        return self._folder is not None

    @property
    def room(self) -> bool:
        return self._left > 0

    def file(self, image: Image.Image, data: bytes) -> str:
        """Write the picture beside the page as PNG; its address there.

        ``data`` is the file that was scored: copied where browsers show its very pixels, else the
        picture is encoded. A file is named by its content, so that one picture is written once.
        """
        if self._folder is None:
            raise ValueError("the page has no folder for files")
        if not is_plain_png(data):
            data = encode_png(np.asarray(image), 1)
        name = f"{hashlib.sha256(data).hexdigest()[:24]}.png"
        path = self._folder / self._name / name
        if name not in self.files:
            self._left -= len(data)
            self.files.add(name)
            if not path.exists():
                with writing(path):
                    atomic.write_bytes(path, data)
        return f"{quote(self._name)}/{name}"

    def embedded(self, image: Image.Image) -> str:
        """The picture as a data: address of a PNG."""
        uri = data_uri("image/png", encode_png(np.asarray(image), 6))
        self._left -= len(uri)
        return uri


def remove_others(files: Path, kept: set[str]) -> None:
    """Delete the pictures in ``files`` that an earlier page had and this one has not."""
    if paths.is_remote(files) or not files.is_dir():
        return
    for path in files.iterdir():
        if re.fullmatch(r"[0-9a-f]{24}\.png", path.name) and path.name not in kept:
            path.unlink(missing_ok=True)
    if not any(files.iterdir()):
        files.rmdir()
