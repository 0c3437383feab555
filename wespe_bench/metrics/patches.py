r"""7x7 grey patches as CORNIA and HOSA see them: chosen, taken out, normalised, whitened.

Ye, Kumar, Kang and Doermann, "Unsupervised Feature Learning Framework for No-reference Image
Quality Assessment" (CVPR 2012); steps and constants as in the authors' release. Only pixels
that lie in a chosen patch are looked at, so a photo's size costs no memory.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from wespe_bench.images import luma

SIDE = 7
LENGTH = SIDE * SIDE

# Added to the variance of a patch, grey levels squared.
_CONTRAST = 10.0

# Patches that are worked on together: few enough for the processor's cache.
_AT_ONCE = 500


def choose(total: int, count: int, key: bytes) -> np.ndarray:
    """``count`` different numbers below ``total`` in random order, or all of them in order.

    int64 (min(count, total),). The key alone decides: the bits of PCG64 are the same in every
    version of numpy, which those of its `Generator.choice` need not be.

    >>> choose(3, 5, b"key"), choose(1000, 4, b"key")
    (array([0, 1, 2]), array([732, 855, 458, 758]))
    """
    if total <= count:
        return np.arange(total)
    bits = np.random.PCG64(int.from_bytes(key, "big"))
    drawn = np.empty(0, np.int64)
    while True:
        # 53 bits make a double on [0, 1); repeats are passed over.
        fresh = (bits.random_raw(count + count // 16 + 1) >> np.uint64(11)) * (total / 2.0**53)
        drawn = np.concatenate([drawn, np.minimum(fresh.astype(np.int64), total - 1)])
        first = np.unique(drawn, return_index=True)[1]
        if len(first) >= count:
            return np.asarray(drawn[np.sort(first)[:count]])


def take(image: np.ndarray, y: np.ndarray, x: np.ndarray, order: str) -> np.ndarray:
    """Grey patches whose top left pixels are (y, x): uint8 (n, 49) of uint8 (H, W, 3).

    ``image`` has to be contiguous, and the patches inside it.
    ``order`` is "column" (MATLAB's: down the columns) or "row".
    """
    width = image.shape[1]
    values = image.reshape(-1)
    # Every run of 7 pixels in the order they are stored, as one row of 21 bytes.
    runs = np.lib.stride_tricks.as_strided(
        values, (values.size // 3 - SIDE + 1, 3 * SIDE), (3, 1), writeable=False
    )
    starts = (y * width + x)[:, None] + np.arange(SIDE) * width
    patches = np.empty((len(y), SIDE, SIDE), np.uint8)
    for first in range(0, len(y), _AT_ONCE):
        some = luma(runs[starts[first : first + _AT_ONCE]].reshape(-1, SIDE, SIDE, 3))
        patches[first : first + _AT_ONCE] = some.transpose(0, 2, 1) if order == "column" else some
    return patches.reshape(-1, LENGTH)


def normalise(patches: np.ndarray) -> np.ndarray:
    """Each patch less its mean, over sqrt(variance + 10): float64 (n, 49).

    The variance has 48 in the denominator; grey levels run from 0 to 255.
    """
    centred = patches - patches.mean(axis=1, dtype=np.float64, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred) / (patches.shape[1] - 1)
    centred /= np.sqrt(variance + _CONTRAST)[:, None]
    return np.asarray(centred)


def whiten(patches: np.ndarray, mean: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(normalised patches - mean) @ matrix: float64 (n, 49)."""
    result = np.empty(patches.shape)
    with one_thread():
        for first in range(0, len(patches), _AT_ONCE):
            some = normalise(patches[first : first + _AT_ONCE])
            some -= mean
            np.matmul(some, matrix, out=result[first : first + _AT_ONCE])
    return result


def one_thread() -> Any:
    """A context in which BLAS keeps to one thread: more are no faster on blocks this small.

    The workers of a pool and a lone process then do the same, to the last bit.
    """
    return _blas().limit(limits=1, user_api="blas")


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
