"""Unpacking an untrusted archive: every entry is checked before any is written.

Refused before anything is written: names that are absolute, climb with ``..``, hold
backslashes, drive letters or control characters; links, devices and pipes; two names for
one file, on file systems that fold case too; encrypted files; more files, more bytes or a
higher compression ratio than any collection of photos has. The folder appears by a rename.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wespe_bench.datasets import tree
from wespe_bench.errors import InputError, one_line
from wespe_bench.journal import check_room, make_folder

#: Photos hardly compress; above this many bytes for one, an archive is a bomb.
MAX_RATIO = 50
#: Bytes below which the ratio says nothing: text files and blank pictures compress well.
SMALL = 64 * 2**20
MAX_FILES = 2_000_000
#: Bytes unpacked, whatever the ratio: twice the largest public photo set we know of.
MAX_BYTES = 2**40

_CHUNK = 1 << 20
_DICTIONARY = 2**28  # bytes of memory for LZMA; its strongest presets take 64 MB
_MOST_AT_ONCE = 64 * 2**20  # tar's own headers are far smaller


class Refused(InputError):  # noqa: N818
    """The archive itself is at fault: damaged, dangerous, or without a file in it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its path as checked parts, its size, and how to read it."""

    parts: tuple[str, ...]
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, into: Path, *, folder: str = "") -> tuple[Path, int]:
    """Unpack a zip or tar file below ``into``; the new folder, and how many files it holds.

    An archive whose files share one top folder becomes that folder, which is ``into`` itself where
    it has that name and is not there yet; any other becomes a folder named ``folder``, by default
    like the archive.

    Raises Refused when the archive is damaged or dangerous (see above), InputError when it is
    larger than the disk's free space or the folder exists; nothing is left behind then.
    """
    with _opened(archive) as members:
        listed = list(_checked(archive, members))
        if not listed:
            raise Refused(f"{archive}: no files in it")
        tops = {member.parts[0] for member in listed if len(member.parts) > 1}
        alone = len(tops) == 1 and all(len(member.parts) > 1 for member in listed)
        target = into / (tops.pop() if alone else folder or stem(archive))
        if alone and target.name == into.name and not into.exists():
            into, target = into.parent, into
        if target.exists():
            raise InputError(f"{target} is there already; move it away to unpack {archive.name}")
        total = sum(member.size for member in listed)
        make_folder(into)
        check_room(into, total, "to unpack")
        short = target.name.encode(errors="replace")[:80].decode(errors="ignore")
        unfinished = into / f".{short}.unpacking"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            _write(archive, listed, unfinished, drop=1 if alone else 0)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target, len(listed)


def is_archive(path: Path) -> bool:
    """Whether the file's content is a zip or tar."""
    try:
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except (OSError, EOFError, ValueError):
        return False


def stem(archive: Path) -> str:
    """The archive's name without its ending."""
    name = re.sub(r"\.(zip|tar|tgz|tbz2|txz|tar\.\w+)$", "", archive.name)
    return name if name.strip(".") else "unpacked"


class _Opened:
    """The members of a zip or tar file, in order, while the file is open."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.files: list[Any] = []

    def __enter__(self) -> Iterator[tuple[str, int, str, Callable[[], IO[bytes]]]]:
        try:
            if zipfile.is_zipfile(self.archive):
                return self._zip()
            file: Any = open(self.archive, "rb")  # closed by __exit__
            self.files.append(file)
            return self._tar(file)
        except OSError as error:
            raise InputError(f"{self.archive}: cannot be read ({error.strerror})") from None

    def __exit__(self, *_: object) -> None:
        for file in reversed(self.files):
            file.close()

    def _zip(self) -> Iterator[tuple[str, int, str, Callable[[], IO[bytes]]]]:
        file = zipfile.ZipFile(self.archive)
        self.files.append(file)
        for info in file.infolist():
            kind = info.external_attr >> 28  # the Unix file type, where one is recorded
            wrong = {
                0xA: "a link",
                0x6: "a device",
                0x2: "a device",
                0x1: "a pipe",
                0xC: "a socket",
            }
            what = wrong.get(kind, "")
            if info.flag_bits & 1:
                what = "encrypted"
            if info.orig_filename != info.filename:  # cut at a zero byte, or turned separators
                what = "a name with a zero byte or backslashes"
            if info.compress_type == zipfile.ZIP_LZMA and _dictionary(file, info) > _DICTIONARY:
                what = f"packed to need more than {_DICTIONARY} bytes of memory"
            if info.is_dir() and not what:
                what = "folder"
            yield info.filename, info.file_size, what, lambda info=info: file.open(info)

    def _tar(self, raw: Any) -> Iterator[tuple[str, int, str, Callable[[], IO[bytes]]]]:
        stream = _Guarded(_decompressed(raw))
        file = tarfile.open(fileobj=stream, mode="r:")  # pyrefly: ignore[no-matching-overload]  # noqa: SIM115
        self.files.append(file)
        for info in file:
            what = ""
            if info.isdir():
                what = "folder"
            elif info.issym() or info.islnk():
                what = "a link"
            elif not info.isfile():
                what = "a device or pipe"
            elif info.issparse():
                what = "a sparse file"
            yield info.name, info.size, what, lambda info=info: file.extractfile(info)
        # Only at its end does a compressed stream say whether all of it was right.
        for _ in range(_MOST_AT_ONCE // _CHUNK):
            if not stream.read(_CHUNK):
                return
        raise InputError("more than 64 MB after the last file")


def _dictionary(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """How much memory the LZMA of one file asks for, whatever the file's size."""
    raw: Any = file.fp
    raw.seek(info.header_offset + 26)  # the lengths of name and extra field end the header
    ahead = sum(struct.unpack("<HH", raw.read(4)))
    raw.seek(ahead + 5, 1)  # version, length of what follows, one byte of settings
    return int.from_bytes(raw.read(4), "little")


def _decompressed(raw: Any) -> Any:
    """The tar stream inside ``raw``, recognised by its first bytes."""
    import bz2
    import gzip
    import lzma

    begin = raw.read(6)
    raw.seek(0)
    if begin[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    if begin[:3] == b"BZh":
        return bz2.BZ2File(raw)
    if begin == b"\xfd7zXZ\x00":
        probe = lzma.LZMADecompressor(memlimit=2 * _DICTIONARY)  # LZMAFile has no such limit
        probe.decompress(raw.read(_CHUNK), 1)
        raw.seek(0)
        return lzma.LZMAFile(raw)
    return raw


class _Guarded:
    """A file that refuses to read absurd amounts at once, as a forged tar header asks for."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_AT_ONCE:
            raise InputError("a header of more than 64 MB")
        return bytes(self._file.read(size))


def _opened(archive: Path) -> _Opened:
    if not archive.is_file():
        if archive.exists():
            raise InputError(f"{archive}: not a regular file")
        raise InputError(f"no such file: {archive}")
    return _Opened(archive)


def _checked(
    archive: Path, members: Iterator[tuple[str, int, str, Callable[[], IO[bytes]]]]
) -> Iterator[Member]:
    """The files among ``members``; raises InputError at the first that is not harmless."""
    packed = archive.stat().st_size
    seen: dict[str, str] = {}
    folders: set[str] = set()
    total = 0
    try:
        for count, (name, size, what, opener) in enumerate(members):
            parts = _safe(archive, name)
            if what not in ("", "folder"):
                raise InputError(f"{archive}: refused, {name!r} is {what}")
            if what == "folder":
                continue
            if not parts:
                raise InputError(f"{archive}: refused, a file without a name")
            folded = tree.folded("/".join(parts))
            if folded in seen or folded in folders:
                raise InputError(f"{archive}: refused, {name!r} is there twice")
            seen[folded] = name
            above = folded.split("/")[:-1]
            for depth in range(1, len(above) + 1):
                parent = "/".join(above[:depth])
                if parent in seen:
                    raise InputError(f"{archive}: refused, {seen[parent]!r} is file and folder")
                folders.add(parent)
            total += size
            if total > MAX_BYTES or (total > SMALL and total > MAX_RATIO * packed):
                raise InputError(
                    f"{archive}: refused, {packed} bytes would become {total} and more"
                )
            if count >= MAX_FILES:
                raise InputError(f"{archive}: refused, more than {MAX_FILES} files")
            yield Member(parts, size, opener)
    except InputError as error:
        text = str(error)
        raise Refused(text if text.startswith(str(archive)) else f"{archive}: {text}") from None
    except Exception as error:  # zipfile, tarfile and four decompressors on anybody's bytes
        raise Refused(
            f"{archive}: damaged, cut short, or no zip or tar file ({one_line(error)[:120]})"
        ) from None


def _safe(archive: Path, name: str) -> tuple[str, ...]:
    """The parts of a member's path. Raises InputError for one that could lead elsewhere."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    why = ""
    if name.startswith("/"):
        why = "an absolute path"
    elif ".." in parts:
        why = "a path that climbs out"
    elif "\\" in name or re.match(r"[A-Za-z]:", name):
        why = "a Windows path"
    elif any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        why = "a name with control characters"
    elif any(len(part.encode()) > 255 for part in parts) or len(name) > 4000:
        why = "too long a name"
    if why:
        raise InputError(f"{archive}: refused, {name[:80]!r} is {why}")
    return tuple(parts)


def _write(archive: Path, members: list[Member], folder: Path, drop: int) -> None:
    from wespe_bench import progress

    with progress.bar(len(members), f"unpack {archive.name}", "file") as bar:
        for member in members:
            path = folder.joinpath(*member.parts[drop:])
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, open(path, "xb") as target:
                    left = member.size
                    while chunk := source.read(min(_CHUNK, left + 1)):
                        left -= len(chunk)
                        if left < 0:
                            raise InputError("holds more than it says")
                        target.write(chunk)
                    target.flush()
                    os.fsync(target.fileno())
                if left:
                    raise InputError("holds less than it says")
            except OSError as error:
                if error.errno is not None:  # the disk's fault, not the archive's
                    raise InputError(
                        f"cannot write {path} ({error.strerror}); choose another --out"
                    ) from None
                raise _broken(archive, member, error) from None
            except Exception as error:  # a wrong checksum, a cut stream
                raise _broken(archive, member, error) from None
            bar.update()


def _broken(archive: Path, member: Member, error: Exception) -> Refused:
    return Refused(f"{archive}: {'/'.join(member.parts)!r} is damaged ({one_line(error)[:120]})")
