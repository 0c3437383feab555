"""The paper's tables as LaTeX, for a document that loads booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from reports.paper.grid import OURS, Grid, marks, shown
from reports.text import plain

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
}


def tex(text: object) -> str:
    """``text`` escaped for LaTeX, on one line.

    >>> print(tex("100% of \\\\input{x} & y_1"))
    100\\% of \\textbackslash{}input\\{x\\} \\& y\\_1
    """
    return re.sub(r".", lambda m: _ESCAPED.get(m[0], m[0]), plain(text))


def latex_tables(grids: Sequence[Grid]) -> str:
    """A table environment for each, with the notes beneath in small type."""
    blocks = ["% needs \\usepackage{booktabs}; \\textquotedbl needs \\usepackage[T1]{fontenc}"]
    blocks += ["\n".join(_table(grid)) for grid in grids]
    return "\n\n".join(blocks) + "\n"


def _table(grid: Grid) -> Iterator[str]:
    numbered = grid.numbered()
    yield r"\begin{table*}"
    yield rf"\caption{{Table {grid.number} of the WESPE paper, and ours: {tex(grid.title)}}}"
    yield r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"
    yield rf"\begin{{tabular}}{{ll{'r' * len(grid.columns)}}}"
    yield r"\toprule"
    if any(column.group for column in grid.columns):
        yield from _groups(grid)
    heads = [tex(" ".join(filter(None, (c.title, c.arrow)))) for c in grid.columns]
    yield f"{' & '.join([tex(grid.corner), '', *heads])} \\\\"
    for row, title in grid.rows.items():
        yield r"\midrule"
        for line in grid.lines(row):
            cells = [tex(title) if line == OURS else "", tex(line)]
            for column in grid.columns:
                entry = grid.entry(row, column)
                text, best = shown(entry, column, line)
                text = rf"\textbf{{{tex(text)}}}" if best else tex(text)
                found = marks(entry, numbered) if line == OURS else ()
                if found:
                    text += f"$^{{{','.join(map(str, found))}}}$"
                # LaTeX would read a bracket after \\ as its argument.
                cells.append(f"{{{text}}}" if text.startswith("[") else text)
            yield f"{' & '.join(cells)} \\\\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\begin{flushleft}\scriptsize"
    for number, text in enumerate(numbered, 1):
        yield rf"$^{{{number}}}$ {tex(text)}.\\"
    for text in (*grid.notes, *grid.sources):
        yield rf"{tex(text)}.\\"
    yield r"\end{flushleft}"
    yield r"\end{table*}"


def _groups(grid: Grid) -> Iterator[str]:
    """The line of headings that columns share, and the rules beneath them."""
    heads, rules, at = [], [], 3
    for group, columns in groupby(grid.columns, key=lambda column: column.group):
        width = len(list(columns))
        heads.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    yield f" & & {' & '.join(heads)} \\\\"
    yield "".join(rules)
