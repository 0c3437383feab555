"""Frozen training: VGG-19 as it is, and a logistic head on what it sees of one patch a photo.

What early stopping is to the full training, the strength of the penalty is here: the one with
the lowest validation loss is taken.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ffs.network import Rater
from wespe_bench.training import curves

#: Inverse penalties that are tried, strongest first (scikit-learn's C).
PENALTIES = tuple(10.0 ** (k / 2) for k in range(-10, 5))


def fit(
    rater: Rater,
    seen: np.ndarray,
    labels: np.ndarray,
    seen_validation: np.ndarray,
    labels_validation: np.ndarray,
    out: Path,
    seed: int,
) -> dict[str, Any]:
    """Put the best logistic regression into the rater's last layer; how it was chosen.

    ``seen`` float32 (n, C) with ``labels`` bool (n,). What `Rater.scaled` makes of it is
    standardised for the fit, and the standardisation is folded into the weights. Each try is a
    row of train.csv.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    from wespe_bench.metrics.patches import one_thread

    x, held = (
        rater.scaled(torch.from_numpy(some)).double().numpy() for some in (seen, seen_validation)
    )
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-12, spread, np.inf)  # what never varies tells nothing
    x, held = (x - mean) / spread, (held - mean) / spread
    journal = curves.Journal(out, 0)
    tries: list[tuple[float, float, Any]] = []
    for number, penalty in enumerate(PENALTIES, 1):
        model = LogisticRegression(C=penalty, max_iter=2000, random_state=seed)
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, labels)
            p, q = model.predict_proba(x)[:, 1], model.predict_proba(held)[:, 1]
        row = {
            "iteration": float(number),
            "log10_penalty": float(np.log10(penalty)),
            "loss": float(log_loss(labels, p)),
            "validation_loss": float(log_loss(labels_validation, q)),
            "accuracy": float(np.mean((p > 0.5) == labels)),
            "validation_accuracy": float(np.mean((q > 0.5) == labels_validation)),
        }
        journal.write(row)
        tries.append((row["validation_loss"], penalty, model))
    journal.close()
    loss, penalty, model = min(tries, key=lambda one: one[:2])
    weights = model.coef_[0] / spread
    bias = float(model.intercept_[0] - weights @ mean)
    with torch.no_grad():
        rater.last.weight.zero_()
        rater.last.bias.zero_()
        rater.last.weight[-1] = torch.from_numpy(weights.astype(np.float32))
        rater.last.bias[-1] = bias
    return {"penalty": penalty, "validation_loss": loss, "features": int(x.shape[1])}
