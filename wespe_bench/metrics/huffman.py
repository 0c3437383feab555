"""Deflate's alphabets and Huffman codes (RFC 1951), with integers only.

Code lengths follow from the counts alone: ties are broken by the order of the symbols, so
that every machine builds the same code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wespe_bench.metrics.compiled import compiled

END = 256  # the symbol that ends a block
LITERALS, DISTANCES = 286, 30  # literal, end and length symbols; distance symbols
LONGEST, WINDOW = 258, 2**15  # longest match, farthest match
CODE_LIMIT, _HEADER_LIMIT = 15, 7  # longest code of the data, and of the header's own code


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


LENGTH, LENGTH_BITS, LENGTH_EXTRA = _alphabet(LONGEST, 3, 28, 2)
LENGTH += END + 1
LENGTH[LONGEST], LENGTH_BITS[LONGEST], LENGTH_EXTRA[LONGEST] = 285, 0, 0
_all, _bits, _ = _alphabet(WINDOW, 1, DISTANCES, 1)
# Distance -> symbol: one by one up to 256, then in steps of 128, which no symbol straddles.
_NEAR, _FAR = _all[:257].astype(np.uint8), _all[1::128].astype(np.uint8)
DISTANCE_BITS = np.array([_bits[_all == symbol][0] for symbol in range(DISTANCES)])
FIRST_DISTANCE = np.array([np.flatnonzero(_all == symbol)[-1] for symbol in range(DISTANCES)])
FIRST_DISTANCE -= 2**DISTANCE_BITS - 1

# The order in which a block's header lists the lengths of its own code (RFC 1951, 3.2.7).
_HEADER_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])


@compiled
def distance_symbol(distance: Any) -> Any:
    """The symbol of a distance, uint64."""
    far = (distance - np.uint64(1)) >> np.uint64(7)
    return _NEAR[distance] if distance <= np.uint64(256) else _FAR[far]


@compiled
def put(
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
def code_lengths(counts: np.ndarray, limit: int, lengths: np.ndarray) -> None:
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
def codes(lengths: np.ndarray) -> np.ndarray:
    """Canonical codes (RFC 1951, 3.2.2), lowest bit first: uint64, one a symbol."""
    codes = np.zeros(lengths.size, np.uint64)
    code = 0
    for length in range(1, CODE_LIMIT + 1):
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
def put_header(
    bits: Any, filled: Any, at: int, output: np.ndarray, lengths: np.ndarray, distant: np.ndarray
) -> tuple[Any, Any, int]:
    """The code lengths of literals and distances, run-length and Huffman coded."""
    listed = LITERALS
    while listed > END + 1 and lengths[listed - 1] == 0:
        listed -= 1
    distances = DISTANCES
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
    code_lengths(counts, _HEADER_LIMIT, own)
    own_codes = codes(own)
    order = 19
    while order > 4 and own[_HEADER_ORDER[order - 1]] == 0:
        order -= 1
    bits, filled, at = put(bits, filled, at, output, np.uint64(listed - 257), 5)
    bits, filled, at = put(bits, filled, at, output, np.uint64(distances - 1), 5)
    bits, filled, at = put(bits, filled, at, output, np.uint64(order - 4), 4)
    for i in range(order):
        bits, filled, at = put(bits, filled, at, output, np.uint64(own[_HEADER_ORDER[i]]), 3)
    for i in range(size):
        symbol = symbols[i]
        bits, filled, at = put(bits, filled, at, output, own_codes[symbol], own[symbol])
        if symbol >= 16:
            width = 2 if symbol == 16 else (3 if symbol == 17 else 7)
            bits, filled, at = put(bits, filled, at, output, np.uint64(extras[i]), width)
    return bits, filled, at
