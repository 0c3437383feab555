"""A PNG encoder whose every byte follows from the pixels alone.

Pillow's files depend on the zlib it was built with, so sizes measured on two machines cannot
be compared. This stream uses integers only and leaves nothing to a library:

- one filter a row: the one of the five whose output, read as signed bytes, has the smallest
  sum of absolute values; of equal ones the first (none, sub, up, average, Paeth);
- a deflate block for as many rows as fit in `BLOCK` bytes, at least one, always with its own
  Huffman codes (`wespe_bench.metrics.deflate`).

Filters and matches of the next rows are found while those before are being written; they do
not depend on each other, so the bytes are the same with one thread or two.

Any PNG reader decodes it. (PNG: ISO/IEC 15948; deflate: RFC 1951; zlib's frame: RFC 1950.)
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from wespe_bench.images import check_rgb
from wespe_bench.metrics.compiled import compiled
from wespe_bench.metrics.deflate import first_prices, write_block
from wespe_bench.metrics.huffman import WINDOW
from wespe_bench.metrics.kernels import frozen
from wespe_bench.metrics.matches import HASH, find_matches
from wespe_bench.metrics.threads import ahead

#: Filtered bytes in one deflate block, at most (unless one row has more).
BLOCK = 2**15

# Blocks that are prepared, and written, in one go.
_GROUP = 16


def encode(image: np.ndarray) -> bytes:
    """The PNG file of uint8 (H, W, 3), the same bytes on every machine.

    Raises ValueError on another dtype or shape.

    >>> data = encode(np.zeros((64, 64, 3), np.uint8))
    >>> len(data), data[1:4]
    (158, b'PNG')
    """
    check_rgb(image)
    height, width, _ = image.shape
    rows = frozen(image).reshape(height, 3 * width)
    line = 3 * width + 1
    per_block = max(1, BLOCK // line)
    words = np.full(WINDOW + per_block * line, -1, np.int32)
    latest = np.zeros((2, 2**HASH), np.uint16)

    def prepare(top: int) -> tuple[np.ndarray, ...]:
        bottom = min(top + _GROUP * per_block, height)
        filtered = np.empty((bottom - top) * line, np.uint8)
        nearest, paired = np.empty((2, (bottom - top) * width), np.uint16)
        lengths = np.empty((bottom - top) * width, np.uint8)
        _prepare(rows, top, bottom, per_block, words, latest, filtered, nearest, paired, lengths)
        return filtered, nearest, paired, lengths

    prices = first_prices()
    pending = np.zeros(2, np.uint64)  # bits not yet written, and how many
    stream = [b"\x78\x01"]
    checksum = 1
    tops = range(0, height, _GROUP * per_block)
    for top, group in zip(tops, ahead(prepare, tops, samples=image.size), strict=True):
        filtered, nearest, paired, lengths = group
        # At most 15 bits a byte, and headers of less than 512 bytes.
        output = np.empty(2 * filtered.size + 1024 * _GROUP, np.uint8)
        final = top == tops[-1]
        written = _write(
            filtered, nearest, paired, lengths, width, per_block, final, prices, pending, output
        )
        stream.append(output[:written].tobytes())
        checksum = zlib.adler32(filtered.data, checksum)
    stream.append(struct.pack(">I", checksum))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", b"".join(stream)), (b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@compiled
def _prepare(
    rows: np.ndarray,
    top: int,
    bottom: int,
    per_block: int,
    words: np.ndarray,
    latest: np.ndarray,
    filtered: np.ndarray,
    nearest: np.ndarray,
    paired: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """Filters and matches of the blocks of ``rows[top:bottom]``."""
    width = rows.shape[1] // 3
    line = 3 * width + 1
    candidates = np.empty((5, 3 * width), np.uint8)
    for start in range(top, bottom, per_block):
        stop = min(start + per_block, bottom)
        data = filtered[(start - top) * line : (stop - top) * line]
        filter_rows(rows, start, stop, candidates, data)
        first, last = (start - top) * width, (stop - top) * width
        find_matches(
            data,
            width,
            start * line,
            words,
            latest,
            nearest[first:last],
            paired[first:last],
            lengths[first:last],
        )


@compiled
def _write(
    filtered: np.ndarray,
    nearest: np.ndarray,
    paired: np.ndarray,
    lengths: np.ndarray,
    width: int,
    per_block: int,
    final: bool,
    prices: np.ndarray,
    pending: np.ndarray,
    output: np.ndarray,
) -> int:
    """Append the blocks that `_prepare` has found; the number of whole bytes."""
    line = 3 * width + 1
    height = filtered.size // line
    written = 0
    for start in range(0, height, per_block):
        stop = min(start + per_block, height)
        first, last = start * width, stop * width
        written += write_block(
            filtered[start * line : stop * line],
            width,
            final and stop == height,
            nearest[first:last],
            paired[first:last],
            lengths[first:last],
            prices,
            pending,
            output[written:],
        )
    return written


@compiled
def filter_rows(
    rows: np.ndarray, top: int, bottom: int, candidates: np.ndarray, filtered: np.ndarray
) -> None:
    """Filter ``rows[top:bottom]`` of uint8 (H, 3 W): each a type byte and its filtered bytes."""
    size = rows.shape[1]
    zeros = np.zeros(size, np.uint8)
    written = 0
    for row in range(top, bottom):
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
        filtered[written] = best
        target = filtered[written + 1 : written + 1 + size]
        chosen = candidates[best]
        for i in range(size):
            target[i] = chosen[i]
        written += size + 1
