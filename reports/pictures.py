"""The pictures of photos and results that a page embeds, scaled down to fit."""

from __future__ import annotations

import base64
import importlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, features

from reports.text import plain
from wespe_bench import links, provenance, reading
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.run import Run
from wespe_bench.store import result_of

if TYPE_CHECKING:
    import pandas as pd


class Scored(NamedTuple):
    """A picture that was scored: uint8 (H, W, 3), and the bytes of its file."""

    pixels: np.ndarray
    data: bytes


class Shot(NamedTuple):
    """One picture of a photo: ``kind`` is "input", "method" or "reference".

    ``label`` is that of the run whose scores are the picture's, empty for none; ``data`` are the
    bytes of its file.
    """

    name: str
    kind: str
    label: str
    image: Image.Image
    data: bytes


def spaced(names: Iterable[str], count: int) -> list[str]:
    """``count`` of ``names``, evenly spaced in sorted order.

    >>> spaced(list("gfedcba"), 3)
    ['a', 'd', 'g']
    """
    ordered = sorted(names)
    if len(ordered) <= count:
        return ordered
    if count == 1:
        return [ordered[len(ordered) // 2]]
    picks = np.linspace(0, len(ordered) - 1, count).round().astype(int)
    return [ordered[pick] for pick in picks]


def shots(
    samples: pd.DataFrame, runs: Sequence[Run], sample: str, width: int | None, changed: list[str]
) -> Iterator[Shot]:
    """A sample's input, results and reference, in one size.

    ``samples`` are the photos of all ``runs``, as `Run.samples`. The size is that of the first, at
    most ``width`` wide and half as much again high; without a width each has its own. A picture
    that cannot be read (a failed result, an input that has moved) is left out. So is one that is
    not the file that was scored, and then ``changed`` gets a line.
    """
    row = samples.loc[samples["sample"] == sample].iloc[0]
    size: tuple[int, int] | None = None
    # The result of "identity" is the input, which is shown with its scores.
    unprocessed = [run.label for run in runs if run.enhancer == "identity"]
    name = plain(sample)
    found = [
        (
            ("Input", "input", next(iter(unprocessed), "")),
            read_scored(row["path"], row["sha256"], f"{name}: the input", changed),
        )
    ]
    found += [
        (
            (plain(run.label), "method", run.label),
            read_result(run, sample, f"{name}: the result of {plain(run.label)}", changed),
        )
        for run in runs
        if run.label not in unprocessed
    ]
    if isinstance(row.get("reference"), str):
        scored = read_scored(
            row["reference"], row["reference_sha256"], f"{name}: the reference", changed
        )
        found.append((("Reference", "reference", ""), scored))
    for (title, kind, label), scored in found:
        if scored is None:
            continue
        image = Image.fromarray(scored.pixels)
        if width is not None:
            size = size or fitted(image.size, width)
            image = resized(image, size)
        yield Shot(title, kind, label, image, scored.data)


def fitted(size: tuple[int, int], width: int) -> tuple[int, int]:
    """``size`` scaled down to at most ``width``, and half as much again in height.

    >>> fitted((720, 480), 360), fitted((100, 80), 360)
    ((360, 240), (100, 80))
    """
    scale = min(1.0, width / size[0], 1.5 * width / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """``image`` in that size; the same image where it has it."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def read_result(run: Run, sample: str, name: str, changed: list[str]) -> Scored | None:
    """`read_scored` of a run's result for a photo; None where it has no current result."""
    if sample not in run.results.index:
        return None
    path = result_of(run.folder, sample)
    try:
        links.check_file(path, run.folder)
    except InputError as error:
        changed.append(f"{name} is not shown: {plain(error)}")
        return None
    return read_scored(path, run.results.at[sample, "image_sha256"], name, changed)


def read_scored(path: Path | str, sha256: object, name: str, changed: list[str]) -> Scored | None:
    """Decode a picture if its bytes have the hash that the run recorded.

    None where it cannot be read, and where the hash is another: ``changed`` then gets a line that
    begins with ``name``.
    """
    try:
        data = reading.wanted_bytes(path)
        if provenance.sha256_bytes(data) == sha256:
            return Scored(read_rgb(data, name=str(path)), data)
    except InputError:
        return None
    changed.append(f"{name} is not shown: {plain(path)} is not the file that was scored")
    return None


def small_uri(image: Image.Image) -> str:
    """A picture for the eye as a data: address."""
    return picture_uri(small_file(image, image.width))


def small_file(image: Image.Image, width: int) -> bytes:
    """A picture for the eye, at most ``width`` wide: WebP, or JPEG where Pillow has no WebP."""
    scale = min(1.0, width / image.width)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image, buffer = resized(image, size), io.BytesIO()
    if features.check("webp"):
        importlib.import_module("PIL.WebPImagePlugin")  # or Pillow imports all its formats
        image.save(buffer, format="WEBP", quality=78, method=2)  # 4: twice the time for 3%
    else:
        image.save(buffer, format="JPEG", quality=75, optimize=True)
    return buffer.getvalue()


def picture_uri(data: bytes) -> str:
    """A file of `small_file` as a data: address."""
    return data_uri("image/webp" if data.startswith(b"RIFF") else "image/jpeg", data)


def data_uri(kind: str, data: bytes) -> str:
    """``data`` as a data: address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
