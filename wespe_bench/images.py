"""The only decoder, the only encoder and the only quantiser.

Everything that becomes a number passes through `read_rgb`: uint8 RGB, sRGB, upright.
Everything an enhancer makes passes through `quantize` and `write_png`.
"""

from __future__ import annotations

import functools
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from wespe_bench import atomic, fingerprints, reading
from wespe_bench.decoders import pillow, profiles, reader
from wespe_bench.decoders.pillow import Decoded
from wespe_bench.errors import InputError, one_line

#: Endings of phones' HEIC photos, which need the extra ``heic`` (pillow-heif).
HEIC_EXTENSIONS = (".heic", ".heif")

#: File name endings (lower case) that count as photos when a folder is listed.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".avif", ".bmp"),
    *(HEIC_EXTENSIONS if importlib.util.find_spec("pillow_heif") else ()),
)

#: Photos with more pixels than this are refused before they are decoded.
MAX_PIXELS = pillow.MAX_PIXELS

#: Version of how photos are read, part of what makes a result: raise it when photos of any kind
#: read differently. 2: orientation of TIFF, depth before colours, colours not named by ICC.
READER = 2

#: MATLAB's exact rgb2gray weights (SPEC 4.5); they sum to 1 to the last bit.
LUMA_WEIGHTS = (0.298936021293775, 0.587043074451121, 0.114020904255103)


def reader_version() -> str:
    """`READER` and the versions of the libraries that decode: part of every result and score."""
    return "+".join([f"reader{READER}", *_decoders()])


@functools.cache
def _decoders() -> list[str]:
    found = {
        name: fingerprints.version_of(name) for name in ("pillow", "imagecodecs", "pillow-heif")
    }
    return [f"{name}{version}" for name, version in found.items() if version != "-"]


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as `read_rgb` gives it; what was done about its colours, "" for plain sRGB."""

    pixels: np.ndarray
    colours: str


def read_rgb(source: Path | str | bytes, *, name: str = "") -> np.ndarray:
    """Decode a photo to uint8 sRGB of shape (H, W, 3), upright.

    Orientation (EXIF, or the container's own) is applied once. Colours that the file names, in
    whichever way (`wespe_bench.decoders.colour`), are converted to sRGB (perceptual intent) at
    the file's own depth, unless they are sRGB to within one level. Alpha is dropped, not
    composited; grey, palette and CMYK become RGB; samples of n bits become
    ``round(255 v / (2**n - 1))``, floating-point ones ``round(255 v)``, clipped; of an animation
    the first frame is taken (an AVIF is refused).

    Args:
        source: A path, or the bytes of a file.
        name: What messages call it; default: the path.

    Returns:
        A new array.

    Raises:
        InputError: The file is missing, not a photo, damaged, cut short, larger than
            `MAX_PIXELS`, HDR, or of a kind that cannot be read right. Damage inside a JPEG's
            compressed data that its decoder conceals is not noticed.
    """
    return read_photo(source, name=name).pixels


def read_photo(source: Path | str | bytes, *, name: str = "") -> Photo:
    """As `read_rgb`, with what was done about the photo's colours."""
    if isinstance(source, bytes):
        data = source
    else:
        name = name or str(source)
        data = reading.wanted_bytes(source, name=name)
    if not data:
        raise InputError(f"{name}: the file is empty")
    try:
        return _upright_srgb(reader.read(data))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name}: more than the limit of {MAX_PIXELS} pixels") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{name}: not a photo in a known format (JPEG, PNG, TIFF, WebP, AVIF, BMP)"
        ) from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise InputError(f"{name}: damaged or unsupported image ({one_line(error)})") from None


def _upright_srgb(decoded: Decoded) -> Photo:
    samples, unusable = decoded.samples, ""
    profile, conversion = b"", ""
    transform = None
    for colour in decoded.colours:
        if not colour.profile:
            break
        if isinstance(samples, Image.Image):
            mode = samples.mode
        else:
            mode = "L" if samples.ndim == 2 else "RGB"
        # Grey samples with a profile of RGB are its grey axis.
        grey_in_rgb = mode == "L" and profiles.space_of(colour.profile) == "RGB"
        try:
            transform = profiles.transform(colour.profile, "RGB" if grey_in_rgb else mode)
        except profiles.UnusableProfileError:
            # Every viewer falls back to what comes next, in the end to sRGB, and so do we.
            unusable = unusable or f"read as sRGB: {colour.name} cannot be used"
            continue
        if transform is not None:
            profile, conversion = colour.profile, f"converted from {colour.name}"
            if grey_in_rgb and isinstance(samples, Image.Image):
                samples = samples.convert("RGB")
        break
    if isinstance(samples, Image.Image):
        image = pillow.turned(samples, decoded.orientation)
        if transform is not None:
            image = profiles.apply(transform, image)
        image = image if image.mode == "RGB" else image.convert("RGB")
    else:
        pixels = profiles.deep_to_rgb(samples, decoded.white, profile)
        image = pillow.turned(Image.fromarray(pixels), decoded.orientation)
    return Photo(pillow.array_of(image), conversion or unusable)


def check_rgb(image: np.ndarray, name: str = "image") -> None:
    """Raise ValueError unless ``image`` is a uint8 array of shape (H, W, 3), H and W >= 1."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"{name}: expected a numpy array, got {type(image).__name__}")
    if image.dtype != np.uint8:
        raise ValueError(f"{name}: expected dtype uint8, got {image.dtype}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"{name}: expected shape (H, W, 3), got {image.shape}")


def quantize(image: np.ndarray) -> np.ndarray:
    """Bring an enhancer's result to 8 bits: the one place where that happens.

    Args:
        image: uint8 (H, W, 3), which passes unchanged, or floating point on [0, 1], which is
            clamped, multiplied by 255 in float64 and rounded half to even.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: Another dtype or shape, or NaN.

    >>> quantize(np.array([[[0.5 / 255, 1.5 / 255, 1.2]]]))
    array([[[  0,   2, 255]]], dtype=uint8)
    """
    if not isinstance(image, np.ndarray):
        raise ValueError(f"expected a numpy array, got {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected shape (H, W, 3), got {image.shape}")
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"expected uint8, or floating point on [0, 1], got {image.dtype}")
    result = np.empty(image.shape, np.uint8)
    # In strips, so that a big photo does not need a float64 copy of itself.
    for top in range(0, image.shape[0], 256):
        strip = image[top : top + 256].astype(np.float64)
        if np.isnan(strip).any():
            raise ValueError("the result contains NaN")
        result[top : top + 256] = np.rint(np.clip(strip, 0.0, 1.0) * 255.0)
    return result


@functools.cache
def linear_light() -> np.ndarray:
    """Linear light on [0, 1] of each 8-bit value of sRGB, float64 (256,) (IEC 61966-2-1)."""
    tone = np.arange(256) / 255
    table = np.where(tone <= 0.04045, tone / 12.92, ((tone + 0.055) / 1.055) ** 2.4)
    table.setflags(write=False)
    return table


def luma(image: np.ndarray) -> np.ndarray:
    """Grey version of uint8 (H, W, 3) as uint8 (H, W): MATLAB's rgb2gray, weights to 15 digits.

    >>> int(luma(np.array([[[255, 0, 0]]], np.uint8))[0, 0])
    76
    """
    red, green, blue = _luma_tables()
    # Half is added before the cut, as MATLAB rounds; an exact half cannot occur except in
    # float noise, because the weights have no short fraction.
    total = red[image[..., 0]]
    total += green[image[..., 1]]
    total += blue[image[..., 2]]
    total += 0.5
    return np.asarray(total.astype(np.uint8))


@functools.cache
def _luma_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    levels = np.arange(256, dtype=np.float64)
    red, green, blue = LUMA_WEIGHTS
    return red * levels, green * levels, blue * levels


def encode_png(image: np.ndarray, level: int = 6) -> bytes:
    """PNG bytes of uint8 (H, W, 3): Pillow, zlib ``level`` 0-9, no metadata."""
    check_rgb(image)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=level)
    return buffer.getvalue()


def write_png(path: Path, image: np.ndarray, level: int = 1) -> bytes:
    """Write uint8 (H, W, 3) as PNG under a temporary name, then rename; returns the bytes.

    Level 1 because the file is a carrier, not a measurement: at level 6 a 12-megapixel
    photo takes several times as long for a tenth fewer bytes. `bpp` encodes for itself.
    """
    data = encode_png(image, level)
    atomic.write_bytes(path, data)
    return data
