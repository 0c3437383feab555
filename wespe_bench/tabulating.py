"""The paper's tables as data frames; what lays them out is reached by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import registry

if TYPE_CHECKING:
    import pandas as pd


def tables(*numbers: int | str, runs: Path | str = "runs", **options: Any) -> pd.DataFrame:
    """The paper's tables, ours beside the paper's numbers: a row for each cell.

    ``numbers`` are 1 to 8, spans like "1-3" or "all" (the default); ``runs`` is a run folder
    or a folder of runs. ``options`` are those of ``wespe-bench tables``: method, dataset,
    protocol, ssim, psnr, cornia, common, study, data.

    Columns: table, row, method, quantity; ours with low, high (its 95% interval) and n; paper;
    difference; best and paper_best; ours_text and paper_text for cells of words; metric,
    metric_version, run, dataset, revision; reason, why ours is empty; notes.

    Raises InputError for numbers, options or folders that are not there; warns of runs that
    were refused or cannot be read.
    """
    found: pd.DataFrame = registry.resolve(registry.TABLES)(numbers or ("all",), runs, **options)
    return found
