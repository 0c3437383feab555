"""Photos written by Pillow, tifffile, libvips, libheif and ImageMagick; and what PNG adds."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pyvips
import tifffile
from PIL import Image

from tests.hostile.photos import chunks, png
from tests.oracles.photo_colours import D65, Array


def integers(samples: Array, bits: int) -> Array:
    return np.rint(samples * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def exif(orientation: int, adobe: bool = False) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    if adobe:
        shot = found.get_ifd(0x8769)
        shot[0xA001] = 65535
        shot[0xA005] = {1: "R03", 2: b"0100"}
    return found


def by_pillow(samples: Array, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    image.save(buffer, format, **options)
    return buffer.getvalue()


def by_tifffile(samples: Array, orientation: int = 1, icc: bytes = b"", **options: Any) -> bytes:
    buffer = io.BytesIO()
    extra = [(274, 3, 1, orientation, True)]
    grey = samples.shape[2] == 1
    if options.get("planarconfig") == "separate":
        samples = samples.transpose(2, 0, 1)
    tifffile.imwrite(
        buffer,
        samples[..., 0] if grey else samples,
        photometric="minisblack" if grey else "rgb",
        extratags=extra,
        iccprofile=icc or None,
        metadata=None,
        **options,
    )
    return buffer.getvalue()


def by_vips(
    samples: Array, ending: str, orientation: int = 1, icc: bytes = b"", **options: Any
) -> bytes:
    deep = samples.dtype == np.uint16
    kinds = {1: ("b-w", "grey16"), 3: ("srgb", "rgb16")}
    image = pyvips.Image.new_from_array(samples)
    image = image.copy(interpretation=kinds[samples.shape[2]][deep]).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return bytes(image.write_to_buffer(ending, **options))


def by_magick(samples: Array, ending: str, *options: str) -> bytes:
    """ImageMagick's own writing of samples; raises FileNotFoundError where it is not installed."""
    program = shutil.which("magick") or shutil.which("convert-im6.q16") or "magick"
    source = by_vips(samples, ".png")
    command = [program, "png:-", *options, f"{ending}:-"]
    return subprocess.run(command, input=source, capture_output=True, check=True).stdout


def adobe_tiff(samples: Array, orientation: int) -> bytes:
    """An uncompressed TIFF whose EXIF says Adobe RGB; no library writes its third directory."""
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    pixels = samples.tobytes()
    interoperability = 8 + len(pixels) + len(pixels) % 2
    exif_at = interoperability + 2 + 12 + 4
    bits_at = exif_at + 2 + 24 + 4
    first = bits_at + 6

    def directory(*entries: tuple[int, int, int, int | bytes]) -> bytes:
        return (
            struct.pack("<H", len(entries))
            + b"".join(
                struct.pack("<HHI", *entry[:3])
                + (entry[3] if isinstance(entry[3], bytes) else struct.pack("<I", entry[3]))
                for entry in entries
            )
            + bytes(4)
        )

    return (
        struct.pack("<2sHI", b"II", 42, first)
        + pixels
        + bytes(len(pixels) % 2)
        + directory((1, 2, 4, b"R03\0"))
        + directory((0xA001, 3, 1, 65535), (0xA005, 4, 1, interoperability))
        + struct.pack("<3H", bits, bits, bits)
        + directory(
            *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits_at), (259, 3, 1, 1)),
            *((262, 3, 1, 2), (273, 4, 1, 8), (274, 3, 1, orientation), (277, 3, 1, channels)),
            *((278, 4, 1, height), (279, 4, 1, len(pixels)), (34665, 4, 1, exif_at)),
        )
    )


def with_chunks(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks put behind its header."""
    parts = [part for part in chunks(data) if part[0] not in (b"iCCP", b"gAMA", b"cHRM", b"sRGB")]
    return png([parts[0], *more, *parts[1:]])


def iccp(icc: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"x\0\0" + zlib.compress(icc)


def chrm(primaries: Any) -> tuple[bytes, bytes]:
    points = [round(v * 100_000) for point in (D65, *primaries) for v in point]
    return b"cHRM", struct.pack(">8I", *points)


def gama(exponent: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(100_000 / exponent))


def decoded(data: bytes) -> Array:
    """What libvips reads of a file of 8 bits, on [0, 1], as stored."""
    image = pyvips.Image.new_from_buffer(data, "")
    return np.atleast_3d(image.numpy()) / 255


def by_heif(samples: Array, orientation: int = 1, codes: tuple[int, ...] = ()) -> bytes:
    height, width, _ = samples.shape
    mode = "RGB" if samples.dtype == np.uint8 else "RGB;16"
    image = pillow_heif.from_bytes(mode, (width, height), samples.tobytes())
    options: dict[str, Any] = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    if codes:
        options |= {"color_primaries": codes[0], "transfer_characteristics": codes[1]}
    buffer = io.BytesIO()
    image.save(buffer, exif=exif(orientation).tobytes(), **options)
    return buffer.getvalue()


def recoded(data: bytes, primaries: int, transfer: int) -> bytes:
    """An AVIF whose nclx box names other colours."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]
