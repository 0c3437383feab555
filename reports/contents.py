"""What a report is about, read once from the store: runs, tables, failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import Table
from reports.tables import summarize
from reports.text import plain
from wespe_bench.errors import InputError
from wespe_bench.runs import group

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wespe_bench.types import Metric


@dataclass(frozen=True, slots=True)
class Run:
    """One enhancer on one data set: what its run.json says. ``name`` is the folder's."""

    folder: Path
    name: str
    label: str
    enhancer: str = ""
    fingerprint: str = ""
    dataset: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    platform: str = ""
    created: str = ""
    command: str = ""
    seed: int = 0
    failures: tuple[tuple[str, str, str], ...] = ()


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
            ((run.label, stage, error), sample)
            for run in self.runs
            for sample, stage, error in run.failures
        )
        return tuple((*key[:2], photos, key[2]) for key, photos in grouped.items())

    def value(self, label: str, sample: str, metric: str) -> float | None:
        """One photo's score, None where there is none."""
        rows = self.scores
        rows = rows[
            (rows["label"] == label) & (rows["sample"] == sample) & (rows["metric"] == metric)
        ]
        return float(rows["value"].iloc[0]) if len(rows) else None


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything a page shows, before it is a page."""

    title: str
    sections: tuple[Section, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for section in self.sections for run in section.runs)

    @property
    def date(self) -> str:
        """The day of the newest run, so that the same runs give the same report."""
        return max((run.created[:10] for run in self.runs), default="")

    @property
    def facts(self) -> dict[str, tuple[str, ...]]:
        """What the runs rest on: name -> its distinct values in plain words, none empty."""
        told = {
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
            for name, values in told.items()
        }
        return {name: values for name, values in distinct.items() if values}


def read_contents(path: Path, *, title: str = "", common: bool = False) -> Contents:
    """Read every run at or below ``path``; see `reports.tables.summarize` for ``common``.

    Raises InputError when there is no run, no score, or a table would lie.
    """
    import pandas as pd

    from wespe_bench import store

    folders = store.find_runs(path)
    if not folders:
        raise InputError(
            f"no run at or below {path} (a run is a folder with a run.json); "
            "make one with: wespe-bench run --help"
        )
    runs = [_read_run(path, folder) for folder in folders]
    scores = store.load_scores(path)
    if scores.empty:
        raise InputError(f"no scores at or below {path}; make them: wespe-bench score {path}")
    by_dataset: dict[str, list[Run]] = {}
    for run in runs:
        by_dataset.setdefault(run.dataset, []).append(run)
    samples = {
        name: pd.concat([store.load_samples(run.folder) for run in found], ignore_index=True)
        .drop_duplicates("sample")
        .sort_values("sample", ignore_index=True)
        for name, found in by_dataset.items()
    }
    tables = summarize(
        scores,
        samples,
        methods={name: [run.label for run in found] for name, found in by_dataset.items()},
        common=common,
        root=path,
        described=described(folders),
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
    return Contents(title=plain(title) or "Photo enhancers compared", sections=sections)


def described(folders: Iterable[Path]) -> dict[str, Metric]:
    """What the runs recorded of their metrics; plain words, no code."""
    from wespe_bench import store

    return recorded(store.read_run(folder).get("metrics") for folder in folders)


def recorded(told_by_runs: Iterable[object]) -> dict[str, Metric]:
    """The same of what their run.json call ``metrics``."""
    from wespe_bench.types import Metric

    def absent(*_: object, **__: object) -> float:
        raise InputError("this metric is only known by what a run says of it")

    found: dict[str, Metric] = {}
    for metrics in told_by_runs:
        for name, told in metrics.items() if isinstance(metrics, Mapping) else ():
            if not isinstance(told, Mapping):
                continue
            found[name] = Metric(
                name=name,
                version=str(told.get("version", "")),
                unit=str(told.get("unit", "")),
                higher_is_better=bool(told.get("higher_is_better")),
                full_reference=bool(told.get("full_reference")),
                compute=absent,
                title=str(told.get("title", "")),
                summary=str(told.get("summary", "")),
            )
    return found


def _read_run(root: Path, folder: Path) -> Run:
    from wespe_bench import store

    record = store.read_run(folder)
    failures = store.load_failures(folder)
    return Run(
        folder=folder,
        name=folder.name if folder == root else folder.relative_to(root).as_posix(),
        label=str(record.get("label", folder.name)),
        enhancer=str(record.get("enhancer", "")),
        fingerprint=str(record.get("fingerprint", "")),
        dataset=str(record.get("dataset", {}).get("name", "")),
        versions={str(k): str(v) for k, v in record.get("versions", {}).items()},
        device=str(record.get("device", "")),
        platform=str(record.get("platform", "")),
        created=str(record.get("created", "")),
        command=str(record.get("command", "")),
        seed=int(record.get("seed", 0)),
        failures=tuple(
            (str(row.sample), str(row.stage), str(row.error))
            for row in failures.sort_values(["stage", "sample"]).itertuples()
        ),
    )
