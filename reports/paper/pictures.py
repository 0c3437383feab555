"""Pictures below the paper's tables: a photo of each data set, by every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reports.paper.choices import Choices, methods_of, place_of
from reports.paper.gather import Gathered
from reports.paper.grid import Grid, Scene
from reports.paper.printed import ROWS, SCORES
from reports.pictures import Shot, data_uri, picture_uri, shots, small_file
from reports.text import plain
from wespe_bench.errors import InputError
from wespe_bench.images import encode_png
from wespe_bench.run import Run

#: The tables that have them; 5, 7 and 8 are about the same pictures as 6, 3 and 6.
NUMBERS = (2, 3, 6)

#: Pixels; wider pictures are scaled down, narrower ones are kept without loss.
WIDTH = 320


def added(grid: Grid, gathered: Gathered, choices: Choices) -> Grid:
    """The table with the first photo of each data set, by name, as every method left it."""
    found: list[Scene] = []
    gone: list[str] = []
    printed = SCORES[grid.number]
    for row in printed.rows:
        place = place_of(row, grid.number, choices)
        at = [gathered.at.get((place, method)) for method in methods_of(printed, choices)]
        found += _scenes(ROWS[row], [one.run for one in at if one], gone)
    note = ("The pictures: the first photo of each data set by name; not chosen by any score",)
    return replace(
        grid, pictures=tuple(found), notes=(*grid.notes, *(note if found else ()), *gone)
    )


def _scenes(title: str, runs: Sequence[Run], gone: list[str]) -> list[Scene]:
    """The first photo of some runs; none where fewer than two pictures can be shown."""
    import pandas as pd

    if not runs:
        return []
    samples = pd.concat([run.samples for run in runs]).drop_duplicates("sample")
    name = min(samples["sample"])
    try:
        drawn = list(shots(samples, runs, name, WIDTH, gone))
    except (InputError, OSError) as error:
        gone.append(f"No pictures of {plain(name)}: {plain(error)}")
        drawn = []
    if len(drawn) < 2:
        return []
    pictures = tuple((shot.name, _uri(shot)) for shot in drawn)
    width, height = drawn[0].image.size
    return [Scene(f"{title}: {plain(name)}", width, height, pictures)]


def _uri(shot: Shot) -> str:
    if shot.image.width < WIDTH:
        return data_uri("image/png", encode_png(np.asarray(shot.image)))
    return picture_uri(small_file(shot.image, WIDTH))
