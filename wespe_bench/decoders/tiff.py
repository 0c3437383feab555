"""TIFF: 8 bits by Pillow, everything deeper by tifffile and imagecodecs."""

from __future__ import annotations

import io
import struct
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from wespe_bench import bombs
from wespe_bench.decoders import colour, lzw, pillow
from wespe_bench.decoders.pillow import Decoded
from wespe_bench.errors import InputError

#: How a TIFF begins: little and big endian, classic and BigTIFF.
STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Of PhotometricInterpretation, ExtraSamples, SampleFormat (TIFF 6.0) what we tell apart.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_MEANINGS = {3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELAB", 9: "ICCLAB", 32803: "raw"}
_PREMULTIPLIED = 1
_UNSIGNED, _FLOAT = 1, 3
_KINDS = {1: "unsigned", 2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_LZW, _WEBP, _JPEGS = 5, 50001, (6, 7)
_SMALL_COPY = 1  # bit 0 of NewSubfileType
# What unpacks to no more than it has to, and to how much a byte can: none, LZW, deflate (two
# numbers), PackBits, LZMA, ZSTD.
_COMPRESSIONS = {
    **dict.fromkeys((1, 32773), bombs.PLAIN),
    **dict.fromkeys((5, 8, 32946), bombs.DENSE),
    **dict.fromkeys((34925, 50000), bombs.DENSER),
}
_SPARE = 2**24
# Rendered pictures overshoot white by ringing, but never this far.
_BRIGHTEST = 1.5


def read(data: bytes) -> Decoded:
    """The first picture of a TIFF; to be called inside `pillow.OurSettings`.

    Raises InputError for what is understood and cannot be read right, and what tifffile and
    imagecodecs raise on damage.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        if page.subfiletype & _SMALL_COPY:
            raise InputError("its first picture is a small copy, as in raw photos; develop it")
        exif = tags(io.BytesIO(data))
        width, height = page.imagewidth, page.imagelength
        if width * height > pillow.MAX_PIXELS:
            raise InputError(
                f"{width}x{height} is more than the limit of {pillow.MAX_PIXELS} pixels"
            )
        bits = page.bitspersample
        if page.sampleformat == _UNSIGNED and bits <= 8:
            _check_for_pillow(page)
            try:
                return _by_pillow(data, exif)
            except UnidentifiedImageError:
                pass  # an unusual layout of samples
        samples, white = _samples(page, data)
    info = {"icc_profile": exif[34675]} if isinstance(exif.get(34675), bytes) else {}
    colours = colour.stated(info, exif, transfer_tables=bits in (8, 16))
    return Decoded(samples, colours, pillow.orientation(exif), white)


def _check_for_pillow(page: Any) -> None:
    """Raise InputError for what Pillow opens and then calls damaged, or reads by chance."""
    pixels = page.imagewidth * page.imagelength * page.samplesperpixel
    bombs.check_ratio(pixels * page.bitspersample // 8, page.parent.filehandle.size, bombs.DENSER)
    if page.compression == _WEBP:
        raise InputError("a TIFF with WebP compression; save it with LZW")
    halved = _values(page, 530) not in ((1, 1), ())
    if page.photometric == _YCBCR and halved and page.compression not in _JPEGS:
        raise InputError("a TIFF of YCbCr samples without JPEG compression; save it as RGB")


def _by_pillow(data: bytes, exif: Image.Exif) -> Decoded:
    with pillow.opened(data) as image:
        image.load()
        # Pillow turns a TIFF while it loads it, and then takes the tag away.
        turn = pillow.orientation(pillow.exif_of(image))
        if image.mode == "LAB":
            raise InputError("CIELAB samples; save the photo as RGB")
        colours = colour.stated(image.info, exif, transfer_tables=True)
        return Decoded(pillow.without_alpha(image), colours, turn)


def size(file: IO[bytes]) -> tuple[int, int]:
    """(width, height) of the first picture as stored."""
    import tifffile

    with tifffile.TiffFile(file) as opened:
        page = opened.pages.first
        return page.imagewidth, page.imagelength


def tags(file: IO[bytes]) -> Image.Exif:
    """The tags of the first directory, in the form of any EXIF; none where they are damaged."""
    exif = Image.Exif()
    try:
        file.seek(0)
        start = file.read(16)
        order = "<" if start[:2] == b"II" else ">"
        exif.endian = order
        exif.bigtiff = 43 in start[2:4]
        kind, at = ("Q", 8) if exif.bigtiff else ("I", 4)
        exif.load_from_fp(file, *struct.unpack_from(order + kind, start, at))
        len(exif)  # now it is read
    except Exception:
        return Image.Exif()
    return exif


def _samples(page: Any, data: bytes) -> tuple[np.ndarray, float]:
    """The samples of a page as (H, W) or (H, W, 3), and the value of white."""
    _check(page)
    if page.compression == _LZW:
        if page.fillorder != 1:
            raise InputError("a TIFF whose bytes have their bits reversed (FillOrder 2)")
        for at, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            lzw.check(data[at : at + count])
    samples = page.asarray(maxworkers=1)
    expected = (page.imagelength, page.imagewidth, page.samplesperpixel)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        samples = np.moveaxis(samples, 0, -1)
    samples = samples.reshape(expected)
    samples = samples[..., :3] if page.photometric == _RGB else samples[..., 0]
    if page.sampleformat == _FLOAT:
        highest = float(samples.max(initial=0))
        if not (np.isfinite(highest) and np.isfinite(samples.min(initial=0))):
            raise InputError("its floating-point samples are not all numbers")
        if highest > _BRIGHTEST:
            raise InputError(
                f"floating-point samples up to {highest:.4g}: HDR, or not from 0 to 1; save the "
                "photo with 16 bits"
            )
        white = 1.0
    else:
        white = 2.0**page.bitspersample - 1
    if page.photometric == _WHITE_IS_ZERO:
        samples = (1 if page.sampleformat == _FLOAT else int(white)) - samples
    return samples, white


def _check(page: Any) -> None:
    """Raise InputError unless the samples of a page are what `_samples` makes of them."""
    bits, kind = page.bitspersample, page.sampleformat
    if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        meaning = _MEANINGS.get(page.photometric, f"photometric {int(page.photometric)}")
        raise InputError(f"a TIFF of {bits}-bit {meaning} samples; save it with 8 bits or as RGB")
    if not (kind == _UNSIGNED and bits <= 32) and not (kind == _FLOAT and bits in (16, 32, 64)):
        what = _KINDS.get(kind, "other")
        raise InputError(f"a TIFF of {what} {bits}-bit samples; save it with 8 or 16 bits")
    if len({*_values(page, 258)}) > 1 or len({*_values(page, 339)}) > 1:
        raise InputError("a TIFF whose channels have unequal depths; save it with 8 or 16 bits")
    if _PREMULTIPLIED in page.extrasamples:
        raise InputError("a TIFF with premultiplied alpha; save it without alpha")
    if int(page.compression) not in _COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        raise InputError(f"a TIFF of {bits} bits with {name} compression; save it with LZW")
    colours = page.samplesperpixel - len(page.extrasamples)
    if page.imagedepth != 1 or not (3 if page.photometric == _RGB else 1) <= colours <= 8:
        raise InputError("a TIFF with conflicting size tags")
    # tifffile makes room for whole tiles, which a small photo may fill to a part only.
    if np.prod(page.chunks, dtype=float) > page.imagewidth * page.imagelength * colours + _SPARE:
        raise InputError("a TIFF with tiles far larger than the picture")
    offsets, counts = page.dataoffsets, page.databytecounts
    size = page.parent.filehandle.size
    whole = len(offsets) == len(counts) == int(np.prod(page.chunked))
    # tifffile fills what is not there with black.
    if not whole or any(
        min(at, count) <= 0 or at + count > size for at, count in zip(offsets, counts, strict=True)
    ):
        raise InputError("damaged: parts of the picture are missing")
    pixels = page.imagewidth * page.imagelength * page.samplesperpixel
    bombs.check_ratio(pixels * -(-bits // 8), sum(counts), _COMPRESSIONS[int(page.compression)])


def _values(page: Any, tag: int) -> tuple[Any, ...]:
    found = page.tags.get(tag)
    value = () if found is None else found.value
    return value if isinstance(value, tuple) else (value,)
