"""ICC profiles: made from chromaticities and a curve, and applied by Little CMS.

8-bit samples go through Pillow's Little CMS; deeper ones through imagecodecs', in floating point,
where Little CMS does not shorten a transform to a coarse table (with 16-bit integers it does by
default, at errors of up to 15 of 255 levels), and are rounded last.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from wespe_bench.errors import InputError, printable

_Point = tuple[float, float]
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_ROWS = 256
_LONGEST_TABLE = 16385  # Little CMS takes up to 32767
_NO_TABLES = 0x0100  # Little CMS: cmsFLAGS_NOOPTIMIZE


class UnusableProfileError(ValueError):
    """A profile that is broken, or of another colour space than the samples'."""


@dataclass(frozen=True, slots=True)
class Chromaticities:
    """CIE xy of three primaries and of white."""

    red: _Point
    green: _Point
    blue: _Point
    white: _Point

    def near(self, other: Chromaticities) -> bool:
        """Whether all four are the same to the three digits that files often give."""
        ours = np.array([self.red, self.green, self.blue, self.white])
        theirs = np.array([other.red, other.green, other.blue, other.white])
        return bool(np.abs(ours - theirs).max() < 0.002)


@dataclass(frozen=True, slots=True)
class Curve:
    """From a sample x on [0, 1] to light: (a x + b) ** power from ``start`` on, c x below."""

    power: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    start: float = 0.0


SRGB_CURVE = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@functools.lru_cache(maxsize=8)
def made(chromaticities: Chromaticities, curve: Curve | tuple[int, ...]) -> bytes:
    """An RGB profile (ICC 4.3). A curve may be tables of 16-bit levels: one, or one a channel.

    Raises ValueError for chromaticities that span no colours, and tables of odd lengths.
    """
    points = [chromaticities.red, chromaticities.green, chromaticities.blue]
    columns = np.array([[x, y, 1 - x - y] for x, y in points]).T
    x, y = chromaticities.white
    if not (np.isfinite(columns).all() and 0 < y < 1 and 0 < x < 1 - y + 1e-9):
        raise ValueError("no white point")
    white = np.array([x, y, 1 - x - y]) / y
    if abs(np.linalg.det(columns)) < 1e-4:
        raise ValueError("the primaries span no colours")
    to_xyz = columns * np.linalg.solve(columns, white)
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD
    red, green, blue = (adaptation @ to_xyz).T
    curves = _curves(curve)
    return _profile(
        b"RGB ",
        {
            b"wtpt": _xyz(_D50),
            b"chad": b"sf32" + bytes(4) + _fixed(adaptation.ravel()),
            b"rXYZ": _xyz(red),
            b"gXYZ": _xyz(green),
            b"bXYZ": _xyz(blue),
            b"rTRC": curves[0],
            b"gTRC": curves[1],
            b"bTRC": curves[2],
        },
    )


def _curves(curve: Curve | tuple[int, ...]) -> list[bytes]:
    if isinstance(curve, Curve):
        values = (curve.power, curve.a, curve.b, curve.c, curve.start)
        plain = curve == Curve(curve.power)
        kind, used = (0, values[:1]) if plain else (3, values)
        return [b"para" + struct.pack(">IHH", 0, kind, 0) + _fixed(used)] * 3
    sizes = [len(curve) // number for number in (1, 3) if len(curve) % number == 0]
    each = next((size for size in sizes if size >= 2 and size & (size - 1) == 0), 0)
    if not each:
        raise ValueError("a transfer function of an odd length")
    tables = np.clip(np.reshape(curve, (-1, each)), 0, 65535)
    if each > _LONGEST_TABLE:
        places = np.linspace(0, each - 1, _LONGEST_TABLE)
        tables = np.array([np.interp(places, np.arange(each), table) for table in tables])
    coded = [
        b"curv" + struct.pack(">II", 0, len(table)) + np.rint(table).astype(">u2").tobytes()
        for table in tables
    ]
    return coded if len(coded) == 3 else coded * 3


def _fixed(values: Any) -> bytes:
    numbers = [round(float(value) * 65536) for value in values]
    if any(abs(number) >= 2**31 for number in numbers):
        raise ValueError("a number too large for a profile")
    return struct.pack(f">{len(numbers)}i", *numbers)


def _xyz(values: Any) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = "made from what the file says".encode("utf-16-be")
    name = b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": name, b"cprt": name, **tags}
    at = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for signature, content in tags.items():
        table += struct.pack(">4sII", signature, at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s28s12s48s",
        *(at + len(body), b"", 0x04300000, b"mntr", space, b"XYZ "),
        *(struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp", b"", _fixed(_D50), b""),
    )
    return header + table + body


@functools.lru_cache(maxsize=8)
def description(profile: bytes) -> str:
    """A profile's name, or a word for one that cannot be read."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return printable(ImageCms.getProfileDescription(opened).strip())[:60] or "unnamed"
    except Exception:
        return "broken"


def _has_tables(profile: bytes) -> bool:
    """Whether a profile is more than a matrix and curves, which need no table to be fast."""
    return b"A2B" in profile[132 : 132 + 12 * 100]


def coded_transfer(profile: bytes) -> int | None:
    """The transfer function of a profile's cicp tag (ICC 4.4), as H.273 numbers it."""
    if len(profile) < 132:
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    for number in range(min(count, 100)):
        entry = profile[132 + 12 * number : 144 + 12 * number]
        if len(entry) < 12:
            return None
        if entry[:4] == b"cicp":
            at = int.from_bytes(entry[4:8])
            return profile[at + 9] if at + 9 < len(profile) else None
    return None


def space_of(profile: bytes) -> str:
    """The Pillow mode of the samples that a profile is about."""
    return {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}.get(profile[16:20], "")


@functools.lru_cache(maxsize=8)
def transform(profile: bytes, mode: str) -> Any:
    """Pillow's transform from ``profile`` to sRGB, or None when the samples may stay as they are.

    Raises UnusableProfileError.
    """
    try:
        found = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
            ImageCms.Flags(_NO_TABLES if _has_tables(profile) else 0),
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise UnusableProfileError(str(error)) from None
    if mode == "CMYK":
        return found
    # A profile that says sRGB in other words must not move pixels by rounding.
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    if mode == "RGB":
        lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(18, -1, 3)
        probe = Image.fromarray(lattice)
    else:
        lattice = np.repeat(steps[None, :, None], 3, axis=2)
        probe = Image.fromarray(np.ascontiguousarray(lattice[..., 0]))
    moved = np.asarray(apply(found, probe)).astype(int)
    return None if np.abs(moved - lattice).max() <= 1 else found


def apply(transform: Any, image: Image.Image) -> Image.Image:
    """An image of 8 bits in sRGB."""
    result = ImageCms.applyTransform(image, transform)
    if result is None:
        raise InputError("the colour profile could not be applied")
    return result


def deep_to_rgb(samples: np.ndarray, white: float, profile: bytes) -> np.ndarray:
    """Samples (H, W) or (H, W, 3) from 0 to ``white`` as uint8 sRGB (H, W, 3), rounded last.

    What lies outside is clipped. An empty ``profile`` means that they are sRGB already.
    """
    height, width = samples.shape[:2]
    result = np.empty((height, width, 3), np.uint8)
    kind: Any = np.float64 if samples.dtype.itemsize > 2 else np.float32
    # In strips, so that a big photo does not need a copy of itself in floating point.
    for top in range(0, height, _ROWS):
        with np.errstate(all="ignore"):
            strip = samples[top : top + _ROWS].astype(kind)
            if profile:
                strip = _converted(np.clip(strip / kind(white), 0, 1).astype(np.float32), profile)
                strip = np.clip(strip, 0, 1) * np.float32(255)
            else:
                strip = np.clip(strip / kind(white / 255), 0, 255)
            levels = np.rint(strip).astype(np.uint8)
        result[top : top + _ROWS] = levels if levels.ndim == 3 else levels[..., None]
    return result


def _converted(strip: np.ndarray, profile: bytes) -> np.ndarray:
    import imagecodecs

    grey = space_of(profile) == "L"
    if not grey and strip.ndim == 2:
        strip = np.repeat(strip[..., None], 3, axis=2)
    return np.asarray(
        imagecodecs.cms_transform(
            np.ascontiguousarray(strip),
            profile,
            _srgb(),
            colorspace="gray" if grey else "rgb",
            outcolorspace="rgb",
            intent=imagecodecs.CMS.INTENT.PERCEPTUAL,
            flags=_NO_TABLES,
        )
    )


@functools.cache
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
