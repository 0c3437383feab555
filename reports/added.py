"""Cards of others' runs beside the runs here: whether a card may be added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.cards import Card
from reports.text import plain, plural
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def check_card(card: Card, scores: pd.DataFrame, samples: pd.DataFrame) -> None:
    """Raise InputError unless a card's scores may stand beside ``scores``: the local runs'.

    ``samples`` are the photos of its data set here.
    """
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
    if plain(card.label) in set(map(plain, local["label"])):
        raise InputError(
            f"there is a run called {plain(card.label)!r} on {plain(card.dataset)!r} already; "
            f"change the label in {card.source}"
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
