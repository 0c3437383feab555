"""How ``ffs build`` divides photos: an owner's in one split, the paper's numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ffs import manifest
from ffs.dataset import Build
from ffs.division import divide
from ffs.rated import Rated


def photos(count: int, per_owner: int, seed: int = 0) -> list[Rated]:
    rng = np.random.default_rng(seed)
    return [
        Rated(f"p{n}", int(v), int(f), f"o{n // per_owner}", "2015-06-01", "0" * 64)
        for n, (v, f) in enumerate(
            zip(rng.integers(1, 500, count), rng.integers(0, 9, count), strict=True)
        )
    ]


@given(st.integers(30, 120), st.integers(1, 4), st.integers(0, 10**6))
def test_an_owner_is_in_one_split_only(count: int, per_owner: int, seed: int) -> None:
    config = Build("x", test=5, validation=4, seed=seed, per_owner=9)
    sides = divide(photos(count, per_owner, seed), config)
    owners = {split: {p.owner for p in some} for split, some in sides.items()}
    assert not owners["train"] & owners["test"]
    assert not owners["train"] & owners["validation"]
    assert not owners["validation"] & owners["test"]
    assert (len(sides["test"]), len(sides["validation"])) == (5, 4)
    again = divide(list(reversed(photos(count, per_owner, seed))), config)
    assert again == sides


def test_the_papers_numbers_and_the_same_shares_of_fewer() -> None:
    some = photos(16_300, 1)
    sides = divide(some, Build("x"))
    assert [len(sides[split]) for split in manifest.SPLITS] == [15_200, 400, 400]
    sides = divide(some[:1600], Build("x"))
    assert [len(sides[split]) for split in manifest.SPLITS] == [1520, 40, 40]
