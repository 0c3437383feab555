"""Draw the README's picture of the eight tables of the miniature.

    uv run wespe-bench reproduce --mini --go && uv run python docs/tables_picture.py runs/mini

Writes docs/miniature.png. Methods are lines and cameras are columns, which is the page's table
turned; intervals and notes are left to the page.
"""

from __future__ import annotations

import io
import sys
from itertools import groupby
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from reports.paper import tables
from reports.paper.choices import Choices
from reports.paper.grid import OURS, Grid, shown
from wespe_bench import atomic
from wespe_bench.datasets.miniature import WORD

ROOT = Path(__file__).parent.parent
#: Tables beside each other, from top to bottom.
ROWS = ((1, 4, 5), (2, 7), (3, 8), (6,))
WIDTH, MARGIN, LINE, SIZE = 1480, 26, 27, 17
INK, DIM, RULE, PAPER = "#1c1c1c", "#5a5a5a", "#c4c4c4", "#ffffff"

#: A cell: its text, and whether it is the best of its group.
Cell = tuple[str, bool]
#: (what columns share, a column's own head), and (a line's name, its cells).
Heads, Lines = list[tuple[str, str]], list[tuple[str, list[Cell]]]


def main(mini: Path, out: Path = ROOT / "docs" / "miniature.png") -> None:
    """Draw the tables of a finished miniature. Raises ValueError where they do not fit."""
    study = mini / "study" if (mini / "study").is_dir() else None
    choices = Choices(data=str(mini / "data"), study=study)
    drawn = {grid.number: draw(grid) for grid in tables.build(tables.NUMBERS, mini, choices)}
    heights = [max(drawn[number].height for number in row) for row in ROWS]
    size = (WIDTH, sum(heights) + MARGIN * (len(ROWS) + 3))
    canvas = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=RULE)
    head = f"{WORD}: packaged photos, simulated cameras and votes. Nothing to compare with."
    pen.text((MARGIN, MARGIN // 2 + 4), head, INK, font(20, bold=True))
    top = 2 * MARGIN + 8
    for row, height in zip(ROWS, heights, strict=True):
        room = WIDTH - 2 * MARGIN - sum(drawn[number].width for number in row)
        if room < 0:
            raise ValueError(f"tables {row} are {-room} pixels too wide")
        left = MARGIN
        for number in row:
            canvas.paste(drawn[number], (left, top))
            left += drawn[number].width + room // max(1, len(row) - 1)
        top += height + MARGIN
    buffer = io.BytesIO()
    canvas.quantize(16, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    atomic.write_bytes(out, buffer.getvalue())


def draw(grid: Grid) -> Image.Image:
    """One table, as narrow as its texts."""
    heads, lines = turned(grid) if grid.number in (2, 3, 6, 7, 8) else straight(grid)
    if grid.number in (5, 8):  # narrower
        heads, lines = flipped(heads, lines)
    names = [title for title, _ in lines]
    label = 16 + max(int(font().getlength(name)) for name in names)
    texts = [[head[1] for head in heads], *([text for text, _ in cells] for _, cells in lines)]
    wide = [
        14 + max(int(font(bold=i > 0).getlength(text)) for i, text in enumerate(column))
        for column in zip(*texts, strict=True)
    ]
    title = grid.title.partition(". ")[2].replace("the share", "share").replace("cameras and ", "")
    width = max(label + sum(wide), int(font(bold=True).getlength(f"Table {grid.number}: {title}")))
    canvas = Image.new("RGB", (width, LINE * (len(lines) + 3) + 4), PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((0, 0), f"Table {grid.number}: {title}", INK, font(bold=True))
    left = label
    for group, of in groupby(range(len(heads)), lambda i: heads[i][0]):
        span = sum(wide[i] for i in of)
        pen.text((left + span / 2, LINE), group, INK, font(), anchor="ma")
        left += span
    right = label
    for number, column in enumerate(zip(*texts, strict=True)):
        right += wide[number]
        pen.text((right, 2 * LINE), column[0], DIM, font(), anchor="ra")
        for place, (_, cells) in enumerate(lines):
            text, best = cells[number]
            pen.text((right, (place + 3) * LINE + 2), text, INK, font(bold=best), anchor="ra")
    pen.line((0, 3 * LINE - 3, label + sum(wide), 3 * LINE - 3), RULE, 2)
    for place, name in enumerate(names):
        pen.text((0, (place + 3) * LINE + 2), name, INK, font())
    return canvas


def turned(grid: Grid) -> tuple[Heads, Lines]:
    """(camera, measure) heads, and a line for each method."""
    places = [(row, title.removesuffix(" Passport")) for row, title in grid.rows.items()]
    groups = [(name, list(of)) for name, of in groupby(grid.columns, lambda column: column.group)]
    measures = [column.title.partition(" (")[0].removeprefix("own ") for column in groups[0][1]]
    heads = [(title, measure) for _, title in places for measure in measures]
    if len(measures) == 1:  # the title has it
        heads = [("", title) for title, _ in heads]
    lines = [
        (name, [shown(grid.entry(row, one), one, OURS) for row, _ in places for one in columns])
        for name, columns in groups
    ]
    return heads, [
        (
            name.replace(" mean_std", "").removesuffix(" (ours)"),
            [(text, place == 1) for text, place in cells],
        )
        for name, cells in lines
    ]


def straight(grid: Grid) -> tuple[Heads, Lines]:
    """The table as it is."""
    heads = [
        ("", column.title.removesuffix(" photos").replace("Image s", "S"))
        for column in grid.columns
    ]
    return heads, [
        (
            title.removeprefix("WESPE [DIV2K] "),
            [(shown(grid.entry(row, one), one, OURS)[0], False) for one in grid.columns],
        )
        for row, title in grid.rows.items()
    ]


def flipped(heads: Heads, lines: Lines) -> tuple[Heads, Lines]:
    """Lines for columns."""
    columns = zip(*(cells for _, cells in lines), strict=True)
    names = [("", name) for name, _ in lines]
    return names, [(head, list(of)) for (_, head), of in zip(heads, columns, strict=True)]


def font(size: int = SIZE, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib ships."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf" / name), size)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/mini"))
