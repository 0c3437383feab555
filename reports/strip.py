"""Rows of photos side by side with captions, as one picture."""

from __future__ import annotations

import functools
import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reports.comparison import Comparison, Difference
from reports.exact import Exact
from reports.pictures import read_result, read_scored
from reports.text import plain
from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.images import check_rgb

_GAP = 8
_QUALITY = 90


def before_after_strip(
    rows: Sequence[Sequence[tuple[str, np.ndarray]]], out: Path, *, width: int = 1600
) -> Path:
    """Draw rows of (caption, photo) panels to ``out``, a PNG or JPEG by its ending.

    ``rows`` holds a row per sample, and in it for instance before, after and reference:
    uint8 (H, W, 3) each. The panels of a row get one height, chosen so that the row is
    ``width`` pixels wide with gaps of 8; captions are inside the panels on a dark label,
    readable on any page. Gaps are transparent in PNG and white in JPEG.
    Written atomically; returns ``out``.

    Raises InputError when there is nothing to draw or the ending is another one, and
    ValueError when a photo is not uint8 (H, W, 3).
    """
    if not rows or not all(rows):
        raise InputError("a strip needs at least one row with at least one photo")
    formats = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if out.suffix.lower() not in formats:
        raise InputError(f"{out}: a strip is written as .png, .jpg or .jpeg")
    strips = [_row(row, width) for row in rows]
    tall = sum(strip.height for strip in strips) + _GAP * (len(strips) - 1)
    canvas = Image.new("RGBA", (width, tall), (255, 255, 255, 0))
    top = 0
    for strip in strips:
        canvas.paste(strip, (0, top))
        top += strip.height + _GAP
    buffer = io.BytesIO()
    if formats[out.suffix.lower()] == "PNG":
        canvas.save(buffer, format="PNG", compress_level=1)  # photos hardly shrink further
    else:
        white = Image.new("RGB", canvas.size, (255, 255, 255))
        white.paste(canvas, mask=canvas.getchannel("A"))
        white.save(buffer, format="JPEG", quality=_QUALITY, optimize=True, subsampling=0)
    atomic.write_bytes(out, buffer.getvalue())
    return out


def _row(panels: Sequence[tuple[str, np.ndarray]], width: int) -> Image.Image:
    for caption, photo in panels:
        check_rgb(photo, caption or "photo")
    room = width - _GAP * (len(panels) - 1)
    if room < len(panels):
        raise InputError(f"{len(panels)} photos do not fit into {width} pixels")
    shapes = [photo.shape[1] / photo.shape[0] for _, photo in panels]
    height = max(1, round(room / sum(shapes)))
    # Edges are rounded, not widths, so that the last panel ends exactly at the border.
    edges = np.concatenate([[0.0], np.cumsum(shapes)]) / sum(shapes) * room
    lefts = [round(float(edge)) for edge in edges]
    strip = Image.new("RGBA", (width, height), (255, 255, 255, 0))
    for number, (caption, photo) in enumerate(panels):
        wide = max(1, lefts[number + 1] - lefts[number])
        image = Image.fromarray(photo)
        # Small patches are enlarged without smoothing.
        enlarged = wide >= 2 * image.width
        method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
        image = image.resize((wide, height), method).convert("RGBA")
        _caption(image, plain(caption))
        strip.paste(image, (lefts[number] + number * _GAP, 0))
    return strip


def _caption(image: Image.Image, text: str) -> None:
    """Draw white text on a dark label in the lower left corner, shortened to fit the panel."""
    if not text:
        return
    size = max(10, min(30, image.width // 20))
    font = _font(size)
    pad = round(size * 0.5)
    room = image.width - 4 * pad
    while text and font.getlength(text) > room:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    if not text:
        return
    _, top, _, bottom = font.getbbox("Ág")
    right = pad + font.getlength(text) + 2 * pad
    upper = image.height - pad - (bottom - top) - pad
    label = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(label)
    draw.rounded_rectangle(
        (pad, upper, right, image.height - pad), radius=size // 3, fill=(16, 18, 20, 200)
    )
    draw.text((2 * pad, upper + pad / 2 - top), text, font=font, fill=(255, 255, 255, 255))
    image.alpha_composite(label)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib ships: the same letters on every machine."""
    # Found without importing matplotlib, which takes half a second.
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise InputError("matplotlib is not installed, whose font captions need")
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


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


@dataclass(frozen=True, slots=True)
class Extreme:
    """A photo on which two methods differ much: by ``value`` (a - b), and its pictures.

    ``pictures`` are (name, uint8 (H, W, 3), address of the full-size file): the input, both
    results, the reference; at most 900 pixels a side, ``size`` (width, height) is the first's in
    full. One lacks what cannot be read, and what is not the file that was scored.
    """

    sample: str
    value: float
    size: tuple[int, int]
    pictures: tuple[tuple[str, np.ndarray, str], ...]


def read_extremes(
    comparison: Comparison, one: Difference, changed: list[str], exact: Exact
) -> list[Extreme]:
    """The `most_different` photos of one metric and rival that have two pictures or more.

    ``changed`` gets a line for each picture that is not the file that was scored; ``exact`` takes
    the others.
    """
    # The card of an earlier result has no pictures.
    runs = {method.label: method.runs[0] for method in comparison.methods if method.runs}
    found = []
    for sample, value in most_different(one):
        files = comparison.samples.loc[sample]
        path, name = str(files["path"]), plain(sample)
        panels = [("Input", read_scored(path, files["sha256"], f"{name}: input", changed))]
        panels += [
            (label, read_result(runs[label], sample, f"{name}: {plain(label)}", changed))
            for label in (one.a, one.b)
            if label in runs
        ]
        if isinstance(files["reference"], str):
            sha256 = files["reference_sha256"]
            picture = read_scored(files["reference"], sha256, f"{name}: reference", changed)
            panels.append(("Reference", picture))
        there = [(title, photo) for title, photo in panels if photo is not None]
        if len(there) < 2:
            continue
        read = [
            (title, _small(photo.pixels), exact.file(Image.fromarray(photo.pixels), photo.data))
            for title, photo in there
        ]
        tall, wide = there[0][1].pixels.shape[:2]
        found.append(Extreme(sample, value, (wide, tall), tuple(read)))
    return found


def how_far(one: Difference, value: float) -> str:
    """How far the first method is from the second on a photo: "6.17 dB above"."""
    shown = f"{one.column.show(abs(value))} {plain(one.column.unit)}".strip()
    return f"{shown} {'above' if value > 0 else 'below'}"


def draw_extremes(one: Difference, found: Sequence[Extreme], out: Path) -> Path | None:
    """A PNG with a row for each photo; None, and no file, where there is none."""
    rows = []
    for photo in found:
        names = {"Input": f"{photo.sample}: input", one.a: f"{one.a}: {how_far(one, photo.value)}"}
        rows.append([(names.get(name, name), pixels) for name, pixels, _ in photo.pictures])
    return before_after_strip(rows, out) if rows else None


def _small(pixels: np.ndarray) -> np.ndarray:
    photo = Image.fromarray(pixels)
    photo.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(photo)
