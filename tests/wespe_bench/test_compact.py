"""Sequences in little memory hold what lists hold."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wespe_bench import compact, store
from wespe_bench.compact import Lazy, chained, in_order, picked
from wespe_bench.provenance import UNREADABLE, revision
from wespe_bench.sample_list import HashedSamples, SampleList
from wespe_bench.types import Sample

KNOWN = st.just(UNREADABLE) | st.binary(min_size=32, max_size=32).map(bytes.hex)
HASHES = st.none() | KNOWN
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@given(st.lists(st.text(st.characters())), st.lists(HASHES))
def test_packed_values_come_back(texts: list[str], hashes: list[str | None]) -> None:
    assert list(compact.texts(texts)) == texts
    assert list(compact.hashes(hashes)) == hashes
    assert pickle.loads(pickle.dumps(compact.texts(texts))) == compact.texts(texts)


@given(st.lists(st.integers(0, 9)), st.integers(1, 4))
def test_in_order_is_a_stable_sort(values: list[int], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compact, "_AT_ONCE", at_once)
        found = list(in_order(values, lambda value: -value))
    assert found == sorted(range(len(values)), key=lambda place: -values[place])


@given(st.lists(st.lists(st.integers())), st.data())
def test_lazy_sequences_are_like_lists(parts: list[list[int]], data: st.DataObject) -> None:
    listed = list(itertools.chain(*parts))
    lazy = chained(parts)
    assert list(lazy) == listed and len(lazy) == len(listed)
    cut = data.draw(st.slices(len(listed)))
    assert list(lazy[cut]) == listed[cut]
    places = data.draw(st.lists(st.integers(0, len(listed) - 1))) if listed else []
    assert list(picked(lazy, places)) == [listed[place] for place in places]
    with pytest.raises(IndexError):
        Lazy(3, str)[3]


def test_a_list_of_samples_is_like_a_tuple() -> None:
    samples = (
        Sample("b/2", Path("in/b/2.png"), Path("~/ref/2.png")),
        Sample("a", Path("/in/caf\udce9.jpg")),
    )
    packed = SampleList.of(samples)
    assert packed == samples and packed[-1] == samples[1] and packed[:1] == samples[:1]
    assert pickle.loads(pickle.dumps(packed)) == samples
    assert list(packed.ids) == ["b/2", "a"]


@given(st.lists(st.tuples(IDS, KNOWN, HASHES)))
def test_a_revision_is_that_of_the_plain_rows(rows: list[tuple[str, str, str | None]]) -> None:
    samples = [Sample(id_, Path("x")) for id_, *_ in rows]
    hashed = HashedSamples(samples, (row[1] for row in rows), (row[2] for row in rows))
    assert list(hashed) == rows
    assert revision(hashed) == revision(rows)


@given(st.sets(IDS), st.lists(IDS))
def test_rows_are_matched_by_id(there: set[str], asked: list[str]) -> None:
    frame = pd.DataFrame({"sample": sorted(there), "value": range(len(there))})
    known = {row["sample"]: row for row in frame.to_dict("records")}
    found = list(store.matched(sorted(asked), frame))
    assert found == [known.get(id_) for id_ in sorted(asked)]
