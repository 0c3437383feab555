r"""PNG bits per pixel: how hard the photo is to compress without loss.

.. math:: 8 \cdot \text{bytes} / (W H)

Two conventions, both 24-bit RGB encoded in memory without metadata:

- ``bpp``: Pillow at zlib level 6. The byte count depends on the encoder, so its builds are
  part of the version, and numbers of two builds are never meant together.
- ``bpp_pinned``: our choice of filters and libdeflate (PyPI ``deflate``, whose wheels contain it),
  whose version is part of the metric's. The same bytes on every machine.

The pinned encoder gives each row the one of PNG's five filters whose output, read as signed bytes,
has the smallest sum of absolute values; of equal ones the first (none, sub, up, average, Paeth).
libdeflate's level 6 is the fastest that needs no more bits than Pillow's level 6 on photos of
phones, cameras and scanners (sums over DPED, Kodak, BSDS, PolyU and DICM: 0.966 to 1.000 of
Pillow's at 4.1 to 5.1 times its speed; level 5 needs up to 1.008). Not every photo needs fewer:
where short matches do not pay, which Pillow's zlib leaves out, it takes more, the colour photos of
scikit-image 1.013 and driving frames of KITTI 1.08.

PNG: ISO/IEC 15948; deflate: RFC 1951; its zlib frame: RFC 1950.
"""

from __future__ import annotations

import struct

import deflate
import numpy as np
import PIL
from PIL import features

from wespe_bench.images import check_rgb, encode_png
from wespe_bench.metrics.compiled import compiled
from wespe_bench.metrics.kernels import frozen
from wespe_bench.metrics.pairs import check_alone
from wespe_bench.types import Metric

#: libdeflate's compression level.
_LIBDEFLATE_LEVEL = 6


def encode(image: np.ndarray) -> bytes:
    """The PNG file of uint8 (H, W, 3), the same bytes on every machine.

    Raises ValueError on another dtype or shape.

    >>> data = encode(np.zeros((64, 64, 3), np.uint8))
    >>> len(data), data[1:4]
    (91, b'PNG')
    """
    check_rgb(image)
    height, width, _ = image.shape
    filtered = filter_rows(frozen(image).reshape(height, 3 * width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = deflate.zlib_compress(filtered.data, _LIBDEFLATE_LEVEL)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes | bytearray) -> bytes:
    checksum = deflate.crc32(data, deflate.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


@compiled
def filter_rows(rows: np.ndarray) -> np.ndarray:
    """Filter uint8 (H, 3 W): uint8 (H, 1 + 3 W), each row's filter type and filtered bytes."""
    height, size = rows.shape
    filtered = np.empty((height, size + 1), np.uint8)
    candidates = np.empty((5, size), np.uint8)
    zeros = np.zeros(size, np.uint8)
    for row in range(height):
        line = rows[row]
        above = rows[row - 1] if row else zeros
        none, sub, up = candidates[0], candidates[1], candidates[2]
        average, paeth = candidates[3], candidates[4]
        for i in range(3):
            none[i] = sub[i] = line[i]
            up[i] = paeth[i] = line[i] - above[i]
            average[i] = line[i] - (above[i] >> 1)
        here, left = line[3:], line[: size - 3]
        over, corner = above[3:], above[: size - 3]
        none, sub, up = none[3:], sub[3:], up[3:]
        average, paeth = average[3:], paeth[3:]
        for i in range(size - 3):
            value, a, b, c = here[i], np.int16(left[i]), np.int16(over[i]), np.int16(corner[i])
            none[i] = value
            sub[i] = value - left[i]
            up[i] = value - over[i]
            average[i] = value - np.uint8((a + b) >> 1)
            to_a, to_b = np.int16(b - c), np.int16(a - c)
            to_c = abs(np.int16(to_a + to_b))
            to_a, to_b = abs(to_a), abs(to_b)
            nearest = a if to_a <= to_b and to_a <= to_c else (b if to_b <= to_c else c)
            paeth[i] = value - np.uint8(nearest)
        best, least = 0, 2**62
        for kind in range(5):
            total = np.int32(0)
            candidate = candidates[kind]
            for i in range(size):
                total += np.int32(min(candidate[i], np.uint8(-candidate[i])))
            if total < least:
                best, least = kind, int(total)
        filtered[row, 0] = best
        target = filtered[row, 1:]
        chosen = candidates[best]
        for i in range(size):
            target[i] = chosen[i]
    return filtered


LEVEL = 6


def bpp(image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0) -> float:
    """Bits per pixel of uint8 (H, W, 3) as a PNG.

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: Another dtype or shape, or a reference.

    >>> bpp(np.zeros((64, 64, 3), np.uint8)) < 1
    True
    """
    check_alone(image, reference)
    pixels = int(image.shape[0]) * int(image.shape[1])
    return 8.0 * len(encode_png(image, LEVEL)) / pixels


def bpp_pinned(
    image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
) -> float:
    """Bits per pixel of uint8 (H, W, 3) as a PNG with pinned bytes, which any reader decodes.

    Args and errors as `bpp`.

    >>> bpp_pinned(np.zeros((64, 64, 3), np.uint8))
    0.177734375
    """
    check_alone(image, reference)
    pixels = int(image.shape[0]) * int(image.shape[1])
    return 8.0 * len(encode(image)) / pixels


def _encoder() -> str:
    if features.check_feature("zlib_ng"):
        return f"zlib-ng{features.version_feature('zlib_ng')}"
    return f"zlib{features.version_codec('zlib')}"


BPP = Metric(
    name="bpp",
    version=f"1+pillow{PIL.__version__}+{_encoder()}",
    unit="bit/px",
    higher_is_better=True,
    full_reference=False,
    compute=bpp,
    title="PNG bpp",
    summary="bits per pixel of the PNG, Pillow level 6; the paper reads more as better, "
    "noise raises it",
    quantity="PNG bits per pixel of A",
    convention="Pillow at zlib level 6; depends on the zlib it was built with",
    golden=("1+pillow13.0.0+zlib-ng2.3.3", 12.703150912106135),
    possible=(0.0, 1e9),
    rates_quality=False,
)

BPP_PINNED = Metric(
    name="bpp_pinned",
    version=f"2+deflate{deflate.__version__}",
    unit="bit/px",
    higher_is_better=True,
    full_reference=False,
    compute=bpp_pinned,
    title="PNG bpp (pinned)",
    summary="bits per pixel of a PNG whose bytes do not depend on the machine",
    quantity="PNG bits per pixel of A",
    convention="libdeflate at level 6; the same bytes on every machine",
    golden=("2+deflate0.9.0", 13.38905472636816),
    possible=(0.0, 1e9),
    rates_quality=False,
)
