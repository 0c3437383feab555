"""The verb ``export scores``: the rows as a file other programs read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

from wespe_bench.errors import InputError
from wespe_bench.json_output import json_score
from wespe_bench.paths import to_path
from wespe_bench.runs import escape_csv_formula

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.run import Run, Runs


# Scores that are kept in memory rather than read twice.
_FEW = 20_000

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
    import pandas as pd

    from wespe_bench import atomic
    from wespe_bench.store import SCORE_COLUMNS

    if out.name in ("run.json", "samples.parquet") or out.suffix == ".png":
        raise InputError(f"{out} would overwrite a part of a run; choose another --out")
    if out.suffix.lower() in {f".{other}" for other in _FORMATS if other != format}:
        raise InputError(f"{out} would hold {format}; give it that ending, or --format")
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file name with --out")
    found, count, frames = _open_in_pieces(runs)
    rest = (frame.drop(columns="seconds") for frame in frames)
    first = next(rest, pd.DataFrame(columns=[c for c in SCORE_COLUMNS if c != "seconds"]))
    write = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}[format]
    with atomic.writer(out) as file:
        write(file, chain([first], rest))
    return count, found


def _open_in_pieces(path: Path) -> tuple[Runs, int, Iterator[pd.DataFrame]]:
    """As `wespe_bench.run.open_scored`, but how many scores, and these in pieces, by run and photo.

    All are read before the first piece is given, so what cannot be read is left out whole; many
    are then read again. None of the pieces is empty.
    """
    from wespe_bench.run import open_where

    counts: list[int] = []
    kept: dict[str, list[pd.DataFrame]] = {}

    def count(run: Run) -> None:
        frames: list[pd.DataFrame] = []
        rows = 0
        for frame in run.pieces_of_scores():
            rows += len(frame)
            if sum(counts) + rows <= _FEW:
                frames.append(frame)
        counts.append(rows)
        if sum(counts) <= _FEW:
            kept[run.name] = frames

    runs = open_where(path, count)
    ordered = sorted(runs.found, key=lambda run: run.name)
    frames = (f for run in ordered for f in kept.pop(run.name, None) or run.pieces_of_scores())
    return runs, sum(counts), (frame for frame in frames if len(frame))


def _write_csv(file: IO[bytes], frames: Iterable[pd.DataFrame]) -> None:
    for number, frame in enumerate(frames):
        text = _escaped(frame).to_csv(index=False, header=number == 0, lineterminator="\n")
        file.write(text.encode())


def _write_json(file: IO[bytes], frames: Iterable[pd.DataFrame]) -> None:
    before = "[\n"
    for frame in frames:
        frame = frame.assign(value=frame["value"].map(json_score))
        text = frame.to_json(orient="records", indent=1, double_precision=15)
        file.write((before + text[1:-1].strip("\n")).encode())
        before = ",\n"
    file.write(b"\n]\n")


def _write_parquet(file: IO[bytes], frames: Iterable[pd.DataFrame]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None
    for frame in frames:
        columns = None if writer is None else writer.schema
        table = pa.Table.from_pandas(frame, columns, preserve_index=False)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """Text columns with an apostrophe before what spreadsheets take for a formula."""
    safe = frame.copy()
    for column in frame.select_dtypes(exclude="number").columns:
        safe[column] = frame[column].map(escape_csv_formula)
    return safe
