"""Files that a training writes while it runs: train.csv, curves.png, previews."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import Tensor

from wespe_bench import atomic, tracking
from wespe_bench.images import quantize, write_png


class Journal:
    """Rows of numbers by iteration, in ``train.csv`` and where ``track`` says.

    A resumed training deletes the rows after ``iteration``, because it writes them again. Rows
    that cannot be read are deleted too, with a warning when more than one incomplete line is lost.
    """

    def __init__(
        self,
        folder: Path,
        iteration: int,
        track: str = "",
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.path = folder / "train.csv"
        folder.mkdir(parents=True, exist_ok=True)
        whole = read(folder)
        rows = [row for row in whole if row["iteration"] <= iteration]
        lost = _lines(self.path) - 1 - len(whole)
        if iteration and lost > 1:
            warnings.warn(
                f"{self.path}: damaged from line {len(whole) + 2} on, {lost:,} rows of the curves "
                "are lost; the training itself is not affected",
                stacklevel=2,
            )
        if rows:
            atomic.write_text(self.path, _csv(list(rows[0]), rows, header=True))
        else:
            self.path.unlink(missing_ok=True)
        self._tracker = tracking.Tracker(track, folder.name, settings, iteration + 1)

    def write(self, row: Mapping[str, float]) -> None:
        """Append one row; every row has the same columns, the first is "iteration"."""
        header = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(_csv(list(row), [row], header=header))
        self._tracker.numbers(row, int(row["iteration"]))

    def close(self) -> None:
        """End what ``track`` began."""
        self._tracker.close()


def _lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.is_file() else 0


def _csv(names: Sequence[str], rows: Sequence[Mapping[str, float]], *, header: bool) -> str:
    lines = [",".join(names)] if header else []
    lines += [",".join(f"{row[name]:.7g}" for name in names) for row in rows]
    return "\n".join(lines) + "\n"


def read(folder: Path) -> list[dict[str, float]]:
    """The rows of ``train.csv`` before the first one that is damaged or incomplete."""
    path = folder / "train.csv"
    if not path.is_file():
        return []
    rows = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        try:
            for row in csv.DictReader(file):
                numbers = {name: float(value) for name, value in row.items()}
                if not math.isfinite(numbers["iteration"]):
                    break
                rows.append(numbers)
        except (KeyError, ValueError, TypeError, csv.Error):
            pass
    return rows


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Twelve points of every column at most, to four digits, for a model card."""
    if not rows:
        return {}
    chosen = [rows[i] for i in sorted({round(i) for i in np.linspace(0, len(rows) - 1, 12)})]
    return {name: [float(f"{row[name]:.4g}") for row in chosen] for name in rows[0]}


def draw(folder: Path) -> None:
    """Write ``curves.png``: each column of train.csv, one panel each, over the iterations; where a
    setting was tried instead (``log10_C``), over its values."""
    rows = read(folder)
    if len(rows) < 2:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    over = next((name for name in rows[0] if name.startswith("log10_")), "iteration")
    names = [name for name in rows[0] if name not in ("iteration", over)]
    columns = 4
    lines = math.ceil(len(names) / columns)
    # Panels at fixed places: matplotlib's layout engine takes as long as the drawing itself.
    height = 2.4 * lines
    figure = Figure(figsize=(12, height))
    figure.subplots_adjust(
        0.06, 0.5 / height, 0.99, 1 - 0.3 / height, wspace=0.34, hspace=0.45 if lines > 1 else 0
    )
    FigureCanvasAgg(figure)
    places = [row[over] for row in rows]
    for number, name in enumerate(names, 1):
        axes = figure.add_subplot(lines, columns, number)
        values = [row[name] for row in rows]
        axes.plot(places, values, linewidth=1)
        title = f"training {name}" if f"validation_{name}" in names else name.replace("_", " ")
        axes.set_title(f"{title[:1].upper()}{title[1:]}", fontsize=10)
        axes.set_xlabel(_axis(over), fontsize=9)
        axes.set_ylabel(_axis(name), fontsize=9)
        axes.tick_params(labelsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    atomic.write_bytes(folder / "curves.png", buffer.getvalue())


def _axis(name: str) -> str:
    """The title of an axis: what a column's numbers are, with the unit of those that have one.

    >>> _axis("psnr_target"), _axis("accuracy_colour"), _axis("log10_C"), _axis("content")
    ('PSNR (dB)', 'share that is right', 'log10 of C (weaker →)', 'loss')
    """
    kinds = {
        "psnr": "PSNR (dB)",
        "accuracy": "share that is right",
        "gradient": "norm",
        "spread": "ratio to the input's",
        "correlation": "correlation",
        "active": "share that is not zero",
    }
    if name == "iteration":
        return name
    if name == "log10_C":  # scikit-learn's
        return "log10 of C (weaker →)"
    return next((text for kind, text in kinds.items() if kind in name), "loss")


def strip(path: Path, rows: Sequence[Tensor]) -> None:
    """Write batches of patches as one PNG.

    Args:
        path: The file.
        rows: float (N, 3, H, W) on [0, 1] each; a batch is one row of N patches.
    """
    lines = []
    for row in rows:
        patches = row.detach().float().cpu().permute(0, 2, 3, 1).numpy()
        patches = np.pad(patches, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1)
        lines.append(np.concatenate(list(patches), axis=1))
    write_png(path, quantize(np.concatenate(lines, axis=0)))
