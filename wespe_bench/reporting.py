"""What reports say of runs, as pandas frames: `tables`, `compare`, `leaderboard` in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import registry

if TYPE_CHECKING:
    import pandas as pd


def compare(
    *methods: str,
    runs: Path | str = "runs",
    dataset: str | None = None,
    metrics: Sequence[str] = (),
    primary: str = "",
    since: Path | str | None = None,
) -> pd.DataFrame:
    """Is the first method better than the others? A row a metric and rival.

    Args:
        methods: Labels of runs below ``runs``, run folders, or ``NAME=RUN,RUN`` for the seeds of
            one method.
        runs: The folder of runs.
        dataset: Needed where the methods share several.
        metrics: By default all that the methods share.
        primary: The metric that is tested without correction, so that its verdict does not depend
            on what stands beside it (default: the first of PSNR, SSIM, MS-SSIM that is compared).
        since: The card.json of an earlier result, as `leaderboard` writes it, to compare with.

    Returns:
        Columns mean_a and mean_b over the n photos both have, their difference (a - b) with low
        and high (95% studentised bootstrap interval, Student's t below six photos), primary
        (bool), p (Wilcoxon's signed-rank test) and p_corrected (Holm's over all rows but the
        primary ones), wins and equal (photos), win_rate, effect (rank-biserial), better (a label,
        empty where nothing is shown) and sentence.

    Raises:
        InputError: Unknown methods, or scores that must not be compared.
    """
    frame: pd.DataFrame = registry.resolve(registry.COMPARE)(
        *methods, runs=runs, dataset=dataset, metrics=metrics, primary=primary, since=since
    )
    return frame


def leaderboard(
    runs: Path | str = "runs", metrics: Sequence[str] = (), rank_by: Sequence[str] = ()
) -> pd.DataFrame:
    """All runs below a folder, ranked: a row a data set, method and metric, best first.

    Args:
        runs: The folder of runs.
        metrics: By default all that were scored.
        rank_by: The metrics that decide the place. By default PSNR, SSIM and MS-SSIM; without
            them there is no overall order.

    Returns:
        Columns n, mean, low and high as in tables, rank with rank_low and rank_high (95% of
        resamples of the photos), mean_rank over the metrics ``rank_by`` with its own two, and the
        place by that mean rank, place_low to place_high.

    Raises:
        InputError: The scores must not share a table.
    """
    chosen = {"metrics": metrics, "rank_by": rank_by}
    frame: pd.DataFrame = registry.resolve(registry.LEADERBOARD)(runs, **chosen)
    return frame


def tables(*numbers: int | str, runs: Path | str = "runs", **options: Any) -> pd.DataFrame:
    """The paper's tables, ours beside the paper's numbers: a row for each cell.

    Warns of runs that were refused or cannot be read.

    Args:
        numbers: 1 to 8, spans like "1-3", or "all" (the default).
        runs: A run folder, or a folder of runs.
        options: Those of ``wespe-bench tables``: method, dataset, protocol, ssim, psnr, cornia,
            common, study, data.

    Returns:
        Columns table, row, method, quantity; ours with low, high (its 95% interval) and n; paper;
        difference; best and paper_best; ours_text and paper_text for cells of words; metric,
        metric_version, run, dataset, revision; reason, why ours is empty; notes.

    Raises:
        InputError: Numbers, options or folders that are not there.
    """
    found: pd.DataFrame = registry.resolve(registry.TABLES)(numbers or ("all",), runs, **options)
    return found
