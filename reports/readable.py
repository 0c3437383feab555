"""The runs below a folder that can be read, and why the others cannot: one does not stop all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.text import plain
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Runs:
    """What run.json says of each folder, all their scores, and why others are ``left_out``."""

    heads: Mapping[Path, Mapping[str, Any]]
    scores: pd.DataFrame
    left_out: tuple[str, ...] = ()


def read_runs(path: Path) -> Runs:
    """Every run at or below ``path`` that can be read. Raises InputError when none can."""
    import pandas as pd

    from wespe_bench import store

    heads, frames, left_out = {}, [], []
    reasons: list[str] = []
    for folder in store.find_runs(path):
        name = folder.name if folder == path else folder.relative_to(path).as_posix()
        try:
            head = store.read_run(folder)
            frames.append(store.scores_of(folder, name=name)[0])
            heads[folder] = head
        except InputError as error:
            left_out.append(f"{plain(name)} is left out: {plain(error)}")
            reasons.append(str(error))
    if len(reasons) == 1 and not heads:
        raise InputError(reasons[0])
    if not heads:
        raise InputError(f"none of the {len(reasons)} runs in {path} can be read; {reasons[0]}")
    return Runs(heads, pd.concat(frames, ignore_index=True), tuple(left_out))
