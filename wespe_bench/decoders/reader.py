"""From the bytes of a photo to its samples: which decoder reads what."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from wespe_bench import bombs
from wespe_bench.decoders import boxes, colour, pillow, tiff
from wespe_bench.decoders.pillow import Decoded
from wespe_bench.errors import InputError


def read(data: bytes) -> Decoded:
    """Decode a photo.

    Raises InputError for a photo that is understood and cannot be read right, or is larger than
    `pillow.MAX_PIXELS`, and whatever the libraries raise on damaged files.
    """
    with pillow.OurSettings():
        if data[:4] in tiff.STARTS:
            return tiff.read(data)
        try:
            return _read(data, pillow.opened(data))
        except UnidentifiedImageError:
            if (bits := bombs.jpeg_bits(data)) not in (0, 8):
                raise InputError(f"a JPEG of {bits} bits a sample; save it with 8") from None
            raise


def _read(data: bytes, image: Image.Image) -> Decoded:
    width, height = image.size
    if width * height > pillow.MAX_PIXELS:
        raise InputError(f"{width}x{height} is more than the limit of {pillow.MAX_PIXELS} pixels")
    kind = image.format
    if kind == "AVIF":
        return _avif(data, image)
    if kind == "HEIF":
        return _heif(data)
    if kind == "PNG":
        bombs.check_ratio(width * height * data[24] // 8, len(data), bombs.DENSE)
    if kind == "PNG" and data[24] == 16:
        return _deep_png(data, image)
    if kind in ("JPEG", "MPO", "BMP"):
        bombs.check_ratio(width * height, len(data), bombs.DENSE)
    if kind in ("JPEG", "MPO"):
        bombs.check_scans(data)
    image.load()
    exif = pillow.exif_of(image)
    colours = colour.stated(
        image.info,
        exif,
        png=data if kind == "PNG" else b"",
        bmp=data if kind == "BMP" else b"",
    )
    return Decoded(pillow.without_alpha(image), colours, pillow.orientation(exif))


def _deep_png(data: bytes, image: Image.Image) -> Decoded:
    """A PNG of 16 bits, of which Pillow would keep the high byte: up to a level too dark."""
    import imagecodecs

    samples = imagecodecs.png_decode(data)
    # Only now: Pillow decodes the pixels to see whether EXIF follows them.
    exif = pillow.exif_of(image)
    colours = colour.stated(image.info, exif, png=data)
    return _decoded(_coloured(samples), 16, colours, pillow.orientation(exif))


def _avif(data: bytes, image: Image.Image) -> Decoded:
    """AVIF of 8, 10 or 12 bits; Pillow, which keeps 8, says which way up it is."""
    import imagecodecs

    # imagecodecs writes the later frames of an animation past the end of the first one's array.
    if getattr(image, "is_animated", False) or data[8:12] == b"avis":
        raise InputError("an animated AVIF; save the frame that is the photo")
    exif = pillow.exif_of(image)
    colours = colour.stated(image.info, exif, coded=boxes.coded_colour(data))
    samples = _coloured(imagecodecs.avif_decode(data, index=0, numthreads=1))
    return _decoded(samples, boxes.bits(data), colours, pillow.orientation(exif))


def _heif(data: bytes) -> Decoded:
    """HEIF; libheif has turned it, and EXIF's orientation is not about it (ISO/IEC 23008-12)."""
    from pillow_heif import HeifFile

    opener: Any = HeifFile
    file = opener(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    primary = file[file.primary_index]
    if primary.premultiplied_alpha:
        raise InputError("a HEIC photo with premultiplied alpha; save it without alpha")
    exif = Image.Exif()
    try:
        exif.load(primary.info["exif"])
    except Exception:
        exif = Image.Exif()
    colours = colour.stated(primary.info, exif, coded=boxes.coded_colour(data))
    samples = _coloured(np.asarray(primary)[:, : primary.size[0]])
    return _decoded(samples, primary.info["bit_depth"], colours, 1)


def _coloured(samples: np.ndarray) -> np.ndarray:
    """Samples without alpha, and grey without a third axis."""
    if samples.ndim == 2:
        return samples
    return samples[..., 0] if samples.shape[2] in (1, 2) else samples[..., :3]


def _decoded(
    samples: np.ndarray, bits: int, colours: tuple[colour.Colour, ...], orientation: int
) -> Decoded:
    if samples.dtype == np.uint8:
        return Decoded(Image.fromarray(np.ascontiguousarray(samples)), colours, orientation)
    return Decoded(samples, colours, orientation, 2.0**bits - 1)
