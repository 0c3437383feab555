"""The notes beneath a table of scores."""

from __future__ import annotations

from dataclasses import dataclass

from reports.cells import Column, Table
from reports.changes import OF_VERSIONS
from reports.intervals import LARGE_N, RESAMPLES, SMALL_N
from reports.resamples import ENUMERATED
from reports.text import plain, plural

#: How to read a table; the page and the Markdown share it.
READING = (
    "Each number is the mean of one metric over n photos. The brackets hold a 95% interval: "
    f"the photos are drawn again with replacement {RESAMPLES:,} times, and the interval spans "
    f"the middle 95% of those means (up to {ENUMERATED} photos all possible draws are used; from "
    f"{LARGE_N:,} on it is computed instead). "
    "It says how far the mean would move with other photos of "
    "the same kind; it does not test one method against another."
)
BEST = (
    "Bold marks the best mean of a column, an underline the second, whether or not intervals "
    "overlap; what is not a quality score has no such mark."
)


@dataclass(frozen=True, slots=True)
class Notes:
    """Numbered footnotes of cells (``marks`` has the numbers of each cell) and general notes.

    Texts are not escaped: the renderer does that.
    """

    numbered: tuple[str, ...]
    marks: dict[tuple[str, str], tuple[int, ...]]
    general: tuple[str, ...]
    conventions: tuple[tuple[str, str, str], ...]


def notes(table: Table) -> Notes:
    """The notes of ``table``: reasons, infinite values, small n, conventions, left-out photos."""
    numbered: list[str] = []
    marks: dict[tuple[str, str], tuple[int, ...]] = {}
    for label in table.methods:
        for column in table.columns:
            cell = table.cell(label, column.metric)
            found = []
            if cell.reason:
                found.append(f"{column.title}: {cell.reason}.")
            elif cell.n_infinite:
                found.append(
                    f"{column.title}: infinite on {plural(cell.n_infinite, 'photo')}, left out of "
                    f"the mean, which is over the other {cell.n}."
                )
            if cell.n_clamped:
                found.append(
                    f"{column.title}: on {plural(cell.n_clamped, 'photo')} a negative contrast "
                    "term was taken as 0."
                )
            for text in found:
                if text not in numbered:
                    numbered.append(text)
            marks[label, column.metric] = tuple(numbered.index(text) + 1 for text in found)

    general = []
    if table.note:
        general.append(f"This data set: {plain(table.note)}.")
    if table.left_out:
        names = [plain(name) for name in table.left_out]
        shown = ", ".join(names[:30])
        more = f" and {len(names) - 30} more" if len(names) > 30 else ""
        general.append(
            f"Restricted to the {len(table.used)} of {plural(table.n_expected, 'photo')} that all "
            f"methods have for all metrics shown. Left out: {shown}{more}."
        )
    smallest = min((cell.n for cell in table.cells.values() if cell.has_value), default=SMALL_N)
    if smallest == 1:
        general.append("With n = 1 there is no interval, and a mean says little.")
    elif smallest < SMALL_N:
        general.append(
            f"With n = {smallest} the intervals are narrower than they should be, and the order "
            "of methods may change with other photos."
        )
    if any(column.metric.startswith(("entropy", "bpp")) for column in table.columns):
        general.append(
            "Entropy and PNG bits rise with noise; a higher value is not by itself a better photo."
        )
    for column in table.columns:
        if column.metric in OF_VERSIONS:
            general.append(of_versions(table, column))
    general.extend(f"{column.title}: {column.remark}." for column in table.columns if column.remark)
    conventions = tuple(
        (plain(column.title), plain(column.summary), plain(column.version))
        for column in table.columns
    )
    return Notes(tuple(map(plain, numbered)), marks, tuple(general), conventions)


def of_versions(table: Table, column: Column) -> str:
    """What a metric that compares versions of one photo can say, and what its cells show."""
    changed = any(table.cell(label, column.metric).change for label in table.methods)
    shown = (
        "beside a mean stands the mean change from the original photos, photo by photo, with its "
        "95% interval"
        if changed
        else "run identity, too, and changes from the original photos are shown"
    )
    return (
        f"{column.title}: our model compares versions of one photo, not photos (pristine ones "
        f"score 0 to 47); {shown}. Scores above 100 occur. A photo of no more than 10,000 patches "
        "(106x106 pixels) is scored once, from all of them: it has no spread."
    )


def row_n(table: Table, label: str) -> str:
    """The n of a row: one number, or a range where its cells differ.

    >>> row_n(Table("d", "r", "", ("m",), (), 4, ()), "m")
    '–'
    """
    found = [table.cell(label, column.metric) for column in table.columns]
    counts = sorted({cell.n for cell in found if cell.has_value})
    if not counts:
        return "–"
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
