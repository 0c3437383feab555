"""The verb ``data preview``: a contact sheet of a data set, pairs side by side."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from wespe_bench.arguments import PhotoOptions
from wespe_bench.errors import InputError, one_line, writing
from wespe_bench.option_checks import check_ranges
from wespe_bench.runs import Failure, folder_name, tell

if TYPE_CHECKING:
    from PIL import Image

    from wespe_bench.types import Dataset, Sample

_PAPER, _INK, _FAINT, _BROKEN = "#ffffff", "#1f2933", "#7b8794", "#eceff1"
_MARGIN, _GAP, _BETWEEN = 16, 14, 3  # px: around the sheet, between cells, within a pair
_FONT, _TITLE = 13, 18  # px


@dataclass(frozen=True)
class Preview(PhotoOptions):
    """Draw a contact sheet: photos from all over a data set, pairs side by side, with their ids.

    Examples:
      wespe-bench data preview --input photos/ --reference truth/
      wespe-bench data preview --dataset samples --out samples.png --count 5
    """

    out: Annotated[str | None, "FILE"] = None
    """The picture to write, .png or .jpg (default: preview-NAME.jpg)."""
    count: int = 24
    """Photos to show, evenly spread over the data set."""
    columns: int = 0
    """Cells beside each other (default: what makes the sheet about square)."""
    size: int = 200
    """Longest side of a photo on the sheet, in pixels."""


def preview(
    dataset: Dataset, *, count: int = 24, columns: int = 0, size: int = 200
) -> tuple[Image.Image, list[Failure]]:
    """The contact sheet, and the photos on it that could not be read.

    Photos are decoded one after the other and kept small, so memory does not grow with theirs.
    """
    from PIL import Image, ImageDraw

    from wespe_bench import progress

    shown = _spread(dataset.samples, count)
    sides = 2 if dataset.paired else 1
    cell_width = sides * size + (sides - 1) * _BETWEEN
    columns = columns or max(1, round((len(shown) * size / cell_width) ** 0.5))
    columns = min(columns, len(shown))
    pictures: list[list[Image.Image | None]] = []
    failures = []
    with progress.bar(len(shown), "preview") as bar:
        for sample in shown:
            row: list[Image.Image | None] = []
            for path in (sample.path, sample.reference)[:sides]:
                try:
                    row.append(_small(path, size))
                except InputError as error:
                    row.append(None)
                    failures.append(Failure(Path(dataset.name), sample.id, "preview", str(error)))
            pictures.append(row)
            bar.update()

    heights = [max((p.height for p in row if p), default=size // 2) for row in pictures]
    rows = [max(heights[i : i + columns]) for i in range(0, len(shown), columns)]
    labels = _Labels([sample.id for sample in shown] + [dataset.name])
    line = _FONT + 8
    top = _MARGIN + _TITLE + line + _GAP
    width = max(2 * _MARGIN + columns * cell_width + (columns - 1) * _GAP, 480)
    height = top + sum(rows) + len(rows) * (line + _GAP) + _MARGIN - _GAP
    if width * height > 2**27 or max(width, height) > 65_000:  # what JPEG can hold
        raise InputError(f"the sheet would be {width}x{height}; use a smaller --count or --size")
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * _MARGIN
    labels.write(draw, (_MARGIN, _MARGIN), dataset.name, _INK, room, _TITLE)
    labels.write(draw, (_MARGIN, _MARGIN + _TITLE + 6), _caption(dataset, len(shown)), _FAINT, room)
    y = top
    for first, tall in zip(range(0, len(shown), columns), rows, strict=True):
        for column, index in enumerate(range(first, min(first + columns, len(shown)))):
            x = _MARGIN + column * (cell_width + _GAP)
            _place(sheet, draw, labels, pictures[index], (x, y), tall, size)
            place = (x, y + tall + 3)
            labels.write(draw, place, shown[index].id, _INK, cell_width)
        y += tall + line + _GAP
    return sheet, failures


def _spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """``count`` samples at even steps, the first and the last among them."""
    if count >= len(samples):
        return list(samples)
    if count == 1:
        return [samples[0]]
    return [samples[round(i * (len(samples) - 1) / (count - 1))] for i in range(count)]


def _caption(dataset: Dataset, shown: int) -> str:
    what = "pairs (photo, reference)" if dataset.paired else "photos"
    part = f"{shown} of " if shown < len(dataset) else ""
    note = f" · {dataset.note}" if dataset.note else ""
    return f"{part}{len(dataset)} {what} · revision {dataset.revision[:12]}{note}"


def _small(path: Path | None, size: int) -> Image.Image:
    from PIL import Image

    from wespe_bench.images import read_rgb

    if path is None:
        raise InputError("no reference")
    try:
        photo = Image.fromarray(read_rgb(path))
    except MemoryError as error:
        raise InputError(f"{path}: {one_line(error)}") from None
    scale = size / max(photo.size)
    small = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    # Patches are enlarged without inventing pixels; photos are averaged down.
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return photo.resize(small, how, reducing_gap=3.0 if scale < 1 else None)


def _place(
    sheet: Image.Image,
    draw: Any,
    labels: _Labels,
    pictures: Sequence[Image.Image | None],
    corner: tuple[int, int],
    tall: int,
    size: int,
) -> None:
    """A photo, or a pair, at the bottom of its cell."""
    x, y = corner
    for picture in pictures:
        if picture is None:
            draw.rectangle((x, y, x + size - 1, y + tall - 1), fill=_BROKEN)
            labels.write(draw, (x + 8, y + tall // 2 - 8), "cannot be read", _FAINT, size - 16)
        else:
            sheet.paste(picture, (x + (size - picture.width) // 2, y + tall - picture.height))
        x += size + _BETWEEN


class _Labels:
    """Text in the first font that has every letter; else letters by their code points."""

    def __init__(self, texts: Sequence[str]) -> None:
        needed = {c for text in texts for c in text if not c.isspace()}
        self.file, self.letters = _font_for(needed)
        self.fonts: dict[int, Any] = {}

    def write(
        self, draw: Any, place: tuple[int, int], text: str, ink: str, room: int, size: int = _FONT
    ) -> None:
        """One line, at most ``room`` px wide: what does not fit is cut from the middle."""
        from PIL import ImageFont

        if size not in self.fonts:
            self.fonts[size] = ImageFont.truetype(str(self.file), size)
        font = self.fonts[size]
        text = "".join(
            c if c == " " or ord(c) in self.letters else f"<{ord(c):04X}>"
            for c in unicodedata.normalize("NFC", text)
        )
        whole, cut = text, 0
        while font.getlength(text) > room and cut < len(whole):
            cut += 1
            keep = max(len(whole) - cut, 2)
            text = whole[: (keep + 1) // 2] + "…" + whole[len(whole) - keep // 2 :]
        draw.text(place, text, fill=ink, font=font)


def _font_for(needed: set[str]) -> tuple[Path, frozenset[int]]:
    """A font file that has the letters ``needed``, or most of them, and all that it has.

    DejaVu Sans, which matplotlib ships, has Latin, Greek, Cyrillic and more; for other scripts
    the machine's fonts are searched.
    """
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or not spec.origin:
        raise InputError("the font of matplotlib is missing; reinstall matplotlib")
    shipped = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    best, letters = shipped, _letters(shipped)
    points = {ord(c) for c in needed}
    if points <= letters:
        return best, letters
    from matplotlib.font_manager import findSystemFonts

    for file in sorted(findSystemFonts()):
        found = _letters(Path(file))
        if len(points & found) > len(points & letters):
            best, letters = Path(file), found
            if points <= letters:
                break
    return best, letters


def _letters(file: Path) -> frozenset[int]:
    """The code points a font has glyphs for; none when it cannot be read."""
    from fontTools.ttLib import TTFont

    try:
        with TTFont(file, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except Exception:  # the machine's fonts are not ours to judge
        return frozenset()


def main(config: Preview) -> int:
    """The verb ``data preview``."""
    import io

    from wespe_bench import atomic
    from wespe_bench.datasets.choice import choose

    check_ranges(config, {"count": (1, 10_000), "columns": (0, 1000), "size": (16, 4096)})
    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    kind = kinds.get(Path(config.out or "x.jpg").suffix.lower())
    if kind is None:
        raise InputError(f"--out {config.out}: expected a name that ends in .png or .jpg")
    dataset, _ = choose(config.dataset, config)
    out = Path(config.out or f"preview-{folder_name(dataset.name)}.jpg")
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file name with --out")
    if any(
        out.resolve() == p.resolve() for s in dataset.samples for p in (s.path, s.reference) if p
    ):
        raise InputError(f"{out} is one of the photos; choose another --out")
    sheet, failures = preview(dataset, count=config.count, columns=config.columns, size=config.size)
    buffer = io.BytesIO()
    sheet.save(buffer, format=kind, **({"quality": 90} if kind == "JPEG" else {}))
    with writing(out):
        atomic.write_bytes(out, buffer.getvalue())
    print(f"{min(config.count, len(dataset))} of {len(dataset)} shown -> {out}")
    return tell(failures)
