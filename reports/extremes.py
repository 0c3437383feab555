"""A strip of the photos on which two methods differ most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reports.comparison import Comparison, Difference
from reports.pictures import read_result, read_scored
from reports.strip import before_after_strip

#: Photos of the strip that favour each method.
EACH = 2

# Pictures are scaled down to at most this many pixels a side.
_LARGEST = 900


def most_different(one: Difference, each: int = EACH) -> list[tuple[str, float]]:
    """(sample, a - b) of the photos with the largest and the smallest differences, largest first.

    At most ``each`` above 0 and ``each`` below.
    """
    order = np.lexsort((np.asarray(one.samples), -one.values))
    found = [(one.samples[i], float(one.values[i])) for i in order]
    above = [pick for pick in found if pick[1] > 0][:each]
    return above + [pick for pick in found if pick[1] < 0][-each:]


def draw_extremes(comparison: Comparison, out: Path) -> tuple[Path | None, list[str]]:
    """A PNG with a row for each of the `most_different` photos of the first metric and rival.

    Input, both results with their scores' difference, reference. A row lacks what cannot be
    read, and what is not the file that was scored, of which a line is returned; the path is
    None when nothing can be shown.
    """
    one = comparison.differences[0]
    runs = {method.label: method.runs[0] for method in comparison.methods}
    rows = []
    changed: list[str] = []
    for sample, value in most_different(one):
        files = comparison.samples.loc[sample]
        shown = f"{one.column.show(abs(value))} {one.column.unit}".strip()
        way = "above" if value > 0 else "below"
        panels = [
            (
                "input",
                read_scored(str(files["path"]), files["sha256"], f"{sample}: input", changed),
            ),
            *(
                (caption, read_result(runs[label], sample, f"{sample}: {label}", changed))
                for caption, label in ((f"{one.a}: {shown} {way}", one.a), (one.b, one.b))
            ),
        ]
        if isinstance(files["reference"], str):
            sha256 = files["reference_sha256"]
            picture = read_scored(files["reference"], sha256, f"{sample}: reference", changed)
            panels.append(("reference", picture))
        read = [(caption, _small(photo)) for caption, photo in panels if photo is not None]
        if len(read) > 1:
            rows.append(read)
    return (before_after_strip(rows, out) if rows else None), changed


def _small(pixels: np.ndarray) -> np.ndarray:
    photo = Image.fromarray(pixels)
    photo.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(photo)
