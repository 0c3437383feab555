"""The photos on which two methods differ most, side by side as a strip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reports.comparison import Comparison, Difference
from reports.strip import before_after_strip
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.store import result_of

#: Photos of a strip in favour of each side.
EACH = 2

# Pictures are scaled down to this before they are laid out.
_LARGEST = 900


def most_different(one: Difference, each: int = EACH) -> list[tuple[str, float]]:
    """(sample, a - b) of the photos with the largest and the smallest differences, largest first.

    At most ``each`` above 0 and ``each`` below.
    """
    order = np.lexsort((np.asarray(one.samples), -one.values))
    found = [(one.samples[i], float(one.values[i])) for i in order]
    above = [pick for pick in found if pick[1] > 0][:each]
    return above + [pick for pick in found if pick[1] < 0][-each:]


def draw_extremes(comparison: Comparison, out: Path) -> Path | None:
    """A PNG with a row for each of the `most_different` photos of the first metric and rival.

    Input, both results with their scores' difference, reference. A row lacks what cannot be
    read; None when nothing can.
    """
    one = comparison.differences[0]
    folders = {method.label: method.runs[0].folder for method in comparison.methods}
    rows = []
    for sample, value in most_different(one):
        files = comparison.samples.loc[sample]
        shown = f"{one.column.show(abs(value))} {one.column.unit}".strip()
        way = "above" if value > 0 else "below"
        panels = [
            ("input", str(files["path"])),
            (f"{one.a}: {shown} {way}", str(result_of(folders[one.a], sample))),
            (one.b, str(result_of(folders[one.b], sample))),
        ]
        if isinstance(files["reference"], str):
            panels.append(("reference", files["reference"]))
        read = [(caption, photo) for caption, path in panels if (photo := _read(path)) is not None]
        if len(read) > 1:
            rows.append(read)
    if not rows:
        return None
    return before_after_strip(rows, out)


def _read(path: str) -> np.ndarray | None:
    try:
        photo = Image.fromarray(read_rgb(path))
    except InputError:
        return None
    photo.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(photo)
