"""The pictures of photos and results that a page embeds, scaled down to fit."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reports.contents import Section
from reports.text import plain
from wespe_bench import links, provenance, reading
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.run import Run
from wespe_bench.store import result_of

#: (photos of a data set, width in pixels), tried in this order until they fit the budget.
_STEPS = ((4, 900), (4, 720), (4, 560), (3, 480), (2, 400), (1, 320), (1, 200))

# Pictures smaller than this are embedded without loss and shown without smoothing.
_SMALL = 300


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a sample: the input, a method's result, or the reference.

    ``values`` are its scores as the page prints them: (title of the metric, number).
    """

    name: str
    kind: str
    uri: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One sample and its pictures, all of ``width`` x ``height`` pixels."""

    sample: str
    width: int
    height: int
    shots: tuple[Shot, ...]

    @property
    def small(self) -> bool:
        return max(self.width, self.height) < _SMALL

    @property
    def metrics(self) -> tuple[str, ...]:
        """The titles of the metrics that any shot has a score of."""
        return tuple(dict.fromkeys(title for shot in self.shots for title, _ in shot.values))

    def value(self, choice: tuple[str, str], metric: str) -> str:
        """The printed score of the shot (kind, name); empty where it has none."""
        for shot in self.shots:
            if (shot.kind, shot.name) == choice:
                return dict(shot.values).get(metric, "")
        return ""


def spaced(names: Sequence[str], count: int) -> list[str]:
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


def scenes(section: Section, budget: int, changed: list[str]) -> tuple[Scene, ...]:
    """Photos of a section with the results of every method, at most ``budget`` bytes inlined.

    The photos are chosen by their ids alone. For their pictures and for ``changed`` see `shots`.
    """
    loaded: dict[tuple[str, int], Scene] = {}
    found: tuple[Scene, ...] = ()
    for count, width in _STEPS:
        made = []
        for sample in spaced(section.table.used, count):
            if (sample, width) not in loaded:
                scene = _scene(section, sample, width, changed)
                if scene is None:
                    continue
                loaded[sample, width] = scene
            made.append(loaded[sample, width])
        found = tuple(made)
        if sum(len(shot.uri) for scene in found for shot in scene.shots) <= budget:
            return found
    return ()


def _scene(section: Section, sample: str, width: int, changed: list[str]) -> Scene | None:
    found = list(shots(section, sample, width, changed))
    if len(found) < 2:
        return None
    made = tuple(
        Shot(name, kind, _uri(image), _values(section, label, sample))
        for name, kind, label, image in found
    )
    return Scene(plain(sample), *found[0][3].size, made)


def shots(
    section: Section, sample: str, width: int | None, changed: list[str]
) -> Iterator[tuple[str, str, str, Image.Image]]:
    """(name, kind, label, picture) of a sample's input, results and reference, in one size.

    That of the first, at most ``width`` wide and half as much again high; without a width each
    has its own size. A picture that cannot be read (a failed result, an input that has moved) is
    left out. So is one that is not the file that was scored, and then ``changed`` gets a line.
    """
    row = section.samples.loc[section.samples["sample"] == sample].iloc[0]
    size: tuple[int, int] | None = None
    # The result of "identity" is the input, which is shown with its scores.
    unprocessed = [run.label for run in section.runs if run.enhancer == "identity"]
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
        for run in section.runs
        if run.label not in unprocessed
    ]
    if isinstance(row.get("reference"), str):
        pixels = read_scored(
            row["reference"], row["reference_sha256"], f"{name}: the reference", changed
        )
        found.append((("Reference", "reference", ""), pixels))
    for (title, kind, label), pixels in found:
        if pixels is None:
            continue
        image = Image.fromarray(pixels)
        if width is not None:
            size = size or fitted(image.size, width)
            image = resized(image, size)
        yield title, kind, label, image


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


def read_result(run: Run, sample: str, name: str, changed: list[str]) -> np.ndarray | None:
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


def read_scored(
    path: Path | str, sha256: object, name: str, changed: list[str]
) -> np.ndarray | None:
    """Decode a picture to uint8 (H, W, 3) if its bytes have the hash that the run recorded.

    None where it cannot be read, and where the hash is another: ``changed`` then gets a line that
    begins with ``name``.
    """
    try:
        data = reading.wanted_bytes(path)
        if provenance.sha256_bytes(data) == sha256:
            return read_rgb(data, name=str(path))
    except InputError:
        return None
    changed.append(f"{name} is not shown: {plain(path)} is not the file that was scored")
    return None


def _values(section: Section, label: str, sample: str) -> tuple[tuple[str, str], ...]:
    if not label:
        return ()
    found = []
    for column in section.table.columns:
        value = section.value(label, sample, column.metric)
        if value is not None:
            found.append((plain(column.title), column.show(value)))
    return tuple(found)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    if max(image.size) < _SMALL:
        image.save(buffer, format="PNG", optimize=True)
        return data_uri("image/png", buffer.getvalue())
    image.save(buffer, format="JPEG", quality=85, optimize=True, progressive=True)
    return data_uri("image/jpeg", buffer.getvalue())


def data_uri(kind: str, data: bytes) -> str:
    """``data`` as a data: address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
