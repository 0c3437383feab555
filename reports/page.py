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

from reports import distribution, opening, photos, pictures
from reports.contents import UNTITLED, Contents, Section, read_contents
from reports.cost import cost_latex, cost_view
from reports.exact import CROP_BYTES, FILE_BYTES, FOLDER, Exact, remove_others
from reports.latex import NEEDS, score_table
from reports.markdown import csv_table, markdown_report, markdown_table
from reports.notes import BEST, READING, Notes, notes, row_n
from reports.origins import HEADS
from reports.rank_plot import RankPlot, rank_plot
from reports.text import fill_template, plain
from wespe_bench import atomic
from wespe_bench.errors import writing
from wespe_bench.option_checks import check_out
from wespe_bench.paths import to_path
from wespe_bench.runs import folder_name

if TYPE_CHECKING:
    from reports.cells import Cell, Column, Table

#: Bytes of the small copies of every photo that the page embeds: it stays small enough for a mail.
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
    remove_others(folder / FOLDER, files)
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
        ("page.css", "plots.css"),
        ("tables.js", "viewer.js", "page.js"),
        files=bool(files),
        beside=bool(files),
        contents=contents,
        sections=sections,
        reading=READING,
        best=BEST,
        origin_heads=HEADS,
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
    ranks: RankPlot | None
    plots: tuple[_Plot, ...]
    plot_caption: str
    result: str
    strip: list[opening.Panel]
    strip_caption: str
    files: tuple[tuple[str, str, str], ...]
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
    sample, caption = opening.telling(section)
    every = photos.photos(
        section, PHOTO_BYTES // share, changed, exact, telling=sample, quiet=quiet
    )
    return _View(
        section=section,
        notes=found,
        columns=table.columns,
        rows=rows,
        ranks=rank_plot(section),
        plots=tuple(_plot(section, column) for column in table.columns),
        plot_caption=distribution.caption(table),
        result=opening.result(section),
        strip=opening.strip(section, sample, every) if sample else [],
        strip_caption=caption,
        files=_files(table),
        photos=every,
        changed=tuple(dict.fromkeys(changed)),
        costs=cost_view(section.costs),
        failures=section.failures(),
    )


def _sorted_by(cell: Cell) -> str:
    """The sort key of a click on the column's head; empty sorts last."""
    return repr(cell.mean) if cell.has_value else ""


def _files(table: Table) -> tuple[tuple[str, str, str], ...]:
    """(title, file name, content) of the table in each format that the page gives away."""
    name = folder_name(table.dataset)
    return (
        ("CSV", f"{name}.csv", csv_table(table)),
        ("Markdown", f"{name}.md", markdown_table(table) + "\n"),
        ("LaTeX", f"{name}.tex", f"{NEEDS}\n\n{score_table(table)}\n"),
    )


def _plot(section: Section, column: Column) -> _Plot:
    values = section.values(column.metric)
    light = distribution.draw_svg(section.table, column, values)
    dark = distribution.darkened(light)
    return _Plot(
        title=plain(column.title),
        light=pictures.data_uri("image/svg+xml", light),
        dark=pictures.data_uri("image/svg+xml", dark),
        alt=distribution.describe(section.table, column),
        width=distribution.WIDTH,
        height=distribution.height(section.table),
    )
