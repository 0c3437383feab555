"""The plot beside a fitted model: what it predicts of photos it has not seen, against labels."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wespe_bench.cornia.outputs import MARK


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
