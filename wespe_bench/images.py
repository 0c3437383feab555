"""The only decoder, the only encoder and the only quantiser.

Everything that becomes a number passes through `read_rgb`: uint8 RGB, sRGB, upright.
Everything an enhancer makes passes through `quantize` and `write_png`.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from wespe_bench import atomic, bombs, reading
from wespe_bench.errors import InputError, one_line

#: Endings of phones' HEIC photos, which need the extra ``heic`` (pillow-heif).
HEIC_EXTENSIONS = (".heic", ".heif")

#: File name endings (lower case) that count as photos when a folder is listed.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp") + (
    HEIC_EXTENSIONS if importlib.util.find_spec("pillow_heif") else ()
)

#: Photos with more pixels than this are refused before they are decoded: 2**28, about
#: 268 megapixels, above every camera of today and 0.8 GB as RGB.
MAX_PIXELS = 2**28

# Pillow's own formats that can hold a photo; PostScript and friends stay closed because
# opening them starts other programs.
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")

# Pillow's guard would refuse a 200-megapixel phone photo; ours stands in its place.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

#: MATLAB's exact rgb2gray weights (SPEC 4.5); they sum to 1 to the last bit.
LUMA_WEIGHTS = (0.298936021293775, 0.587043074451121, 0.114020904255103)


def read_rgb(source: Path | str | bytes, *, name: str = "") -> np.ndarray:
    """Decode a photo to uint8 sRGB of shape (H, W, 3), upright.

    EXIF orientation is applied; an embedded ICC profile is converted to sRGB (perceptual
    intent) unless it already is sRGB to within one level; alpha is dropped, not
    composited; grey, palette and CMYK become RGB; 16-bit samples become
    ``round(v / 257)``; of an animation the first frame is taken.

    ``source`` is a path, or the bytes of a file whose ``name`` is used in messages.

    Damage inside a JPEG's compressed data that its decoder conceals is not noticed.

    Raises InputError when the file is missing, not a photo, damaged, cut short, larger
    than `MAX_PIXELS`, or holds floating-point samples, whose range nobody can know.
    """
    if isinstance(source, bytes):
        data = source
    else:
        name = name or str(source)
        data = reading.wanted_bytes(source, name=name)
    if not data:
        raise InputError(f"{name}: the file is empty")
    try:
        return _decode(data, name)
    except InputError as error:
        where = "" if str(error).startswith(f"{name}: ") else f"{name}: "
        raise InputError(f"{where}{error}") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name}: more than the limit of {MAX_PIXELS} pixels") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{name}: not a photo in a known format (JPEG, PNG, TIFF, WebP, BMP)"
        ) from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise InputError(f"{name}: damaged or unsupported image ({one_line(error)})") from None


def _decode(data: bytes, name: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=formats(data[:32], name)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise InputError(
                    f"{name}: {width}x{height} is more than the limit of {MAX_PIXELS} pixels"
                )
            orientation = image.getexif().get(0x0112, 1)
            profile = image.info.get("icc_profile")
            deep = _read_16_bit(data, image)
            if deep is not None:
                pixels = np.rint(deep / np.float32(257)).astype(np.uint8)
                upright = Image.fromarray(pixels)
            elif image.mode in ("F", "I"):
                raise InputError(
                    f"{name}: {image.mode!r} samples have no known range; "
                    "save the photo with 8 or 16 bits per sample"
                )
            else:
                if image.format in ("JPEG", "MPO"):
                    bombs.check_scans(data)
                image.load()
                upright = _without_alpha(image)
    if orientation not in (None, 1):
        upright = _turn(upright, int(orientation))
    rgb = _to_srgb(upright, profile)
    return np.array(rgb, dtype=np.uint8)  # a copy: Pillow's own memory is read-only


def formats(start: bytes, name: str) -> tuple[str, ...]:
    """Pillow's names of the formats that a file with these first bytes is tried as.

    HEIF only for a file that says so. Raises InputError where that needs pillow-heif.
    """
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS:
        return _FORMATS
    try:
        import pillow_heif
    except ImportError:
        raise InputError(
            f"{name}: a HEIC photo; pip install 'wespe-bench[heic]' (or pillow-heif) to read it"
        ) from None
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _without_alpha(image: Image.Image) -> Image.Image:
    """The same picture in mode L, RGB or CMYK; colour under transparency is kept."""
    if image.mode in ("L", "RGB", "CMYK"):
        return image  # loaded already, so it outlives its file; a copy takes a third of the time
    if image.mode in ("1", "LA", "La"):
        return image.convert("LA").convert("L") if image.mode != "1" else image.convert("L")
    return image.convert("RGBA").convert("RGB")


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    image.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(image)
    return image if turned is None else turned


def _read_16_bit(data: bytes, image: Image.Image) -> np.ndarray | None:
    """The samples of a 16-bit photo as float32 (H, W) or (H, W, 3), None if it has 8 bits.

    Pillow keeps the high byte of 16-bit colour, which is up to a level too dark, so colour
    is read by pypng and tifffile.
    """
    if image.format == "PNG" and data[24] == 16:
        import png

        width, height = image.size
        bombs.check_png(data, 2 * height * (8 * width + 1) + 1024)
        width, height, rows, _ = png.Reader(bytes=data).read()
        samples = np.vstack([np.asarray(row, dtype=np.uint16) for row in rows])
        samples = samples.reshape(height, width, -1)
    elif image.format == "TIFF" and _tag(image, _BITS) == 16:
        import tifffile

        meaning = _tag(image, _PHOTOMETRIC)
        if meaning not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
            raise InputError("a 16-bit TIFF has to be RGB or grey; save it with 8 bits or as those")
        if _tag(image, _EXTRA_SAMPLES) == _PREMULTIPLIED:
            raise InputError("a 16-bit TIFF with premultiplied alpha; save it without alpha")

        with tifffile.TiffFile(io.BytesIO(data)) as file:
            bombs.check_tiff(file.pages[0], image.size)
            samples = file.pages[0].asarray()
        if samples.dtype != np.uint16 or samples.ndim not in (2, 3):
            raise InputError(
                "this 16-bit TIFF holds something else than one photo of 16-bit samples"
            )
        if samples.ndim == 2:
            samples = samples[..., None]
        if meaning == _WHITE_IS_ZERO:
            samples = 65535 - samples
        if samples.shape[0] in (3, 4) and samples.shape[2] not in (3, 4):
            samples = samples.transpose(1, 2, 0)
    else:
        return None
    channels = samples.shape[2]
    colour = samples[..., 0] if channels in (1, 2) else samples[..., :3]
    return colour.astype(np.float32)


# TIFF 6.0: tags, and the values of PhotometricInterpretation and ExtraSamples we tell apart.
_BITS, _PHOTOMETRIC, _EXTRA_SAMPLES = 258, 262, 338
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PREMULTIPLIED = 0, 1, 2, 1


def _tag(image: Image.Image, tag: int) -> int | None:
    """The (first) value of a TIFF tag."""
    value = getattr(image, "tag_v2", {}).get(tag)
    if isinstance(value, tuple):
        value = value[0] if value else None
    return None if value is None else int(value)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        transform = _transform(profile, image.mode)
        if transform is not None:
            return _apply(transform, image)
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> Any:
    """A transform from ``profile`` to sRGB, or None when the pixels may stay as they are."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL
        )
    except (ImageCms.PyCMSError, OSError):
        # A broken profile, or one of another colour space than the pixels': every viewer
        # falls back to sRGB, and so do we.
        return None
    if mode == "CMYK":
        return transform
    # A profile that says sRGB in other words must not move pixels by rounding.
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    if mode == "RGB":
        lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(18, -1, 3)
        probe = Image.fromarray(lattice)
    else:
        lattice = np.repeat(steps[None, :, None], 3, axis=2)
        probe = Image.fromarray(np.ascontiguousarray(lattice[..., 0]))
    moved = np.asarray(_apply(transform, probe)).astype(int)
    return None if np.abs(moved - lattice).max() <= 1 else transform


def _apply(transform: Any, image: Image.Image) -> Image.Image:
    result = ImageCms.applyTransform(image, transform)
    if result is None:
        raise InputError("the colour profile could not be applied")
    return result


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

    uint8 (H, W, 3) passes unchanged. Floating point on [0, 1] is clamped, multiplied by 255
    in float64 and rounded half to even.

    Raises ValueError on another dtype or shape, and on NaN.

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
