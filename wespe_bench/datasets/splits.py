"""Training and test photos, drawn by seed and never parted within a group.

A drive, or the shots of one scene, are near-duplicates: with some of them in training and some
in the test set, a test measures memory. So whole groups go to one side. The draw rests on
SHA-256 of the seed and the ids alone: the same photos give the same split on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wespe_bench.errors import InputError

#: The share of the photos that is the test where neither the paper nor the user says one.
TEST_SHARE = 0.1

# With more groups to draw from, none gives more than this share of the test photos.
_LARGEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a data set before it is split.

    ``group`` names what must not be parted; ``side`` is "train" or "test" where the release
    itself decides, else empty.
    """

    id: str
    path: Path
    reference: Path | None = None
    group: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """The two sides, each in natural order, and those on neither: held back or left over."""

    train: tuple[Photo, ...]
    test: tuple[Photo, ...]
    unused: tuple[Photo, ...]


def divide(photos: Sequence[Photo], train: int | None, test: int | None, seed: int = 0) -> Split:
    """Draw ``test`` and ``train`` photos; None means all that there are.

    Where the release has sides, each is drawn from its own. Elsewhere test photos come from
    groups drawn by ``seed``, at most a tenth of them from one group as long as that leaves half
    of the photos for training; what a drawn group does not give to the test is held back.

    Raises InputError when one side would be short of photos.
    """
    open_ = [photo for photo in photos if not photo.side]
    pool = {side: [p for p in photos if p.side == side] for side in ("train", "test")}
    if open_ and test is None:
        raise InputError("how many photos shall be the test? give a number or a share")
    chosen, held = _groups(open_, (test or 0) - len(pool["test"]), seed)
    tests = _draw([*pool["test"], *chosen], test, seed, "test")
    rest = [p for p in open_ if p.id not in held]
    trains = _draw([*pool["train"], *rest], train, seed, "training")
    used = {p.id for p in (*tests, *trains)}
    return Split(trains, tests, tuple(p for p in photos if p.id not in used))


def counts(total: int, train: int | None, test: int | None) -> tuple[int | None, int | None]:
    """The paper's counts where there are as many photos, the same share of fewer.

    >>> counts(9000, 8458, 124), counts(100, 1443, 57)
    ((8458, 124), (None, 4))
    """
    if train is None or test is None or total >= train + test:
        return train, test
    return None, min(test, max(1, round(total * test / (train + test))))


def rank(seed: int, name: str) -> bytes:
    """A seeded, machine-independent place in a random order."""
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogateescape")).digest()


def _draw(photos: Sequence[Photo], count: int | None, seed: int, side: str) -> tuple[Photo, ...]:
    if count is None or count == len(photos):
        return tuple(photos)
    if count > len(photos):
        raise InputError(f"{count} {side} photos are wanted, and there are {len(photos)}")
    drawn = {p.id for p in sorted(photos, key=lambda p: rank(seed, p.id))[:count]}
    return tuple(p for p in photos if p.id in drawn)


def _groups(photos: Sequence[Photo], count: int, seed: int) -> tuple[list[Photo], set[str]]:
    """``count`` test photos of the drawn groups, and the ids of all photos of those groups."""
    if count <= 0 or not photos:
        return [], set()
    groups: dict[str, list[Photo]] = {}
    for photo in photos:
        groups.setdefault(photo.group or photo.id, []).append(photo)
    order = sorted(groups, key=lambda name: rank(seed, f"group {name}"))
    most = math.ceil(count * _LARGEST_SHARE)
    while True:
        chosen: list[Photo] = []
        held: set[str] = set()
        for name in order:
            if len(chosen) == count:
                break
            mine = sorted(groups[name], key=lambda p: rank(seed, p.id))
            chosen += mine[: min(most, count - len(chosen))]
            held.update(p.id for p in mine)
        if len(chosen) == count and 2 * len(held) <= len(photos):
            break
        if most >= count:
            if len(chosen) < count or len(held) == len(photos):
                raise InputError(
                    f"{count} test photos cannot be drawn from {len(photos)} photos in "
                    f"{len(groups)} groups (drives, scenes) without putting a group on two sides; "
                    "ask for fewer, or add photos of other drives or scenes"
                )
            break
        most *= 2
    wanted = {p.id for p in chosen}
    return [p for p in photos if p.id in wanted], held
