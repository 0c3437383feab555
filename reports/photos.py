"""Every photo of a data set: all its scores, and small pictures of it.

The page's script lists them, sortable, and opens a dialog for one photo: two pictures side by
side, their difference, and the scores of every method.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import Any

from PIL import Image, features

from reports.contents import Section
from reports.pictures import data_uri, shots, spaced
from reports.text import plain

#: At most so many photos of a data set are listed, and so many with pictures.
MOST, MOST_PICTURED = 2000, 100

# Widths of the pictures, tried in this order until all of them fit the budget.
_WIDTHS = (360, 300, 240, 180, 120)


@dataclass(frozen=True, slots=True)
class Photos:
    """The script's input as JSON: ``count`` photos, ``pictured`` of them with pictures."""

    count: int
    pictured: int
    data: str


def photos(section: Section, budget: int, changed: list[str], *, quiet: bool = False) -> Photos:
    """The photos of a section, with pictures of at most ``budget`` bytes together.

    Above `MOST` and `MOST_PICTURED` photos they are evenly spaced in the order of their names.
    ``changed`` is that of `reports.pictures.shots`.
    """
    from wespe_bench import progress

    table = section.table
    chosen = spaced(table.used, MOST)
    drawn: dict[str, list[tuple[str, str, dict[int, str]]]] = {}
    picks = spaced(chosen, MOST_PICTURED)
    with progress.bar(len(picks), "pictures", quiet=quiet or len(picks) < 20) as bar:
        for sample in picks:
            drawn[sample] = [
                (kind, name, _encoded(image))
                for name, kind, _, image in shots(section, sample, _WIDTHS[0], changed)
            ]
            bar.update()
    width = next((w for w in _WIDTHS if _total(drawn, w) <= budget), 0)
    if not width:
        drawn = {}
    choices = list(dict.fromkeys((kind, name) for of in drawn.values() for kind, name, _ in of))
    order = {"input": 0, "method": 1, "reference": 2}
    choices.sort(key=lambda choice: order[choice[0]])
    values = {
        (row.label, row.sample, row.metric): row.value
        for row in section.scores[["label", "sample", "metric", "value"]].itertuples(index=False)
    }
    data = {
        "metrics": [
            {
                "title": plain(column.title),
                "unit": plain(column.unit),
                "arrow": column.arrow,
                "decimals": column.decimals,
            }
            for column in table.columns
        ],
        "methods": [plain(label) for label in table.methods],
        "pictures": [name for _, name in choices],
        "photos": [
            {
                "name": plain(sample),
                # One list a method, in the order of the metrics.
                "values": [
                    [
                        _number(values.get((label, sample, column.metric)))
                        for column in table.columns
                    ]
                    for label in table.methods
                ],
                "pictures": {
                    choices.index((kind, name)): uris[width]
                    for kind, name, uris in drawn.get(sample, ())
                },
            }
            for sample in chosen
        ],
    }
    pictured = sum(bool(of) for of in drawn.values())
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Photos(len(chosen), pictured, text)


def _encoded(image: Image.Image) -> dict[int, str]:
    """The picture at every width, as data: addresses; one narrower than a width as it is."""
    found: dict[int, str] = {}
    for width in _WIDTHS:
        scale = min(1.0, width / image.width)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        if size == image.size and found:  # narrow already, and encoded
            found[width] = next(iter(found.values()))
            continue
        small = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        if features.check("webp"):
            small.save(buffer, format="WEBP", quality=78, method=4)
            found[width] = data_uri("image/webp", buffer.getvalue())
        else:
            small.save(buffer, format="JPEG", quality=75, optimize=True)
            found[width] = data_uri("image/jpeg", buffer.getvalue())
    return found


def _total(drawn: dict[str, list[tuple[str, str, dict[int, str]]]], width: int) -> int:
    return sum(len(uris[width]) for of in drawn.values() for _, _, uris in of)


def _number(value: Any) -> float | str | None:
    """A score as JSON can hold it, to more digits than are shown."""
    if value is None or math.isnan(value):
        return None
    return float(f"{value:.9g}") if math.isfinite(value) else str(float(value))
