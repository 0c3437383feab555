"""Every photo of a data set: all its scores, and its pictures for the page's viewer.

The page's script lists them, sortable, and opens a dialog for one photo: the viewer (small copies
at once as far as the page has room, the pixels that were scored where `reports.exact` has them) and
every method's scores.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from reports.cells import Column
from reports.contents import Section
from reports.crops import busiest_boxes
from reports.exact import Exact
from reports.pictures import data_uri, fitted, picture_uri, resized, shots, small_file, spaced
from reports.text import plain
from wespe_bench.images import encode_png

#: At most so many photos of a data set are listed, and so many with pictures.
MOST, MOST_PICTURED = 2000, 100

# Widths of the pictures, tried in this order until all of them fit the budget.
_WIDTHS = (360, 300, 240, 180, 120)

#: The crops that the viewer proposes for a photo.
BOXES = 3


@dataclass(frozen=True, slots=True)
class Photos:
    """The script's input as JSON: ``count`` photos, ``pictured`` of them with pictures.

    Of ``exact`` of those the viewer can show the pixels that were scored. ``strip`` has the
    pictures of one photo: (kind, name) -> (address, width, height).
    """

    count: int
    pictured: int
    exact: int
    data: str
    strip: Mapping[tuple[str, str], tuple[str, int, int]]


def photos(
    section: Section,
    budget: int,
    changed: list[str],
    exact: Exact,
    *,
    telling: str = "",
    quiet: bool = False,
) -> Photos:
    """The photos of a section, with small copies of at most ``budget`` bytes together.

    ``exact`` takes their pixels; ``telling`` is the photo of the strip. Above `MOST` and
    `MOST_PICTURED` photos they are evenly spaced in the order of their names. ``changed`` is that
    of `reports.pictures.shots`.
    """
    from wespe_bench import progress

    table = section.table
    chosen = spaced(table.used, MOST)
    drawn: dict[str, list[tuple[str, str, bytes]]] = {}
    places: dict[str, dict[str, Any]] = {}
    pixels: dict[str, dict[tuple[str, str], str]] = {}
    # Spread, so that those whose pixels fit the budget are.
    picks = [name for first in range(10) for name in spaced(chosen, MOST_PICTURED)[first::10]]
    if telling:
        picks = list(dict.fromkeys([telling, *picks]))
        chosen = sorted({telling, *chosen})
    width = _WIDTHS[0]
    strip: dict[tuple[str, str], tuple[str, int, int]] = {}
    with progress.bar(len(picks), "pictures", quiet=quiet or len(picks) < 20) as bar:
        for sample in picks:
            drawn[sample], places[sample], pixels[sample] = _read(
                section, sample, changed, exact, width, strip if sample == telling else {}
            )
            if drawn[sample] and not any(map(drawn.get, list(drawn)[:-1])):
                # As many photos like the first shall fit.
                width, first = _fitting(drawn, budget // len(picks))
                drawn = first or drawn
            bar.update()
            full = width == _WIDTHS[-1] and _bytes(drawn) > budget
            if full and not (exact.beside and exact.room):
                break  # the photos that follow have no room in the page nor beside it
    choices = list(dict.fromkeys((kind, name) for of in drawn.values() for kind, name, _ in of))
    _, drawn = _fitting(drawn, budget)
    shown = {
        sample: {(kind, name): picture_uri(data) for kind, name, data in drawn.get(sample, ())}
        or (pixels[sample] if exact.beside else {})
        for sample in pixels
    }
    order = {"input": 0, "method": 1, "reference": 2}
    choices.sort(key=lambda choice: order[choice[0]])
    values = {
        (row.label, row.sample, row.metric): row.value
        for row in section.scores[["label", "sample", "metric", "value"]].itertuples(index=False)
    }
    text = photo_data(
        table.columns,
        [plain(label) for label in table.methods],
        [name for _, name in choices],
        [
            {
                "name": plain(sample),
                # One list a method, in the order of the metrics.
                "values": [
                    [number(values.get((label, sample, column.metric))) for column in table.columns]
                    for label in table.methods
                ],
                "pictures": {
                    choices.index(choice): uri for choice, uri in shown.get(sample, {}).items()
                },
                **(
                    {
                        **places[sample],
                        "exact": {
                            choices.index(choice): uri for choice, uri in pixels[sample].items()
                        },
                    }
                    if shown.get(sample)
                    else {}
                ),
            }
            for sample in chosen
        ],
    )
    pictured = sum(bool(of) for of in shown.values())
    counted = sum(bool(of) for sample, of in pixels.items() if shown.get(sample))
    return Photos(len(chosen), pictured, counted, text, strip)


def photo_data(
    columns: Sequence[Column],
    methods: Sequence[str],
    pictures: Sequence[str],
    found: Sequence[Mapping[str, Any]],
) -> str:
    """What the page's script takes, as JSON: a photo's pictures and values are by their places."""
    data = {
        "metrics": [_described(column) for column in columns],
        "methods": methods,
        "pictures": pictures,
        "photos": found,
    }
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _described(column: Column) -> dict[str, Any]:
    return {
        "title": plain(column.title),
        "unit": plain(column.unit),
        "arrow": column.arrow,
        "decimals": column.decimals,
    }


def _read(
    section: Section,
    sample: str,
    changed: list[str],
    exact: Exact,
    width: int,
    strip: dict[tuple[str, str], tuple[str, int, int]],
) -> tuple[list[tuple[str, str, bytes]], dict[str, Any], dict[tuple[str, str], str]]:
    """Of one photo: (kind, name, small copies) of each picture; size and boxes; the pixels.

    ``strip`` gets its pictures as `Photos.strip` holds them.
    """
    found: list[tuple[str, str, bytes]] = []
    pixels: dict[tuple[str, str], str] = {}
    copies: list[Image.Image] = []
    size = (1, 1)
    room = exact.room
    for name, kind, _, image, data in shots(section.samples, section.runs, sample, None, changed):
        size = size if found else image.size
        copy = resized(image, fitted(size, _WIDTHS[0]))
        copies.append(copy)
        found.append((kind, name, small_file(copy, width)))
        # What is shown larger than it is stays without loss.
        uri = data_uri("image/png", encode_png(np.asarray(copy))) if copy.size == size else ""
        strip[kind, name] = (uri or picture_uri(found[-1][2]), *copy.size)
        if exact.beside and room:
            pixels[kind, name] = exact.file(image, data)
    if not found:
        return [], {}, {}
    scale = size[0] / copies[0].width
    differing = copies[1:] or copies
    boxes = [
        tuple(
            min(round(scale * side), bound) for side, bound in zip(box, (*size, *size), strict=True)
        )
        for box in busiest_boxes(differing, BOXES)
    ]
    if not exact.beside and room:
        left, top, wide, tall = boxes[0]
        for name, kind, _, image, _ in shots(section.samples, section.runs, sample, None, []):
            if image.size == size:
                crop = image.crop((left, top, left + wide, top + tall))
                pixels[kind, name] = exact.embedded(crop)
    return found, {"size": size, "boxes": boxes, "whole": exact.beside}, pixels


def _fitting(
    drawn: dict[str, list[tuple[str, str, bytes]]], budget: int
) -> tuple[int, dict[str, list[tuple[str, str, bytes]]]]:
    """The same files, made smaller until all fit ``budget`` bytes as text, and their width.

    Of the smallest only the first photos that fit.
    """
    for width in _WIDTHS:
        if width < _WIDTHS[0]:
            drawn = {
                sample: [(kind, name, _narrowed(data, width)) for kind, name, data in of]
                for sample, of in drawn.items()
            }
        if _bytes(drawn) <= budget:
            return width, drawn
    while _bytes(drawn) > budget:
        drawn.popitem()
    return _WIDTHS[-1], drawn


def _bytes(drawn: Mapping[str, Sequence[tuple[str, str, bytes]]]) -> int:
    """How many characters the files take in the page."""
    return sum(len(data) * 4 // 3 + 30 for of in drawn.values() for *_, data in of)


def _narrowed(data: bytes, width: int) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return small_file(image, width) if image.width > width else data


def number(value: Any) -> float | str | None:
    """A score as JSON can hold it, to more digits than are shown."""
    if value is None or math.isnan(value):
        return None
    return float(f"{value:.9g}") if math.isfinite(value) else str(float(value))
