"""What a photo's header says: nothing here decodes a pixel, so thousands take seconds."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from wespe_bench import reading
from wespe_bench.decoders import pillow, tiff
from wespe_bench.errors import InputError, one_line

# EXIF: the pointer to the shot's own tags, and when it was taken.
_EXIF_IFD, _DATE_TIME_ORIGINAL = 0x8769, 0x9003


@dataclass(frozen=True, slots=True)
class _Header:
    """Size as stored, and EXIF."""

    size: tuple[int, int]
    exif: Image.Exif


def photo_size(path: Path | str) -> tuple[int, int]:
    """(width, height) as stored, before any EXIF orientation.

    Raises InputError when the file is empty, no photo, or cannot be read.
    """
    with _opened(path) as header:
        return header.size


def upright_size(path: Path | str) -> tuple[int, int]:
    """(height, width) of what `wespe_bench.images.read_rgb` gives: EXIF orientation applied.

    Orientation that a PNG states after its pixels is not seen. Raises InputError as above.
    """
    with _opened(path) as header:
        width, height = header.size
        return (width, height) if pillow.orientation(header.exif) >= 5 else (height, width)


def taken_at(path: Path | str) -> str:
    """EXIF's DateTimeOriginal, for instance "2024:05:01 12:00:00"; empty without one.

    Raises InputError when the file is empty, no photo, or cannot be read.
    """
    with _opened(path) as header:
        try:
            value = header.exif.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL, "")
        except Exception:  # damaged EXIF is no EXIF
            return ""
    return str(value).strip("\0 ")


@contextmanager
def _opened(path: Path | str) -> Generator[_Header]:
    start: bytes = b""
    try:
        reading.check_regular(path)
        with open(path, "rb") as file, pillow.OurSettings():
            start = file.read(4)
            file.seek(0)
            if start in tiff.STARTS:
                yield _Header(tiff.size(file), tiff.tags(file))
                return
            with pillow.opened(file) as image:
                # Pillow would decode a PNG's pixels to see whether EXIF follows them.
                late = image.format == "PNG" and "exif" not in image.info
                yield _Header(image.size, Image.Exif() if late else pillow.exif_of(image))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except UnidentifiedImageError:
        reason = "not a photo in a known format" if start else "the file is empty"
        raise InputError(f"{path}: {reason}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise InputError(f"{path}: damaged or unsupported image ({one_line(error)})") from None


#: Shots at most this many seconds apart, in a chain, are one scene's.
SECONDS = 10


def group(photos: Mapping[str, Path]) -> dict[str, str]:
    """Id -> a name for its scene, for those of ``photos`` that share one with another.

    The time is EXIF's; a photo without one, or one that cannot be read, is a scene of its own.
    """
    times: list[tuple[datetime, str]] = []
    for id_, path in photos.items():
        try:
            times.append((datetime.strptime(taken_at(path), "%Y:%m:%d %H:%M:%S"), id_))
        except (InputError, ValueError):
            continue
    times.sort()
    groups: dict[str, str] = {}
    for (before, first), (after, second) in pairwise(times):
        if (after - before).total_seconds() <= SECONDS:
            groups[second] = groups.setdefault(first, f"scene of {first}")
    return groups
