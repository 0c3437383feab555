"""The verb ``ffs stats``: what is in a data set of rated photos, as tables and plots."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffs import labels, manifest, settings
from ffs.manifest import LABELS, SPLITS, Ratings
from wespe_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: Fewest photos of which a share or a median is reported.
_FEWEST = 5

#: Of high and low photos in plots.
_COLOURS = ("#0a5fb4", "#8694a3")


@dataclass(frozen=True)
class Stats:
    """Tables and plots of a data set's views, faves and scores, and of what they depend on.

    Example:
      wespe-bench ffs stats data/ffs
    """

    folder: str
    """The folder that ffs build wrote."""
    out: str | None = None
    """The folder to write (default: stats in the folder)."""


def main(config: Stats) -> int:
    """The verb ``ffs stats``."""
    from wespe_bench import atomic

    ratings = manifest.read(config.folder)
    if not ratings.photos:
        raise InputError(f"{ratings.folder}: has no photos")
    out = Path(config.out) if config.out else ratings.folder / "stats"
    text = tables(ratings)
    atomic.write_text(out / "stats.md", text)
    for name, data in plots(ratings).items():
        atomic.write_bytes(out / name, data)
    print(text)
    print(f"-> {out}")
    return 0


def frame(ratings: Ratings) -> pd.DataFrame:
    """A row a photo: views, faves, score, label, split, owner, year (NaN where unknown)."""
    import pandas as pd

    rows = pd.DataFrame(
        {
            "id": photo.id,
            "views": photo.views,
            "faves": photo.faves,
            "score": photo.score,
            "label": photo.label,
            "split": photo.split,
            "owner": photo.owner,
            "year": photo.uploaded[:4],
        }
        for photo in ratings.photos
    )
    rows["year"] = pd.to_numeric(rows["year"], errors="coerce")
    return rows


def tables(ratings: Ratings) -> str:
    """Markdown: the splits, the spread of the counts, years, licences, and the score's biases."""
    rows = frame(ratings)
    parts = [
        f"# {len(rows)} rated photos",
        ratings.note,
        f"Threshold {ratings.threshold:.6g} faves per view, seed {ratings.seed}, revision "
        f"{ratings.revision[:16]}.",
        _table("Splits", *_splits(rows)),
        _table("Spread", *_spread(rows)),
    ]
    if rows["year"].notna().any():
        parts.append(_table("Years of upload", *_years(rows)))
    if licences := _licences(ratings):
        parts.append(_table("Licences", ("licence", "photos"), licences))
    head, lines, left_out = _labels(ratings)
    parts += [_biases(rows), _table("Labels", head, lines), _CAPTION, *left_out]
    return "\n\n".join(parts) + "\n"


def _table(title: str, head: tuple[str, ...], lines: list[tuple[Any, ...]]) -> str:
    from tabulate import tabulate

    body = tabulate(lines, headers=head, tablefmt="pipe", floatfmt=".5g", disable_numparse=False)
    return f"## {title}\n\n{body}"


def _splits(rows: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    head = (
        "split",
        "photos",
        "owners",
        *LABELS,
        "median views",
        "median faves",
        "median faves per view",
    )
    lines = []
    for split in SPLITS:
        some = rows[rows["split"] == split]
        if some.empty:
            continue
        labels = [int((some["label"] == label).sum()) for label in LABELS]
        middles = [some[name].median() for name in ("views", "faves", "score")]
        owners = some["owner"][some["owner"] != ""].nunique() or "unknown"
        lines.append((split, len(some), owners, *labels, *middles))
    return head, lines


def _spread(rows: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    head = ("", "least", *(f"{share:.0%}" for share in shares), "most")
    lines = [
        (shown, rows[name].min(), *rows[name].quantile(list(shares)), rows[name].max())
        for name, shown in (("views", "views"), ("faves", "faves"), ("score", "faves per view"))
    ]
    return head, lines


def _years(rows: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    lines = []
    for year, some in rows.groupby("year"):
        enough = len(some) >= _FEWEST
        high = (some["label"] == "high").mean()
        middle = some["score"].median() if enough else ""
        lines.append((int(str(year)[:4]), len(some), middle, f"{high:.0%}" if enough else ""))
    return ("year", "photos", "median faves per view", "high"), lines


def _licences(ratings: Ratings) -> list[tuple[Any, ...]]:
    """Licence -> photos, where the data set is a crawl's."""
    from ffs.state import FILE, State, one_line_errors

    if settings.read(ratings.folder) is None or not (ratings.folder / FILE).exists():
        return []
    with one_line_errors(ratings.folder):
        state = State(ratings.folder)
        try:
            rows = state.rows(
                "SELECT COALESCE(licences.name, 'id ' || photos.license) AS name, COUNT(*) AS n "
                "FROM photos LEFT JOIN licences ON licences.id = photos.license "
                "WHERE state = 'kept' GROUP BY photos.license ORDER BY n DESC"
            )
        finally:
            state.close()
    return [(row["name"], row["n"]) for row in rows]


#: Below the table of labels.
_CAPTION = (
    "Each line is what a rule of `ffs build` would make of these photos: how many it labels, and "
    "the share that is high. The rest says what the labels follow besides the photo, 0 where it "
    "has no part in them: Spearman's correlation of high with the year of upload and with the "
    "views, and the correlation of the labels of two photos of one owner."
)


def _labels(ratings: Ratings) -> tuple[tuple[str, ...], list[tuple[Any, ...]], list[str]]:
    """What each rule of `ffs build --label` would make of these photos; why some have no line."""
    head = ("build with --label", "labelled", "high", "with year", "with views", "with owner")
    sides = {split: ratings.of(split) for split in SPLITS}
    kinds = ("median", "within-year", "within-owner", "quantiles:0.3")
    rules = [labels.parse(kind) for kind in kinds]
    rules += [labels.parse("median", shrink=True), labels.parse("median", age=True)]
    lines: list[tuple[Any, ...]] = []
    left_out = []
    for rule in rules:
        try:
            found, _, _ = labels.label(rule, sides)
        except InputError as error:
            left_out.append(f"Not in the table: {error}.")
            continue
        names = str(rule).replace(" ", " --") + " (this one)" * (str(rule) == ratings.label)
        high = sum(label == "high" for label in found.values()) / len(found)
        ties = labels.ties(ratings.photos, found).values()
        shown = ("" if math.isnan(tie) else f"{tie:+.3f}" for tie in ties)
        lines.append((names, len(found), f"{high:.0%}", *shown))
    return head, lines, left_out


def _biases(rows: pd.DataFrame) -> str:
    """How much of the score is age and attention: rank correlations."""
    lines = []
    for name, what in (("views", "views"), ("year", "year of upload")):
        some = rows[rows[name].notna()]
        if len(some) >= _FEWEST and some[name].nunique() > 1 and some["score"].nunique() > 1:
            rank = some["score"].corr(some[name], method="spearman")
            lines.append(f"- faves per view and {what}: {rank:+.3f}")
    if not lines:
        return "Too few different values for rank correlations."
    return "## Rank correlations (Spearman)\n\n" + "\n".join(lines)


def plots(ratings: Ratings) -> dict[str, bytes]:
    """File name -> PNG: how scores spread, faves against views, the share of high by year."""
    import io

    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    rows = frame(ratings)
    found: dict[str, bytes] = {}

    def keep(name: str, title: str, x: str, y: str) -> Any:
        figure = Figure(figsize=(6, 4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.set_title(title)
        axes.set_xlabel(x)
        axes.set_ylabel(y)

        def done() -> None:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
            found[name] = buffer.getvalue()

        return axes, done

    x = "faves per view (the highest hundredth in the last bar)"
    axes, done = keep("scores.png", "Photos by faves per view", x, "photos")
    most = float(rows["score"].quantile(0.99)) or 1.0
    for label, colour in zip(LABELS, _COLOURS, strict=True):
        some = np.minimum(rows.loc[rows["label"] == label, "score"], most)
        axes.hist(some, bins=np.linspace(0, most, 41).tolist(), color=colour, label=label)
    axes.axvline(ratings.threshold, color="#1d2125", linewidth=1, label="threshold")
    axes.legend()
    done()
    axes, done = keep("counts.png", "Views and faves of each photo", "views", "faves + 1")
    for label, colour in zip(LABELS, _COLOURS, strict=True):
        some = rows[rows["label"] == label]
        axes.scatter(
            *(some["views"], some["faves"] + 1), s=9, alpha=0.5, c=colour, linewidths=0, label=label
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:,.0f}")
        axis.set_minor_formatter("")
    axes.legend()
    done()
    if rows["year"].notna().any():
        axes, done = keep("years.png", "Share of high photos by year", "year of upload", "share")
        shares = rows.assign(high=rows["label"] == "high").groupby("year")["high"].mean()
        axes.bar(shares.index, shares.to_numpy(), color="#0a5fb4")
        axes.axhline(0.5, color="#1d2125", linewidth=1)
        axes.set_ylim(0, 1)
        done()
    return found
