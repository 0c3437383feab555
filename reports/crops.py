"""Photos side by side, whole and zoomed into one box: input, methods, reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from reports.contents import Section
from reports.pictures import shots
from reports.text import plain, shorten
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

#: left, top, width, height in pixels
Box = tuple[int, int, int, int]

# The longer side of a whole photo, and of a crop, as drawn.
_WHOLE, _CROP = 700, 360

# The figure's margin as a share of its width; between pictures, in widths of a column.
_MARGIN, _GAP = 0.012, 0.03


@dataclass(frozen=True, slots=True)
class Row:
    """One photo: its name, size and box, and (heading, whole, crop, value) of each column."""

    sample: str
    size: tuple[int, int]
    box: Box
    panels: tuple[tuple[str, np.ndarray, np.ndarray, str], ...]


def read_row(
    section: Section, sample: str, methods: Sequence[str], box: Box | None, changed: list[str]
) -> Row | None:
    """The pictures of a photo, and their crops at ``box``.

    They are in the order of ``methods``. Without a box `busiest` chooses one. None when fewer than
    two of its pictures can be read. ``changed`` is that of `reports.pictures.shots`.

    Raises InputError when the box lies outside.
    """
    place = {label: number for number, label in enumerate(methods)}
    ends = {"input": -1, "reference": len(place)}
    ordered = sorted(
        (
            shot
            for shot in shots(section.samples, section.runs, sample, 10**6, changed)
            if shot.kind != "method" or shot.label in place
        ),
        key=lambda shot: ends.get(shot.kind, place.get(shot.label, -1)),
    )
    found = [(shot.name, shot.label, shot.image) for shot in ordered]
    if len(found) < 2:
        return None
    width, height = found[0][2].size
    if box is None:
        box = busiest([image for _, _, image in found[1:]])
    left, top, wide, tall = box
    if left < 0 or top < 0 or min(wide, tall) < 1 or left + wide > width or top + tall > height:
        raise InputError(
            f"--box {left} {top} {wide} {tall}: not inside {plain(sample)}, which has "
            f"{width}x{height} pixels"
        )
    column = next(iter(section.table.columns), None)
    panels = []
    for name, label, image in found:
        value = section.value(label, sample, column.metric) if column and label else None
        shown = f"{column.show(value)} {column.unit}" if column and value is not None else ""
        crop = image.crop((left, top, left + wide, top + tall))
        panels.append((name, _fitted(image, _WHOLE), _fitted(crop, _CROP), shown.strip()))
    return Row(plain(sample), (width, height), box, tuple(panels))


def busiest(images: Sequence[Image.Image]) -> Box:
    """The square where ``images`` have most detail and differ most: see `busiest_boxes`."""
    return busiest_boxes(images, 1)[0]


def busiest_boxes(images: Sequence[Image.Image], count: int) -> list[Box]:
    """At most ``count`` squares where ``images`` have most detail and differ most, best first.

    Their side is a fifth of the photo's shorter side, and they do not overlap.
    """
    width, height = images[0].size
    side = max(1, min(width, height) // 5)
    scale = max(1, side // 16)
    small = np.stack(
        [
            np.asarray(image.convert("L").reduce(scale), np.float64)
            if scale > 1
            else np.asarray(image.convert("L"), np.float64)
            for image in images
        ]
    )
    window = max(1, side // scale)
    common = small.mean(axis=0)
    detail = _window_means(common**2, window) - _window_means(common, window) ** 2
    # High where there is detail and the methods differ; at the windows' upper left corners.
    shifted = _window_means(small.std(axis=0), window) * np.sqrt(np.maximum(detail, 0))
    found: list[Box] = []
    for _ in range(count):
        y, x = map(int, np.unravel_index(int(shifted.argmax()), shifted.shape))
        if found and shifted[y, x] < 0:  # no room for another
            break
        found.append((min(x * scale, width - side), min(y * scale, height - side), side, side))
        around = (
            slice(max(0, y - window), y + window + 1),
            slice(max(0, x - window), x + window + 1),
        )
        shifted[around] = -1
    return found


def _window_means(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of each square of float64 (H, W) with sides ``window``, by its first corner."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    rows, columns = (min(window, side) for side in values.shape)
    corners = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns]
    means: np.ndarray = (corners + sums[:-rows, :-columns]) / (rows * columns)
    return means


def draw_crops(rows: Sequence[Row], figure: Figure, bottom: float, top: float) -> None:
    """The rows between two heights of ``figure``, which are shares of it."""
    headings, titled = columns_of(rows), set[tuple[str, int]]()
    # One plot for all: places are in widths of a column.
    axes = figure.add_axes((_MARGIN, bottom, 1 - 2 * _MARGIN, top - bottom))
    across = len(headings) * (1 + _GAP) - _GAP
    inch = across / (1 - 2 * _MARGIN) / figure.get_figwidth()
    dots = round(figure.get_dpi() / inch)
    y = 0.0
    for row in rows:
        shape, unit = row.size[1] / row.size[0], 1 / row.size[0]
        left, up, wide, tall = (unit * side for side in row.box)
        for key, (_, whole, crop, value) in zip(_keys(row), row.panels, strict=True):
            x, below = headings.index(key) * (1 + _GAP), y + shape + _GAP
            pixels = _fitted(Image.fromarray(whole), round(dots * max(1, shape)))
            for picture, first, high, smoothing in (
                (pixels, y, shape, "lanczos"),
                (crop, below, _tall(row), "nearest"),
            ):
                extent = (x, x + 1, first + high, first)
                axes.imshow(picture, interpolation=smoothing, extent=extent, aspect="auto")
            axes.add_patch(_outline(x + left, y + up, wide, tall))
            if key not in titled:  # above the first that is there
                axes.text(x + 0.5, y - 0.05 * inch, shorten(key[0], 18), fontsize=9, ha="center")
                titled.add(key)
            axes.text(
                x + 0.03, below + 0.96 * _tall(row), value, fontsize=8, color="white",
                bbox={"facecolor": "#101214", "alpha": 0.75, "edgecolor": "none", "pad": 2},
            )  # fmt: skip
        y += shape + _tall(row) + 2 * _GAP
    axes.set_xlim(0, across)
    axes.set_ylim((top - bottom) * figure.get_figheight() * inch, 0)
    axes.set_axis_off()


def columns_of(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """The columns of the strip: those of the fullest row, then what other rows add.

    Each is (heading, number among equal headings of its row): a method may be called Input.
    """
    fullest = sorted(rows, key=lambda row: -len(row.panels))
    return list(dict.fromkeys(key for row in fullest for key in _keys(row)))


def _keys(row: Row) -> list[tuple[str, int]]:
    names = [name for name, *_ in row.panels]
    return [(name, names[:place].count(name)) for place, name in enumerate(names)]


def height_of(rows: Sequence[Row], wide: float) -> float:
    """The height of the rows in a figure that is ``wide``, in the same unit."""
    across = len(columns_of(rows)) * (1 + _GAP) - _GAP
    high = sum(row.size[1] / row.size[0] + _tall(row) + 2 * _GAP for row in rows)
    return high * (1 - 2 * _MARGIN) * wide / across


def _tall(row: Row) -> float:
    return row.box[3] / row.box[2]


def _outline(left: float, top: float, width: float, height: float) -> Rectangle:
    from matplotlib import patches

    return patches.Rectangle(
        (left, top), width, height, fill=False, edgecolor="#ffcf33", linewidth=1.1
    )


def _fitted(image: Image.Image, longest: int) -> np.ndarray:
    """The image scaled down to at most ``longest`` pixels a side; smaller ones unchanged."""
    scale = longest / max(image.size)
    if scale < 1:
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)
