"""A deflate stream of PNG rows whose every bit follows from the pixels alone.

Blocks always have their own (dynamic) Huffman codes. The cheapest way through a block, by
literals or by the matches of `wespe_bench.metrics.matches`, is chosen by dynamic programming,
with the code lengths of the block before as prices. (RFC 1951.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wespe_bench.metrics.compiled import compiled
from wespe_bench.metrics.huffman import (
    CODE_LIMIT,
    DISTANCE_BITS,
    DISTANCES,
    END,
    FIRST_DISTANCE,
    LENGTH,
    LENGTH_BITS,
    LENGTH_EXTRA,
    LITERALS,
    LONGEST,
    code_lengths,
    codes,
    distance_symbol,
    put,
    put_header,
)

_TRIED = 4  # lengths in pixels that are tried one by one; of longer matches only the whole
_UNSEEN, _UNSEEN_DISTANCE = 12, 8  # prices in bits of symbols that the block before did not use


def first_prices() -> np.ndarray:
    """Before the first block there is no price: int64 (`LITERALS` + `DISTANCES`,) of -1."""
    return np.full(LITERALS + DISTANCES, -1, np.int64)


@compiled
def write_block(
    data: np.ndarray,
    width: int,
    final: Any,
    nearest: np.ndarray,
    paired: np.ndarray,
    lengths: np.ndarray,
    prices: np.ndarray,
    pending: np.ndarray,
    output: np.ndarray,
) -> int:
    """Append one dynamic block; the number of whole bytes written to ``output``.

    ``data``, ``nearest``, ``paired``, ``lengths``: as `matches.find_matches` takes and fills
    them. ``prices``: bits of each symbol, from the block before. ``pending``: uint64 (2,), the
    bits that fill no byte yet, and their number. Both are kept for the next block. ``output``
    needs room for two bytes a byte and 1024 more. ``final`` marks the last block and fills up
    its last byte.
    """
    height = data.size // (3 * width + 1)
    count = height * width
    literals, distant = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    literal_lengths = np.zeros(LITERALS, np.int64)
    distant_lengths = np.zeros(DISTANCES, np.int64)
    steps = np.empty(count, np.uint8)
    costs = np.zeros(count + 1 + _TRIED, np.int32)
    passes = 1
    if prices[0] < 0:
        _guess_prices(data, prices)
        passes = 2
    for _ in range(passes):
        _choose(data, width, height, nearest, paired, lengths, prices, costs, steps)
        _tally(data, width, height, nearest, paired, steps, literals, distant)
        code_lengths(literals, CODE_LIMIT, literal_lengths)
        code_lengths(distant, CODE_LIMIT, distant_lengths)
        for symbol in range(LITERALS):
            prices[symbol] = literal_lengths[symbol] if literals[symbol] else _UNSEEN
        for symbol in range(DISTANCES):
            price = distant_lengths[symbol] if distant[symbol] else _UNSEEN_DISTANCE
            prices[LITERALS + symbol] = price

    bits, filled, at = put(pending[0], pending[1], 0, output, np.uint64(final), 1)
    bits, filled, at = put(bits, filled, at, output, np.uint64(2), 2)
    bits, filled, at = put_header(bits, filled, at, output, literal_lengths, distant_lengths)
    literal_codes = _with_lengths(codes(literal_lengths), literal_lengths)
    distant_codes = _with_lengths(codes(distant_lengths), distant_lengths)
    place = np.uint64(at)
    for row in range(height):
        start = row * (3 * width + 1)
        bits, filled = _append(bits, filled, literal_codes[data[start]])
        bits, filled, place = _move_out(bits, filled, place, output)
        line = data[start + 1 : start + 1 + 3 * width]
        first, last = row * width, (row + 1) * width
        singles, pairs, ways = nearest[first:last], paired[first:last], steps[first:last]
        x = np.uint64(0)
        while x < np.uint64(width):
            step = np.uint64(ways[x])
            if step == np.uint64(0):
                i = np.uint64(3) * x
                bits, filled = _append(bits, filled, literal_codes[line[i]])
                bits, filled = _append(bits, filled, literal_codes[line[i + np.uint64(1)]])
                bits, filled = _append(bits, filled, literal_codes[line[i + np.uint64(2)]])
                x += np.uint64(1)
            else:
                pixels = step >> np.uint64(1)
                length = np.uint64(3) * pixels
                distance = np.uint64(pairs[x] if step & np.uint64(1) else singles[x])
                bits, filled = _append(bits, filled, literal_codes[LENGTH[length]])
                bits |= np.uint64(LENGTH_EXTRA[length]) << filled
                filled += np.uint64(LENGTH_BITS[length])
                symbol = distance_symbol(distance)
                bits, filled = _append(bits, filled, distant_codes[symbol])
                bits |= (distance - np.uint64(FIRST_DISTANCE[symbol])) << filled
                filled += np.uint64(DISTANCE_BITS[symbol])
                x += pixels
            bits, filled, place = _move_out(bits, filled, place, output)
    bits, filled = _append(bits, filled, literal_codes[END])
    bits, filled, place = _move_out(bits, filled, place, output)
    at = int(np.int64(place))
    if final and filled:
        bits, filled, at = put(bits, filled, at, output, np.uint64(0), 8 - filled)
    pending[0], pending[1] = bits, filled
    return at


@compiled
def _with_lengths(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """uint64: the code in the low 32 bits, its length above them."""
    joined = np.empty(codes.size, np.uint64)
    for symbol in range(codes.size):
        joined[symbol] = codes[symbol] | (np.uint64(lengths[symbol]) << np.uint64(32))
    return joined


@compiled
def _append(bits: Any, filled: Any, code: Any) -> tuple[Any, Any]:
    bits |= (code & np.uint64(2**32 - 1)) << filled
    return bits, filled + (code >> np.uint64(32))


@compiled
def _move_out(bits: Any, filled: Any, at: Any, output: np.ndarray) -> tuple[Any, Any, Any]:
    """Write all eight bytes and go on after the whole ones: no branch to mispredict.

    A pixel adds at most 45 bits as literals and 48 as a match, to at most 7 left over.
    """
    # Unsigned places: signed ones could count from the end, and would be looked at for that.
    for k in range(8):
        output[at + np.uint64(k)] = np.uint8((bits >> np.uint64(8 * k)) & np.uint64(255))
    whole = filled & np.uint64(56)
    return bits >> whole, filled & np.uint64(7), at + (whole >> np.uint64(3))


@compiled
def _guess_prices(data: np.ndarray, prices: np.ndarray) -> None:
    """What the first block reckons with: its bytes without matches, and guesses for these."""
    counts = np.zeros(LITERALS, np.int64)
    for i in range(data.size):
        counts[data[i]] += 1
    code_lengths(counts, CODE_LIMIT, prices[:LITERALS])
    for symbol in range(END):
        if counts[symbol] == 0:
            prices[symbol] = _UNSEEN
    prices[END:LITERALS] = 6
    prices[LITERALS:] = 4


@compiled
def _choose(
    data: np.ndarray,
    width: int,
    height: int,
    nearest: np.ndarray,
    paired: np.ndarray,
    lengths: np.ndarray,
    prices: np.ndarray,
    costs: np.ndarray,
    steps: np.ndarray,
) -> None:
    """The cheapest next step from each pixel: 0 for three literals, else 2 * pixels + candidate."""
    by_length = np.zeros(LONGEST // 3 + 1, np.int64)
    for n in range(1, by_length.size):
        by_length[n] = prices[LENGTH[3 * n]] + LENGTH_BITS[3 * n]
    by_distance = prices[LITERALS:] + DISTANCE_BITS
    costs[height * width :] = 0
    for row in range(height - 1, -1, -1):
        start = row * (3 * width + 1)
        line = data[start + 1 : start + 1 + 3 * width]
        first, last = row * width, (row + 1) * width
        singles, pairs, reach = nearest[first:last], paired[first:last], lengths[first:last]
        after, ways = costs[first:], steps[first:last]
        for back in range(width):
            x = np.uint64(width - 1 - back)
            i = np.uint64(3) * x
            least = prices[line[i]] + prices[line[i + np.uint64(1)]]
            least += prices[line[i + np.uint64(2)]]
            near = np.uint64(singles[x])
            cost = by_distance[distance_symbol(near)] + by_length[1]
            is_match = (near > np.uint64(0)) & (cost < least)
            step = 2 if is_match else 0
            least = (cost if is_match else least) + after[x + np.uint64(1)]
            distant = np.uint64(pairs[x])
            if distant > np.uint64(0):
                far = by_distance[distance_symbol(distant)]
                longest = np.uint64(reach[x])
                # Not a loop of min(n, _TRIED) steps: how many would be hard to predict.
                for k in range(2, _TRIED + 1):
                    cost = far + by_length[k] + after[x + np.uint64(k)]
                    is_match = (np.uint64(k) <= longest) & (cost < least)
                    step = 2 * k + 1 if is_match else step
                    least = cost if is_match else least
                if longest > np.uint64(_TRIED):
                    cost = far + by_length[longest] + after[x + longest]
                    if cost < least:
                        least, step = cost, 2 * int(np.int64(longest)) + 1
            after[x] = least
            ways[x] = step


@compiled
def _tally(
    data: np.ndarray,
    width: int,
    height: int,
    nearest: np.ndarray,
    paired: np.ndarray,
    steps: np.ndarray,
    literals: np.ndarray,
    distant: np.ndarray,
) -> None:
    """How often each symbol occurs on the chosen way."""
    literals[:], distant[:] = 0, 0
    for row in range(height):
        start = row * (3 * width + 1)
        literals[data[start]] += 1
        line = data[start + 1 : start + 1 + 3 * width]
        first, last = row * width, (row + 1) * width
        singles, pairs, ways = nearest[first:last], paired[first:last], steps[first:last]
        x = np.uint64(0)
        while x < np.uint64(width):
            step = np.uint64(ways[x])
            if step == np.uint64(0):
                i = np.uint64(3) * x
                literals[line[i]] += 1
                literals[line[i + np.uint64(1)]] += 1
                literals[line[i + np.uint64(2)]] += 1
                x += np.uint64(1)
            else:
                pixels = step >> np.uint64(1)
                literals[LENGTH[np.uint64(3) * pixels]] += 1
                distance = np.uint64(pairs[x] if step & np.uint64(1) else singles[x])
                distant[distance_symbol(distance)] += 1
                x += pixels
    literals[END] = 1
