"""A run folder, opened: each of its files is read once, when it is first asked for.

`wespe_bench.store` says what a run folder holds, and writes it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import paths, store, store_pieces
from wespe_bench.errors import InputError, Missing, printable

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric

#: After the label of a method that gave another result when it was asked again.
VARIES = " (varies)"


@dataclass(frozen=True)
class Run:
    """One enhancer on one data set, as its folder has it when it is first read.

    ``name`` is what tables and messages call it. Open the folder again to see later changes.
    Every property below raises InputError for a file that is missing, damaged or of a newer
    version, and OSError where the folder is taken away while it is read.
    """

    folder: Path
    name: str = ""

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What run.json says."""
        return store.read_run(self.folder)

    @property
    def label(self) -> str:
        """What tables call the method; marked where it answers another way each time."""
        return str(self.metadata["label"]) + VARIES * bool(self.metadata.get("varies"))

    @property
    def enhancer(self) -> str:
        """The spec of the enhancer, as the user gave it."""
        return str(self.metadata["enhancer"])

    @property
    def fingerprint(self) -> str:
        """Changes when the enhancer would give other results."""
        return str(self.metadata.get("fingerprint", ""))

    @property
    def about(self) -> Mapping[str, Any]:
        """What the enhancer says of its checkpoint; empty where it says nothing."""
        about = self.metadata.get("about")
        return about if isinstance(about, dict) else {}

    @property
    def parameters(self) -> int | None:
        """How many parameters the enhancer says it has; None where it says nothing."""
        return stated_count(self.about, "parameters")

    @property
    def multiply_adds(self) -> int | None:
        """Its multiply-adds for a photo of 1000x1000 pixels; None where it says nothing."""
        return stated_count(self.about, "multiply_adds")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its enhancer warned of, a line each; most photos first."""
        found = self.metadata.get("warnings")
        lines = found.items() if isinstance(found, dict) else ()
        counted = sorted(((str(k), n) for k, n in lines if type(n) is int), key=lambda x: -x[1])
        return tuple(f"{line} ({n} photos)" if n else line for line, n in counted)

    @property
    def dataset(self) -> str:
        """The name of the data set."""
        return str(self.metadata["dataset"]["name"])

    @property
    def revision(self) -> str:
        """The revision of the data set (`wespe_bench.provenance.revision`)."""
        return str(self.metadata["dataset"]["revision"])

    @property
    def note(self) -> str:
        """What must be known of the data set wherever it is shown; usually empty."""
        return str(self.metadata["dataset"].get("note", ""))

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.metadata.get("seed", 0))

    @property
    def versions(self) -> dict[str, str]:
        """Library -> version."""
        return {str(name): str(v) for name, v in self.metadata.get("versions", {}).items()}

    @property
    def device(self) -> str:
        """What it was computed on, for instance "cpu"."""
        return str(self.metadata.get("device", ""))

    @property
    def platform(self) -> str:
        """Operating system and processor."""
        return str(self.metadata.get("platform", ""))

    @property
    def created(self) -> str:
        """When, in ISO 8601."""
        return str(self.metadata.get("created", ""))

    @property
    def command(self) -> str:
        """The command that made it."""
        return str(self.metadata.get("command", ""))

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Metric -> title, unit, direction as run.json has them. They cannot be computed."""
        from wespe_bench.types import Metric

        return {
            name: Metric(
                name=name,
                version=str(stated.get("version", "")),
                unit=str(stated.get("unit", "")),
                higher_is_better=bool(stated.get("higher_is_better")),
                full_reference=bool(stated.get("full_reference")),
                compute=_not_computable,
                title=str(stated.get("title", "")),
                summary=str(stated.get("summary", "")),
                aggregate=_not_pooled if stated.get("pooled") else None,
                rates_quality=stated.get("rates_quality") is not False,
            )
            for name, stated in self.metadata.get("metrics", {}).items()
            if isinstance(stated, Mapping)
        }

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The photos, by id: sample, path, sha256, reference, reference_sha256."""
        return store.load_samples(self.folder)

    @cached_property
    def failures(self) -> pd.DataFrame:
        """What failed and has not succeeded since: sample, stage, metric, error."""
        return store.load_failures(self.folder, self.samples["sample"])

    @cached_property
    def results(self) -> pd.DataFrame:
        """The current results: the rows of "enhanced", indexed by sample, that are not stale.

        A row is stale when run.json names another fingerprint, when the photo's bytes have
        changed, or when enhancing it again has failed.
        """
        return store.current(
            store.load(self.folder, "enhanced"),
            self.failures,
            self.fingerprint,
            self.samples.set_index("sample")["sha256"],
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The current scores, with columns as in `load_scores`."""
        return self.read_scores()

    def read_scores(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """`scores` of some metrics only (None: all); read each time, and not kept in memory.

        Scores are stale, and left out, when they are not of the current result, when the photo
        has left the data set, and when the reference has changed.
        """
        scores = store.load(self.folder, "scores")
        if metrics is not None and not set(scores["metric"].unique()) <= set(metrics):
            scores = scores[scores["metric"].isin(metrics)]
        return self.current(scores, self.results, self.samples)

    def pieces_of_scores(self) -> Iterator[pd.DataFrame]:
        """`scores`, those of some photos at a time, for runs of a million."""
        for piece in store_pieces.pieces(self.folder):
            results = piece.results(self.fingerprint)
            yield self.current(piece.scores, results, piece.samples)

    def current(
        self, scores: pd.DataFrame, results: pd.DataFrame, samples: pd.DataFrame
    ) -> pd.DataFrame:
        """Those of ``scores`` that are not stale, headed by what they are of."""
        current = scores["sample"].map(results["image_sha256"]) == scores["image_sha256"]
        references = scores["sample"].map(samples.set_index("sample")["reference_sha256"])
        same = (references == scores["reference_sha256"]) | scores["reference_sha256"].isna()
        # A sample that has left the data set has no result.
        scores = scores[current & same].drop(columns="reader")
        head = {
            "run": self.name,
            "label": self.label,
            "dataset": self.dataset,
            "revision": self.revision,
            "note": self.note,
        }
        for position, (column, value) in enumerate(head.items()):
            scores.insert(position, column, value)
        return scores.reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs below a folder, by path, and a line for each that cannot be read."""

    found: tuple[Run, ...]
    left_out: tuple[str, ...] = ()


def open_runs(path: Path, *, may_be_empty: bool = False) -> Runs:
    """Every run at or below ``path`` whose run.json can be read.

    Raises InputError where there is no folder, and, unless it ``may_be_empty``, where there is
    no run in it, or none that can be read.
    """
    return open_where(path, lambda run: run.metadata, may_be_empty)


def open_scored(path: Path) -> tuple[Runs, pd.DataFrame]:
    """As `open_runs` for runs whose scores can be read, and all their scores (`load_scores`)."""
    import pandas as pd

    frames: list[pd.DataFrame] = []
    runs = open_where(path, lambda run: frames.append(run.read_scores()))
    return runs, pd.concat(frames, ignore_index=True)


def open_where(path: Path, read: Callable[[Run], object], may_be_empty: bool = False) -> Runs:
    """As `open_runs` for runs that ``read`` can read: it raises InputError or OSError of others."""
    folders, unseen = _find(path)
    found, broken, reasons = [], [], []
    for folder in folders:
        run = Run(folder, folder.name if folder == path else folder.relative_to(path).as_posix())
        try:
            read(run)
        except (InputError, OSError) as error:
            reasons.append(str(error))
            broken.append(f"{run.name} is left out: {error}")
        else:
            found.append(run)
    if found or may_be_empty:
        return Runs(tuple(found), (*broken, *unseen))
    if len(reasons) == 1:
        raise InputError(reasons[0])
    if reasons:
        raise InputError(f"none of the {len(reasons)} runs in {path} can be read; {reasons[0]}")
    if unseen:
        raise InputError(f"no runs below {path}, where not all can be seen: {unseen[0]}")
    raise InputError(f"no runs below {path}: expected folders with a run.json")


def _find(path: Path) -> tuple[list[Path], list[str]]:
    """The run folders at or below ``path``, sorted, and a line for each place that is not seen.

    Links are followed; a run that several lead to is found once. Raises InputError where there
    is no folder.
    """
    if not paths.is_dir(path):
        raise InputError(f"no such folder: {path}")
    if paths.is_file(path / "run.json"):
        return [path], []
    found: list[Path] = []
    unseen: list[str] = []

    def skipped(folder: Path, why: str) -> None:
        if why == paths.UNREADABLE:
            unseen.append(f"{folder} cannot be listed, so its runs are left out; is it yours?")

    for listing in paths.walk(path, skipped):
        if "run.json" in listing.files:
            found.append(listing.path)
            listing.folders.clear()  # a run holds no runs
            continue
        for name in sorted(listing.links):
            if not (name.startswith(".") or os.path.exists(listing.path / name)):  # noqa: PTH110
                unseen.append(f"{listing.path / name} is a link to nothing; a run may be missing")
    return sorted(found), unseen


def load_scores(path: Path | str) -> pd.DataFrame:
    """The scores of every run at or below ``path``, one row per (run, sample, metric, seed).

    Stale rows are left out (`Run.read_scores`). Warns of a run that cannot be read.

    Args:
        path: A run folder, a folder of runs, or such an address in a store (s3://...).

    Returns:
        Columns run, label, dataset, revision, note, then those of the store: sample, metric,
        metric_version, value, extras (JSON), image_sha256, reference_sha256, seed, seconds.

    Raises:
        InputError: There is no run, or none can be read.
    """
    runs, scores = open_scored(paths.to_path(path))
    for line in runs.left_out:
        warnings.warn(line, stacklevel=2)
    return scores


def print_left_out(lines: Sequence[str]) -> int:
    """List on standard error what a verb left out; returns its exit code: 3, or 0 for nothing."""
    for line in lines:
        print(f"wespe-bench: {printable(line)}", file=sys.stderr)
    return 3 if lines else 0


def described(runs: Iterable[Run]) -> dict[str, Metric]:
    """The `Run.metrics` of several runs; where two describe a metric, the later one counts."""
    return {name: metric for run in runs for name, metric in run.metrics.items()}


def stated_count(about: object, name: str) -> int | None:
    """A count in what an enhancer says of itself; None where there is none.

    >>> stated_count({"parameters": 258}, "parameters"), stated_count({"parameters": "many"}, "x")
    (258, None)
    """
    value = about.get(name) if isinstance(about, Mapping) else None
    return value if type(value) is int and 0 <= value < 10**18 else None


def _not_pooled(*_: object) -> float:
    raise Missing("it is not a mean over photos, and its own code is not run here")


def _not_computable(*_: object, **__: object) -> float:
    raise InputError("this metric is only known by what a run says of it")
