"""A scene, the colour science of photos in float64, and ICC profiles not of our making."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pyvips
from PIL import ImageCms

Array = np.ndarray[Any, Any]


@functools.cache
def scene(channels: int = 3) -> Array:
    """Smooth samples on [0, 1], float64 (33, 47, channels); not square, no two corners alike."""
    y, x = np.mgrid[0:33, 0:47]
    planes = (x / 46, 0.15 + 0.8 * y / 32, 0.5 + 0.45 * np.sin((x + 2 * y) / 9))
    found = np.stack(planes, -1)
    found[:6, :6] = 0
    found[:6, -6:] = 1
    return found[..., 1:2] if channels == 1 else found


def upright(stored: Array, orientation: int) -> Array:
    """Stored rows and columns turned for viewing, spelled out from the EXIF standard."""
    turned: Array = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored),
    }[orientation]
    return turned


SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
D65 = (0.3127, 0.3290)


def matrix(primaries: Any) -> Array:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    x, y = D65
    gains = np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])
    return np.asarray(columns * gains)


def power(exponent: float) -> Callable[[Array], Array]:
    return lambda x: np.asarray(x**exponent)


def srgb_light(x: Array) -> Array:
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def bt709_light(x: Array) -> Array:
    return np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45))


def levels(
    samples: Array, primaries: Any = SRGB, light: Callable[[Array], Array] = srgb_light
) -> Array:
    """sRGB levels, 0 to 255 and not rounded, of samples on [0, 1] with a D65 white."""
    samples = np.clip(samples, 0, 1)
    rgb = samples.repeat(3, axis=2) if samples.shape[2] == 1 else samples[..., :3]
    if primaries is SRGB and light is srgb_light:
        return np.asarray(rgb * 255)
    linear = light(rgb) @ (np.linalg.inv(matrix(SRGB)) @ matrix(primaries)).T
    linear = np.clip(linear, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(coded * 255)


@functools.cache
def profile(name: str) -> bytes:
    if name == "sRGB":
        return bytes(pyvips.Operation.call("profile_load", "srgb"))
    if name in ("P3 gamma 2.6", "Adobe RGB"):
        primaries, gamma = (P3, 2.6) if "P3" in name else (ADOBE, 563 / 256)
        triples = [value for x, y in primaries for value in (x, y, 1.0)]
        return bytes(
            imagecodecs.cms_profile("rgb", whitepoint=(*D65, 1), primaries=triples, gamma=gamma)
        )
    if name == "linear grey":
        return bytes(imagecodecs.cms_profile("gray", whitepoint=(*D65, 1), gamma=1.0))
    if name == "look-up table":
        return _table_profile()
    raise KeyError(name)


def _table_profile() -> bytes:
    """Adobe RGB as a table of 33 x 33 x 33 Lab colours (ICC 2, lut16Type), no matrix."""
    axis = np.linspace(0, 1, 33)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    # Bradford from D65 to D50, as rounded by Lindbloom.
    to_d50 = np.array(
        [
            [1.0478112, 0.0228866, -0.0501270],
            [0.0295424, 0.9904844, -0.0170491],
            [-0.0092345, 0.0150436, 0.7521316],
        ]
    )
    xyz = grid ** (563 / 256) @ (to_d50 @ matrix(ADOBE)).T / np.array([0.9642, 1, 0.8249])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)
    coded = np.stack([lab[:, 0] * 652.8, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], -1)
    ends = struct.pack(">6H", *(0, 65535) * 3)
    table = (
        b"mft2\0\0\0\0\x03\x03\x21\0"
        + struct.pack(">9i", *(65536 * int(n % 4 == 0) for n in range(9)))
        + struct.pack(">2H", 2, 2)
        + ends
        + np.clip(np.rint(coded), 0, 65535).astype(">u2").tobytes()
        + ends
    )
    text = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"table\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0free\0", b"wtpt": white, b"A2B0": table}
    at, listed, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for kind, content in tags.items():
        listed += struct.pack(">4sII", kind, at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI", at + len(body), 0x02400000) + b"mntrRGB Lab " + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + listed + body


def swapped_profile() -> bytes:
    """An sRGB-like profile whose red and green colorants are swapped: unmistakable."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    entries = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)
