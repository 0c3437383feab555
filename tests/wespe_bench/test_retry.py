"""What is retried after a death, without any process: groups of workers are lists here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wespe_bench.errors import InputError
from wespe_bench.retry import DEATHS, HOPELESS, Batch, Retry


def policy(count: int, chunk: int = 1) -> Retry:
    return Retry(range(count), chunk, "workers", "more memory?")


def take(retry: Retry, most: int) -> list[Batch]:
    """What a group of workers gets that may hold ``most`` batches."""
    held: list[Batch] = []
    while len(held) < most and (batch := retry.next(held)):
        held.append(batch)
    return held


def items(batches: list[Batch]) -> list[tuple[int, ...]]:
    return [batch.items for batch in batches]


def test_items_go_out_in_order_and_in_chunks() -> None:
    retry = policy(7, chunk=3)
    assert retry.waiting == 3
    assert items(take(retry, 9)) == [(0, 1, 2), (3, 4, 5), (6,)]
    assert retry.waiting == 0 and not retry.over
    for _ in range(3):
        retry.finished()
    assert retry.over and retry.given_up() == []


def test_after_a_death_each_item_works_alone() -> None:
    retry = policy(6, chunk=2)
    held = take(retry, 2)
    retry.died(held, ready=True)
    for item in range(4):
        held = take(retry, 9)
        assert items(held) == [(item,)]  # nothing joins it, the last suspect neither
        retry.finished()
    assert items(take(retry, 9)) == [(4, 5)]


def test_a_suspect_waits_for_idle_workers() -> None:
    retry = policy(4)
    first, second = take(retry, 1), take(retry, 1)
    retry.died(first, ready=True)
    assert retry.next(second) is None
    retry.finished()
    assert items(take(retry, 2)) == [(0,)]


def test_the_item_that_crashes_its_worker_is_given_up() -> None:
    retry = policy(3)
    deaths = 0
    while not retry.given_up():
        (batch,) = take(retry, 1)
        if batch.items == (1,):
            deaths += 1
            retry.died([batch], ready=True)
        else:
            retry.finished()
    assert deaths == DEATHS
    assert retry.given_up() == []


def test_a_death_before_the_workers_were_ready_blames_no_item() -> None:
    retry = policy(3)
    for _ in range(HOPELESS - 1):
        held = take(retry, 2)
        assert items(held) == [(0,), (1,)]  # two at once: no suspects
        retry.died(held, ready=False)
    with pytest.raises(InputError, match=f"^{HOPELESS} workers died one after the other; .*more"):
        retry.died(take(retry, 2), ready=False)
    assert retry.given_up() == []


def test_where_no_worker_ever_finished_anything_no_item_is_blamed() -> None:
    retry = policy(100)
    with pytest.raises(InputError, match="one after the other"):
        for _ in range(HOPELESS):
            retry.died(take(retry, 4), ready=True)
            assert retry.given_up() == []


def test_a_single_deadly_item_is_given_up() -> None:
    retry = policy(1)
    for _ in range(DEATHS):
        assert retry.given_up() == []
        retry.died(take(retry, 4), ready=True)
    assert retry.given_up() == [0]
    assert retry.over


def test_a_batch_that_reached_no_worker_is_submitted_first() -> None:
    retry = policy(4, chunk=2)
    (batch,) = take(retry, 1)
    retry.put_back(batch)
    assert items(take(retry, 2)) == [(0, 1), (2, 3)]


def test_as_many_deadly_items_as_there_are_do_not_end_the_run() -> None:
    retry = policy(41)
    deadly = set(range(1, 41))
    lost: list[int] = []
    while not retry.over:
        (batch,) = take(retry, 1)
        if set(batch.items) & deadly:
            retry.died([batch], ready=True)
        else:
            retry.finished()
        lost += retry.given_up()
    assert set(lost) == deadly


@given(
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sets(st.integers(1, 39), max_size=6),
    st.randoms(use_true_random=False),
)
def test_every_item_is_finished_or_given_up_once(
    count: int, chunk: int, groups: int, depth: int, deadly: set[int], random: object
) -> None:
    retry = policy(count, chunk)
    held: list[list[Batch]] = [[] for _ in range(groups)]
    seen: list[int] = []
    lost: list[int] = []
    while not retry.over:
        for group in held:
            while len(group) < depth and (batch := retry.next(group)):
                group.append(batch)
        busy = [group for group in held if group]
        assert busy
        group = random.choice(busy)
        for batch in group:
            assert not batch.deaths or len(group) == 1
        if set(group[0].items) & deadly:
            retry.died(group, ready=True)
            group.clear()
        else:
            seen += group.pop(0).items
            retry.finished()
        lost += retry.given_up()
    assert sorted(seen + lost) == list(range(count))
    assert set(lost) == deadly & set(range(count))
