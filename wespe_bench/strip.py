"""A run at a glance, for notebooks: a strip of its photos."""

from __future__ import annotations

import base64
import html as markup
import io
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps

from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.paths import to_path
from wespe_bench.store import result_of

if TYPE_CHECKING:
    from pathlib import Path

    from wespe_bench.run import Run

#: Pixels of one picture of a strip, at most, and of the line above each column.
SIDE, HEAD = 240, 16


def strip(run: Run, photos: int = 4) -> Image.Image:
    """The first photos of a run, a row each: the photo, its result and, if any, its reference.

    Args:
        run: The run.
        photos: How many, from 1.

    Returns:
        An RGB image; pictures are scaled down to `SIDE` pixels, and grey where one is missing.

    Raises:
        InputError: No run, or no photos in it.
    """
    rows = run.samples.head(photos)
    if photos < 1 or rows.empty:
        raise InputError(f"{run.folder}: no photos to show")
    names = ["photo", run.label, "reference"][: 3 if rows["reference"].notna().any() else 2]
    found = Image.new("RGB", (SIDE * len(names), HEAD + SIDE * len(rows)), "white")
    draw = ImageDraw.Draw(found)
    for column, name in enumerate(names):
        draw.text(
            (SIDE * column + 4, 2), name.encode("latin-1", "replace").decode("latin-1"), "black"
        )
    for line, row in enumerate(rows.itertuples()):
        paths = [to_path(str(row.path)), result_of(run.folder, str(row.sample))]
        if isinstance(row.reference, str):
            paths.append(to_path(row.reference))
        for column, path in enumerate(paths):
            found.paste(_small(path), (SIDE * column, HEAD + SIDE * line))
    return found


def _small(path: Path) -> Image.Image:
    try:
        picture = Image.fromarray(read_rgb(path))
    except (InputError, OSError):
        return Image.new("RGB", (SIDE - 2, SIDE - 2), "lightgrey")
    return ImageOps.contain(picture, (SIDE - 2, SIDE - 2), Image.Resampling.LANCZOS)


def html(run: Run) -> str:
    """The strip of a run as HTML, below the names of its method and its data set."""
    buffer = io.BytesIO()
    strip(run).save(buffer, "PNG")
    head = f"{run.label} on {run.dataset}" + (f" ({run.note})" if run.note else "")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return f'<p>{markup.escape(head)}</p><img src="data:image/png;base64,{picture}">'
