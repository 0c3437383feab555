"""Where a PNG's filtered pixels stood before: the matches that its deflate stream may use.

Matches of whole pixels that stay within a row: of one pixel with the latest place where it
stood before, or of two and more with the latest where it and its right neighbour did.
"""

from __future__ import annotations

import numpy as np

from wespe_bench.metrics.compiled import compiled
from wespe_bench.metrics.huffman import LONGEST, WINDOW

#: Bits of the tables of places.
HASH = 15
_MIX = np.uint32(2654435761)  # Knuth's multiplier, 2**32 over the golden ratio


@compiled
def find_matches(
    data: np.ndarray,
    width: int,
    place: int,
    words: np.ndarray,
    latest: np.ndarray,
    nearest: np.ndarray,
    paired: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """Distances in bytes, 0 for none, and lengths in pixels of the matches of one block.

    ``data``: its filtered rows, uint8, each with its type byte; ``place``: the number of bytes
    before them. ``words``: int32, the three bytes from each of the last `WINDOW` bytes on,
    with room for those of the block; ``latest``: uint16 (2, 2**HASH), where each pixel, and
    each pair, stood last, modulo 2**16. Both are kept for the next block. To be filled, one
    entry a pixel: ``nearest`` and ``paired``, uint16, the distances of the single pixel and of
    the pair; ``lengths``, uint8, how many pixels match at the pair's.
    """
    height = data.size // (3 * width + 1)
    _read_words(data, words)
    _look_up(width, height, place, words, latest, nearest, paired)
    _verify(width, height, words, nearest, paired, lengths)
    for i in range(WINDOW):
        words[i] = words[i + data.size]


@compiled
def _read_words(data: np.ndarray, words: np.ndarray) -> None:
    """Pack ``data``, which follows the window."""
    target = words[WINDOW:]
    for i in range(data.size - 2):
        target[i] = np.int32(data[i]) | (np.int32(data[i + 1]) << 8) | (np.int32(data[i + 2]) << 16)
    # The last two lack a successor until the next block, and are never asked for: a match of
    # whole pixels that begins in this block ends in it.
    target[data.size - 2] = target[data.size - 1] = -1


@compiled
def _look_up(
    width: int,
    height: int,
    place: int,
    words: np.ndarray,
    latest: np.ndarray,
    nearest: np.ndarray,
    paired: np.ndarray,
) -> None:
    """Distances in bytes, modulo 2**16, to where each pixel and each pair may have stood last.

    ``place`` is the number of bytes before the block. Different pixels can share an entry of
    ``latest``, so these are guesses.
    """
    single, double = latest[0], latest[1]
    index = 0
    i = WINDOW
    place -= WINDOW
    for _ in range(height):
        i += 1
        for x in range(width):
            mixed = np.uint32(np.uint32(words[i]) * _MIX)
            key = mixed >> np.uint32(32 - HASH)
            here = np.uint16(place + i)
            nearest[index] = np.uint16(here - single[key])
            single[key] = here
            if x + 1 < width:
                mixed = np.uint32(np.uint32(mixed ^ np.uint32(words[i + 3])) * _MIX)
                key = mixed >> np.uint32(32 - HASH)
                paired[index] = np.uint16(here - double[key])
                double[key] = here
            else:
                paired[index] = 0
            i += 3
            index += 1


@compiled
def _verify(
    width: int,
    height: int,
    words: np.ndarray,
    singles: np.ndarray,
    pairs: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """Set wrong guesses to 0; ``lengths``: pixels that match where the pair does."""
    index = 0
    i = WINDOW
    for _ in range(height):
        i += 1
        nearest = singles[index : index + width]
        paired = pairs[index : index + width]
        here, reach = words[i : i + 3 * width], words[i - WINDOW : i + 3 * width]
        for x in range(width):
            distance = min(nearest[x], np.uint16(WINDOW))
            there = np.uint64(3 * x + WINDOW) - np.uint64(distance)
            nearest[x] = distance if reach[there] == here[3 * x] else np.uint16(0)
        for x in range(width - 1):
            distance = min(paired[x], np.uint16(WINDOW))
            there = np.uint64(3 * x + WINDOW) - np.uint64(distance)
            different = (reach[there] ^ here[3 * x]) | (
                reach[there + np.uint64(3)] ^ here[3 * x + 3]
            )
            paired[x] = np.uint16(0) if different else distance
        nexts = lengths[index : index + width]
        for x in range(width - 2, -1, -1):
            distance = int(np.int64(paired[x]))
            if distance:
                longest = min(width - x, LONGEST // 3)
                if x + 2 < width and paired[x + 1] == distance:
                    nexts[x] = min(nexts[x + 1] + 1, longest)
                    continue
                n = 2
                after = here[3 * x :]
                before = reach[3 * x + WINDOW - distance :]
                while n < longest and before[3 * n] == after[3 * n]:
                    n += 1
                nexts[x] = n
        i += 3 * width
        index += width
