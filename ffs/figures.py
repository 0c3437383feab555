"""The plot of a rater's test: confusion, ROC, calibration, accuracy by quarter."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ffs.evaluation import calibration
from wespe_bench import atomic


def draw(path: Path, p: np.ndarray, labels: np.ndarray, test: Mapping[str, Any]) -> None:
    """Write the PNG of P(high) (n,), the labels (n,), and what `evaluation.evaluate` found."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    FigureCanvasAgg(figure)
    confusion, roc, reliable, quarters = figure.subplots(2, 2).ravel()
    _confusion(confusion, test["confusion"])
    _roc(roc, p, labels, test["auc"])
    _calibration(reliable, p, labels, test)
    _quarters(quarters, test["quartiles"])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    atomic.write_bytes(path, buffer.getvalue())


def _confusion(axes: Any, counts: Mapping[str, int]) -> None:
    names = ("high", "low")
    table = np.array([[counts[f"{label}_rated_{rated}"] for rated in names] for label in names])
    axes.imshow(table, cmap="Blues", vmin=0)
    for row, column in np.ndindex(2, 2):
        dark = table[row, column] > table.max() / 2
        axes.text(
            column,
            row,
            str(table[row, column]),
            ha="center",
            va="center",
            fontsize=14,
            color="white" if dark else "black",
        )
    axes.set_xticks((0, 1), [f"rated {name}" for name in names])
    axes.set_yticks((0, 1), names)
    axes.set_title("faves per view: above the median (high) or not")


def _roc(axes: Any, p: np.ndarray, labels: np.ndarray, auc: float | None) -> None:
    if auc is not None:
        from sklearn.metrics import roc_curve

        wrong, right, _ = roc_curve(labels, p)
        axes.plot(wrong, right)
    axes.plot((0, 1), (0, 1), color="0.7", linewidth=0.8)
    axes.set_xlabel("share of low photos rated high")
    axes.set_ylabel("share of high photos rated high")
    axes.set_title("ROC" if auc is None else f"ROC, AUC {auc:.3f}")


def _calibration(axes: Any, p: np.ndarray, labels: np.ndarray, test: Mapping[str, Any]) -> None:
    points = calibration(p, labels)
    axes.plot((0, 1), (0, 1), color="0.7", linewidth=0.8)
    axes.plot([mean for mean, _, _ in points], [share for _, share, _ in points], marker="o")
    for mean, share, n in points:
        axes.annotate(str(n), (mean, share), textcoords="offset points", xytext=(4, -10), size=8)
    axes.set_xlabel("P(high)")
    axes.set_ylabel("share that is high")
    axes.set_title(f"calibration: error {test['calibration_error']:.3f}")


def _quarters(axes: Any, quartiles: Any) -> None:
    shares = np.array([found["accuracy"] for found in quartiles])
    ends = np.array([found["wilson"] for found in quartiles])
    bars = np.clip([shares - ends[:, 0], ends[:, 1] - shares], 0, None)
    places = np.arange(len(shares)) + 1
    axes.bar(places, shares, yerr=bars, color="0.75", capsize=4)
    axes.axhline(0.5, color="0.5", linewidth=0.8)
    axes.set_xticks(places)
    axes.set_ylim(0, 1)
    axes.set_xlabel("quarter of the test photos by faves per view, lowest first")
    axes.set_title("accuracy, with Wilson's 95% interval")
