"""Tables as LaTeX with booktabs: escaped texts, cells, and the whole environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reports.cells import Table
from reports.notes import notes, row_n
from reports.text import plain

#: The first line of every file: what its tables need.
NEEDS = (
    "% needs \\usepackage{booktabs,graphicx}; \\textquotedbl needs \\usepackage[T1]{fontenc}; "
    "names in other scripts need XeLaTeX or LuaLaTeX"
)

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
    >>> print(tex("--ours"))
    -{}-ours
    """
    # Two hyphens, as before an option, would become a dash.
    return re.sub(r"(-(?=-))|.", lambda m: "-{}" if m[1] else _ESCAPED.get(m[0], m[0]), plain(text))


def cell(text: object, *, place: int = 0, marks: Sequence[object] = ()) -> str:
    """One cell: the best of its group (1) bold, the second (2) underlined, ``marks`` raised.

    >>> print(cell("9.5", place=1, marks=[1, 2]), cell("[1, 2]", place=2))
    \\textbf{9.5}$^{1,2}$ \\underline{[1, 2]}
    """
    shown = tex(text)
    shown = {1: rf"\textbf{{{shown}}}", 2: rf"\underline{{{shown}}}"}.get(place, shown)
    raised = f"$^{{{','.join(map(str, marks))}}}$" if marks else ""
    return _kept(shown) + raised


def _kept(text: str) -> str:
    """``text`` in braces where it would be read as part of the line's end before it."""
    return f"{{{text}}}" if text.startswith(("[", "*")) else text


def latex_table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str] | None],
    *,
    names: int = 1,
    groups: Sequence[tuple[str, int]] = (),
    notes: Sequence[str] = (),
) -> str:
    """A ``table*`` environment with its notes beneath in small type.

    Args:
        caption: Not escaped yet.
        heads: The columns' heads, as `cell` gives them.
        rows: Cells as `cell` gives them; None is a rule.
        names: How many columns at the left hold names; the others are numbers.
        groups: Heads that columns after the names share, not escaped yet, and how many each spans.
        notes: As `cell` gives them.
    """
    return "\n".join(_lines(caption, heads, rows, names, groups, notes))


def _lines(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str] | None],
    names: int,
    groups: Sequence[tuple[str, int]],
    notes: Sequence[str],
) -> Iterator[str]:
    yield r"\begin{table*}"
    yield rf"\caption{{{tex(caption)}}}"
    yield r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"
    # As wide as it is, but no wider than the page.
    yield r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"
    yield rf"\begin{{tabular}}{{{'l' * names}{'r' * (len(heads) - names)}}}"
    yield r"\toprule"
    if groups:
        spans = [rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}" for group, width in groups]
        yield f"{' & '.join([*[''] * names, *spans])} \\\\"
        ends = [names + sum(width for _, width in groups[: i + 1]) for i in range(len(groups))]
        yield "".join(
            rf"\cmidrule(lr){{{end - width + 1}-{end}}}"
            for end, (_, width) in zip(ends, groups, strict=True)
        )
    yield f"{' & '.join(heads)} \\\\"
    yield r"\midrule"
    for row in rows:
        yield r"\midrule" if row is None else f"{' & '.join(row)} \\\\"
    yield r"\bottomrule"
    yield r"\end{tabular}}"
    if notes:
        yield r"\begin{flushleft}\scriptsize"
        yield from (f"{_kept(note)}\\\\" for note in notes)
        yield r"\end{flushleft}"
    yield r"\end{table*}"


def score_table(table: Table) -> str:
    """Methods x metrics, as `reports.markdown.markdown_table` shows them."""
    found = notes(table)
    rows = []
    for label in table.methods:
        cells = [cell(label), cell(row_n(table, label))]
        for column in table.columns:
            one = table.cell(label, column.metric)
            mean, interval = column.show_cell(one)
            marks = found.marks[label, column.metric]
            cells.append(f"{cell(mean, place=one.place, marks=marks)} {tex(interval)}".rstrip())
        rows.append(cells)
    texts = [f"$^{{{number}}}$ {tex(text)}" for number, text in enumerate(found.numbered, 1)]
    # Words in a head widen its column: what is not a quality score is named beneath.
    heads = [cell(column.head.removesuffix(" (not a quality score)")) for column in table.columns]
    others = [column.title for column in table.columns if not column.rates_quality]
    if others:
        texts.append(tex(f"Not a quality score: {', '.join(others)}."))
    return latex_table(
        f"{table.dataset}: {table.note}" if table.note else table.dataset,
        [cell("Method"), "n", *heads],
        rows,
        names=1,
        notes=[*texts, *map(tex, found.general)],
    )
