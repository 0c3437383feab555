"""The methods that a comparison names: their runs, one or one a seed, and their scores.

A method is named by its label or by a run folder. Runs labelled ``NAME@1``, ``NAME@2``, ...
are seeds of NAME, as are runs of one label whose run.json states different seeds, and
whatever is listed as ``NAME=RUN,RUN``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reports.added import check_comparable
from reports.cards import Card
from reports.checks import Remedy, check_column, check_runs
from reports.text import plain
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.paths import to_path
from wespe_bench.run import VARIES, Run, Runs, open_runs

if TYPE_CHECKING:
    import pandas as pd

_SEEDED = re.compile(r"(.+)@\d+")


@dataclass(frozen=True, slots=True)
class Method:
    """A label and its runs on one data set; several runs are seeds of one method.

    An earlier result has a ``card`` in place of runs.
    """

    label: str
    runs: tuple[Run, ...]
    card: Card | None = None

    @property
    def members(self) -> int:
        """How many seeds it has."""
        return len(self.runs) or 1


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods of a comparison, their data set, and a line for each run that was not read."""

    dataset: str
    found: tuple[Method, ...]
    left_out: tuple[str, ...] = ()


def find_methods(names: Sequence[str], runs: Path, dataset: str | None = None) -> Methods:
    """A `Method` for each name, in their order.

    ``runs`` is searched for labels; ``dataset`` may be left out where the named methods share
    one data set. Raises InputError for an unknown name, runs that are not distinct, one
    method named twice, and no or several data sets in common.
    """
    known: Runs | None = None
    groups: list[tuple[str, list[Run]]] = []
    for name in names:
        label, equals, listed = name.partition("=")
        if equals and label and listed:
            groups.append((label, [Run(to_path(run)) for run in listed.split(",")]))
        elif ((folder := to_path(name)) / "run.json").is_file():
            run = Run(folder)
            groups.append((run.label, [run]))
        else:
            known = open_runs(runs) if known is None else known
            groups.append((name, _labelled(name, known, runs)))
    chosen = _dataset([found for _, found in groups], dataset)
    methods = [
        Method(label, _seeds(label, [run for run in found if run.dataset == chosen]))
        for label, found in groups
    ]
    taken: dict[Path, str] = {}
    for method in methods:
        for run in method.runs:
            if run.folder.resolve() in taken:
                raise InputError(
                    f"{run.folder} is named twice; a comparison needs two different methods"
                )
            taken[run.folder.resolve()] = method.label
    labels = [method.label for method in methods]
    distinct = tuple(
        # Two runs with one label are shown by their folders.
        replace(method, label=str(method.runs[0].folder))
        if labels.count(method.label) > 1
        else method
        for method in methods
    )
    return Methods(chosen, distinct, known.left_out if known else ())


def _labelled(name: str, known: Runs, runs: Path) -> list[Run]:
    found = [run for run in known.found if name in (run.label, run.label.removesuffix(VARIES))]
    found = found or [
        run for run in known.found if (seeded := _SEEDED.fullmatch(run.label)) and seeded[1] == name
    ]
    if not found:
        labels = sorted({run.label for run in known.found})
        shown = ", ".join(map(plain, labels[:12])) + (" ..." if len(labels) > 12 else "")
        unread = "".join(f"; {plain(line)}" for line in known.left_out[:3])
        raise InputError(
            f"no run folder and no label {name!r} below {runs}{did_you_mean(name, labels)}; "
            f"there are: {shown}{unread}"
        )
    return found


def _dataset(groups: Sequence[Sequence[Run]], asked: str | None) -> str:
    sets = [{run.dataset for run in found} for found in groups]
    shared = set.intersection(*sets)
    if asked is not None:
        if asked not in shared:
            everything = sorted(set().union(*sets))
            raise InputError(
                f"not all methods have a run on {asked!r}{did_you_mean(asked, everything)}; "
                f"they share: {', '.join(sorted(shared)) or 'nothing'}"
            )
        return asked
    if not shared:
        each = "; ".join(f"{found[0].label} on {found[0].dataset}" for found in groups)
        raise InputError(f"the methods share no data set ({each}); run them on the same photos")
    if len(shared) > 1:
        raise InputError(
            f"several data sets: {', '.join(sorted(shared))}; name one with "
            "--dataset, or a folder with --runs"
        )
    return next(iter(shared))


def _seeds(label: str, found: Sequence[Run]) -> tuple[Run, ...]:
    """The runs of one method, where their labels or seeds differ; else raises InputError."""
    keys = [(run.label, run.seed) for run in found]
    doubled = next((key for key in keys if keys.count(key) > 1), None)
    if doubled is not None:
        folders = [str(run.folder) for run in found if (run.label, run.seed) == doubled]
        raise InputError(
            f"{len(folders)} runs on {found[0].dataset!r} are called {doubled[0]!r} with seed "
            f"{doubled[1]} ({', '.join(folders[:3])}); name run folders instead of {label!r}"
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of methods on one data set, checked: one revision, one version a metric.

    ``rows`` is as `wespe_bench.run.load_scores` gives it, with ``member`` (method, seed) in
    place of the label; ``samples`` are those of the runs, by sample.
    """

    dataset: str
    revision: str
    note: str
    rows: pd.DataFrame
    samples: pd.DataFrame


def load(methods: Sequence[Method], dataset: str) -> Scores:
    """Read the methods' runs. Raises InputError where their scores must not be compared."""
    import pandas as pd

    remedy = Remedy(Path())
    frames, samples = [], []
    for number, method in enumerate(methods):
        for seed, run in enumerate(method.runs):
            rows = run.read_scores()
            if rows.empty:
                raise InputError(
                    f"{run.folder} has no scores; make them: wespe-bench score {run.folder}"
                )
            frames.append(rows.assign(run=str(run.folder), label=f"{number}.{seed}"))
            samples.append(run.samples)
    here, photos = pd.concat(frames, ignore_index=True), pd.concat(samples, ignore_index=True)
    for number, method in enumerate(methods):
        if method.card is not None:
            check_comparable(method.card, here, photos)
            frames.append(method.card.rows().assign(run=method.card.source, label=f"{number}.0"))
    scores = pd.concat(frames, ignore_index=True)
    check_runs(scores, dataset, remedy)
    for metric, rows in scores.groupby("metric", sort=False):
        check_column(rows, str(metric), dataset, remedy)
    notes = sorted(note for note in scores["note"].unique() if isinstance(note, str) and note)
    return Scores(
        dataset=dataset,
        revision=str(scores["revision"].iloc[0]),
        note="; ".join(notes),
        rows=scores.rename(columns={"label": "member"}),
        samples=photos.drop_duplicates("sample").set_index("sample").sort_index(),
    )
