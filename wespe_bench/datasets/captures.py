"""Photos that are shots of one scene, recognised by when they were taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from wespe_bench.datasets.headers import taken_at
from wespe_bench.errors import InputError

#: Shots at most this many seconds apart, in a chain, are one scene's.
SECONDS = 10


def group(photos: Mapping[str, Path]) -> dict[str, str]:
    """Id -> a name for its scene, for those of ``photos`` that share one with another.

    The time is EXIF's; a photo without one, or one that cannot be read, is a scene of its own.
    """
    times: list[tuple[datetime, str]] = []
    for id_, path in photos.items():
        try:
            times.append((datetime.strptime(taken_at(path), "%Y:%m:%d %H:%M:%S"), id_))
        except (InputError, ValueError):
            continue
    times.sort()
    groups: dict[str, str] = {}
    for (before, first), (after, second) in pairwise(times):
        if (after - before).total_seconds() <= SECONDS:
            groups[second] = groups.setdefault(first, f"scene of {first}")
    return groups
