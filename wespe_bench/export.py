"""The verb ``export scores``: the rows as a file other programs read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from wespe_bench.errors import InputError
from wespe_bench.json_output import json_score
from wespe_bench.paths import to_path
from wespe_bench.runs import escape_csv_formula

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.run import Runs


_FORMATS = ("csv", "json", "parquet")


@dataclass(frozen=True)
class Export:
    """Write the scores of every run below a folder into one file.

    Rows are sorted and free of timings, so the same scores give the same bytes. In CSV a
    text that a spreadsheet would run as a formula gets a leading apostrophe.

    Example:
      wespe-bench export scores runs/demo --format csv
    """

    runs: str
    """A run folder, or a folder of runs."""
    format: Literal["csv", "json", "parquet"] = "csv"
    """csv, json (a list of objects) or parquet."""
    out: Annotated[str | None, "FILE"] = None
    """The file to write; by default scores.csv, .json or .parquet in the folder."""


def main(config: Export) -> int:
    """Export and say where to."""
    from wespe_bench.run import print_left_out

    runs = to_path(config.runs)
    out = to_path(config.out) if config.out else runs / f"scores.{config.format}"
    rows, found = export(runs, out, config.format)
    print(f"{rows} rows of {len(found.found)} runs -> {out}")
    return print_left_out(found.left_out)


def export(runs: Path, out: Path, format: str = "csv") -> tuple[int, Runs]:
    """Write the scores below ``runs`` to ``out``; returns the number of rows, and the runs."""
    import io

    from wespe_bench import atomic
    from wespe_bench.run import open_scored

    if out.name in ("run.json", "samples.parquet") or out.suffix == ".png":
        raise InputError(f"{out} would overwrite a part of a run; choose another --out")
    if out.suffix.lower() in {f".{other}" for other in _FORMATS if other != format}:
        raise InputError(f"{out} would hold {format}; give it that ending, or --format")
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file name with --out")
    found, frame = open_scored(runs)
    frame = frame.sort_values(["run", "sample", "metric", "seed"])
    frame = frame.drop(columns="seconds").reset_index(drop=True)
    if format == "csv":
        data = _escaped(frame).to_csv(index=False, lineterminator="\n").encode()
    elif format == "json":
        text = frame.assign(value=frame["value"].map(json_score)).to_json(
            orient="records", indent=1, double_precision=15
        )
        data = f"{text}\n".encode()
    else:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        data = buffer.getvalue()
    atomic.write_bytes(out, data)
    return len(frame), found


def _escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """Text columns with an apostrophe before what spreadsheets take for a formula."""
    safe = frame.copy()
    for column in frame.select_dtypes(exclude="number").columns:
        safe[column] = frame[column].map(escape_csv_formula)
    return safe
