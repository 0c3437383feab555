"""The verb ``figures``: pictures and plots of the paper's kind, as PNG and SVG with captions."""

from __future__ import annotations

import functools
import io
import logging
import math
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import crops, distribution, plots
from reports.contents import Section, read_contents
from reports.pictures import spaced
from reports.text import markdown, plain, plural
from wespe_bench import atomic
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.paths import to_path
from wespe_bench.run import print_left_out
from wespe_bench.runs import folder_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Methods that a strip shows by default.
_MOST = 8

#: Width of a figure in inches, and dots an inch of the PNG.
WIDTH, DPI = 9.0, 200


@dataclass(frozen=True, slots=True)
class _Cost:
    """A cost to draw quality against, as of `plots.costs`: its unit and its smallest value."""

    column: str
    unit: float
    least: float
    axis: str
    caption: str


#: By the figure's name.
_COSTS = {
    "time": _Cost(
        "seconds",
        1,
        1e-7,
        "seconds a photo",
        "the median time an enhancer took for a photo, as recorded when it ran: with as many "
        "threads as it takes, beside the other workers of its run, a worker's first photo "
        "included. Methods of one run can be compared; times of other machines, or of another "
        "number of jobs, cannot; for times to publish see wespe-bench time",
    ),
    "memory": _Cost(
        "memory",
        1e6,
        0.1,
        "peak MB a photo",
        "the median, over the photos, of the peak memory an enhancer took for one: by how many "
        "MB (10^6 bytes) the resident set of the process that ran it grew. What was loaded "
        "before, libraries, weights and the photo, is not counted; below 0.1 MB is drawn as 0.1",
    ),
    "device-memory": _Cost(
        "device_memory",
        1e6,
        0.1,
        "peak MB a photo on the device",
        "the median, over the photos, of the peak memory torch allocated on the device for one, "
        "in MB (10^6 bytes), beyond what it held before: weights that were there are not counted",
    ),
    "parameters": _Cost("parameters", 1, 1, "parameters", "the parameters that a method states"),
    "multiply-adds": _Cost(
        "multiply_adds",
        1e9,
        1e-6,
        "multiply-adds at 1 MP (G)",
        "the multiply-adds (10^9) for a photo of 1000x1000 pixels that a method states",
    ),
}

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "wespe-bench",
    "svg.fonttype": "path",
    "image.composite_image": False,  # pictures in SVG stay apart
    "font.family": ["DejaVu Sans"],
    "text.parse_math": False,
    "text.color": distribution.THEMES["light"].text,
    "axes.labelcolor": distribution.THEMES["light"].text,
}


@dataclass(frozen=True)
class Figures:
    """Figures for a paper: strips with zoomed crops, metrics against each other, quality and time.

    Each is written as PNG and SVG, with a caption that states n and the settings; figures.md
    holds all captions.

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
    """Which methods' results the strip shows, by label (default: the first eight)."""
    box: tuple[int, int, int, int] | None = None
    """The strip's crops: left top width height in pixels (default: where results differ most)."""
    common: bool = False
    """Where photos are missing, use those that every method has."""


def main(config: Figures) -> int:
    """Write the figures of every data set; returns 3 where runs or pictures are left out."""
    from wespe_bench.option_checks import check_out

    runs = to_path(config.runs)
    out = Path(config.out) if config.out else runs / "figures"
    check_out(out)
    contents = read_contents(runs, common=config.common)
    captions = ["# Figures"]
    missing = [plain(line) for line in contents.left_out]
    for section in contents.sections:
        name = folder_name(section.table.dataset)
        drawn, gone = _draw_all(section, config, out, name)
        missing += gone
        for kind, caption in drawn:
            captions.append(f"![]({kind}-{name}.png)\n\n{markdown(caption)}")
            print(out / f"{kind}-{name}.png")
    captions += [f"- {markdown(line)}" for line in missing]
    atomic.write_text(out / "figures.md", "\n\n".join(captions) + "\n")
    print(out / "figures.md")
    return print_left_out(missing)


def _draw_all(
    section: Section, config: Figures, out: Path, name: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """(kind, caption) of each figure drawn, and a line for each photo that lacks pictures."""
    table = section.table
    on = f"{plain(table.dataset)}{f' ({plain(table.note)})' if table.note else ''}"
    settings = f"{on}, {plural(len(table.used), 'photo')}, revision {table.revision[:12]}."
    drawn: list[tuple[str, str, float, Callable[[Figure, float], object]]] = []

    rows, missing = _rows(section, config)
    boxes = "; ".join(
        f"{row.sample}, {row.size[0]}x{row.size[1]}, box {' '.join(map(str, row.box))}"
        for row in rows
    )
    first = next(iter(table.columns), None)
    numbers = f" The numbers are each photo's {plain(first.title)}." if first else ""
    lacking = "".join(f" {line}." for line in missing)
    if rows:
        drawn.append(
            (
                "strip",
                f"Whole photos, and the same box of each, enlarged: {boxes}.{numbers}"
                f"{_unseen(section, config)}{lacking} {settings}",
                crops.height_of(rows, WIDTH) + 0.35,
                lambda figure, bottom: crops.draw_crops(
                    rows, figure, bottom, 1 - 0.3 / _tall(figure)
                ),
            )
        )
    if len(table.columns) > 1:
        found, n = plots.correlation(section)
        drawn.append(
            (
                "correlation",
                f"Spearman's rank correlation of the metrics over {plural(n, 'result')} (photos x "
                f"{plural(len(table.methods), 'method')}) with a finite score of each. {settings}",
                0.6 * WIDTH,
                lambda figure, bottom: plots.draw_correlation(section, found, figure, bottom),
            )
        )
    across = min(3, max(1, len(table.columns)))
    down = math.ceil(len(table.columns) / across)
    if table.columns:
        drawn.append(
            (
                "distributions",
                f"{distribution.caption(table)} {settings}",
                down * (0.7 + 0.27 * len(table.methods)),
                lambda figure, bottom: plots.draw_distributions(section, figure, bottom, across),
            )
        )
        for kind, cost in _COSTS.items():
            taken = plots.costs(section, cost.column)
            if not taken:
                continue
            drawn.append(
                (
                    kind,
                    f"Mean and 95% interval of each metric against {cost.caption} "
                    f"({_counts(section, taken)}). {settings}",
                    down * 2.4 + plots.legend_height(len(taken)),
                    functools.partial(
                        plots.draw_cost,
                        section,
                        {label: max(x / cost.unit, cost.least) for label, (x, _) in taken.items()},
                        cost.axis,
                        columns=across,
                    ),
                )
            )
    for kind, caption, tall, draw in drawn:
        _write(out / f"{kind}-{name}", caption, tall, draw)
    return [(kind, caption) for kind, caption, _, _ in drawn], missing


def _unseen(section: Section, config: Figures) -> str:
    """The methods that the strip leaves out, for its caption."""
    shown = config.methods or _first_methods(section)
    unseen = [
        plain(run.label)
        for run in section.runs
        if run.label not in shown and run.enhancer != "identity"
    ]
    more = f" and {len(unseen) - 6} more" if len(unseen) > 6 else ""
    return f" Not shown: {', '.join(unseen[:6])}{more} (--methods)." if unseen else ""


def _counts(section: Section, taken: Mapping[str, tuple[float, int]]) -> str:
    """For a caption: number of photos, methods without the cost, and the machine."""
    counts = sorted({count for _, count in taken.values()})
    photos = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lacking = ", ".join(plain(m) for m in section.table.methods if m not in taken)
    if counts == [0]:  # the same for every photo
        return f"none stated for {lacking}" if lacking else "stated for every method"
    none = f"; not recorded for {lacking}" if lacking else ""
    runs = [run for run in section.runs if run.label in taken]
    machine = "; ".join(dict.fromkeys(f"{run.platform}, {run.device}" for run in runs))
    return f"{photos} {'photo' if counts == [1] else 'photos'} a method{none}; {plain(machine)}"


def _first_methods(section: Section) -> tuple[str, ...]:
    """The methods a strip shows by default: as many as fit, without "identity", the input."""
    unprocessed = {run.label for run in section.runs if run.enhancer == "identity"}
    return tuple(label for label in section.table.methods if label not in unprocessed)[:_MOST]


def _rows(section: Section, config: Figures) -> tuple[list[crops.Row], list[str]]:
    """The strip's photos, and a line for each picture that cannot be drawn."""
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
    methods = config.methods or _first_methods(section)
    photos = config.photos or spaced(table.used, 3)
    rows: list[crops.Row] = []
    missing: list[str] = []
    unprocessed = {run.label for run in section.runs if run.enhancer == "identity"}
    for photo in photos:
        changed: list[str] = []
        row = crops.read_row(section, photo, methods, config.box, changed)
        there = {name for name, *_ in row.panels} if row else set()
        wanted = ["Input", *(plain(label) for label in methods if label not in unprocessed)]
        if not section.samples.loc[section.samples["sample"] == photo, "reference"].isna().all():
            wanted.append("Reference")
        missing += changed
        if row is None:
            missing.append(f"{plain(photo)} is not drawn: its pictures cannot be read any more")
        elif gone := [name for name in wanted if name not in there]:
            missing.append(
                f"{plain(photo)} is drawn without {', '.join(gone)}: cannot be read any more"
            )
        rows += [row] if row else []
    return rows, missing


def _write(stem: Path, caption: str, tall: float, draw: Callable[[Figure, float], object]) -> None:
    """Draw above the caption and write ``stem``.png and .svg; ``tall`` is in inches."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = textwrap.wrap(caption, 135)
    room = 0.16 * len(lines) + 0.12
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # Letters that the font lacks become boxes.
        warnings.simplefilter("ignore")
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        figure = Figure(figsize=(WIDTH, tall + room), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure, room / (tall + room))
        figure.text(
            0.012, 0.04 / (tall + room), "\n".join(lines), fontsize=8, va="bottom",
            color=distribution.THEMES["light"].muted, linespacing=1.3,
        )  # fmt: skip
        options: dict[str, dict[str, Any]] = {
            ".png": {"pil_kwargs": {"compress_level": 3}},  # half the time of 6
            ".svg": {"metadata": {"Date": None, "Creator": None}},
        }
        for ending, chosen in options.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=ending[1:], **chosen)
            atomic.write_bytes(stem.with_name(stem.name + ending), buffer.getvalue())


def _tall(figure: Figure) -> float:
    return float(figure.get_figheight())
