"""The verb ``study report``: a study's votes -> report.md, report.html, votes.csv, table5.json."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.paper.choices import parse_datasets, parse_methods
from reports.paper.study import FILE as TABLE5_FILE
from reports.study.contents import Report, make_report
from reports.study.page import as_html, as_markdown
from reports.study.table5 import as_json
from reports.study.verdict import headline
from reports.study.votes import FILE, load_votes, read_study
from reports.text import plain
from wespe_bench import atomic
from wespe_bench.errors import InputError, writing
from wespe_bench.runs import escape_csv_formula

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StudyReport:
    """What people preferred: the paper's Table 5 from a study's votes, with intervals.

    Writes report.md, report.html, votes.csv and table5.json, which `tables 5 --study FOLDER` shows
    beside the paper's.

    Examples:
      wespe-bench study report study
      wespe-bench study report study --runs runs/demo --exclude-failed-checks --min-ms 500
    """

    folder: str
    """The study's folder, or a votes.csv."""
    runs: str | None = None
    """Also compare metrics with people: the folder of the scored runs."""
    out: str | None = None
    """Where the files go (default: the study's folder)."""
    exclude_failed_checks: bool = False
    """Leave out raters who failed an attention check."""
    min_ms: int = 0
    """Leave out votes given sooner than this many milliseconds."""
    method: tuple[str, ...] = ()
    """METHOD=LABEL: the study's LABEL is this method of the paper ("WESPE [DIV2K]", APE)."""
    dataset: tuple[str, ...] = ()
    """PLACE=NAME: the data set of the study that is this one of the paper: kitti=my_drives."""


def main(config: StudyReport) -> int:
    """Write the report's four files and print its headline."""
    from wespe_bench.datasets.miniature import note_of
    from wespe_bench.option_checks import check_out

    folder = Path(config.folder)
    if config.min_ms < 0:
        raise InputError("--min-ms takes milliseconds from 0")
    out = Path(config.out) if config.out else folder if folder.is_dir() else folder.parent
    check_out(out)
    methods, datasets = parse_methods(config.method), parse_datasets(config.dataset)
    if config.runs is not None and not Path(config.runs).is_dir():
        raise InputError(f"no such folder: {config.runs}; --runs takes the folder of scored runs")
    study = read_study(folder)
    report = make_report(
        load_votes(folder),
        study,
        runs=Path(config.runs) if config.runs is not None else None,
        exclude_failed_checks=config.exclude_failed_checks,
        min_ms=config.min_ms,
        methods=methods,
        datasets=datasets,
        simulated=note_of(folder if folder.is_dir() else folder.parent),
    )
    for path in write(report, out, source=folder):
        print(path, file=sys.stderr)
    if report.simulated:
        print(plain(report.simulated))
    print(plain(headline(report)))
    for line in report.left_out:
        print(f"{plain(line)}.")
    return 0


def write(report: Report, out: Path, *, source: Path) -> list[Path]:
    """Write report.md, report.html, table5.json and votes.csv into ``out``; their paths.

    A votes.csv that is the ``source`` itself is not rewritten. Formulas are escaped for
    spreadsheets; `load_votes` reverses that.
    """
    texts = {
        "report.md": as_markdown(report),
        "report.html": as_html(report),
        TABLE5_FILE: as_json(report.table5),
    }
    read = source / FILE if source.is_dir() else source
    target = out / FILE
    if not (read.exists() and target.exists() and target.samefile(read)):
        texts[FILE] = votes_csv(report.votes)
    for name, text in texts.items():
        with writing(out / name):
            atomic.write_text(out / name, text)
    return [out / name for name in texts]


def votes_csv(votes: pd.DataFrame) -> str:
    """Checked votes as CSV, one row each."""
    safe = votes.copy()
    for name in safe.columns:
        if safe[name].dtype == object or str(safe[name].dtype) in ("str", "string"):
            values = {value: escape_csv_formula(value) for value in safe[name].dropna().unique()}
            if any(key != value for key, value in values.items()):
                safe[name] = safe[name].map(values)
    return str(safe.to_csv(index=False, lineterminator="\n"))
