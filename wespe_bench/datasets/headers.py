"""What a photo's header says: nothing here decodes a pixel, so thousands take seconds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from wespe_bench import reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.images import formats

# EXIF: which way up, the pointer to the shot's own tags, and when it was taken.
_ORIENTATION = 0x0112
_EXIF_IFD, _DATE_TIME_ORIGINAL = 0x8769, 0x9003


def photo_size(path: Path | str) -> tuple[int, int]:
    """(width, height) as stored, before any EXIF orientation.

    Raises InputError when the file is empty, no photo, or cannot be read.
    """
    with _opened(path) as image:
        return image.size


def upright_size(path: Path | str) -> tuple[int, int]:
    """(height, width) of what `wespe_bench.images.read_rgb` gives: EXIF orientation applied.

    Orientation that a PNG states after its pixels is not seen. Raises InputError as above.
    """
    with _opened(path) as image:
        width, height = image.size
        if "exif" not in image.info and image.format == "PNG":
            return height, width  # Pillow would decode the photo to see whether EXIF follows it
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def taken_at(path: Path | str) -> str:
    """EXIF's DateTimeOriginal, for instance "2024:05:01 12:00:00"; empty without one.

    Raises InputError when the file is empty, no photo, or cannot be read.
    """
    with _opened(path) as image:
        if "exif" not in image.info and image.format == "PNG":
            return ""  # Pillow would decode the photo to see whether EXIF follows it
        try:
            value = image.getexif().get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL, "")
        except Exception:  # damaged EXIF is no EXIF
            return ""
    return str(value).strip("\0 ")


@contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    start = b""
    try:
        reading.check_regular(path)
        with open(path, "rb") as file, warnings.catch_warnings():
            start = file.read(32)
            warnings.simplefilter("ignore")
            with Image.open(path, formats=formats(start, str(path))) as image:
                yield image
    except InputError:
        raise
    except UnidentifiedImageError:
        reason = "not a photo in a known format" if start else "the file is empty"
        raise InputError(f"{path}: {reason}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise InputError(f"{path}: damaged or unsupported image ({one_line(error)})") from None
