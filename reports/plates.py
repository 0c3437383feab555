"""The verb ``figures``: pictures and plots of the paper's kind, as PNG and SVG with captions."""

from __future__ import annotations

import io
import logging
import math
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import crops, figures, plots
from reports.contents import Section, read_contents
from reports.pictures import spaced
from reports.text import markdown, plain, plural
from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.registry import did_you_mean
from wespe_bench.runs import folder_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Width of a figure in inches, and dots an inch of the PNG.
WIDTH, DPI = 9.0, 200

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "wespe-bench",
    "svg.fonttype": "path",
    "font.family": ["DejaVu Sans"],
    "text.parse_math": False,
    "text.color": figures.THEMES["light"].text,
    "axes.labelcolor": figures.THEMES["light"].text,
}


@dataclass(frozen=True)
class Figures:
    """Figures for a paper: strips with zoomed crops, metrics against each other, quality and time.

    Each is written as PNG and SVG, with a caption that states n and the settings; all captions
    stand in figures.md as well.

    Examples:
      wespe-bench figures runs/demo
      wespe-bench figures runs/demo --photos coffee --methods auto_levels clahe --box 200 90 80 80
    """

    runs: str
    """A run folder, or a folder of runs."""
    out: str | None = None
    """Where the figures go (default: figures/ in the folder of runs)."""
    photos: tuple[str, ...] = ()
    """Which photos the strip shows (default: three, evenly spaced by name)."""
    methods: tuple[str, ...] = ()
    """Which methods' results the strip shows, by label (default: the first six)."""
    box: tuple[int, int, int, int] | None = None
    """The strip's crops: left top width height in pixels (default: where results differ most)."""
    common: bool = False
    """Where photos are missing, use those that every method has."""


def main(argv: list[str]) -> int:
    """Write the figures of every data set and say where."""
    from wespe_bench.arguments import parse

    config = parse(Figures, argv, "figures")
    runs = Path(config.runs)
    out = Path(config.out) if config.out else runs / "figures"
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with --out")
    contents = read_contents(runs, common=config.common)
    captions = ["# Figures"]
    for section in contents.sections:
        name = folder_name(section.table.dataset)
        for kind, caption in _draw_all(section, config, out, name):
            captions.append(f"![]({kind}-{name}.png)\n\n{markdown(caption)}")
            print(out / f"{kind}-{name}.png")
    atomic.write_text(out / "figures.md", "\n\n".join(captions) + "\n")
    print(out / "figures.md")
    return 0


def _draw_all(section: Section, config: Figures, out: Path, name: str) -> list[tuple[str, str]]:
    table = section.table
    on = f"{plain(table.dataset)}{f' ({plain(table.note)})' if table.note else ''}"
    settings = f"{on}, {plural(len(table.used), 'photo')}, revision {table.revision[:12]}."
    drawn: list[tuple[str, str, float, Callable[[Figure, float], object]]] = []

    rows = _rows(section, config)
    columns = max(len(row.panels) for row in rows)
    told = "; ".join(
        f"{row.sample}, {row.size[0]}x{row.size[1]}, box {' '.join(map(str, row.box))}"
        for row in rows
    )
    first = next(iter(table.columns), None)
    numbers = f" The numbers are each photo's {plain(first.title)}." if first else ""
    drawn.append(
        (
            "strip",
            f"Whole photos, and the same box of each, enlarged: {told}.{numbers} {settings}",
            0.9 * WIDTH / columns * crops.height_of(rows) + 0.35,
            lambda figure, bottom: crops.draw_crops(rows, figure, bottom, 1 - 0.3 / _tall(figure)),
        )
    )
    if len(table.columns) > 1:
        n = plots.correlation(section)[1]
        drawn.append(
            (
                "correlation",
                f"Spearman's rank correlation of the metrics over {plural(n, 'result')} (photos x "
                f"{plural(len(table.methods), 'method')}) with a finite score of each. {settings}",
                0.6 * WIDTH,
                lambda figure, bottom: plots.draw_correlation(section, figure, bottom),
            )
        )
    across = min(3, max(1, len(table.columns)))
    down = math.ceil(len(table.columns) / across)
    if table.columns:
        drawn.append(
            (
                "distributions",
                f"{figures.caption(table)} {settings}",
                down * (0.7 + 0.27 * len(table.methods)),
                lambda figure, bottom: plots.draw_distributions(section, figure, bottom, across),
            )
        )
        taken = plots.seconds(section)
        machine = "; ".join(dict.fromkeys(f"{r.platform}, {r.device}" for r in section.runs))
        drawn.append(
            (
                "time",
                "Mean and 95% interval of each metric against the median time an enhancer took "
                f"for a photo, as noted when it ran ({_counts(taken)}; {plain(machine)}). "
                f"{settings}",
                down * 2.4 + 0.5,
                lambda figure, bottom: plots.draw_cost(section, figure, bottom, across),
            )
        )
    for kind, caption, tall, draw in drawn:
        _write(out / f"{kind}-{name}", caption, tall, draw)
    return [(kind, caption) for kind, caption, _, _ in drawn]


def _counts(taken: Any) -> str:
    counts = sorted({count for _, count in taken.values()})
    if not counts:
        return "no times noted"
    told = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{told} photos a method"


def _rows(section: Section, config: Figures) -> list[crops.Row]:
    table = section.table
    for name in config.methods:
        if name not in table.methods:
            raise InputError(
                f"no method {name!r} on {plain(table.dataset)!r}"
                f"{did_you_mean(name, table.methods)}; there are: "
                f"{', '.join(map(plain, table.methods))}"
            )
    for name in config.photos:
        if name not in table.used:
            raise InputError(
                f"no photo {name!r} in {plain(table.dataset)!r}{did_you_mean(name, table.used)}"
            )
    methods = config.methods or table.methods[:6]
    photos = config.photos or spaced(table.used, 3)
    return [crops.read_row(section, photo, methods, config.box) for photo in photos]


def _write(stem: Path, caption: str, tall: float, draw: Callable[[Figure, float], object]) -> None:
    """Draw above the caption and write ``stem``.png and .svg; ``tall`` is in inches."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = textwrap.wrap(caption, 135)
    room = 0.16 * len(lines) + 0.12
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # A label may use letters that the font lacks; they become boxes.
        warnings.simplefilter("ignore")
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        figure = Figure(figsize=(WIDTH, tall + room), facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure, room / (tall + room))
        figure.text(
            0.012, 0.04 / (tall + room), "\n".join(lines), fontsize=8, va="bottom",
            color=figures.THEMES["light"].muted, linespacing=1.3,
        )  # fmt: skip
        for ending, metadata in ((".png", {}), (".svg", {"Date": None, "Creator": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=ending[1:], dpi=DPI, metadata=metadata)
            atomic.write_bytes(stem.with_name(stem.name + ending), buffer.getvalue())


def _tall(figure: Figure) -> float:
    return float(figure.get_figheight())
