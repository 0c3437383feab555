"""Splits: seeded, whole groups, the same whatever the order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wespe_bench.datasets.splits import Photo, counts, divide
from wespe_bench.errors import InputError


def photos(groups: list[int]) -> list[Photo]:
    """``groups[g]`` photos in group g."""
    return [
        Photo(f"{group}/{number}", Path(f"{group}-{number}.png"), group=f"g{group}")
        for group, size in enumerate(groups)
        for number in range(size)
    ]


@given(st.lists(st.integers(1, 30), min_size=4, max_size=30), st.integers(0, 99), st.randoms())
def test_a_group_is_on_one_side_and_order_does_not_matter(
    sizes: list[int], seed: int, random: object
) -> None:
    listed = photos(sizes)
    test = max(1, len(listed) // 20)
    try:
        split = divide(listed, None, test, seed)
    except InputError:
        assert sum(sizes) - max(sizes) < test or len(sizes) < 2
        return
    assert len(split.test) == test
    assert not {p.group for p in split.test} & {p.group for p in split.train}
    assert sorted(p.id for p in (*split.train, *split.test, *split.unused)) == sorted(
        p.id for p in listed
    )
    shuffled = list(listed)
    random.shuffle(shuffled)
    again = divide(shuffled, None, test, seed)
    assert {p.id for p in again.test} == {p.id for p in split.test}
    assert {p.id for p in again.train} == {p.id for p in split.train}


def test_many_drives_share_the_test_and_the_rest_is_held_back() -> None:
    split = divide(photos([100] * 60), 4000, 120, seed=3)
    groups = [p.group for p in split.test]
    assert len(split.test) == 120
    assert max(groups.count(g) for g in groups) == 12
    assert len(set(groups)) == 10
    assert len(split.train) == 4000
    held = [p for p in split.unused if p.group in set(groups)]
    assert len(held) == 10 * 88


def test_photos_alone_are_drawn_exactly() -> None:
    listed = [Photo(str(n), Path(f"{n}.png")) for n in range(1500)]
    split = divide(listed, 1443, 57)
    assert (len(split.train), len(split.test), len(split.unused)) == (1443, 57, 0)
    other = divide(listed, 1443, 57, seed=1)
    assert {p.id for p in other.test} != {p.id for p in split.test}


def test_sides_of_the_release_stay() -> None:
    listed = [Photo(f"{s}/{n}", Path("x"), side=s) for s in ("train", "test") for n in range(9)]
    split = divide(listed, 5, 3)
    assert {p.side for p in split.train} == {"train"}
    assert {p.side for p in split.test} == {"test"}
    assert (len(split.train), len(split.test)) == (5, 3)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="without putting a group"):
        divide(photos([50]), None, 5)
    with pytest.raises(InputError, match="30 training photos are wanted"):
        divide(photos([5, 5, 5]), 30, 1)


def test_counts_of_fewer_photos_keep_the_share() -> None:
    assert counts(8582, 8458, 124) == (8458, 124)
    assert counts(8581, 8458, 124) == (None, 124)
    assert counts(10, 1443, 57) == (None, 1)
    assert counts(900, 900, 0) == (900, 0)


def test_a_count_beyond_all_photos_is_no_count() -> None:
    from wespe_bench.datasets.survey import _count

    with pytest.raises(InputError, match=r"train=1e300: expected a number of photos"):
        _count("train", "1e300", 10)
