"""The local engine: every item once, whatever happens to the workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.deaths import dying, hopeless, unable
from wespe_bench import retry
from wespe_bench.engines import Outcome, chunk_of, load_engine, local, parse_shard
from wespe_bench.errors import InputError


def doubling(context: int) -> Callable[[Sequence[int]], list[Outcome]]:
    return lambda items: [Outcome(i, ({"value": context * i},)) for i in items]


@pytest.mark.parametrize(("jobs", "chunk"), [(0, 1), (1, 3), (2, 1), (2, 4)])
def test_every_item_once(jobs: int, chunk: int) -> None:
    outcomes = list(local(doubling, 2, range(11), jobs=jobs, chunk=chunk))
    assert sorted(o.rows[0]["value"] for o in outcomes) == list(range(0, 22, 2))


@pytest.mark.parametrize("chunk", [1, 4])
def test_a_killed_worker_costs_nothing(tmp_path: Path, chunk: int) -> None:
    outcomes = list(local(dying, str(tmp_path), list(range(9)), jobs=2, chunk=chunk))
    assert sorted(o.item for o in outcomes) == list(range(9))
    failed = {o.item: o.error for o in outcomes if o.error}
    assert list(failed) == [3]
    assert "died 3 times" in failed[3]
    # The item that kills its worker cost three workers at most.
    assert len((tmp_path / "3").read_text()) <= 3


def test_setup_that_fails_is_fatal() -> None:
    outcomes = list(local(unable, None, [1, 2], jobs=1))
    assert all(o.fatal and o.error == "the model file is missing" for o in outcomes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "count", "deaths"), [("local", 1, 12), ("local", 50, 12), ("ray", 1, 2)]
)
def test_where_no_worker_ever_lived_the_run_ends(
    engine: str, count: int, deaths: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "HOPELESS", deaths)  # each of Ray's takes seconds to start
    outcomes = load_engine(engine)(hopeless, None, list(range(count)), jobs=2)
    found = rf"^{deaths} .* died one after the other; what is done is kept"
    with pytest.raises(InputError, match=found):
        next(outcomes)


@pytest.mark.parametrize("jobs", [0, 1])
def test_work_that_raises_fails_its_items_alone(tmp_path: Path, jobs: int) -> None:
    outcomes = list(local(dying, str(tmp_path), [-1, 1, -2], jobs=jobs))
    assert {o.item: o.error for o in outcomes if o.error} == {
        -1: "ValueError: -1 is below zero",
        -2: "ValueError: -2 is below zero",
    }
    assert not any(o.fatal for o in outcomes)


def test_no_process_outlives_a_closed_run() -> None:
    import psutil

    before = {p.pid for p in psutil.Process().children(recursive=True)}
    outcomes = local(doubling, 1, range(50), jobs=2)
    next(outcomes)
    outcomes.close()
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    _, alive = psutil.wait_procs(
        [p for p in left if "resource_tracker" not in " ".join(p.cmdline())], 10
    )
    assert not alive


@given(st.integers(1, 9), st.integers(0, 40))
def test_shards_partition(count: int, total: int) -> None:
    items = list(range(total))
    parts = [
        items[index - 1 :: n]
        for index, n in (parse_shard(f"{i}/{count}") for i in range(1, count + 1))
    ]
    assert sorted(item for part in parts for item in part) == items


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "a/b", "1/0", "-1/3", "1/3/4"])
def test_bad_shards(text: str) -> None:
    with pytest.raises(InputError, match="expected i/n"):
        parse_shard(text)


def test_small_files_travel_together(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / str(number)).write_bytes(bytes(1000))
    files = [tmp_path / str(number) for number in range(200)]
    assert chunk_of(files[:63], 63) == 1
    assert chunk_of(files, len(files)) == 6
    (tmp_path / "big").write_bytes(bytes(2_000_000))
    assert chunk_of([tmp_path / "big"] * 200, 200) == 1
    # What cannot be read fails when its turn comes, not here.
    assert chunk_of([tmp_path / "gone", *files], len(files) + 1) == 6
