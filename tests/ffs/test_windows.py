"""Windows: as wide as they should be, never overlapping, in the end everywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ffs.windows import FEWEST, MOST, Window, draw, take

SINCE, UNTIL = 1_000_000, 1_000_000 + 30 * 86400


def read(window: Window, uploaded: np.ndarray, noise: float = 0.0) -> tuple[Window, int]:
    """Search until the window is done; also how many calls that took."""
    calls = 0
    while not window.done:
        first, last = np.searchsorted(uploaded, [window.begin, window.end])
        total = int(last - first)
        said = round(total * (1 + noise))
        rows = max(0, min(total, 4000) - window.page * 500)
        window = take(window, said, -(-said // 500), min(500, rows))
        calls += 1
        assert calls < 60
    return window, calls


@given(
    st.integers(0, 2**32),
    st.sampled_from([300, 5_000, 60_000, 400_000]),
    st.floats(0.3, 4),
    st.floats(-0.05, 0.05),
)
def test_windows_hold_1000_to_3500_photos(seed: int, count: int, skew: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    moments = SINCE + (UNTIL - SINCE) * rng.random(count) ** skew
    uploaded = np.sort(moments.astype(np.int64))
    done: list[Window] = []
    calls = 0
    for _ in range(12):
        window = draw(seed, SINCE, UNTIL, done)
        if window is None:
            break
        assert SINCE <= window.floor <= window.begin < window.end <= UNTIL
        assert all(window.floor >= w.end or window.end <= w.begin for w in done)
        window, asked = read(window, uploaded, noise)
        calls += asked
        narrowest = window.end - window.begin == 1 or window.few - window.many == 1
        assert window.total <= MOST or narrowest
        assert window.total >= FEWEST or window.begin == window.floor or window.many >= 0
        done.append(window)
    pages = sum(max(1, w.pages) for w in done)
    assert calls <= pages + 6 * len(done) + 20


def test_every_moment_is_read_once() -> None:
    uploaded = np.sort(np.random.default_rng(0).integers(SINCE, UNTIL, 20_000))
    done: list[Window] = []
    while (window := draw(3, SINCE, UNTIL, done)) is not None:
        done.append(read(window, uploaded)[0])
        assert len(done) < 500
    covered = sorted((w.begin, w.end) for w in done)
    assert covered[0][0] == SINCE
    assert covered[-1][1] == UNTIL
    assert all(end == begin for (_, end), (begin, _) in pairwise(covered))
    assert sum(w.total for w in done) == 20_000


def test_the_same_seed_draws_the_same() -> None:
    one, two, other = (draw(seed, SINCE, UNTIL, []) for seed in (1, 1, 2))
    assert one == two != other


def test_draws_are_uniform_over_the_range() -> None:
    ends = [draw(seed, SINCE, UNTIL, []) for seed in range(2000)]
    shares = np.histogram([w.end for w in ends if w], bins=6, range=(SINCE, UNTIL))[0] / 2000
    # Six bins of 2000 draws: the standard deviation of a share is 0.0083.
    assert np.abs(shares - 1 / 6).max() < 0.035


def test_an_empty_page_ends_a_window_whatever_was_counted() -> None:
    window = Window(1, 0, 100, 0, 100, total=3000, pages=6, page=2)
    assert take(window, 3000, 6, 0).done
    assert not take(window, 3000, 6, 1).done


def test_no_page_beyond_4000_results() -> None:
    window = Window(1, 0, 1, 0, 1)  # one second, which cannot be cut
    pages = 0
    while not window.done:
        window = take(window, 50_000, 100, 500)
        pages += 1
    assert pages == 8
