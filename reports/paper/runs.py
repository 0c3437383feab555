"""The runs below a folder, and which method of the paper each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.origins import trained_on
from reports.paper.choices import method_named
from reports.text import plain
from wespe_bench import provenance
from wespe_bench.errors import InputError
from wespe_bench.metric_scores import MetricScores, of_run
from wespe_bench.run import VARIES, Run, described, open_runs

if TYPE_CHECKING:
    import pandas as pd

    from wespe_bench.types import Metric

#: Enhancers that replace APE, a method of the paper that is no longer available.
STAND_INS = {
    "ape_like": "ape_like, an open imitation of an auto-enhance button without any claim of "
    "likeness",
    "apple": "Apple's Core Image auto-adjust, which is not the Photos application's button",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run, which method of the paper it is (empty: none), and what says so.

    ``about`` is what the run's enhancer says of its checkpoint
    (`reference_models.checkpoints`).
    """

    run: Run
    about: Mapping[str, Any]
    method: str
    evidence: str


def read_runs(
    root: Path, methods: Mapping[str, str]
) -> tuple[list[Candidate], dict[str, Metric], list[str]]:
    """Every run at or below ``root``, their metrics, and a line for each that cannot be read.

    ``methods`` maps labels to methods, the paper's or the user's, and overrides all other evidence.
    An empty folder is no error. Raises InputError when there is no such folder.
    """
    if not root.is_dir():
        raise InputError(f"no such folder: {root}")
    runs = open_runs(root, may_be_empty=True)
    return (
        [_candidate(run, methods) for run in runs.found],
        described(runs.found),
        [plain(line) for line in runs.left_out],
    )


def _candidate(run: Run, methods: Mapping[str, str]) -> Candidate:
    about = run.about or _card(run)
    return Candidate(run, about, *_method(run, about, methods))


def _method(run: Run, about: Mapping[str, Any], methods: Mapping[str, str]) -> tuple[str, str]:
    """(method, evidence) of a run; both empty when it is none of the paper's methods."""
    label = run.label.removesuffix(VARIES)
    if label in methods:
        return methods[label], "by --ours" if methods[label].startswith("ours:") else "by --method"
    if method := method_named(label):
        return method, "by its label"
    if run.enhancer == "identity":
        return "original", "its enhancer is identity"
    if run.enhancer in STAND_INS:
        return "ape", f"its enhancer is {run.enhancer}, a stand-in"
    model = str(about.get("model", run.fingerprint.partition(":")[0]))
    if model == "DPED" and run.enhancer.startswith(("dped:", "wespe:")):
        return "dped", "its checkpoint is a DPED generator"
    family = {"WESPE": "wespe", "tone mean_std": "tone"}.get(model, "")
    targets = str(about.get("targets", "")).lower()
    file = "checkpoint" if family == "wespe" else "tone file"
    if family and targets.startswith("div2k"):
        return f"{family}_div2k", f"its {file}'s target is DIV2K"
    if family and targets.startswith("dped_") and "canon" in targets:
        return f"{family}_dped", f"its {file}'s target is DPED's DSLR photos"
    return "", ""


def _card(run: Run) -> dict[str, Any]:
    """What a checkpoint's card says, for runs made before run.json recorded it.

    Only if the file still is the one that made the run: the fingerprint contains its hash.
    """
    from wespe_bench.reading import read_bytes
    from wespe_bench.tensors import card_of

    prefix, _, argument = run.enhancer.partition(":")
    if prefix not in ("dped", "wespe"):
        return {}
    path = Path(argument.partition("?")[0])
    try:
        data = read_bytes(path)
        if provenance.sha256_bytes(data) not in run.fingerprint:
            return {}
        card = card_of(data)
        training = card.get("training") or {}
        return {
            **{name: card.get(name, "") for name in ("model", "camera", "note")},
            **{
                name: training[name]
                for name in ("iterations", "photos", "targets", "features")
                if name in training
            },
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def scores_of(
    runs: Sequence[Candidate], metrics: Iterable[str]
) -> tuple[dict[str, list[MetricScores]], dict[str, pd.DataFrame], dict[str, str], list[str]]:
    """The scores of each run by some metrics, labelled by method.

    Also the photos (sample, reference) of each run and the path of the first of them, all by its
    name, and a line for each run that could not be read.
    """
    scores, photos, paths, failures = {}, {}, {}, []
    wanted = list(metrics)
    for candidate in runs:
        run = candidate.run
        try:
            found, photos[run.name], paths[run.name] = of_run(run, wanted)
        except (InputError, OSError) as error:
            failures.append(f"{plain(run.name)} is left out: {plain(error)}")
            continue
        scores[run.name] = [replace(of, label=candidate.method) for of in found]
    return scores, photos, paths, failures


def about_method(candidate: Candidate) -> list[str]:
    """Footnotes about the enhancer of a run."""
    found = []
    run = candidate.run
    if candidate.method == "ape":
        if run.enhancer in STAND_INS:
            stands = STAND_INS[run.enhancer]
        else:
            stands = "" if run.enhancer.startswith("results:") else plain(run.enhancer)
        if stands:
            found.append(f"Not APE but a stand-in, and the difference is between the two: {stands}")
    about = {name: plain(value) for name, value in candidate.about.items()}
    if about.get("model", "").startswith("tone "):
        found.append(
            f"Not in the paper: WESPE's baseline, {about['model']}, one curve per channel fitted "
            f"without pairs on {trained_on({'photos': None, 'targets': None, **about})}"
        )
    elif "iterations" in about:
        features = about.get("features", "unknown")
        found.append(f"Our own training: {trained_on(about)}; content features {features}")
    elif about.get("note"):
        found.append(f"A released generator: {about['note']}")
    camera = about.get("camera", "")
    phones = [name for name in ("iphone", "blackberry", "sony") if name in camera.lower()]
    if phones and run.dataset.startswith("dped_") and phones[0] not in run.dataset:
        found.append(f"Trained for {phones[0]} photos, not for these")
    return found
