"""Reasons for empty cells, each with the command that fills it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reports.paper.choices import Choices, place_of, spec_of
from reports.text import plain

if TYPE_CHECKING:
    from reports.paper.gather import Gathered
    from reports.paper.grid import Entry
    from reports.paper.measures import Measure

#: How a method is run, as an argument of ``--enhancers``.
_RUN = {
    "original": "identity",
    "ape": "APE=results:FOLDER",
    "wespe_dped": "wespe_dped=wespe:CHECKPOINT",
    "wespe_div2k": "wespe_div2k=wespe:CHECKPOINT",
    "dped": "DPED=dped:CHECKPOINT",
    "tone_dped": "tone_dped=tone:FILE",
    "tone_div2k": "tone_div2k=tone:FILE",
}
_BY_CHECKPOINT = ("wespe_dped", "wespe_div2k", "dped")
_BY_FILE = ("tone_dped", "tone_div2k")


def texts(
    number: int,
    entries: Mapping[tuple[str, tuple[str, str]], Entry],
    gathered: Gathered,
    choices: Choices,
    chosen: Sequence[Measure],
) -> dict[tuple[str, tuple[str, str]], str]:
    """The reason of every empty cell that has none yet; cells with one remedy share a text."""
    runs: dict[str, list[str]] = {}
    scores: dict[tuple[str, str], list[str]] = {}
    empty = {}
    for (row, (method, key)), entry in entries.items():
        if entry.is_filled or entry.reason:
            continue
        place = place_of(row, number, choices)
        candidate = gathered.at.get((place, method))
        metric = next(m.metric for m in chosen if m.key == key)
        group: tuple[str, ...]
        if candidate is None:
            group = (method,)
            found = runs.setdefault(method, [])
        else:
            group = (method, metric)
            found = scores.setdefault((method, metric), [])
        target = spec_of(place) if candidate is None else str(candidate.run.folder)
        if target not in found:
            found.append(target)
        empty[row, (method, key)] = group
    root = shlex.quote(str(gathered.root))
    metrics = " ".join(m.metric for m in chosen if m.metric)
    reasons: dict[tuple[str, ...], str] = {
        (method,): _no_run(method, specs, metrics, root, choices) for method, specs in runs.items()
    }
    reasons |= {
        (method, metric): _no_scores(choices.titles[method], metric, folders)
        for (method, metric), folders in scores.items()
    }
    return {place: reasons[group] for place, group in empty.items()}


def _no_run(method: str, specs: Sequence[str], metrics: str, root: str, choices: Choices) -> str:
    """The command to enhance and score; for several data sets one command with their list."""
    dataset = shlex.quote(specs[0]) if len(specs) == 1 else "D"
    each = "" if len(specs) == 1 else f", D each of {', '.join(map(shlex.quote, specs))}"
    rest = ""
    made = _RUN.get(method) or shlex.quote(f"{choices.ours[method]}=ENHANCER")
    if method in _BY_CHECKPOINT:
        rest = "; wespe-bench reproduce --plan says how to get the checkpoint"
    elif method in _BY_FILE:
        rest = "; wespe-bench reproduce --plan says how to get the file"
    elif method == "ape":
        rest = "; the FOLDER holds photos that Apple's button enhanced, and the enhancer ape_like "
        rest += "is an open stand-in"
    return (
        f"No run of {choices.titles[method]} here: wespe-bench run --dataset {dataset} --enhancers "
        f"{made} --metrics {metrics} --out {root}{each}{rest}"
    )


def _no_scores(title: str, metric: str, folders: Sequence[str]) -> str:
    run = shlex.quote(folders[0]) if len(folders) == 1 else "R"
    each = "" if len(folders) == 1 else f", R each of {', '.join(map(shlex.quote, folders))}"
    rater = "; the rater comes first: wespe-bench reproduce --plan" if metric == "ffs" else ""
    return (
        f"{title} is not scored by {plain(metric)}: wespe-bench score {run} --metrics "
        f"{shlex.quote(metric)}{each}{rater}"
    )
