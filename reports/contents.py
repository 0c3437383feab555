"""The contents of a report, read once: runs, tables, failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import Table
from reports.cost import Cost, cost_of, shown
from reports.origins import Origin, origin_of
from reports.tables import summarize
from reports.text import plain
from wespe_bench.citations import cited
from wespe_bench.datasets.source import source_name, terms_of
from wespe_bench.errors import InputError
from wespe_bench.runs import group

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wespe_bench.run import Run


#: The title of a report that has none of its own.
UNTITLED = "Photo enhancers compared"


@dataclass(frozen=True, slots=True)
class Section:
    """One data set: its table, its runs in the order of the rows, its photos, its scores."""

    table: Table
    runs: tuple[Run, ...]
    samples: pd.DataFrame
    scores: pd.DataFrame

    def values(self, metric: str) -> dict[str, np.ndarray]:
        """The scores behind a column: label -> float64 (n,), by sample id, infinite ones too."""
        rows = self.scores[self.scores["metric"] == metric]
        rows = rows[rows["sample"].isin(self.table.used)].sort_values("sample")
        return {
            label: rows.loc[rows["label"] == label, "value"].to_numpy("float64")
            for label in self.table.methods
        }

    @property
    def failed(self) -> int:
        """How many failures its runs hold."""
        return sum(len(run.failures) for run in self.runs)

    def failures(self) -> tuple[tuple[str, str, str, str], ...]:
        """(label, stage, photos, error): an error that many photos share stands once."""
        grouped = group(
            ((run.label, str(row.stage), str(row.error)), str(row.sample))
            for run in self.runs
            for row in run.failures.sort_values(["stage", "sample"]).itertuples()
        )
        return tuple((*key[:2], photos, key[2]) for key, photos in grouped.items())

    def warnings(self) -> tuple[str, ...]:
        """What the enhancers warned of, with their labels."""
        return tuple(f"{run.label}: {line}" for run in self.runs for line in run.warnings)

    @property
    def source(self) -> str:
        """The name of its data set in the registry; empty for the user's own photos."""
        return source_of(self.runs[0]) if self.runs else ""

    @property
    def terms(self) -> str:
        """The licence of a public data set's photos; empty for the user's own."""
        return terms_of(self.source)

    @property
    def costs(self) -> list[Cost]:
        """What its methods cost; none where no method has a count."""
        return shown(cost_of(run.label, [run]) for run in self.runs)

    @property
    def origins(self) -> list[Origin]:
        """What its methods are and where they come from."""
        return [origin_of(run.label, run.enhancer, run.about) for run in self.runs]

    def value(self, label: str, sample: str, metric: str) -> float | None:
        """One photo's score, None where there is none."""
        rows = self.scores
        rows = rows[
            (rows["label"] == label) & (rows["sample"] == sample) & (rows["metric"] == metric)
        ]
        return float(rows["value"].iloc[0]) if len(rows) else None


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything a page shows, before it is a page; ``left_out`` are runs that cannot be read."""

    title: str
    sections: tuple[Section, ...]
    left_out: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for section in self.sections for run in section.runs)

    @property
    def citations(self) -> tuple[str, ...]:
        """BibTeX of what a paper with this report cites."""
        metrics = [column.metric for section in self.sections for column in section.table.columns]
        sources = [section.source for section in self.sections]
        return cited([*sources, *metrics, *(run.enhancer for run in self.runs)])

    @property
    def date(self) -> str:
        """The day of the newest run; not today, so that the same runs give the same report."""
        return max((run.created[:10] for run in self.runs), default="")

    @property
    def facts(self) -> dict[str, tuple[str, ...]]:
        """How the runs were made: name -> its distinct values; names without any are left out."""
        every = {
            "Command": [run.command for run in self.runs],
            "Platform": [run.platform for run in self.runs],
            "Device": [run.device for run in self.runs],
            "Seed": [str(run.seed) for run in self.runs],
            "Versions": [
                ", ".join(f"{k} {v}" for k, v in run.versions.items()) for run in self.runs
            ],
        }
        distinct = {
            name: tuple(dict.fromkeys(filter(None, map(plain, values))))
            for name, values in every.items()
        }
        return {name: values for name, values in distinct.items() if values}


def read_contents(path: Path, *, title: str = "", common: bool = False) -> Contents:
    """Read every run at or below ``path``; see `reports.tables.summarize` for ``common``.

    Raises InputError when there is no run or no score, and where scores must not share a table.
    """
    from wespe_bench.run import described, open_scored

    runs, scores = open_scored(path)
    if scores.empty:
        raise InputError(f"no scores at or below {path}; make them: wespe-bench score {path}")
    by_dataset: dict[str, list[Run]] = {}
    for run in runs.found:
        by_dataset.setdefault(run.dataset, []).append(run)
    samples = {name: photos_of(found) for name, found in by_dataset.items()}
    tables = summarize(
        scores,
        samples,
        methods={name: [run.label for run in found] for name, found in by_dataset.items()},
        common=common,
        root=path,
        described=described(runs.found),
    )
    sections = tuple(
        Section(
            table=table,
            runs=tuple(
                sorted(
                    by_dataset[table.dataset],
                    key=lambda run: table.methods.index(run.label),
                )
            ),
            samples=samples[table.dataset],
            scores=scores[scores["dataset"] == table.dataset],
        )
        for table in tables
    )
    return Contents(plain(title) or UNTITLED, sections, runs.left_out)


def source_of(run: Run) -> str:
    """The name of a run's data set in the registry; empty for the user's own photos."""
    options = run.metadata["dataset"].get("options")
    if not isinstance(options, dict) or "input" in options:
        return ""
    return source_name(run.dataset)


def photos_of(runs: Sequence[Run]) -> pd.DataFrame:
    """The photos of runs on one data set, each once, by id; with columns as in `Run.samples`."""
    import pandas as pd

    return (
        pd.concat([run.samples for run in runs], ignore_index=True)
        .drop_duplicates("sample")
        .sort_values("sample", ignore_index=True)
    )
