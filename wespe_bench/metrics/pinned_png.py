"""A PNG encoder whose every byte follows from the pixels alone.

Pillow's files depend on the zlib it was built with, so sizes measured on two machines cannot
be compared. This stream uses integers only and leaves nothing to a library:

- one filter a row: the one of the five whose output, read as signed bytes, has the smallest
  sum of absolute values; of equal ones the first (none, sub, up, average, Paeth);
- a deflate block for as many rows as fit in `BLOCK` bytes, at least one, always with its own
  (dynamic) Huffman codes, no code longer than 15 bits;
- matches of whole pixels that stay within a row: of one pixel with the latest place where it
  stood before, or of two and more with the latest where it and its right neighbour did. The
  cheapest way through the block is chosen by dynamic programming, with the code lengths of
  the block before as prices.

Any PNG reader decodes it. (PNG: ISO/IEC 15948; deflate: RFC 1951; zlib's frame: RFC 1950.)
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from wespe_bench.images import check_rgb
from wespe_bench.metrics.compiled import compiled
from wespe_bench.metrics.kernels import frozen

#: Filtered bytes in one deflate block, at most (unless one row has more).
BLOCK = 2**15

_END = 256  # the symbol that ends a block
_LITERALS, _DISTANCES = 286, 30  # literal, end and length symbols; distance symbols
_LONGEST, _WINDOW = 258, 2**15  # longest match, farthest match
_CODE_LIMIT, _HEADER_LIMIT = 15, 7  # longest code of the data, and of the header's own code
_HASH = 15  # bits of the tables of places
_MIX = np.uint32(2654435761)  # Knuth's multiplier, 2**32 over the golden ratio
_TRIED = 4  # lengths in pixels that are tried one by one; of longer matches only the whole
_UNSEEN, _UNSEEN_DISTANCE = 12, 8  # prices in bits of symbols that the block before did not use


def _alphabet(largest: int, first: int, symbols: int, shift: int) -> tuple[np.ndarray, ...]:
    """Value -> symbol, number of extra bits, their value (RFC 1951, 3.2.5), for first..largest."""
    symbol, width, extra = (np.zeros(largest + 1, np.int32) for _ in range(3))
    value = first
    for index in range(symbols):
        bits = max(0, (index >> shift) - 1)
        for offset in range(2**bits):
            if value <= largest:
                symbol[value], width[value], extra[value] = index, bits, offset
                value += 1
    return symbol, width, extra


_LENGTH, _LENGTH_BITS, _LENGTH_EXTRA = _alphabet(_LONGEST, 3, 28, 2)
_LENGTH += _END + 1
_LENGTH[_LONGEST], _LENGTH_BITS[_LONGEST], _LENGTH_EXTRA[_LONGEST] = 285, 0, 0
_all, _bits, _ = _alphabet(_WINDOW, 1, _DISTANCES, 1)
# Distance -> symbol: one by one up to 256, then in steps of 128, which no symbol straddles.
_NEAR, _FAR = _all[:257].astype(np.uint8), _all[1::128].astype(np.uint8)
_DISTANCE_BITS = np.array([_bits[_all == symbol][0] for symbol in range(_DISTANCES)])
_FIRST_DISTANCE = np.array([np.flatnonzero(_all == symbol)[-1] for symbol in range(_DISTANCES)])
_FIRST_DISTANCE -= 2**_DISTANCE_BITS - 1

# The order in which a block's header lists the lengths of its own code (RFC 1951, 3.2.7).
_HEADER_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])


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
    # Three bytes from each byte on, of those that a match can still reach and of the block.
    words = np.full(_WINDOW + per_block * line, -1, np.int32)
    latest = np.zeros((2, 2**_HASH), np.uint16)
    prices = np.full(_LITERALS + _DISTANCES, -1, np.int64)
    candidates = np.empty((5, 3 * width), np.uint8)
    filtered = np.empty(min(per_block, height) * line, np.uint8)
    # At most 15 bits a byte, and a header of less than 512 bytes.
    output = np.empty(2 * filtered.size + 1024, np.uint8)
    pending = np.zeros(2, np.uint64)  # bits not yet written, and how many
    stream = [b"\x78\x01"]
    checksum = 1
    for top in range(0, height, per_block):
        bottom = min(top + per_block, height)
        part = filtered[: (bottom - top) * line]
        filter_rows(rows, top, bottom, candidates, part)
        written = deflate_block(
            part, width, top, bottom == height, words, latest, prices, pending, output
        )
        stream.append(output[:written].tobytes())
        checksum = zlib.adler32(part.data, checksum)
    stream.append(struct.pack(">I", checksum))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", b"".join(stream)), (b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@compiled
def filter_rows(
    rows: np.ndarray, top: int, bottom: np.ndarray, candidates: np.ndarray, filtered: np.ndarray
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


@compiled
def deflate_block(
    data: np.ndarray,
    width: int,
    top: int,
    final: Any,
    words: np.ndarray,
    latest: np.ndarray,
    prices: np.ndarray,
    pending: np.ndarray,
    output: np.ndarray,
) -> int:
    """Append one dynamic block; the number of whole bytes written to ``output``.

    ``data``: the filtered bytes of the rows from ``top`` on. ``words``: int32, the three
    bytes from each of the last `_WINDOW` bytes before them on, with room for theirs.
    ``latest``: uint16, where each pixel, and each
    pair, stood last, modulo 2**16. ``prices``: bits of each
    symbol, from the block before; -1 at first. ``pending``: the bits that fill no byte yet,
    and their number. All four are kept for the next block. ``final`` marks the last block
    and fills up its last byte.
    """
    line = 3 * width + 1
    height = data.size // line
    count = height * width
    distances = np.empty((2, count), np.uint16)
    lengths = np.empty(count, np.uint8)
    _read_words(data, words)
    _look_up(width, height, top * line, words, latest, distances)
    _verify(width, height, words, distances, lengths)
    for i in range(_WINDOW):
        words[i] = words[i + data.size]

    literals, distant = np.zeros(_LITERALS, np.int64), np.zeros(_DISTANCES, np.int64)
    literal_lengths = np.zeros(_LITERALS, np.int64)
    distant_lengths = np.zeros(_DISTANCES, np.int64)
    steps = np.empty(count, np.uint8)
    costs = np.zeros(count + 1, np.int32)
    passes = 1
    if prices[0] < 0:
        _first_prices(data, prices)
        passes = 2
    for _ in range(passes):
        _choose(data, width, height, distances, lengths, prices, costs, steps)
        _tally(data, width, height, distances, steps, literals, distant)
        _code_lengths(literals, _CODE_LIMIT, literal_lengths)
        _code_lengths(distant, _CODE_LIMIT, distant_lengths)
        for symbol in range(_LITERALS):
            prices[symbol] = literal_lengths[symbol] if literals[symbol] else _UNSEEN
        for symbol in range(_DISTANCES):
            price = distant_lengths[symbol] if distant[symbol] else _UNSEEN_DISTANCE
            prices[_LITERALS + symbol] = price

    bits, filled = pending[0], pending[1]
    at = 0
    bits, filled, at = _put(bits, filled, at, output, np.uint64(final), 1)
    bits, filled, at = _put(bits, filled, at, output, np.uint64(2), 2)
    bits, filled, at = _put_header(bits, filled, at, output, literal_lengths, distant_lengths)
    codes, distance_codes = _codes(literal_lengths), _codes(distant_lengths)
    index = start = 0
    for row in range(height):
        start = row * line
        value = data[start]
        bits |= codes[value] << filled
        filled += np.uint64(literal_lengths[value])
        x = 0
        while x < width:
            step = int(np.int64(steps[index]))
            if step == 0:
                for i in range(start + 1 + 3 * x, start + 4 + 3 * x):
                    value = data[i]
                    bits |= codes[value] << filled
                    filled += np.uint64(literal_lengths[value])
                    if filled >= np.uint64(32):
                        bits, filled, at = _flush(bits, filled, at, output)
                x += 1
                index += 1
                continue
            candidate, step = step & 1, step >> 1
            length, distance = 3 * step, int(np.int64(distances[candidate, index]))
            symbol = _LENGTH[length]
            bits |= codes[symbol] << filled
            filled += np.uint64(literal_lengths[symbol])
            bits |= np.uint64(_LENGTH_EXTRA[length]) << filled
            filled += np.uint64(_LENGTH_BITS[length])
            if filled >= np.uint64(32):
                bits, filled, at = _flush(bits, filled, at, output)
            symbol = _distance_symbol(distance)
            bits |= distance_codes[symbol] << filled
            filled += np.uint64(distant_lengths[symbol])
            bits |= np.uint64(distance - _FIRST_DISTANCE[symbol]) << filled
            filled += np.uint64(_DISTANCE_BITS[symbol])
            if filled >= np.uint64(32):
                bits, filled, at = _flush(bits, filled, at, output)
            x += step
            index += step
    bits, filled, at = _put(bits, filled, at, output, codes[_END], literal_lengths[_END])
    if final and filled:
        bits, filled, at = _put(bits, filled, at, output, np.uint64(0), 8 - filled)
    pending[0], pending[1] = bits, filled
    return at


@compiled
def _flush(bits: Any, filled: Any, at: int, output: np.ndarray) -> tuple[Any, Any, int]:
    """Move four bytes out."""
    output[at] = np.uint8(bits & np.uint64(255))
    output[at + 1] = np.uint8((bits >> np.uint64(8)) & np.uint64(255))
    output[at + 2] = np.uint8((bits >> np.uint64(16)) & np.uint64(255))
    output[at + 3] = np.uint8((bits >> np.uint64(24)) & np.uint64(255))
    return bits >> np.uint64(32), filled - np.uint64(32), at + 4


@compiled
def _read_words(data: np.ndarray, words: np.ndarray) -> None:
    """Pack ``data``, which follows the window."""
    target = words[_WINDOW:]
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
    distances: np.ndarray,
) -> None:
    """Distances in bytes, modulo 2**16, to where each pixel and each pair may have stood last.

    ``place`` is the number of bytes before the block. Different pixels can share an entry of
    ``latest``, so these are guesses.
    """
    single, double = latest[0], latest[1]
    nearest, paired = distances[0], distances[1]
    index = 0
    i = _WINDOW
    place -= _WINDOW
    for _ in range(height):
        i += 1
        for x in range(width):
            mixed = np.uint32(np.uint32(words[i]) * _MIX)
            key = mixed >> np.uint32(32 - _HASH)
            here = np.uint16(place + i)
            nearest[index] = np.uint16(here - single[key])
            single[key] = here
            if x + 1 < width:
                mixed = np.uint32(np.uint32(mixed ^ np.uint32(words[i + 3])) * _MIX)
                key = mixed >> np.uint32(32 - _HASH)
                paired[index] = np.uint16(here - double[key])
                double[key] = here
            else:
                paired[index] = 0
            i += 3
            index += 1


@compiled
def _verify(
    width: int, height: int, words: np.ndarray, distances: np.ndarray, lengths: np.ndarray
) -> None:
    """Set wrong guesses to 0; ``lengths``: pixels that match at the second candidate."""
    index = 0
    i = _WINDOW
    for _ in range(height):
        i += 1
        nearest = distances[0, index : index + width]
        paired = distances[1, index : index + width]
        here, reach = words[i : i + 3 * width], words[i - _WINDOW : i + 3 * width]
        for x in range(width):
            distance = min(nearest[x], np.uint16(_WINDOW))
            there = np.uint64(3 * x + _WINDOW) - np.uint64(distance)
            nearest[x] = distance if reach[there] == here[3 * x] else np.uint16(0)
        for x in range(width - 1):
            distance = min(paired[x], np.uint16(_WINDOW))
            there = np.uint64(3 * x + _WINDOW) - np.uint64(distance)
            different = (reach[there] ^ here[3 * x]) | (
                reach[there + np.uint64(3)] ^ here[3 * x + 3]
            )
            paired[x] = np.uint16(0) if different else distance
        nexts = lengths[index : index + width]
        for x in range(width - 2, -1, -1):
            distance = int(np.int64(paired[x]))
            if distance:
                longest = min(width - x, _LONGEST // 3)
                if x + 2 < width and paired[x + 1] == distance:
                    nexts[x] = min(nexts[x + 1] + 1, longest)
                    continue
                n = 2
                after = here[3 * x :]
                before = reach[3 * x + _WINDOW - distance :]
                while n < longest and before[3 * n] == after[3 * n]:
                    n += 1
                nexts[x] = n
        i += 3 * width
        index += width


@compiled
def _distance_symbol(distance: int) -> Any:
    return _NEAR[distance] if distance <= 256 else _FAR[(distance - 1) >> 7]


@compiled
def _first_prices(data: np.ndarray, prices: np.ndarray) -> None:
    """What the first block reckons with: its bytes without matches, and guesses for these."""
    counts = np.zeros(_LITERALS, np.int64)
    for i in range(data.size):
        counts[data[i]] += 1
    _code_lengths(counts, _CODE_LIMIT, prices[:_LITERALS])
    for symbol in range(_END):
        if counts[symbol] == 0:
            prices[symbol] = _UNSEEN
    prices[_END:_LITERALS] = 6
    prices[_LITERALS:] = 4


@compiled
def _choose(
    data: np.ndarray,
    width: int,
    height: int,
    distances: np.ndarray,
    lengths: np.ndarray,
    prices: np.ndarray,
    costs: np.ndarray,
    steps: np.ndarray,
) -> None:
    """The cheapest next step from each pixel: 0 for three literals, else 2 * pixels + candidate."""
    by_length = np.zeros(_LONGEST // 3 + 1, np.int64)
    for n in range(1, by_length.size):
        by_length[n] = prices[_LENGTH[3 * n]] + _LENGTH_BITS[3 * n]
    by_distance = prices[_LITERALS:] + _DISTANCE_BITS
    nearest, paired = distances[0], distances[1]
    index = height * width
    costs[index] = 0
    for row in range(height - 1, -1, -1):
        i = row * (3 * width + 1) + 3 * width + 1
        for _ in range(width):
            i -= 3
            index -= 1
            least = prices[data[i]] + prices[data[i + 1]] + prices[data[i + 2]]
            distance = int(np.int64(nearest[index]))
            cost = by_distance[_distance_symbol(distance)] + by_length[1]
            is_match = (distance > 0) & (cost < least)
            step = 2 if is_match else 0
            least = (cost if is_match else least) + costs[index + 1]
            distance = int(np.int64(paired[index]))
            if distance:
                far = by_distance[_distance_symbol(distance)]
                n = int(np.int64(lengths[index]))
                for k in range(2, min(n, _TRIED) + 1):
                    cost = far + by_length[k] + costs[index + k]
                    if cost < least:
                        least, step = cost, 2 * k + 1
                if n > _TRIED:
                    cost = far + by_length[n] + costs[index + n]
                    if cost < least:
                        least, step = cost, 2 * n + 1
            costs[index] = least
            steps[index] = step


@compiled
def _tally(
    data: np.ndarray,
    width: int,
    height: int,
    distances: np.ndarray,
    steps: np.ndarray,
    literals: np.ndarray,
    distant: np.ndarray,
) -> None:
    """How often each symbol occurs on the chosen way."""
    literals[:], distant[:] = 0, 0
    index = 0
    for row in range(height):
        start = row * (3 * width + 1)
        literals[data[start]] += 1
        x = 0
        while x < width:
            step = int(np.int64(steps[index]))
            if step == 0:
                i = start + 1 + 3 * x
                literals[data[i]] += 1
                literals[data[i + 1]] += 1
                literals[data[i + 2]] += 1
                step = 2
            else:
                literals[_LENGTH[3 * (step >> 1)]] += 1
                distant[_distance_symbol(int(np.int64(distances[step & 1, index])))] += 1
            x += step >> 1
            index += step >> 1
    literals[_END] = 1


@compiled
def _put(
    bits: Any, filled: Any, at: int, output: np.ndarray, value: Any, width: int
) -> tuple[Any, Any, int]:
    """Append ``width`` bits, and move whole bytes out."""
    bits |= value << filled
    filled += np.uint64(width)
    while filled >= np.uint64(8):
        output[at] = np.uint8(bits & np.uint64(255))
        bits >>= np.uint64(8)
        filled -= np.uint64(8)
        at += 1
    return bits, filled, at


@compiled
def _code_lengths(counts: np.ndarray, limit: int, lengths: np.ndarray) -> None:
    """Huffman code lengths of at most ``limit`` bits, at least two of them not zero.

    Of equal counts the lower symbol comes first, and a leaf before a tree. While a code is
    too long all counts are halved, rounded up, and the tree is built anew.
    """
    order = np.empty(counts.size, np.int64)
    used = 0
    for symbol in range(counts.size):
        if counts[symbol] > 0:
            order[used] = symbol
            used += 1
    lengths[:] = 0
    if used < 2:
        lengths[0] = lengths[max(order[0], 1) if used else 1] = 1
        return
    weights = np.empty(2 * used, np.int64)
    parents = np.empty(2 * used, np.int64)
    depths = np.empty(2 * used, np.int64)
    halved = counts.copy()
    while True:
        for i in range(1, used):
            symbol = order[i]
            j = i
            while j > 0 and (
                halved[order[j - 1]] > halved[symbol]
                or (halved[order[j - 1]] == halved[symbol] and order[j - 1] > symbol)
            ):
                order[j] = order[j - 1]
                j -= 1
            order[j] = symbol
        for i in range(used):
            weights[i] = halved[order[i]]
        leaf, tree = 0, used
        for node in range(used, 2 * used - 1):
            weights[node] = 0
            for _ in range(2):
                if leaf < used and (tree >= node or weights[leaf] <= weights[tree]):
                    child = leaf
                    leaf += 1
                else:
                    child = tree
                    tree += 1
                weights[node] += weights[child]
                parents[child] = node
        depths[2 * used - 2] = 0
        deepest = 0
        for node in range(2 * used - 3, -1, -1):
            depths[node] = depths[parents[node]] + 1
            deepest = max(deepest, depths[node])
        if deepest <= limit:
            break
        for i in range(used):
            halved[order[i]] = (halved[order[i]] + 1) // 2
    for i in range(used):
        lengths[order[i]] = depths[i]


@compiled
def _codes(lengths: np.ndarray) -> np.ndarray:
    """Canonical codes (RFC 1951, 3.2.2), lowest bit first: uint64, one a symbol."""
    codes = np.zeros(lengths.size, np.uint64)
    code = 0
    for length in range(1, _CODE_LIMIT + 1):
        for symbol in range(lengths.size):
            if lengths[symbol] == length:
                reversed_code = 0
                for bit in range(length):
                    reversed_code |= ((code >> bit) & 1) << (length - 1 - bit)
                codes[symbol] = np.uint64(reversed_code)
                code += 1
        code <<= 1
    return codes


@compiled
def _put_header(
    bits: Any, filled: Any, at: int, output: np.ndarray, lengths: np.ndarray, distant: np.ndarray
) -> tuple[Any, Any, int]:
    """The code lengths of literals and distances, run-length and Huffman coded."""
    listed = _LITERALS
    while listed > _END + 1 and lengths[listed - 1] == 0:
        listed -= 1
    distances = _DISTANCES
    while distances > 1 and distant[distances - 1] == 0:
        distances -= 1
    total = listed + distances
    sequence = np.empty(total, np.int64)
    sequence[:listed] = lengths[:listed]
    sequence[listed:] = distant[:distances]
    symbols = np.empty(total, np.int64)
    extras = np.zeros(total, np.int64)
    counts = np.zeros(19, np.int64)
    size = 0
    i = 0
    while i < total:
        value = sequence[i]
        stop = i + 1
        while stop < total and sequence[stop] == value:
            stop += 1
        run = stop - i
        if value == 0 and run >= 11:
            run = min(run, 138)
            symbols[size], extras[size] = 18, run - 11
        elif value == 0 and run >= 3:
            symbols[size], extras[size] = 17, run - 3
        elif i and value == sequence[i - 1] and run >= 3:
            run = min(run, 6)
            symbols[size], extras[size] = 16, run - 3
        else:
            run = 1
            symbols[size] = value
        counts[symbols[size]] += 1
        size += 1
        i += run
    own = np.zeros(19, np.int64)
    _code_lengths(counts, _HEADER_LIMIT, own)
    codes = _codes(own)
    order = 19
    while order > 4 and own[_HEADER_ORDER[order - 1]] == 0:
        order -= 1
    bits, filled, at = _put(bits, filled, at, output, np.uint64(listed - 257), 5)
    bits, filled, at = _put(bits, filled, at, output, np.uint64(distances - 1), 5)
    bits, filled, at = _put(bits, filled, at, output, np.uint64(order - 4), 4)
    for i in range(order):
        bits, filled, at = _put(bits, filled, at, output, np.uint64(own[_HEADER_ORDER[i]]), 3)
    for i in range(size):
        symbol = symbols[i]
        bits, filled, at = _put(bits, filled, at, output, codes[symbol], own[symbol])
        if symbol >= 16:
            width = 2 if symbol == 16 else (3 if symbol == 17 else 7)
            bits, filled, at = _put(bits, filled, at, output, np.uint64(extras[i]), width)
    return bits, filled, at
