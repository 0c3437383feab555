"""How far each step is: done, begun, ready, waiting for another, or without what it needs."""

from __future__ import annotations

import csv
import inspect
import json
import shlex
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wespe_bench import provenance, reading
from wespe_bench.dataset_specs import parse_dataset
from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.source import find, sources
from wespe_bench.errors import InputError
from wespe_bench.registry import resolve
from wespe_bench.reproduce.steps import Step
from wespe_bench.run import Run, open_runs

DONE, BEGUN, READY, WAITS, MISSING = "done", "begun", "can run", "waits", "missing"

#: The file in the plan's folder that says which steps ended, with which arguments, how fast.
JOURNAL = "reproduce.json"

#: The folder in it where a Slurm job leaves an empty file, named by `digest`, for each ended step.
JOBS = "slurm/done"


@dataclass(frozen=True, slots=True)
class State:
    """Of one step: which, a word on it, how many iterations or photos are left, how to get on.

    ``left`` is None where it is not known. ``lacks`` maps what is missing (a data set's name, or
    words) to how to get it.
    """

    kind: str
    detail: str = ""
    left: int | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def remedy(self) -> str:
        """How to get the first thing that is missing."""
        return next(iter(self.lacks.values()), "")


class Stock:
    """What is at hand: the photos of each data set, counted once; and which verbs there are."""

    def __init__(self, data: str | None) -> None:
        self._data = data
        self._counted: dict[str, int | str] = {}
        self.verbs: Collection[str] = resolve("wespe_bench.cli:VERBS")

    def count(self, spec: str) -> int | str:
        """How many photos a spec stands for, or why there are none."""
        if spec not in self._counted:
            try:
                self._counted[spec] = _count(spec, self._data)
            except InputError as error:
                self._counted[spec] = str(error)
        return self._counted[spec]


def _count(spec: str, data: str | None) -> int:
    """From names alone, without hashing a photo. Raises InputError."""
    name, options = parse_dataset(spec, data)
    source = find(name, f"{name!r} has no photos of the paper")
    argument = source.take_argument(options)
    split = options.pop("split", "")
    drawn = {o: options.pop(o) for o in ("train", "test") if o in options}
    options = {o: v for o, v in options.items() if o in inspect.signature(source.survey).parameters}
    found = source.survey(name, *argument, data=data, **options)
    split = split or found.split
    if split == "all":
        number = len(surveys.photos(found))
    else:
        number = len(getattr(surveys.divided(found, **drawn), split))
    if not number:
        raise InputError(f"no {split} photos in {found.root}")
    return number


def read_journal(out: Path) -> dict[str, Any]:
    """What `JOURNAL` says, by the steps' names; nothing where it is absent or damaged.

    Of each step that a Slurm job has ended (`JOBS`) the `digest` of its commands is a key too.
    """
    ended: dict[str, Any] = {path.name: {} for path in (out / JOBS).glob("*")}
    try:
        content = reading.read_json(out / JOURNAL)
        steps = content["steps"]
        return ended | {n: started for n, started in steps.items() if isinstance(started, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ended


def digest(commands: Sequence[Sequence[str]]) -> str:
    """A short name for a step's commands, the same for the same commands."""
    return provenance.sha256_bytes(json.dumps(commands).encode())[:16]


def look(steps: Sequence[Step], stock: Stock, journal: Mapping[str, Any]) -> dict[str, State]:
    """The state of every step, by name."""
    found: dict[str, State] = {}
    undone: set[Path] = set()
    for step in steps:
        by_job = digest(step.commands) in journal
        state = _look(step, stock, found, journal.get(step.name, {}), by_job, undone)
        if step.kind == "run" and state.kind in (BEGUN, READY, WAITS):
            undone.update(step.out.parents)
        found[step.name] = state
    return found


def _look(
    step: Step,
    stock: Stock,
    earlier: Mapping[str, State],
    recorded: Mapping[str, Any],
    by_job: bool,
    undone: Set[Path],
) -> State:
    if step.kind == "study":
        if step.out.is_file():
            return State(DONE, str(step.out))
        build = shlex.join(("wespe-bench", *step.commands[0]))
        remedy = f"people who compare photos: {build}, then study serve and study report"
        return State(MISSING, "people's votes", None, {"people's votes": remedy})
    same = recorded.get("commands") == json.loads(json.dumps(step.commands)) or by_job
    progress = _progress(step, same, undone)
    if progress.kind == DONE:
        return progress
    verb = next((v for v in stock.verbs if " ".join(step.commands[0]).startswith(f"{v} ")), "")
    if not verb:
        words = " ".join(step.commands[0][:2])
        remedy = f"a wespe-bench that has {words}"
        return State(MISSING, f"the verb {words}", None, {f"the verb {words}": remedy})
    for need in step.needs:
        if need in earlier and need.startswith("make ") and earlier[need].kind != DONE:
            return State(WAITS, f"for {need}")
    lacks: dict[str, str] = {}
    details = []
    for spec in step.photos:
        count = stock.count(spec)
        if isinstance(count, str):
            name = spec.partition("?")[0].partition(":")[0]
            source = sources().get(name)
            remedy = f"{name}: {source.get}" if source else name
            details.append(f"photos of {spec}")
            lacks.setdefault(name, f"{remedy} ({count.split(';')[0]})")
    if step.kind == "import" and not Path(f"{step.commands[0][2]}.index").is_file():
        detail = f"{step.commands[0][2]}.index"
        remedy = f"DPED's released models, {detail} and its data file"
        return State(MISSING, detail, None, {"DPED's models": remedy})
    for need in step.needs:
        if need in earlier and earlier[need].kind == MISSING:
            details.append(f"what {need} makes")
            lacks |= {n: how for n, how in earlier[need].lacks.items() if n not in lacks}
    if lacks:
        return State(MISSING, details[0], None, lacks)
    left = progress.left
    if left is None and step.kind == "run":
        left = int(stock.count(step.photos[0]))
    for need in step.needs:
        if need in earlier and earlier[need].kind != DONE:
            return State(WAITS, f"for {need}", left)
    return State(progress.kind, progress.detail, left)


def _progress(step: Step, same: bool, undone: Set[Path]) -> State:
    """How far a step has come by what lies in its folder; in ``undone`` runs are to be made."""
    if step.kind in ("train wespe", "train dped"):
        at = last_iteration(step.out.parent)
        if step.out.is_file() and at >= step.iterations and same:
            return State(DONE, f"{at:,} iterations")
        detail = f"{at:,} of {step.iterations:,} iterations" if at else ""
        return State(BEGUN if at else READY, detail, max(0, step.iterations - at))
    if step.kind == "run":
        return _run(step)
    done = same and (_rated(step, undone) if step.kind == "rate" else step.out.is_file())
    return State(DONE if done else READY)


def _run(step: Step) -> State:
    """Photos enhanced by today's checkpoint and scored by every metric."""
    try:
        run = Run(step.out)
        samples, results = run.samples, run.results
        scores = run.read_scores(step.metrics)
    except (InputError, OSError):
        return State(READY)
    spec = step.commands[0][1].partition("=")[2]
    file = Path(spec.partition(":")[2].partition("?")[0])
    if spec.startswith(("wespe:", "dped:", "tone:")) and (
        not file.is_file() or provenance.sha256_file(file) not in run.fingerprint
    ):
        return State(READY, "its checkpoint is another now", len(samples))
    complete = scores.groupby("sample")["metric"].nunique() == len(step.metrics)
    done = int(complete.sum()) if len(complete) else 0
    if done == len(samples) == len(results) and done:
        return State(DONE, f"{done} photos")
    return State(BEGUN, f"{done} of {len(samples)} photos", len(samples) - done)


def _rated(step: Step, undone: Set[Path]) -> bool:
    """Whether every run below its folders has scores of today's rater for all its photos.

    ``undone`` are folders with runs that are still to be made.
    """
    folders = [Path(command[1]) for command in step.commands]
    if not undone.isdisjoint(folders):
        return False
    try:
        (metric,) = step.metrics
        rater = provenance.sha256_file(Path(metric.partition(":")[2]))[:12]
        for folder in filter(Path.is_dir, folders):
            for run in open_runs(folder, may_be_empty=True).found:
                scores = run.read_scores(step.metrics)
                today = scores["metric_version"].str.contains(rater, regex=False)
                if scores.loc[today, "sample"].nunique() < len(run.results):
                    return False
    except (InputError, OSError):
        return False
    return True


def last_iteration(folder: Path) -> int:
    """The last iteration in a training's train.csv, 0 without one."""
    try:
        with open(folder / "train.csv", newline="", encoding="utf-8") as file:
            rows = [row["iteration"] for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, csv.Error):
        return 0
    for text in reversed(rows):
        try:
            return int(float(text))
        except (TypeError, ValueError, OverflowError):
            continue  # a line cut short by a kill
    return 0
