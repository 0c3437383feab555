"""Windows of upload time: where in the range to search, and how wide.

A search gives its first 4,000 results only, so a crawl is many searches, each for what was
uploaded within a window. Windows end at moments drawn uniformly over the range and never
overlap. Each is as wide as holds 1,000 to 3,500 photos: too many, and it is cut; too few, and it
grows. Narrower ones would return the same photos again and again; wider ones cannot be read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ffs.flickr import MOST_RESULTS, PER_PAGE
from wespe_bench.datasets.splits import rank

#: Fewest and most results a window should have, and what its width aims at.
FEWEST, MOST, TYPICAL = 1000, 3500, 1800

_FIRST_WIDTH = 3600  # s, where nothing is known of how many photos there are
_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Window:
    """Photos uploaded in [begin, end), in seconds since 1970.

    ``begin`` moves while the width is sought: never before ``floor``; at ``many`` it gave too
    many results (-1: never yet), at ``few`` too few. ``page`` is the last one read of ``pages``.
    """

    number: int
    begin: int
    end: int
    floor: int
    few: int
    many: int = -1
    total: int = 0
    pages: int = 0
    page: int = 0
    done: bool = False


def draw(seed: int, since: int, until: int, done: Sequence[Window]) -> Window | None:
    """The next window, which overlaps none that is done; None when they cover [since, until).

    The same for the same seed and the same windows.
    """
    read = sorted(done, key=lambda window: window.begin)
    begins, ends = [w.begin for w in read], [w.end for w in read]
    number = len(read) + 1
    for trial in range(_DRAWS):
        place = int.from_bytes(rank(seed, f"window {number} {trial}")[:8], "big")
        moment = since + place % (until - since)
        before = bisect_right(begins, moment)  # the windows that begin at the moment or before
        if before and ends[before - 1] > moment:
            continue  # read already
        floor = ends[before - 1] if before else since
        roof = begins[before] if before < len(read) else until
        return _within(number, floor, roof, moment + 1, width_at(moment, read))
    # Nearly all is read: what is left is taken from the widest gap.
    gaps = zip([since, *ends], [*begins, until], strict=True)
    floor, roof = max(gaps, key=lambda gap: gap[1] - gap[0])
    if roof <= floor:
        return None
    return _within(number, floor, roof, roof, width_at(roof, read))


def _within(number: int, floor: int, roof: int, end: int, width: int) -> Window:
    """A window that ends at ``end``, or later where it would leave a sliver before it."""
    if end - floor < width:
        end = min(floor + width, roof)
    return Window(number, max(floor, end - width), end, floor, few=end)


def width_at(moment: int, done: Sequence[Window]) -> int:
    """Seconds in which `TYPICAL` photos are uploaded, judged by the nearest window read."""
    known = [window for window in done if window.total > 0]
    if not known:
        return _FIRST_WIDTH
    ends = [window.end for window in known]
    place = bisect_left(ends, moment)
    near = min(
        known[max(0, place - 1) : place + 1],
        key=lambda window: max(window.begin - moment, moment - window.end),
    )
    return max(1, (near.end - near.begin) * TYPICAL // near.total)


def take(window: Window, total: int, pages: int, rows: int) -> Window:
    """The window after one more page: what the search says there are, and how many rows came.

    ``total`` is approximate, and Flickr hides rows after counting: only an empty page, the last
    page, or the limit of 4,000 results ends a window.
    """
    if window.page == 0:
        resized = _resized(window, total)
        if resized is not None:
            return resized
    page = window.page + 1
    last = min(pages, MOST_RESULTS // PER_PAGE)
    return replace(window, total=total, pages=last, page=page, done=page >= last or rows == 0)


def _resized(window: Window, total: int) -> Window | None:
    """The window with another begin, None where it is fine or nothing better can be had."""
    width = window.end - window.begin
    if total > MOST and width > 1:
        if window.few < window.end:
            begin = (window.begin + window.few) // 2
        else:
            # In half, or further where the count says so.
            begin = window.end - max(1, min(width // 2, width * TYPICAL // total))
        if begin == window.begin:
            return None
        return replace(window, begin=begin, many=window.begin)
    if total < FEWEST and window.begin > window.floor:
        if window.many >= 0:
            begin = (window.many + window.begin) // 2
            if begin == window.many:
                return None
        else:
            factor = min(16, max(2, TYPICAL // max(total, 1)))
            begin = max(window.floor, window.end - width * factor)
        return replace(window, begin=begin, few=window.begin)
    return None
