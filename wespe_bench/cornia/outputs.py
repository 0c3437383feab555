"""What stands beside a model: its card and its plot. What others wrote there is never replaced."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench.errors import InputError
from wespe_bench.metrics import models

#: Stands in the header of every plot, so that it is not mistaken for a photo.
MARK = "wespe-bench cornia fit"


def card_of(out: Path) -> Path:
    """Where the readable card of the model ``out`` goes."""
    return out.with_suffix(".md")


def plot_of(out: Path) -> Path:
    """Where the plot of the model ``out`` goes."""
    return out.with_suffix(".png")


def is_plot(path: Path) -> bool:
    """Whether a file is a plot that `figure` wrote."""
    if path.suffix != ".png" or not path.is_file():
        return False
    with open(path, "rb") as file:
        return MARK.encode() in file.read(1000)


def is_card(path: Path, out: Path) -> bool:
    """Whether a file is the card that stands beside the model ``out``."""
    if not path.is_file():
        return False
    text = path.read_bytes()
    named = text.startswith(f"# {plain(out.name)}\n".encode())
    return named and b"\n| SHA-256 | `" in text


def check(out: Path, *, plot: bool, cache: Path | None = None) -> None:
    """Raise InputError unless model, card and, if wanted, plot can be written.

    That is: the model's name is one, its folder (and ``cache``) can be written to, and no
    file or folder of the user's has the name of the card or the plot.
    """
    models.check_name(out)
    _check_folder(out.parent, f"--out {out}")
    if cache is not None:
        _check_folder(cache, f"--cache {cache}")
    theirs = [card_of(out)] if _exists(card_of(out)) and not is_card(card_of(out), out) else []
    if plot and _exists(plot_of(out)) and not is_plot(plot_of(out)):
        theirs.append(plot_of(out))
    if theirs:
        raise InputError(
            f"--out {out}: its {'plot' if theirs[0].suffix == '.png' else 'card'} would replace "
            f"{theirs[0]}, which is not of this program; choose another name for the model"
        )


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _check_folder(folder: Path, option: str) -> None:
    """Raise InputError unless files can be made in ``folder``, or it in what there is above."""
    while not _exists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(f"{option}: {folder} is no folder")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{option}: cannot write in {folder} ({error.strerror})") from None


def plain(text: str) -> str:
    """``text`` with "?" for what cannot be printed: line breaks, and bytes that are no UTF-8.

    >>> plain("two\\nlines")
    'two?lines'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def readable(name: str, card: Mapping[str, Any], digest: str, terms: str) -> str:
    """The card as Markdown: a table of everything it states, the file's hash, the terms."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in _rows(card))
    return f"""# {plain(name)}

{card["title"]}: {card["summary"]}.

| | |
|---|---|
{rows}
| SHA-256 | `{digest}` |

{terms}
"""


def _rows(card: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in card.items():
        if key in ("title", "summary"):
            continue
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{key} ")
        elif isinstance(value, str):
            yield f"{before}{key}", f"`{value}`" if before == "sources " else value
        else:
            yield f"{before}{key}", _show(value)


def _show(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_show, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def scatter(
    predicted: np.ndarray,
    labels: np.ndarray,
    kinds: Sequence[str],
    scale: str,
    report: Mapping[str, Any],
) -> bytes:
    """The PNG: a point per held-out image, a colour per kind of distortion."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    names = list(dict.fromkeys(kinds))
    for name in names:
        some = np.array([kind == name for kind in kinds])
        axes.scatter(labels[some], predicted[some], s=9, alpha=0.6, label=name, linewidths=0)
    ends = [float(labels.min()), float(labels.max())]
    axes.plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
    # A scale is named after its file, which may hold what matplotlib would read as formulas.
    axes.set_xlabel(f"label ({scale})", parse_math=False)
    axes.set_ylabel("predicted")
    summary = ", ".join(f"{k} {v[0]:.3f}" for k, v in report.items() if isinstance(v, list))
    axes.set_title(f"{report['images']} held-out images of {report['groups']} groups: {summary}")
    axes.title.set_fontsize(9)
    if len(names) > 1:
        axes.legend(markerscale=2, fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": MARK})
    return buffer.getvalue()
