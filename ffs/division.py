"""Which photos of a data set train a rater, which stop its training, and which test it.

All of one owner's photos are in one split, so that no split knows another's style.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

from ffs.labels import Counted
from wespe_bench.datasets.splits import rank
from wespe_bench.errors import InputError

#: What the WESPE paper trained and tested on.
PAPER = {"train": 15200, "validation": 400, "test": 400}

P = TypeVar("P", bound=Counted)


class Wanted(Protocol):
    """How many photos go where, and which are left out: the options of ``ffs build``."""

    @property
    def train(self) -> int | None: ...
    @property
    def validation(self) -> int | None: ...
    @property
    def test(self) -> int | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def min_views(self) -> int: ...
    @property
    def per_owner(self) -> int: ...


def choose(photos: Sequence[P], config: Wanted) -> tuple[list[P], Counter[str]]:
    """The photos that pass; of an owner's many, those that the seed draws."""
    chosen: list[P] = []
    left_out: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    for photo in sorted(photos, key=lambda p: rank(config.seed, p.id)):
        if photo.views < 1:
            left_out["no views"] += 1
        elif photo.views < config.min_views:
            left_out[f"fewer than {config.min_views} views (--min-views)"] += 1
        elif photo.owner and owners[photo.owner] >= config.per_owner:
            left_out[f"more than {config.per_owner} of one owner (--per-owner)"] += 1
        else:
            owners[photo.owner] += 1
            chosen.append(photo)
    if not chosen:
        reasons = ", ".join(f"{n} {why}" for why, n in left_out.items())
        raise InputError(
            f"no photos are left: {reasons}"
            if reasons
            else "no photos are left: none of them could be read"
        )
    return chosen, left_out


def divide(photos: Sequence[P], config: Wanted) -> dict[str, list[P]]:
    """Split -> its photos, drawn by seed, whole owners at a time. Raises InputError."""
    total = len(photos)
    share = min(1.0, total / sum(PAPER.values()))
    few = {name: max(1, round(PAPER[name] * share)) for name in ("validation", "test")}
    validation = config.validation or few["validation"]
    test = config.test or few["test"]
    needed = (config.train or 1) + validation + test
    if needed > total:
        raise InputError(
            f"{config.train or 1} training, {validation} validation and {test} test photos are "
            f"asked for, and there are {total}; ask for fewer, or crawl more"
        )
    try:
        tests, rest = _whole_owners(photos, test, config.seed)
        validations, rest = _whole_owners(rest, validation, config.seed)
        most = config.train or min(len(rest), PAPER["train"])
        if not 0 < most <= len(rest):
            raise _TooFew
    except _TooFew:
        owners = len({_owner(photo) for photo in photos})
        raise InputError(
            f"{total} photos of {owners} owners cannot be split into {config.train or 'the rest'}, "
            f"{validation} and {test} without putting an owner on two sides; ask for fewer, or add "
            "photos of other owners"
        ) from None
    trains = sorted(rest, key=lambda p: rank(config.seed, p.id))[:most]
    return {"train": trains, "validation": validations, "test": tests}


class _TooFew(Exception):  # noqa: N818
    """There are too few photos, or owners."""


def _owner(photo: Counted) -> tuple[str, str]:
    """Whose photo it is; one of an unknown owner's stands for itself."""
    return (photo.owner, "") if photo.owner else ("", photo.id)


def _whole_owners(photos: Sequence[P], count: int, seed: int) -> tuple[list[P], list[P]]:
    """``count`` photos of owners drawn by seed, and the photos of all other owners.

    Where whole owners do not sum up to ``count``, one owner gives some photos; the owner's others
    are in neither split.
    """
    owners: dict[tuple[str, str], list[P]] = {}
    for photo in sorted(photos, key=lambda p: rank(seed, p.id)):
        owners.setdefault(_owner(photo), []).append(photo)
    drawn: list[P] = []
    left = []
    for name in sorted(owners, key=lambda name: rank(seed, f"owner {name}")):
        if len(drawn) + len(owners[name]) <= count:
            drawn += owners.pop(name)
        else:
            left.append(name)
    if len(drawn) < count:
        if not left:
            raise _TooFew
        drawn += owners.pop(min(left, key=lambda name: len(owners[name])))[: count - len(drawn)]
    return drawn, [photo for mine in owners.values() for photo in mine]
