"""What a training writes while it runs: train.csv, curves.png, strips of patches, TensorBoard."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wespe_bench import atomic
from wespe_bench.images import quantize, write_png


class Journal:
    """Rows of numbers by iteration: always in ``train.csv``, in TensorBoard when it is installed.

    On resuming, rows after the iteration of the state are forgotten: they will come again.
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        self.path = folder / "train.csv"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for row in read(folder) if row["iteration"] <= iteration]
        if rows:
            atomic.write_text(self.path, _csv(list(rows[0]), rows, header=True))
        else:
            self.path.unlink(missing_ok=True)
        self._board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=iteration + 1)

    def write(self, row: Mapping[str, float]) -> None:
        """Append one row; every row has the same columns, the first is "iteration"."""
        header = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(_csv(list(row), [row], header=header))
        if self._board is not None:
            for name, value in row.items():
                self._board.add_scalar(name, value, row["iteration"])

    def close(self) -> None:
        """Flush TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def _csv(names: Sequence[str], rows: Sequence[Mapping[str, float]], *, header: bool) -> str:
    lines = [",".join(names)] if header else []
    lines += [",".join(f"{row[name]:.7g}" for name in names) for row in rows]
    return "\n".join(lines) + "\n"


def read(folder: Path) -> list[dict[str, float]]:
    """The rows of ``train.csv``; a last line cut short by a kill is left out."""
    path = folder / "train.csv"
    if not path.is_file():
        return []
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                rows.append({name: float(value) for name, value in row.items()})
            except (ValueError, TypeError):
                break
    return rows


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """A dozen points of every curve, for a model card."""
    if not rows:
        return {}
    chosen = [rows[i] for i in sorted({round(i) for i in np.linspace(0, len(rows) - 1, 12)})]
    return {name: [float(f"{row[name]:.4g}") for row in chosen] for name in rows[0]}


def draw(folder: Path) -> None:
    """Write ``curves.png``: every column of train.csv over the iterations, a panel each."""
    rows = read(folder)
    if len(rows) < 2:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in rows[0] if name != "iteration"]
    columns = 4
    lines = math.ceil(len(names) / columns)
    figure = Figure(figsize=(12, 2.2 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    iterations = [row["iteration"] for row in rows]
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(lines, columns, place)
        values = [row[name] for row in rows]
        axes.plot(iterations, values, linewidth=1)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    atomic.write_bytes(folder / "curves.png", buffer.getvalue())


def strip(path: Path, rows: Sequence[Tensor]) -> None:
    """Write patches as PNG: each of ``rows``, float (N, 3, H, W) on [0, 1], is a line of N."""
    lines = []
    for row in rows:
        patches = row.detach().float().cpu().permute(0, 2, 3, 1).numpy()
        patches = np.pad(patches, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1)
        lines.append(np.concatenate(list(patches), axis=1))
    write_png(path, quantize(np.concatenate(lines, axis=0)))
