"""The verb ``tables``, and the Python function ``wespe_bench.tables``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from reports.paper import counts, grid, measures, miniature, pictures, render, scores, study
from reports.paper.choices import (
    Choices,
    parse_datasets,
    parse_methods,
    parse_order,
    parse_ours,
)
from reports.paper.gather import Gathered, gather
from reports.paper.grid import Grid
from reports.paper.printed import SCORES
from reports.text import plain, plural
from wespe_bench import atomic
from wespe_bench.arguments import POSITIONAL
from wespe_bench.errors import InputError, did_you_mean, print_failures, writing
from wespe_bench.paths import to_path

if TYPE_CHECKING:
    import pandas as pd


#: Where runs are looked for; this folder may be missing.
DEFAULT_RUNS = "runs"


@dataclass(frozen=True)
class Tables:
    """The paper's tables: ours with n and interval, the paper's value, the difference.

    A run is placed by its data set; its method is what --method says, else its label
    ("WESPE [DPED]"), else its enhancer or checkpoint. An empty cell says why it is empty and
    which command fills it. Exit code 3 when runs were refused or could not be read.

    Examples:
      wespe-bench tables all --runs runs/paper
      wespe-bench tables 2 --ours Mine=LABEL --order Mine "WESPE [DPED]"
      wespe-bench tables 2 3 --runs runs --method "WESPE [DPED]=Mine" --format html --out t.html
    """

    numbers: tuple[str, ...] = field(default=(), metadata=POSITIONAL)
    """Which tables: 2, 1-3, all (default: all)."""
    runs: str = DEFAULT_RUNS
    """A run folder, or a folder of runs."""
    format: Literal["md", "csv", "tex", "html", "json"] = "md"
    """md, csv (a line a cell), tex, html or json."""
    out: Annotated[str | None, "FILE"] = None
    """A file to write, instead of printing."""
    method: tuple[str, ...] = ()
    """METHOD=LABEL: the runs with this label are this method of the paper."""
    ours: tuple[str, ...] = ()
    """NAME=LABEL: a method of yours, in columns of its own: the runs with this label."""
    order: tuple[str, ...] = ()
    """Which methods come first, by the names of their columns; the others follow."""
    dataset: tuple[str, ...] = ()
    """PLACE=NAME: the data set that stands in a row: "iphone full=my_photos", kitti=my_drives."""
    protocol: Literal["patches", "registered"] = "patches"
    """Table 2's photos: patches, or registered (full-size pairs of data register)."""
    ssim: Literal["ms_ssim", "ms_ssim_dped", "ssim"] = "ms_ssim"
    """Which of ours stands beside the paper's SSIM."""
    psnr: Literal["psnr", "psnr_pooled", "psnr_dped"] = "psnr"
    """Which PSNR."""
    cornia: str = ""
    """Which CORNIA, as scored (default: the authors' if some run has it, else cornia)."""
    common: bool = False
    """Where photos are missing, compare on those that every method of a row has."""
    pictures: bool = False
    """On the HTML page a photo of each data set, by every method, below Tables 2, 3 and 6."""
    study: str = ""
    """The folder of a user study's report, for Table 5."""
    data: str | None = None
    """Where data sets live, for Tables 1 and 4 (default: $WESPE_DATA, else data/)."""


def main(config: Tables) -> int:
    """Print the tables or write them; returns 3 when something was refused or left out."""
    out = Path(config.out) if config.out else None
    if out is not None:
        _check_out(out, config.format)
    if config.pictures and config.format != "html":
        raise InputError("--pictures: only --format html shows them")
    grids = build(parse_numbers(config.numbers or ("all",)), _root(config.runs), choices_of(config))
    text = render.render(grids, config.format)
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        with writing(out):
            atomic.write_text(out, text)
        print(f"{len(grids)} tables -> {out}" if len(grids) > 1 else f"1 table -> {out}")
    failures = [failure for one in grids for failure in one.failures]
    return print_failures("refused or left out", failures)


def choices_of(config: Tables) -> Choices:
    """The options that decide what the tables show. Raises InputError."""
    methods = parse_methods(config.method)
    ours = parse_ours(config.ours, methods)
    return Choices(
        methods=methods,
        ours=ours,
        order=parse_order(config.order, ours),
        datasets=parse_datasets(config.dataset),
        protocol=config.protocol,
        ssim=config.ssim,
        psnr=config.psnr,
        cornia=config.cornia,
        common=config.common,
        data=config.data,
        study=Path(config.study) if config.study else None,
        pictures=config.pictures,
    )


def frame(numbers: Iterable[str | int], runs: Path | str, **options: Any) -> pd.DataFrame:
    """The cells of some tables, one row each (`reports.paper.grid.FRAME`).

    ``options`` are the verb's. Raises InputError; warns of runs that were refused or left out.
    """
    import warnings

    known = set(Tables.__dataclass_fields__) - {"numbers", "runs", "format", "out", "pictures"}
    for name in options:
        if name not in known:
            raise InputError(f"tables: no option {name!r}{did_you_mean(name, known)}")
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    config = Tables(runs=str(runs), **given)
    grids = build(parse_numbers(numbers), _root(config.runs), choices_of(config))
    for failure in (failure for one in grids for failure in one.failures):
        warnings.warn(failure, stacklevel=3)
    return grid.frame(grids)


def _root(runs: str) -> Path | None:
    root = to_path(runs)
    return None if runs == DEFAULT_RUNS and not root.exists() else root


def _check_out(out: Path, format: str) -> None:
    """Raise InputError where --out is a folder, part of a run, or has another ending."""
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file name with --out")
    if out.name in ("run.json", "samples.parquet") or out.suffix in (".png", ".parquet"):
        raise InputError(f"{out} would overwrite a part of a run; choose another --out")
    if out.suffix and out.suffix.lstrip(".") not in (format, "txt", "htm", "markdown", "text"):
        raise InputError(f"--out {out} does not end in .{format}; say --format, or rename it")


NUMBERS = tuple(range(1, 9))


def parse_numbers(words: Iterable[str | int]) -> tuple[int, ...]:
    """Table numbers from words: "2", "1-3", "all". Raises InputError.

    >>> parse_numbers(["2", "6-8"]), parse_numbers(["all"]) == NUMBERS
    ((2, 6, 7, 8), True)
    """
    found: set[int] = set()
    for word in words:
        first, _, last = str(word).partition("-")
        if word == "all":
            found.update(NUMBERS)
        elif first.isdecimal() and (last or first).isdecimal() and len(first + last) < 5:
            span = range(int(first), int(last or first) + 1)
            if not span or not set(span) <= set(NUMBERS):
                raise InputError(f"no table {word} in the paper; it has 1 to {NUMBERS[-1]}")
            found.update(span)
        else:
            raise InputError(f"{word!r}: expected a table's number, a span like 1-3, or all")
    return tuple(sorted(found))


def build(numbers: Sequence[int], root: Path | None, choices: Choices) -> list[Grid]:
    """The tables, in order. ``root`` is a run folder or a folder of runs, None for none.

    Raises InputError for choices that name what does not exist; a fault of a run is reported in
    the tables instead.
    """
    wanted = [number for number in numbers if number in SCORES]
    gathered = gather(root, choices, measures.METRICS) if wanted else None
    grids = []
    for number in numbers:
        if number in SCORES and gathered is not None:
            grids.append(scores.grid(number, gathered, choices))
        elif number == 5:
            grids.append(study.grid(choices.study))
        else:
            grids.append(counts.grid(number, choices.data))
        grids[-1] = miniature.marked(grids[-1], gathered, choices)
        if gathered is not None and choices.pictures and number in pictures.NUMBERS:
            grids[-1] = pictures.added(grids[-1], gathered, choices)
    if gathered is not None:
        first = next(i for i, grid in enumerate(grids) if grid.number in SCORES)
        grids[first] = replace(
            grids[first],
            failures=(*gathered.failures, *grids[first].failures),
            notes=(*_unplaced(gathered), *grids[first].notes),
        )
    return grids


def _unplaced(gathered: Gathered) -> list[str]:
    """A note for when there are runs but none of them is placed in a table."""
    if gathered.at or not gathered.runs:
        return []
    first = gathered.runs[0].run
    count = plural(len(gathered.runs), "run")
    return [
        f"{count} here, and none is used in these tables: their data sets or methods are not the "
        f"paper's. To use one: --dataset 'PLACE={plain(first.dataset)}' (a PLACE is "
        f"iphone patches, kitti, ...) and --method 'METHOD={plain(first.label)}', or --ours "
        f"'{plain(first.label)}' for a method of yours"
    ]
