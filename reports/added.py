"""Cards of others' runs beside the runs here: whether a card may be added, and whether it is true.

A card's scores are computed again from its method's pictures and the references of the runs here,
by the metrics of this installation. Nothing that a card names is loaded or run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.cards import Card, results_digest
from reports.contents import photos_of
from reports.text import plain, plural
from wespe_bench import provenance, reading
from wespe_bench.errors import InputError, one_line
from wespe_bench.images import read_rgb
from wespe_bench.paths import is_dir, is_file, to_path
from wespe_bench.registry import METRICS, load_metric
from wespe_bench.run import Run
from wespe_bench.runs import folder_name

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wespe_bench.types import Metric

#: How far a score may be from the one computed here, relative to its size: other processors and
#: libraries round other last digits.
TOLERANCE = 1e-6


def check_card(card: Card, scores: pd.DataFrame, samples: pd.DataFrame) -> None:
    """Raise InputError unless a card may be ranked beside ``scores``, the local runs'.

    ``samples`` are the photos of its data set here.
    """
    check_comparable(card, scores, samples)
    local = scores[scores["dataset"] == card.dataset]
    if plain(card.label) in set(map(plain, local["label"])):
        raise InputError(
            f"there is a run called {plain(card.label)!r} on {plain(card.dataset)!r} already; "
            f"change the label in {card.source}"
        )


def check_comparable(card: Card, scores: pd.DataFrame, samples: pd.DataFrame) -> None:
    """Raise InputError unless a card is about the photos and metric versions of ``scores``."""
    name = f"the card of {plain(card.label)!r} ({card.source})"
    local = scores[scores["dataset"] == card.dataset]
    if local.empty:
        sets = ", ".join(sorted(map(plain, scores["dataset"].unique())))
        raise InputError(
            f"{name} is about the data set {plain(card.dataset)!r}, of which there "
            f"is no run here (there are: {sets})"
        )
    revision = str(local["revision"].iloc[0])
    if card.revision != revision:
        raise InputError(
            f"{name} is about revision {plain(card.revision)[:12]} of "
            f"{plain(card.dataset)!r}, the runs here about {revision[:12]}: other photos, which "
            "cannot be ranked together"
        )
    foreign = sorted(set(card.samples).difference(samples["sample"]))
    if foreign:
        raise InputError(
            f"{name} has scores of {plural(len(foreign), 'photo')} that "
            f"{plain(card.dataset)!r} does not have here ({plain(foreign[0])}): other photos, "
            "which cannot be ranked together"
        )
    versions = local.groupby("metric")["metric_version"].first()
    for metric, record in card.metrics.items():
        if metric in versions.index and record.version != versions[metric]:
            raise InputError(
                f"{name} has {plain(metric)} version {plain(record.version)}, the "
                f"runs here version {versions[metric]}; it must be scored again"
            )
    if not set(card.metrics) & set(versions.index):
        raise InputError(f"{name} has none of the metrics of the runs here")


def verify_cards(
    cards: Iterable[Card], folders: Sequence[Path], runs: Sequence[Run]
) -> tuple[list[Card], list[str]]:
    """Cards with their ``state``, and a line for each that is left out as its scores differ.

    Args:
        cards: The cards to check; those without pictures in ``folders`` stay as they are.
        folders: Where methods' pictures are: SAMPLE.png, in images/ or not, of one card, or each
            card's below its label or DATASET/LABEL.
        runs: The runs here, which say where the references are.

    Raises InputError for a folder that is not there, for one that holds no card's pictures, and for
    references that have changed since the runs here were scored.
    """
    cards = list(cards)
    for folder in folders:
        if not is_dir(folder):
            raise InputError(f"--verify {folder}: no such folder")
    places = {card.source: _pictures(card, folders, alone=len(cards) == 1) for card in cards}
    if folders and not any(places.values()):
        names = ", ".join(plain(card.label) for card in cards) or "no card was added"
        raise InputError(
            f"--verify {folders[0]}: no pictures of an added card ({names}); expected SAMPLE.png "
            "there or below a folder of the card's label"
        )
    kept, wrong = [], []
    for card in cards:
        place = places[card.source]
        if place is None:
            kept.append(card)
            continue
        state, differs = _verified(card, place, [r for r in runs if r.dataset == card.dataset])
        if differs:
            wrong.append(f"{plain(card.label)} is left out: {differs}; its card is {card.source}")
        else:
            kept.append(replace(card, state=state))
    return kept, wrong


def _pictures(card: Card, folders: Sequence[Path], alone: bool) -> Path | None:
    """The folder that holds the picture of the card's first sample."""
    dataset = folder_name(card.dataset)
    # A card's label may be a path; what is read stays below the folder.
    labels = {card.label, folder_name(card.label)} if "/" not in card.label else set()
    for folder in folders:
        below = [folder / part / label for label in sorted(labels) for part in (dataset, "")]
        for place in (*below, folder) if alone else below:
            for inside in (place, place / "images"):
                if is_file(inside / f"{card.samples[0]}.png"):
                    return inside
    return None


def _verified(card: Card, place: Path, runs: Sequence[Run]) -> tuple[str, str]:
    """What is known of a card's scores now, or what is wrong with them."""
    known = {name: load_metric(name) for name in card.metrics if name in METRICS}
    known = {n: m for n, m in known.items() if m.version == card.metrics[n].version}
    rows = {str(row["sample"]): row for row in photos_of(runs).to_dict("records")}
    hashes, checked = {}, 0
    for at, sample in enumerate(card.samples):
        scores = {n: s[at] for n, s in card.scores.items() if n in known and s[at] is not None}
        metrics = {name: known[name] for name in scores}
        needed = any(metric.full_reference for metric in metrics.values())
        reference = _reference(rows[sample]) if needed else None
        try:
            data = reading.read_bytes(place / f"{sample}.png")
            hashes[sample] = provenance.sha256_bytes(data)
            found = _scored(data, reference, sample, metrics)
        except OSError as error:
            return "", f"{sample}.png in {place} cannot be read ({error.strerror or error})"
        except Exception as error:  # whatever a stranger's picture makes a decoder raise
            return "", f"{sample} cannot be scored ({one_line(error)[:200]})"
        for name, said in scores.items():
            if not _equal(said, found[name]):
                return "", (
                    f"its card says {said:.6g} for {name} of {plain(sample)}, and its picture in "
                    f"{place} gives {found[name]:.6g}"
                )
        checked += len(scores)
    if results_digest(hashes) != card.results_sha256:
        return "", f"the pictures in {place} are not those that its card was made from"
    if not checked:
        return "not verified: none of its metrics is known here", ""
    without = sorted(set(card.metrics) - set(known))
    return "verified" + (f" but for {', '.join(map(plain, without))}" if without else ""), ""


def _reference(row: Mapping[Any, Any]) -> np.ndarray | None:
    """A photo's reference as the runs here had it. Raises InputError for one that has changed."""
    path = row["reference"]
    if not isinstance(path, str):
        return None
    content = reading.wanted_bytes(to_path(path))
    if provenance.sha256_bytes(content) != row["reference_sha256"]:
        raise InputError(f"{path} has changed since the runs were scored; score them again")
    return read_rgb(content, name=path)


def _scored(
    data: bytes, reference: np.ndarray | None, sample: str, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """The scores of one picture. Raises InputError where it has none."""
    image = read_rgb(data, name=f"{sample}.png")
    found = {}
    for name, metric in metrics.items():
        if metric.full_reference and reference is None:
            raise InputError(f"{name} needs a reference, and there is none here")
        against = reference if metric.full_reference else None
        found[name] = metric.score(image, against, sample_id=sample)
    return found


def _equal(said: float | None, found: float) -> bool:
    """Whether two scores are the same but for rounding.

    >>> _equal(20.0, 20.0000001), _equal(20.0, 20.001), _equal(math.inf, math.inf)
    (True, False, True)
    """
    return said is not None and math.isclose(said, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
