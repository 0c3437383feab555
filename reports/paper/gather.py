"""Assigns the runs to the places of the paper's tables, and reads their scores."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.paper.choices import PLACES, Choices, dataset_at
from reports.paper.runs import Candidate, read_runs, scores_of
from reports.text import plain
from wespe_bench.datasets.miniature import is_simulated
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.run import VARIES

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.metric_scores import MetricScores
    from wespe_bench.types import Metric

_STRONGEST = ("by --method", "by its label")


@dataclass(frozen=True)
class Gathered:
    """The runs of the paper's methods in their places, and their scores.

    ``at[place, method]`` is the run of a place; ``unclear[place, method]`` says why none of
    several was chosen. ``scores``, labelled by method, and ``photos`` are those of
    each run by its name; ``paths`` leads to the first of them. ``failures`` are the
    runs that cannot be read.
    """

    root: Path
    runs: tuple[Candidate, ...]
    at: Mapping[tuple[str, str], Candidate]
    unclear: Mapping[tuple[str, str], str]
    scores: Mapping[str, list[MetricScores]]
    photos: Mapping[str, pd.DataFrame]
    paths: Mapping[str, str]
    described: Mapping[str, Metric]
    failures: tuple[str, ...]

    @functools.cached_property
    def versions(self) -> dict[str, dict[str, list[str]]]:
        """metric -> run -> the versions its scores have there."""
        found: dict[str, dict[str, list[str]]] = {}
        for run, scores in self.scores.items():
            for of in scores:
                found.setdefault(of.metric, {}).setdefault(run, []).append(of.metric_version)
        return found

    def some(self, names: Iterable[str], metrics: Collection[str]) -> list[MetricScores]:
        """The scores of some runs, by their names, by some metrics."""
        return [of for name in names for of in self.scores[name] if of.metric in metrics]

    def samples(self, names: Iterable[str]) -> pd.DataFrame:
        """The photos of several runs on one data set: sample and reference, each once."""
        import pandas as pd

        frames: list[pd.DataFrame] = []
        for name in names:
            if not any(self.photos[name].equals(frame) for frame in frames):
                frames.append(self.photos[name])
        if len(frames) == 1:
            return frames[0]
        return pd.concat(frames, ignore_index=True).drop_duplicates("sample")


def gather(root: Path | None, choices: Choices, metrics: Iterable[str]) -> Gathered:
    """Read what the tables need from the runs at or below ``root``; None: no runs.

    Names in ``metrics`` that end in "*" match all that begin so. Raises InputError when there
    is no such folder, and for a chosen label or data set that no run has.
    """
    none: tuple[list[Candidate], dict[str, Metric], list[str]] = ([], {}, [])
    labels = {**choices.methods, **{label: method for method, label in choices.ours.items()}}
    runs, described, failures = read_runs(root, labels) if root else none
    runs = _without_miniatures(runs, root)
    _check_choices(runs, choices, root)
    at: dict[tuple[str, str], Candidate] = {}
    unclear: dict[tuple[str, str], str] = {}
    for place in PLACES:
        dataset, complaint = dataset_at(place, [r.run.dataset for r in runs], choices)
        for method in choices.titles:
            if complaint:
                unclear[place, method] = complaint
            fits = [r for r in runs if r.method == method and r.run.dataset == dataset]
            for evidence in _STRONGEST:
                fits = [r for r in fits if r.evidence == evidence] or fits
            if len(fits) == 1:
                at[place, method] = fits[0]
            elif fits:
                names = ", ".join(plain(r.run.name) for r in fits)
                option = "--ours NAME" if method in choices.ours else f"--method {method}"
                remedy = (
                    f"choose one by its label: {option}=LABEL"
                    if len({r.run.label for r in fits}) == len(fits)
                    else "labels do not tell them apart: name one's folder with --runs"
                )
                unclear[place, method] = f"{len(fits)} runs could be used here ({names}); {remedy}"
    chosen = list({r.run.name: r for r in at.values()}.values())
    wanted = {name.removesuffix("*") for name in metrics}
    starts = tuple(name[:-1] for name in metrics if name.endswith("*"))
    wanted |= {name for name in described if starts and name.startswith(starts)}
    scores, photos, paths, lost = scores_of(chosen, sorted(wanted))
    return Gathered(
        root=root or Path("runs"),
        runs=tuple(runs),
        at={place: r for place, r in at.items() if r.run.name in scores},
        unclear=unclear,
        scores=scores,
        photos=photos,
        paths=paths,
        described=described,
        failures=tuple(failures + lost),
    )


def _without_miniatures(runs: list[Candidate], root: Path | None) -> list[Candidate]:
    """The runs on photos that are no miniature's; where there are only such, all."""
    real = [one for one in runs if not is_simulated(one.run.note)]
    if not real or len(real) == len(runs):
        return runs
    warnings.warn(
        f"{root}: left out {len(runs) - len(real)} runs of the miniature (simulated photos); "
        "name their folder with --runs to see them",
        stacklevel=2,
    )
    return real


def _check_choices(runs: list[Candidate], choices: Choices, root: Path | None) -> None:
    # Without the mark of varying results, as `reports.paper.runs` compares labels.
    labels = {one.run.label.removesuffix(VARIES) for one in runs}
    for option, given, known in (
        ("--method", choices.methods, labels),
        ("--ours", choices.ours.values(), labels),
        ("--dataset", set(choices.datasets.values()), {one.run.dataset for one in runs}),
    ):
        for name in given:
            if name not in known:
                there = ", ".join(sorted(known)) or "none"
                raise InputError(
                    f"{option}: no run of {name!r} in {root}{did_you_mean(name, known)}; "
                    f"there: {there}"
                )
