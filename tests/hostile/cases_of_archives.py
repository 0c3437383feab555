"""Hostile archives."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.cases import Case

TITLE = "Archives"

_PHOTO = b"not looked at"


def _zip(*files: tuple[str, bytes], **fields: Any) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / "set.zip", "w") as archive:
            for name, data in files:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                for key, value in fields.items():
                    setattr(info, key, value)
                archive.writestr(info, data)

    return make


def _tar(*members: tuple[str, bytes, bytes, str]) -> Callable[[Path], object]:
    """A tar of (name, type, content, link)."""

    def make(folder: Path) -> None:
        with tarfile.open(folder / "set.tar", "w") as archive:
            for name, kind, data, link in members:
                info = tarfile.TarInfo(name)
                info.type, info.size, info.linkname = kind, len(data), link
                archive.addfile(info, io.BytesIO(data))

    return make


def _tar_bomb(folder: Path) -> None:
    import gzip

    info = tarfile.TarInfo("zeros.png")
    info.size = 2**31
    # A gzip file may be several, one after the other.
    (folder / "set.tgz").write_bytes(
        gzip.compress(info.tobuf()) + gzip.compress(bytes(2**22)) * 512 + gzip.compress(bytes(1024))
    )


def _one_file_many_times(folder: Path) -> None:
    """A zip of 3,000 names for one deflated file of 1 MB."""
    _zip(("0.png", bytes(2**20)))(folder)
    data = (folder / "set.zip").read_bytes()
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], bytearray(data[-22:])
    entries = b"".join(entry.replace(b"0.png", b"%05x" % n) for n in range(3000))
    end[8:12] = (3000).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    (folder / "set.zip").write_bytes(data[:start] + entries + end)


def _pax(folder: Path) -> None:
    with tarfile.open(folder / "set.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("good.png")
        info.pax_headers = {"path": "../../escaped.png"}
        archive.addfile(info, io.BytesIO(b""))


def _pax_header(folder: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 2**32
    (folder / "set.tar").write_bytes(info.tobuf() + bytes(1024))


def _encrypted(folder: Path) -> None:
    _zip(("a.png", _PHOTO))(folder)
    data = bytearray((folder / "set.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (folder / "set.zip").write_bytes(data)


def _hungry(folder: Path) -> None:
    """LZMA that asks for 4 GB, for a file of some bytes."""
    with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.png", _PHOTO)
    data = bytearray((folder / "set.zip").read_bytes())
    at = data.index(b"a.png") + len("a.png") + 5
    data[at : at + 4] = b"\xff" * 4
    (folder / "set.zip").write_bytes(data)


def _unpack(offered: str, make: Callable[[Path], object], answer: str, name: str = "zip") -> Case:
    return Case(offered, make, f"data fetch set.{name} --out out", f"set.{name}: {answer}")


CASES = (
    _unpack(
        "a zip whose LZMA asks for 4 GB of memory",
        _hungry,
        "refused, 'a.png' is packed to need more than 268435456 bytes of memory",
    ),
    _unpack(
        "a zip with `../escaped.png`",
        _zip(("../escaped.png", _PHOTO)),
        "refused, '../escaped.png' is a path that climbs out",
    ),
    _unpack(
        "a zip with `/tmp/escaped.png`",
        _zip(("/tmp/escaped.png", _PHOTO)),
        "refused, '/tmp/escaped.png' is an absolute path",
    ),
    _unpack(
        "a zip with `C:\\escaped.png`",
        _zip(("C:\\escaped.png", _PHOTO)),
        "refused, 'C:\\\\escaped.png' is a Windows path",
    ),
    _unpack(
        "a zip with a line break in a name",
        _zip(("a\nb.png", _PHOTO)),
        "refused, 'a\\nb.png' is a name with control characters",
    ),
    _unpack(
        "a zip with a link",
        _zip(("l", b"/etc/passwd"), external_attr=0o120777 << 16),
        "refused, 'l' is a link",
    ),
    _unpack(
        "a zip of 3,000 names for the same bytes",
        _one_file_many_times,
        "refused, ... bytes would become ... and more",
    ),
    _unpack(
        "a zip of zeros, 200 MB",
        _zip(("a.png", bytes(2 * 10**8))),
        "refused, ... bytes would become 200000000 and more",
    ),
    _unpack("an encrypted zip", _encrypted, "refused, 'a.png' is encrypted"),
    _unpack(
        "a zip with two names that differ in case",
        _zip(("a.png", b"1"), ("A.PNG", b"2")),
        "refused, 'A.PNG' is there twice",
    ),
    _unpack(
        "a zip bomb's first 50 bytes",
        lambda f: (f / "set.zip").write_bytes(b"PK\x03\x04" + bytes(46)),
        "damaged, cut short, or no zip or tar file (...)",
    ),
    _unpack(
        "a tar.gz of zeros, 2 GB",
        _tar_bomb,
        "refused, ... bytes would become 2147483648 and more",
        "tgz",
    ),
    _unpack(
        "a tar with a link out and a file through it",
        _tar(("l", tarfile.SYMTYPE, b"", "/tmp"), ("l/a.png", tarfile.REGTYPE, b"", "")),
        "refused, 'l' is a link",
        "tar",
    ),
    _unpack(
        "a tar with a hard link",
        _tar(("l", tarfile.LNKTYPE, b"", "/etc/passwd")),
        "refused, 'l' is a link",
        "tar",
    ),
    _unpack(
        "a tar with a device",
        _tar(("d", tarfile.CHRTYPE, b"", "")),
        "refused, 'd' is a device or pipe",
        "tar",
    ),
    _unpack(
        "a tar whose PAX header renames a file to `../../escaped.png`",
        _pax,
        "refused, '../../escaped.png' is a path that climbs out",
        "tar",
    ),
    _unpack("a tar whose PAX header says 4 GB", _pax_header, "a header of more than 64 MB", "tar"),
)
