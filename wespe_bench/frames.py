"""What reports say of runs, as pandas frames: `compare` and `leaderboard` in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wespe_bench import registry

if TYPE_CHECKING:
    import pandas as pd


def compare(
    *methods: str,
    runs: Path | str = "runs",
    dataset: str | None = None,
    metrics: Sequence[str] = (),
) -> pd.DataFrame:
    """Is the first method better than the others? A row a metric and rival.

    ``methods`` are labels of runs below ``runs``, run folders, or ``NAME=RUN,RUN`` for the
    seeds of one method; ``dataset`` is needed where they share several, ``metrics`` are by
    default all they share. The columns: mean_a and mean_b over the n photos both have, their
    difference (a - b) with low and high (95% studentised bootstrap interval), p (Wilcoxon's
    signed-rank test) and p_holm (corrected over all rows), wins and equal (photos), win_rate,
    effect (rank-biserial), better (a label, empty where nothing is shown) and sentence.

    Raises InputError for unknown methods, and for scores that must not be compared.
    """
    frame: pd.DataFrame = registry.resolve(registry.COMPARE)(
        *methods, runs=runs, dataset=dataset, metrics=metrics
    )
    return frame


def leaderboard(runs: Path | str = "runs", metrics: Sequence[str] = ()) -> pd.DataFrame:
    """All runs below a folder, ranked: a row a data set, method and metric, best ranks first.

    The columns: n, mean, low and high as in tables, rank with rank_low and rank_high (95% of
    resamples of the photos), mean_rank over the metrics with its own two.

    Raises InputError where the scores must not stand in one table.
    """
    frame: pd.DataFrame = registry.resolve(registry.LEADERBOARD)(runs, metrics=metrics)
    return frame
