"""What stands beside a model: its card and its plot. What others wrote there is never replaced."""

from __future__ import annotations

import tempfile
from pathlib import Path

from wespe_bench.cornia.cards import plain
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
