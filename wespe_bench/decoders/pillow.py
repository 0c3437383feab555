"""Pillow with our settings, whatever other code in this process has set."""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from wespe_bench.decoders.colour import Colour
from wespe_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photo's samples as stored, and what its file says of them.

    ``samples``: for 8 bits a Pillow image in mode L, RGB or CMYK; else an array (H, W) or
    (H, W, 3) of integers or floats from 0 (black) to ``white``. ``orientation`` is EXIF's number,
    1 where the samples are upright. ``colours`` come in the order in which they count.
    """

    samples: Image.Image | np.ndarray
    colours: tuple[Colour, ...] = ()
    orientation: int = 1
    white: float = 255.0


#: Photos with more pixels than this are refused before they are decoded: 2**28, about
#: 268 megapixels, above every camera of today and 0.8 GB as RGB.
MAX_PIXELS = 2**28

# Pillow's own formats that can hold a photo; PostScript and friends stay closed because
# opening them starts other programs.
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_ORIENTATION = 0x0112
_STRIP = 2**17  # pixels
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_lock = threading.Lock()
_inside = 0
_theirs: tuple[Any, ...] = ()


class OurSettings:
    """Pillow's settings are ours inside, and what they were before once no thread is inside.

    They are those that change which files are taken, and every photo sets them: no loops here.
    Many research repositories set LOAD_TRUNCATED_IMAGES; a photo cut in half would get a score.
    """

    def __enter__(self) -> None:
        global _inside, _theirs
        with _lock:
            if not _inside:
                quiet = warnings.catch_warnings()
                _theirs = (
                    quiet,
                    ImageFile.LOAD_TRUNCATED_IMAGES,
                    Image.MAX_IMAGE_PIXELS,
                    PngImagePlugin.MAX_TEXT_CHUNK,
                    PngImagePlugin.MAX_TEXT_MEMORY,
                )
                quiet.__enter__()
                warnings.simplefilter("ignore")
                ImageFile.LOAD_TRUNCATED_IMAGES = False
                Image.MAX_IMAGE_PIXELS = MAX_PIXELS
                PngImagePlugin.MAX_TEXT_CHUNK = 1024 * 1024
                PngImagePlugin.MAX_TEXT_MEMORY = 64 * 1024 * 1024
            _inside += 1

    def __exit__(self, *_: object) -> None:
        global _inside
        with _lock:
            _inside -= 1
            if not _inside:
                _theirs[0].__exit__(None, None, None)
                (
                    _,
                    ImageFile.LOAD_TRUNCATED_IMAGES,
                    Image.MAX_IMAGE_PIXELS,
                    PngImagePlugin.MAX_TEXT_CHUNK,
                    PngImagePlugin.MAX_TEXT_MEMORY,
                ) = _theirs


def formats(start: bytes) -> tuple[str, ...]:
    """Pillow's names of the formats that a file with these first 12 bytes is tried as.

    HEIF and AVIF only for a file that says so. Raises InputError where a library is missing.
    """
    if start[4:8] == b"ftyp" and start[8:12] in _AVIF_BRANDS:
        from PIL import features

        if not features.check("avif"):
            raise InputError("an AVIF photo, which this build of Pillow cannot read")
        return ("AVIF",)
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS:
        return _FORMATS
    try:
        import pillow_heif
    except ImportError:
        raise InputError(
            "a HEIC photo; pip install 'wespe-bench[heic]' (or pillow-heif) to read it"
        ) from None
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def opened(file: bytes | IO[bytes]) -> Image.Image:
    """A photo opened by Pillow, with nothing decoded yet; to be called inside `OurSettings`.

    Raises InputError, and whatever Pillow raises on damaged files.
    """
    if isinstance(file, bytes):
        return Image.open(io.BytesIO(file), formats=formats(file[:32]))
    start = file.read(32)
    file.seek(0)
    return Image.open(file, formats=formats(start))


def exif_of(image: Image.Image) -> Image.Exif:
    """The EXIF of an image, empty where it is damaged: the pixels are sound without it."""
    try:
        return image.getexif()
    except Exception:
        return Image.Exif()


def orientation(exif: Image.Exif) -> int:
    """EXIF's orientation, 1 to 8; 1 where the tag has no sense or an unusual type."""
    value = exif.get(_ORIENTATION, 1)
    return value if type(value) is int and 1 <= value <= 8 else 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """A picture whose stored rows and columns have this orientation, upright."""
    method = _TURNS.get(orientation)
    return image if method is None else image.transpose(method)


def array_of(image: Image.Image) -> np.ndarray:
    """A loaded RGB picture as a new uint8 array (H, W, 3)."""
    result = np.empty((image.height, image.width, 3), np.uint8)
    # In strips that stay in the processor's cache: Pillow's two copies of a whole photo on the way
    # take longer than its array.
    rows = max(_STRIP // image.width, 1)
    for top in range(0, image.height, rows):
        strip = image
        if rows < image.height:
            strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result[top : top + rows] = np.frombuffer(strip.tobytes(), np.uint8).reshape(
            -1, image.width, 3
        )
    return result


def without_alpha(image: Image.Image) -> Image.Image:
    """A loaded picture in mode L, RGB or CMYK; colour under transparency is kept."""
    if image.mode in ("L", "RGB", "CMYK"):
        return image  # it outlives its file; a copy would take a third of the time
    if image.mode in ("1", "LA", "La"):
        return image.convert("LA").convert("L") if image.mode != "1" else image.convert("L")
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        raise InputError(f"{image.mode!r} samples have no known range; save it with 8 or 16 bits")
    return image.convert("RGBA").convert("RGB")
