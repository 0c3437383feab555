"""The contents of a study's report, which Markdown and the page show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.study.cells import Cell, cells, oriented, overall
from reports.study.people import Agreement, agreements
from reports.study.raters import Raters, raters
from reports.study.strengths import Strengths, strengths
from reports.study.table5 import table5
from reports.study.votes import Study, check_votes, keep

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Report:
    """The parts of the report.

    ``overall`` has a cell for each pair of methods, over all data sets. ``agreements`` is None
    without runs. ``left_out`` says what options excluded, ``notes`` are about Table 5,
    ``unscored`` says which questions metrics were not compared on; ``table5`` is the content of
    table5.json, ``votes`` are all checked votes. ``simulated`` is the mark of simulated votes.
    """

    title: str
    revision: str
    cells: tuple[Cell, ...]
    overall: tuple[Cell, ...]
    raters: Raters
    strengths: Strengths | None
    agreements: tuple[Agreement, ...] | None
    table5: Mapping[str, Any]
    votes: pd.DataFrame
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    simulated: str = ""

    @property
    def images(self) -> int:
        return len({(i.dataset, i.sample) for cell in self.cells for i in cell.images})


def make_report(
    frame: pd.DataFrame,
    study: Study | None = None,
    *,
    runs: Path | None = None,
    exclude_failed_checks: bool = False,
    min_ms: int = 0,
    methods: Mapping[str, str] | None = None,
    datasets: Mapping[str, str] | None = None,
    simulated: str = "",
) -> Report:
    """The report of a table of votes (`reports.study.votes.COLUMNS`).

    ``study`` is what study.json says, ``runs`` where the scores are that people are compared
    with, ``simulated`` the mark of a folder of simulated votes; the other options are the verb's.
    The order of rows does not matter.

    Raises InputError as `check_votes`, `keep` and `agreements` do.
    """
    study = study or Study()
    kept = keep(
        check_votes(frame, study), exclude_failed_checks=exclude_failed_checks, min_ms=min_ms
    )
    votes = oriented(kept.votes)
    found = cells(votes)
    agreed, unscored = agreements(votes, runs, study.hashes) if runs is not None else (None, ())
    paper, notes = table5(found, methods=methods, datasets=datasets)
    pairs = overall(votes)
    return Report(
        title=study.title,
        revision=study.revision,
        cells=found,
        overall=pairs if len(found) > len(pairs) else (),
        raters=raters(kept, len(study.questions) if study.questions else None),
        strengths=strengths(votes, pairs),
        agreements=agreed,
        table5=paper,
        votes=kept.every,
        left_out=kept.left_out,
        notes=notes,
        unscored=unscored,
        simulated=simulated,
    )
