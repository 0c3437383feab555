"""The verb ``compare``: methods on one data set, as a page, Markdown, CSV, JSON or LaTeX."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from reports import paired
from reports.compare_page import as_html
from reports.comparison import Comparison, Difference, compare_methods
from reports.cost import cost_latex, cost_markdown, cost_of
from reports.difference_table import by_rival, extremes, table
from reports.exact import FILE_BYTES, Exact, remove_others
from reports.latex import NEEDS, cell, latex_table, tex
from reports.strip import draw_extremes, most_different, read_extremes
from reports.text import listed, markdown, pipe_table, plain, plural
from reports.verdict import headline, notes, sentence
from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.json_output import json_number, json_text
from wespe_bench.paths import to_path
from wespe_bench.run import print_left_out
from wespe_bench.runs import escape_csv_formula, folder_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Compare:
    """Is the first method better than the others? Paired statistics, photo by photo.

    Methods are labels of runs below --runs, or run folders; NAME=RUN,RUN are one method's seeds,
    and so are the labels NAME@1, NAME@2 when you say NAME.

    Examples:
      wespe-bench compare auto_levels identity --runs runs/demo
      wespe-bench compare Mine WESPE DPED --dataset dped_iphone_patches_test --metrics psnr
      wespe-bench compare Mine --since card.json --fail-if-worse
    """

    methods: tuple[str, ...]
    """Two or more, or one with --since: the first is compared with each of the others."""
    since: str | None = None
    """The card.json of an earlier result (wespe-bench leaderboard writes one for each run): did
    the last change help?"""
    dataset: str | None = None
    """The data set, where the methods share several."""
    runs: str = "runs"
    """The folder of runs that labels are looked for in."""
    metrics: tuple[str, ...] = ()
    """Which metrics (default: all that the methods share)."""
    primary: str = ""
    """The metric that decides, tested without correction (default: the first of psnr, ssim,
    ms_ssim that is compared)."""
    fail_if_worse: bool = False
    """End with code 1 where the first method is worse than a rival in the primary metric, and with
    2 where there are too few photos to show it."""
    format: Literal["md", "csv", "json", "tex"] = "md"
    """What is printed: md, csv, json or tex; a page (HTML) is written beside it."""
    out: str | None = None
    """Where text, page and strip of photos go (default: the folder of runs)."""


def main(config: Compare) -> int:
    """Print the comparison; write it, a page, and the photos that differ most, to files."""
    from wespe_bench.option_checks import check_out

    runs = to_path(config.runs)
    found = compare_methods(
        config.methods,
        runs=runs,
        dataset=config.dataset,
        metrics=config.metrics,
        primary=config.primary,
        since=Path(config.since) if config.since else None,
    )
    if config.fail_if_worse and not found.primary:
        raise InputError("--fail-if-worse needs a primary metric: name one with --primary")
    folder = to_path(config.out) if config.out else _default_folder(runs, found)
    check_out(folder)
    name = "compare-" + "-".join(folder_name(plain(method.label)) for method in found.methods)
    stem = folder / name[:120]
    changed: list[str] = []
    firsts = [rows[0] for rows in by_rival(found)]
    exact = Exact(folder, FILE_BYTES, f"{stem.name}_files")
    extreme = {one.b: read_extremes(found, one, changed, exact) for one in firsts}
    changed = list(dict.fromkeys(changed))  # the rivals share their inputs
    strip = draw_extremes(firsts[0], extreme[firsts[0].b], Path(f"{stem}.png"))
    forms = {"md": as_markdown, "csv": as_csv, "json": as_json, "tex": as_latex}
    text = forms[config.format](found, strip)
    target, page = Path(f"{stem}.{config.format}"), Path(f"{stem}.html")
    titles = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}
    files = [(titles[end], f"{stem.name}.{end}", forms[end](found, None)) for end in titles]
    atomic.write_text(target, text)
    atomic.write_text(page, as_html(found, extreme, files, changed))
    remove_others(folder / f"{stem.name}_files", exact.files)
    print(text, end="")
    for path in (target, page, strip):
        if path is not None:
            print(path, file=sys.stderr)
    if strip is None:
        differ = most_different(firsts[0])
        why = "their pictures cannot be read, or have changed" if differ else "no two scores differ"
        print(f"no strip of photos: {why}", file=sys.stderr)
    code = print_left_out([*found.unread, *changed])
    return _check(found) or code if config.fail_if_worse else code


def _check(found: Comparison) -> int:
    """The exit code of ``--fail-if-worse``; 0 where the first method is not worse."""
    rows = [one for one in found.differences if one.primary]
    if any(one.better == one.b for one in rows):
        return 1
    few = [one for one in rows if paired.smallest_p(one.n) >= paired.LEVEL]
    for one in few:
        print(
            f"wespe-bench: --fail-if-worse cannot tell {plain(one.a)} from {plain(one.b)} by "
            f"{plural(one.n, 'photo')}; compare at least {paired.STUDENTISED}",
            file=sys.stderr,
        )
    return 2 if few else 0


def compare(
    *methods: str,
    runs: Path | str = "runs",
    dataset: str | None = None,
    metrics: tuple[str, ...] | list[str] = (),
    primary: str = "",
    since: Path | str | None = None,
) -> pd.DataFrame:
    """The comparison as a tidy frame; see `as_frame`."""
    found = compare_methods(
        methods,
        runs=to_path(runs),
        dataset=dataset,
        metrics=metrics,
        primary=primary,
        since=None if since is None else Path(since),
    )
    return as_frame(found)


def one_sentence(runs: Path, a: str, b: str) -> str:
    """What is found of two labels by the primary metric, for the end of a demo."""
    return sentence(compare_methods([a, b], runs=runs).differences[0])


def _default_folder(runs: Path, found: Comparison) -> Path:
    first = found.methods[0].runs[0].folder
    return runs if runs.is_dir() and first.is_relative_to(runs) else first.parent


def as_markdown(found: Comparison, strip: Path | None = None) -> str:
    """A headline; for each rival a table and sentences; notes; the photos that differ most."""
    labels = [markdown(method.label) for method in found.methods]
    parts = [f"## {labels[0]} against {listed(labels[1:])} on {markdown(found.dataset)}"]
    parts.append(f"**{markdown(headline(found))}**")
    for rows in by_rival(found):
        parts.append(_markdown_table(rows))
        parts.append("\n".join(f"- {markdown(sentence(one))}" for one in rows))
    parts.append("\n".join(f"- {markdown(note)}" for note in notes(found)))
    parts += cost_markdown(found.costs)
    parts += [markdown(line) for line in extremes(found)]
    if strip is not None:
        parts.append(f"![{markdown('Photos that differ most')}]({strip.name})")
    return "\n\n".join(parts) + "\n"


def as_latex(found: Comparison, strip: Path | None = None) -> str:
    """A table for each rival, its sentences beneath; the last also has the notes of all."""
    tables = []
    rivals = by_rival(found)
    for rows in rivals:
        heads, lines = table(rows)
        rest = notes(found) if rows is rivals[-1] else []
        tables.append(
            latex_table(
                f"{rows[0].a} against {rows[0].b} on {found.dataset}",
                [cell(head) for head in heads],
                [[cell(text, place=int(bold)) for text, bold in line] for line in lines],
                notes=[*(tex(sentence(one)) for one in rows), *map(tex, rest)],
            )
        )
    tables += cost_latex(found.costs, found.dataset)
    return "\n\n".join([NEEDS, *tables]) + "\n"


def _markdown_table(rows: list[Difference]) -> str:
    heads, lines = table(rows)
    cells = []
    for line in lines:
        texts = [f"**{text}**" if bold else text for text, bold in line]
        cells.append([markdown(texts[0]), *texts[1:-1], markdown(texts[-1])])
    return pipe_table(list(map(markdown, heads)), cells)


def as_frame(found: Comparison) -> pd.DataFrame:
    """A tidy row a metric and rival, in the order of `Comparison.differences`."""
    import pandas as pd

    plain = [
        *("n", "n_infinite", "mean_a", "mean_b", "difference", "low", "high", "p", "p_corrected"),
        *("wins", "equal", "win_rate", "effect"),
    ]
    costs = {of.label: cost_of(of.label, of.runs, of.card).numbers() for of in found.methods}
    return pd.DataFrame(
        [
            {
                "dataset": found.dataset,
                "a": one.a,
                "b": one.b,
                "metric": one.column.metric,
                "unit": one.column.unit,
                "higher_is_better": one.column.higher_is_better,
                "primary": one.primary,
                **{name: getattr(one, name) for name in plain},
                "n_unpaired": sum(len(names) for _, names in one.lacking),
                "seeds_a": len(one.seed_means_a),
                "seeds_b": len(one.seed_means_b),
                "seed_spread_a": _spread(one.seed_means_a),
                "seed_spread_b": _spread(one.seed_means_b),
                **{f"{name}_a": value for name, value in costs[one.a].items()},
                **{f"{name}_b": value for name, value in costs[one.b].items()},
                "better": one.better,
                "sentence": sentence(one),
                "metric_version": one.column.version,
                "revision": found.revision,
            }
            for one in found.differences
        ]
    )


def _spread(means: tuple[float, ...]) -> float:
    """Standard deviation of the seeds' means; NaN with one seed."""
    return float(np.std(means, ddof=1)) if len(means) > 1 else math.nan


def as_csv(found: Comparison, strip: Path | None = None) -> str:
    """The tidy frame; formulas are escaped for spreadsheets."""
    frame = as_frame(found)
    for column in frame.select_dtypes(exclude="number").columns:
        frame[column] = frame[column].map(escape_csv_formula)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def as_json(found: Comparison, strip: Path | None = None) -> str:
    """The tidy frame's rows, the notes, the unpaired photos and those that differ most."""
    rows = [
        {str(key): json_number(value) for key, value in row.items()}
        for row in as_frame(found).to_dict("records")
    ]
    content = {
        "dataset": found.dataset,
        "revision": found.revision,
        "primary": found.primary,
        "headline": headline(found),
        "differences": rows,
        "unpaired": [
            {"metric": one.column.metric, "method": label, "samples": list(names)}
            for one in found.differences
            for label, names in one.lacking
        ],
        "most_different": [
            {"metric": one.column.metric, "b": one.b, "sample": sample, "difference": value}
            for one in found.differences
            for sample, value in most_different(one)
            if math.isfinite(value)
        ],
        "costs": [{"method": cost.label, **cost.numbers()} for cost in found.costs],
        "notes": notes(found),
        "strip": None if strip is None else strip.name,
    }
    return json_text(content)
