"""The verb ``compare``: two methods or more on one data set, as Markdown, CSV, JSON or LaTeX."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reports import paired
from reports.comparison import Comparison, Difference, compare_methods
from reports.cost import cost_latex, cost_markdown
from reports.latex import NEEDS, cell, latex_table, tex
from reports.strip import draw_extremes, most_different
from reports.text import markdown, pipe_table, plain, plural
from reports.verdict import headline, interval, notes, sentence
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
    """md, csv, json or tex."""
    out: str | None = None
    """Where the text and the strip of photos go (default: the folder of runs)."""


def main(config: Compare) -> int:
    """Print the comparison; write it, and the photos that differ most, to files."""
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
    strip, changed = draw_extremes(found, folder / f"{name[:120]}.png")
    forms = {"md": as_markdown, "csv": as_csv, "json": as_json, "tex": as_latex}
    text = forms[config.format](found, strip)
    target = folder / f"{name[:120]}.{config.format}"
    atomic.write_text(target, text)
    print(text, end="")
    for path in (target, strip):
        if path is not None:
            print(path, file=sys.stderr)
    if strip is None:
        differ = most_different(found.differences[0])
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
    """The headline of a comparison of two labels, for the end of a demo."""
    return headline(compare_methods([a, b], runs=runs))


def _default_folder(runs: Path, found: Comparison) -> Path:
    first = found.methods[0].runs[0].folder
    return runs if runs.is_dir() and first.is_relative_to(runs) else first.parent


def as_markdown(found: Comparison, strip: Path | None = None) -> str:
    """A headline; for each rival a table and sentences; notes; the photos that differ most."""
    labels = [markdown(method.label) for method in found.methods]
    parts = [f"## {labels[0]} against {' and '.join(labels[1:])} on {markdown(found.dataset)}"]
    parts.append(f"**{markdown(headline(found))}**")
    for rows in _by_rival(found):
        parts.append(_markdown_table(rows))
        parts.append("\n".join(f"- {markdown(sentence(one))}" for one in rows))
    parts.append("\n".join(f"- {markdown(note)}" for note in notes(found)))
    parts += cost_markdown(found.costs)
    parts += [markdown(line) for line in _extremes(found)]
    if strip is not None:
        parts.append(f"![{markdown('Photos that differ most')}]({strip.name})")
    return "\n\n".join(parts) + "\n"


def as_latex(found: Comparison, strip: Path | None = None) -> str:
    """A table for each rival, its sentences beneath; then the notes, as a paragraph."""
    tables = []
    for rows in _by_rival(found):
        heads, lines = _table(rows)
        tables.append(
            latex_table(
                f"{rows[0].a} against {rows[0].b} on {found.dataset}",
                [cell(head) for head in heads],
                [[cell(text, place=int(bold)) for text, bold in line] for line in lines],
                notes=[tex(sentence(one)) for one in rows],
            )
        )
    tables += cost_latex(found.costs, found.dataset)
    return "\n\n".join([NEEDS, *tables, "\n".join(map(tex, notes(found)))]) + "\n"


def _by_rival(found: Comparison) -> list[list[Difference]]:
    rivals = dict.fromkeys(one.b for one in found.differences)
    return [[one for one in found.differences if one.b == rival] for rival in rivals]


def _table(rows: list[Difference]) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """The heads, and a line for each metric: its texts, and whether they are bold."""
    a, b = plain(rows[0].a), plain(rows[0].b)
    heads = ["Metric", "n", a, b, "Difference", "95% interval", f"{a} better on", "Effect", "p"]
    lines = []
    for one in rows:
        column = one.column
        shown = [_number(column, value) for value in (one.mean_a, one.mean_b, one.difference)]
        texts = [
            column.head + (" (primary)" if one.primary else ""),
            str(one.n),
            *shown,
            interval(column, one) or "–",
            _wins(one),
            f"{one.effect:+.2f}".replace("-", "−"),
            "<0.001" if one.p_corrected < 0.001 else f"{one.p_corrected:.3f}",
        ]
        bold = bool(one.better) and column.rates_quality
        lines.append([(text, at == 4 and bold) for at, text in enumerate(texts)])
    return heads, lines


def _markdown_table(rows: list[Difference]) -> str:
    heads, lines = _table(rows)
    cells = []
    for line in lines:
        texts = [f"**{text}**" if bold else text for text, bold in line]
        cells.append([markdown(texts[0]), *texts[1:-1], markdown(texts[-1])])
    return pipe_table(list(map(markdown, heads)), cells)


def _number(column: Any, value: float) -> str:
    return "–" if math.isnan(value) else str(column.show(value))


def _wins(one: Difference) -> str:
    """On how many photos the first method is better, and on how many the two are equal."""
    equal = f", {one.equal} equal" if one.equal else ""
    return f"{one.wins} of {one.n}{equal}"


def _extremes(found: Comparison) -> list[str]:
    lines = []
    for one, *_ in _by_rival(found):
        picks = most_different(one)
        if not picks:
            continue
        shown = [f"{plain(sample)} ({one.column.show(value)})" for sample, value in picks]
        lines.append(
            f"{plain(one.a)} and {plain(one.b)} differ most in {plain(one.column.title)} on: "
            f"{', '.join(shown)}."
        )
    return lines


def as_frame(found: Comparison) -> pd.DataFrame:
    """A tidy row a metric and rival, in the order of `Comparison.differences`."""
    import pandas as pd

    plain = [
        *("n", "n_infinite", "mean_a", "mean_b", "difference", "low", "high", "p", "p_corrected"),
        *("wins", "equal", "win_rate", "effect"),
    ]
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
