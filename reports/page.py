"""A report as a HTML page that loads nothing from the network.

Beside it lies a folder with the pixels that were scored (`reports.exact`), which its viewer shows;
or the page is a single file with crops of them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import distribution, photos, pictures
from reports.contents import UNTITLED, Contents, Section, read_contents
from reports.cost import cost_latex, cost_view
from reports.exact import CROP_BYTES, FILE_BYTES, Exact, remove_others
from reports.latex import NEEDS, score_table
from reports.markdown import markdown_report
from reports.notes import BEST, READING, Notes, notes, row_n
from reports.text import fill_template, plain
from wespe_bench import atomic
from wespe_bench.errors import writing
from wespe_bench.option_checks import check_out
from wespe_bench.paths import to_path

if TYPE_CHECKING:
    from reports.cells import Cell, Column

#: Bytes of embedded pictures, of the large ones and of those of every photo: the page stays
#: small enough for a mail.
PICTURE_BYTES = 3_600_000
PHOTO_BYTES = 4_200_000


def write_report(
    path: Path,
    *,
    out: Path | None = None,
    title: str = "",
    default_title: str = "",
    common: bool = False,
    single_file: bool = False,
) -> tuple[list[Path], tuple[str, ...]]:
    """Write report.md, .html and .tex about every run at or below ``path``.

    They go to the folder ``out`` (default: ``path``), each atomically. Returns their paths,
    Markdown first, and a line for each run that cannot be read, and each picture that is not the
    one that was scored: both are left out. Without a ``title`` the report keeps the one it has;
    a new report has ``default_title``. ``common`` restricts each data set to the photos all its
    methods have. ``single_file`` writes no full-size pictures beside the page: it embeds crops.

    Raises InputError when there is nothing to report, when scores must not share a table (see
    `reports.tables.summarize`), and when the folder cannot be written.
    """
    path = to_path(path)
    folder = path if out is None else to_path(out)
    check_out(folder)
    for place in (folder, path):
        title = title or recorded_title(place / "report.html")
    title = title or default_title
    contents = read_contents(path, title=title, common=common)
    page, changed, files = _page(contents, None if single_file else folder, quiet=False)
    tables = [
        text
        for section in contents.sections
        for text in (score_table(section.table), *cost_latex(section.costs, section.table.dataset))
    ]
    latex = "\n\n".join([NEEDS, *tables]) + "\n"
    texts = {"report.md": markdown_report(contents), "report.html": page, "report.tex": latex}
    written = []
    for name, text in texts.items():
        target = folder / name
        with writing(target):
            atomic.write_text(target, text)
        written.append(target)
    remove_others(folder, files)
    return written, (*contents.left_out, *changed)


def recorded_title(page: Path) -> str:
    """The title of a page; empty where there is none, or only a report's general one."""
    try:
        with page.open("rb") as file:
            start = file.read(8192).decode("utf-8", "replace")
    except OSError:
        return ""
    found = re.search(r"<title>(.*?)</title>", start, re.DOTALL)
    title = html.unescape(found[1]) if found else ""
    return "" if title == UNTITLED else title


def html_report(
    contents: Contents, *, folder: Path | None = None, quiet: bool = False
) -> tuple[str, list[str]]:
    """The page, and a line for each picture left out as it is not the one that was scored.

    Full-size pictures go to ``folder``, which the page shall lie in; without one it has crops. The
    same contents and pictures give the same bytes. A long page shows its progress.
    """
    return _page(contents, folder, quiet)[:2]


def _page(contents: Contents, folder: Path | None, quiet: bool) -> tuple[str, list[str], set[str]]:
    """The page, lines as of `html_report`, and the names of the files beside it."""
    share = max(1, len(contents.sections))
    budget = (FILE_BYTES if folder else CROP_BYTES) // share
    files: set[str] = set()
    sections = []
    for section in contents.sections:
        exact = Exact(folder, budget)
        sections.append(_view(section, share, exact, quiet))
        files |= exact.files
    page = fill_template(
        "page.html",
        ("page.css",),
        ("tables.js", "viewer.js", "page.js"),
        files=bool(files),
        beside=bool(files),
        contents=contents,
        sections=sections,
        reading=READING,
        best=BEST,
        facts=contents.facts.items(),
        runs=contents.runs,
    )
    return page, [line for view in sections for line in view.changed], files


@dataclass(frozen=True, slots=True)
class _TableCell:
    cell: Cell
    sort: str
    mean: str
    interval: str
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    n: str
    cells: tuple[_TableCell, ...]


@dataclass(frozen=True, slots=True)
class _Plot:
    title: str
    light: str
    dark: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _View:
    """One section, ready for the template."""

    section: Section
    notes: Notes
    columns: tuple[Column, ...]
    rows: tuple[_Row, ...]
    plots: tuple[_Plot, ...]
    plot_caption: str
    scenes: tuple[pictures.Scene, ...]
    choices: tuple[tuple[str, str], ...]
    left: int
    right: int
    photos: photos.Photos
    changed: tuple[str, ...]
    costs: Mapping[str, Any]
    failures: tuple[tuple[str, str, str, str], ...]


def _view(section: Section, share: int, exact: Exact, quiet: bool) -> _View:
    table = section.table
    found = notes(table)
    rows = tuple(
        _Row(
            plain(label),
            row_n(table, label),
            tuple(
                _TableCell(
                    cell,
                    _sorted_by(cell),
                    *column.show_cell(cell),
                    found.marks[label, column.metric],
                )
                for column in table.columns
                for cell in (table.cell(label, column.metric),)
            ),
        )
        for label in table.methods
    )
    changed: list[str] = []
    scenes = pictures.scenes(section, PICTURE_BYTES // share, changed)
    every = photos.photos(section, PHOTO_BYTES // share, changed, exact, quiet=quiet)
    choices = _choices(section, scenes)
    return _View(
        section=section,
        notes=found,
        columns=table.columns,
        rows=rows,
        plots=tuple(_plot(section, column) for column in table.columns),
        plot_caption=distribution.caption(table),
        scenes=scenes,
        choices=choices,
        left=0,
        right=_first_choice(section, choices),
        photos=every,
        changed=tuple(dict.fromkeys(changed)),
        costs=cost_view(section.costs),
        failures=section.failures(),
    )


def _sorted_by(cell: Cell) -> str:
    """The sort key of a click on the column's head; empty sorts last."""
    return repr(cell.mean) if cell.has_value else ""


def _choices(section: Section, scenes: tuple[pictures.Scene, ...]) -> tuple[tuple[str, str], ...]:
    """(kind, name) of every picture that some scene has: input, methods, reference."""
    order = {"input": 0, "method": 1, "reference": 2}
    found = dict.fromkeys((shot.kind, shot.name) for scene in scenes for shot in scene.shots)
    labels = [plain(label) for label in section.table.methods]
    return tuple(
        sorted(
            found,
            key=lambda choice: (
                order[choice[0]],
                labels.index(choice[1]) if choice[1] in labels else 0,
            ),
        )
    )


def _first_choice(section: Section, choices: tuple[tuple[str, str], ...]) -> int:
    """The picture shown beside the input at first: of the best method by the first metric."""
    table = section.table
    for column in table.columns:
        sign = {True: 1, False: -1, None: 0}[column.higher_is_better]
        means = {
            plain(label): sign * table.cell(label, column.metric).mean
            for label in table.methods
            if table.cell(label, column.metric).has_value and ("method", plain(label)) in choices
        }
        if sign and means:
            return choices.index(("method", max(means, key=means.__getitem__)))
    return min(1, len(choices) - 1)


def _plot(section: Section, column: Column) -> _Plot:
    values = section.values(column.metric)
    light, dark = (
        distribution.draw_svg(section.table, column, values, theme) for theme in ("light", "dark")
    )
    return _Plot(
        title=plain(column.title),
        light=pictures.data_uri("image/svg+xml", light),
        dark=pictures.data_uri("image/svg+xml", dark),
        alt=distribution.describe(section.table, column),
        width=distribution.WIDTH,
        height=distribution.height(section.table),
    )
