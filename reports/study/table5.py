"""The study's cells as the paper's Table 5: ``table5.json``, which the verb ``tables`` reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reports.paper.choices import Choices, dataset_at, method_named
from reports.paper.printed import METHODS, RIVALS, WILD
from reports.paper.runs import STAND_INS
from reports.paper.study import FORMAT_VERSION
from reports.study.cells import Cell
from reports.text import plain, plural
from wespe_bench.json_output import json_text

_TESTED = "wespe_div2k"


def table5(
    cells: Sequence[Cell],
    *,
    methods: Mapping[str, str] | None = None,
    datasets: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The content of table5.json, and a line for each cell that is not in the paper's table.

    ``methods`` (label -> method of the paper) and ``datasets`` (place -> data set) are as
    `reports.paper.choices` parses them; without them names decide. A method with WESPE in its
    name is used for WESPE [DIV2K] where no other fits, and the entry says so.
    """
    chosen = methods or {}
    known = sorted({cell.dataset for cell in cells})
    places, notes = {}, []
    for place, title in WILD.items():
        choices = Choices(datasets=datasets or {})
        alike = [name for name in known if _bare(name) in (_bare(place), _bare(title))]
        name, doubt = dataset_at(place, known, choices)
        if place not in choices.datasets and not name and len(alike) == 1:
            name, doubt = alike[0], ""
        elif place not in choices.datasets and not name and alike and not doubt:
            doubt = f"{' and '.join(map(plain, alike))} could be used here; choose with --dataset"
        if doubt:
            notes.append(f"{title}: {doubt}")
        elif name:
            places[name] = place
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    lost = set()
    for cell in cells:
        for one, method, rival in ((cell, cell.method, cell.rival), _turned(cell)):
            against = _paper(rival, chosen)
            if against in RIVALS and cell.dataset in places and _may_stand(method, chosen):
                entry = _entry(one, method, rival, against, places[cell.dataset])
                found.setdefault((against, places[cell.dataset]), []).append(entry)
                break
        else:
            lost.add((cell.dataset, cell.method, cell.rival))
    entries = []
    for (against, place), several in sorted(found.items()):
        exact = [one for one in several if _paper(one["method"], chosen) == _TESTED] or several
        if len(exact) > 1:
            names = ", ".join(f"{one['method']}" for one in exact)
            notes.append(
                f"{WILD[place]} against {against}: {names} could be used in this cell of Table 5; "
                "choose with --method"
            )
            continue
        entries.append(exact[0])
    if lost:
        some = "; ".join(f"{plain(m)} against {plain(r)} on {plain(d)}" for d, m, r in sorted(lost))
        notes.append(f"No cell of the paper's Table 5 (say --method or --dataset): {some}")
    return {"format": FORMAT_VERSION, "study": _words(cells), "cells": entries}, tuple(notes)


def as_json(content: Mapping[str, Any]) -> str:
    """The text of the file; NaN and infinite values are left out."""
    cells = [
        {k: v for k, v in cell.items() if not isinstance(v, float) or math.isfinite(v)}
        for cell in content["cells"]
    ]
    return json_text({**content, "cells": cells})


def _paper(label: str, chosen: Mapping[str, str]) -> str:
    if label in chosen:
        return chosen[label]
    if label == "identity":
        return "original"
    return method_named(label) or ("ape" if label in STAND_INS else "")


def _may_stand(label: str, chosen: Mapping[str, str]) -> bool:
    """Whether a method can be used for WESPE [DIV2K]: by --method, or with WESPE in its name."""
    if label in chosen:
        return chosen[label] == _TESTED
    return _paper(label, chosen) in ("", _TESTED) and "wespe" in label.lower()


def _entry(cell: Cell, method: str, rival: str, against: str, place: str) -> dict[str, Any]:
    stands = "" if _bare(method) == _bare(METHODS[_TESTED]) else method
    named = _bare(rival) in (_bare(METHODS[against]), "identity")
    entry = {
        "rival": against,
        "dataset": place,
        "share": cell.share,
        "spread": cell.spread,
        "low": cell.interval.low,
        "high": cell.interval.high,
        "votes": cell.votes,
        "method": plain(stands) or METHODS[_TESTED],
        "raters": cell.raters,
        "images": len(cell.images),
    }
    return entry if named else {**entry, "rival_method": plain(rival)}


def _turned(cell: Cell) -> tuple[Cell, str, str]:
    """The same votes from the rival's side."""
    import dataclasses

    of = cell.interval
    turned = dataclasses.replace(
        cell,
        share=1 - cell.share,
        interval=dataclasses.replace(of, low=1 - of.high, high=1 - of.low),
    )
    return turned, cell.rival, cell.method


def _bare(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _words(cells: Sequence[Cell]) -> str:
    raters = max(cell.raters for cell in cells)
    counts = sorted({len(cell.images) for cell in cells})
    images = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    votes = sum(cell.votes for cell in cells)
    return (
        f"{plural(raters, 'rater')}, {images} photos of each data set, {plural(votes, 'vote')}; "
        "the interval is over raters and images"
    )
