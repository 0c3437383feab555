"""Several cores on one photo, and the same bits with any number of them.

A metric cuts its work into pieces that do not touch each other, lets the compiled loops
(which hold no interpreter lock) take them from a queue, and adds up in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")

#: Samples below which starting a thread costs more than it saves.
WORTH = 2**19


def threads() -> int:
    """Threads that one photo may use: the cores of this process, or ``NUMBA_NUM_THREADS``.

    `enhance` and `score` set it to 1 in each worker when there are several, for then the
    photos lie side by side.
    """
    import numba

    return int(numba.get_num_threads())


def side_by_side(
    work: Callable[[_Piece], _Result], pieces: Iterable[_Piece], *, samples: int
) -> list[_Result]:
    """``work`` of each piece, in their order; on several threads if ``samples`` are many."""
    count = threads() if samples >= WORTH else 1
    if count == 1:
        return [work(piece) for piece in pieces]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, pieces))
