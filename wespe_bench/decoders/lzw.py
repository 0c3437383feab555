"""LZW strips of TIFF (TIFF 6.0, section 13): looked through before imagecodecs decodes them.

Its decoder does not check the first code after a Clear code. One that stands for no byte makes it
follow a pointer that was never set: a crash, or memory of the process as a picture.
"""

from __future__ import annotations

import numpy as np

from wespe_bench.errors import InputError

_CLEAR, _END, _FIRST_FREE = 256, 257, 258
_DAMAGED = "damaged: its LZW data are not whole"
# Codes after a Clear; writers put the next Clear where the table of 4096 entries is full.
_MOST = 8192

# Each code but the first adds an entry to the table, and codes get a bit longer when it holds 511,
# 1023 and 2047: where each code begins is known before any of them is read.
_entries = _FIRST_FREE + np.maximum(np.arange(_MOST) - 1, 0)
_WIDTHS = 9 + np.searchsorted([511, 1023, 2047], _entries, side="right").astype(np.int64)
_OFFSETS = np.concatenate([[0], np.cumsum(_WIDTHS)[:-1]])
_FREE = 24 - _WIDTHS
_MASKS = ((1 << _WIDTHS) - 1).astype(np.uint32)
_USUAL = 4096 - _FIRST_FREE + 2


def check(strip: bytes) -> None:
    """Raise InputError unless each first code after a Clear stands for a byte."""
    data = np.frombuffer(strip + bytes(2), np.uint8)
    bits, at = 8 * len(strip), 9
    if len(strip) < 2 or strip[0] != 0x80 or strip[1] & 0x80:
        raise InputError(_DAMAGED)
    while at < bits:
        for most in (_USUAL, _MOST):
            codes = _codes(data, at, most, bits)
            stops = np.flatnonzero((codes == _CLEAR) | (codes == _END))
            if len(stops):
                break
        else:
            raise InputError(_DAMAGED)
        last = int(stops[0])
        if codes[0] > _END:
            raise InputError(_DAMAGED)
        if codes[last] == _END:
            return
        at += int(_OFFSETS[last] + _WIDTHS[last])


def _codes(data: np.ndarray, at: int, most: int, bits: int) -> np.ndarray:
    """The codes after a Clear that ends at this bit, up to ``most``; then `_END`."""
    begins = at + _OFFSETS[:most]
    if begins[-1] + _WIDTHS[most - 1] > bits:
        begins = begins[begins + _WIDTHS[:most] <= bits]
    count = len(begins)
    byte = begins >> 3
    wide = data[byte].astype(np.uint32)
    for further in (1, 2):
        wide <<= 8
        wide |= data[byte + further]
    wide >>= (_FREE[:count] - (begins & 7)).astype(np.uint32)
    wide &= _MASKS[:count]
    return wide if count == most else np.append(wide, np.uint32(_END))
