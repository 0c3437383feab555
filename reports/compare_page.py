"""A comparison as a page that needs no network: intervals, photos' differences, extreme photos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import numpy as np
from PIL import Image

from reports.comparison import Comparison, Difference
from reports.cost import cost_view
from reports.crops import busiest_boxes
from reports.difference_table import by_rival, table
from reports.opening import Panel
from reports.photos import BOXES, number, photo_data
from reports.pictures import fitted, resized, small_uri
from reports.strip import Extreme, how_far
from reports.text import fill_template, listed, plain, plural, shorten
from reports.verdict import headline, notes, sentence

#: At most so many photos are dots of a plot, and so many are rows of the list.
DOTS, LISTED = 300, 1000

#: Width in CSS pixels of the pictures.
WIDTH = 360

# The plot's columns in units of its own: names, differences, numbers; and the height of a row.
_LEFT, _SCALE, _ROW = 200.0, 460.0, 46.0

# Room for a character of the numbers on its right, in 14 px type.
_CHARACTER = 8.0


@dataclass(frozen=True, slots=True)
class _Line:
    """A metric in the plot; places are in the plot's units.

    To the right the first method is better: ``ends`` are the numbers at the left and right end.
    ``dots`` are photos, as (x, y, text).
    """

    label: str
    y: float
    ends: tuple[str, str]
    dots: tuple[tuple[float, float, str], ...]
    mean: float
    low: float
    high: float
    has_interval: bool
    shown: bool
    numbers: str
    text: str


def as_html(
    found: Comparison,
    extremes: Mapping[str, Sequence[Extreme]],
    files: Sequence[tuple[str, str, str]] = (),
    changed: Sequence[str] = (),
) -> str:
    """The page; every name in it is escaped by the template.

    Args:
        found: The comparison.
        extremes: For each rival its photos that differ most.
        files: (title, file name, content) of what the page gives away.
        changed: A line for each picture that is left out.
    """
    labels = [plain(method.label) for method in found.methods]
    lines = [_lines(rows) for rows in by_rival(found)]
    views = [
        {
            "a": plain(rows[0].a),
            "b": plain(rows[0].b),
            "table": table(rows),
            "columns": [one.column for one in rows],
            "lines": drawn,
            "sentences": [sentence(one) for one in rows],
            "extremes": [_extreme(rows[0], photo) for photo in extremes.get(rows[0].b, ())],
            "looked": _looked(rows, extremes.get(rows[0].b, ())),
            "photos": _photos(rows),
        }
        for rows, drawn in zip(by_rival(found), lines, strict=True)
    ]
    longest = max((len(line.numbers) for of in lines for line in of), default=0)
    width = _LEFT + _SCALE + 24 + _CHARACTER * longest
    return fill_template(
        "compare.html",
        ("page.css", "plots.css"),
        ("tables.js", "viewer.js", "page.js"),
        files=True,
        title=f"{labels[0]} against {listed(labels[1:])}",
        headline=headline(found),
        dataset=plain(found.dataset),
        note=plain(found.note),
        about=f"{plural(len(found.samples), 'photo')}. Revision ",
        revision=plain(found.revision[:12]),
        saved=files,
        views=views,
        plot={"left": _LEFT, "scale": _SCALE, "width": width, "row": _ROW},
        costs=cost_view(found.costs),
        notes=[*changed, *notes(found)],
    )


def _lines(rows: Sequence[Difference]) -> list[_Line]:
    """The plot's lines; a metric without a finite difference has none."""
    drawn = [one for one in rows if math.isfinite(one.difference)]
    return [_line(one, number) for number, one in enumerate(drawn)]


def _line(one: Difference, number: int) -> _Line:
    finite = np.isfinite(one.values)
    values = one.values[finite]
    ends = [end for end in (one.low, one.high) if math.isfinite(end)]
    farthest = max((abs(float(value)) for value in (*values, *ends)), default=0.0) or 1.0
    turned = -1 if one.column.higher_is_better is False and one.column.rates_quality else 1

    def place(value: float) -> float:
        drawn = min(max(value / farthest, -1.0), 1.0)  # an interval's end may be infinite
        return round(_LEFT + _SCALE * (1 + turned * drawn) / 2, 2)

    y = _ROW * (number + 1)
    names = np.asarray(one.samples, object)[finite]
    picks = np.unique(np.linspace(0, len(values) - 1, min(DOTS, len(values))).round().astype(int))
    # Spread over five heights, so that equal differences do not hide each other.
    dots = tuple(
        (
            place(float(values[i])),
            round(y + 7 + 2.5 * (int(i) % 5), 2),
            f"{plain(names[i])}: {one.column.show(float(values[i]))}",
        )
        for i in picks
    )
    low, high = (one.low, one.high) if turned > 0 else (one.high, one.low)
    none = math.isnan(low)
    shown = one.column.show(one.difference)
    unit = f" {plain(one.column.unit)}" if one.column.unit else ""
    span = "" if none else f" [{one.column.show(one.low)}, {one.column.show(one.high)}]"
    return _Line(
        label=shorten(f"{plain(one.column.title)} {one.column.arrow}".strip(), 24),
        y=y,
        ends=(one.column.show(-turned * farthest), one.column.show(turned * farthest)),
        dots=dots,
        mean=place(one.difference),
        low=0.0 if none else place(low),
        high=0.0 if none else place(high),
        has_interval=not none,
        shown=one.shown,
        numbers=f"{shown}{unit}{span}",
        text=sentence(one),
    )


def _extreme(one: Difference, photo: Extreme) -> tuple[str, list[Panel]]:
    """A caption, and the pictures of one photo."""
    view = {"set": plain(one.b), "photo": plain(photo.sample)}
    names = [plain(name) for name, *_ in photo.pictures]
    beside = [name for name in (plain(one.a), plain(one.b), *names) if name in names]
    panels = []
    for (name, pixels, _), shown in zip(photo.pictures, names, strict=True):
        image = resized(Image.fromarray(pixels), fitted(photo.size, WIDTH))
        pair = {"left": shown, "right": next(other for other in beside if other != shown)}
        panels.append(
            Panel(
                name=shown,
                alt=f"{plain(photo.sample)}: {shown}",
                uri=small_uri(image),
                width=image.width,
                height=image.height,
                value=how_far(one, photo.value) if name == one.a else "",
                address=f"#{urlencode(view | pair, quote_via=quote)}",
            )
        )
    way = f"{plain(one.a)} {how_far(one, photo.value)} {plain(one.b)} in {plain(one.column.title)}"
    return f"{plain(photo.sample)}: {way}", panels


def _looked(rows: Sequence[Difference], extremes: Sequence[Extreme]) -> str:
    """The pictures of a rival's extreme photos and their differences, for the page's viewer."""
    names = list(dict.fromkeys(plain(name) for photo in extremes for name, *_ in photo.pictures))
    photos = []
    for photo in extremes:
        addresses = {names.index(plain(name)): address for name, _, address in photo.pictures}
        copies = [Image.fromarray(pixels) for _, pixels, _ in photo.pictures]
        scale = photo.size[0] / copies[0].width
        boxes = busiest_boxes([resized(copy, copies[0].size) for copy in copies[1:]], BOXES)
        photos.append(
            {
                "name": plain(photo.sample),
                "values": [[_value(one, photo.sample) for one in rows]],
                "size": photo.size,
                "boxes": [[int(scale * side) for side in box] for box in boxes],
                "whole": True,
                "pictures": addresses,
                "exact": addresses,
            }
        )
    return photo_data(
        [one.column for one in rows],
        [f"{plain(rows[0].a)} minus {plain(rows[0].b)}"],
        names,
        photos,
    )


def _value(one: Difference, sample: str) -> float | str | None:
    return number(one.values[one.samples.index(sample)] if sample in one.samples else None)


def _photos(rows: Sequence[Difference]) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each photo its differences as (text, sort key), a metric each; evenly spaced if many."""
    by_metric = [dict(zip(one.samples, map(float, one.values), strict=True)) for one in rows]
    names = sorted({name for values in by_metric for name in values})
    picks = np.unique(np.linspace(0, len(names) - 1, min(LISTED, len(names))).round().astype(int))
    return [
        (
            plain(names[i]),
            [
                (
                    one.column.show(values[names[i]]),
                    repr(values[names[i]]).replace("inf", "Infinity"),
                )
                if names[i] in values
                else ("–", "")
                for one, values in zip(rows, by_metric, strict=True)
            ],
        )
        for i in picks
    ]
