"""Frozen training: VGG-19 stays as it is, and a logistic regression learns from its features.

Early stopping has no place here; instead the strength of the regularisation with the lowest
validation loss is taken.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ffs.features import extract
from ffs.manifest import Photo
from ffs.network import Rater, Start, probabilities
from ffs.patches import Photos, Piece, labels_of
from ffs.recipe import TrainRater
from wespe_bench.arguments import cores
from wespe_bench.training.session import Session

#: Values of scikit-learn's C, the inverse of the penalty's strength, strongest penalty first.
PENALTIES = tuple(10.0 ** (k / 2) for k in range(-10, 5))


def learn(
    session: Session,
    config: TrainRater,
    rater: Rater,
    begun_from: Start,
    photos: Photos,
    splits: dict[str, tuple[Photo, ...]],
) -> tuple[dict[str, Any], np.ndarray]:
    """Fit the last layer of ``rater``, in place.

    Args:
        session: The training.
        config: Its options.
        rater: The network, with the weights to start from.
        begun_from: Where those weights come from.
        photos: The photos' pixels.
        splits: The photos by split: "train", "validation", "test".

    Returns:
        How the regularisation was chosen, and P(high) of the test photos' crops: float64
        (photos, 5).

    Raises:
        InputError: A photo cannot be read, or the disk is full; features computed so far are kept.
    """
    session.restore({})
    drawn = [
        Piece(photo, "draw", number)
        for photo in splits["train"]
        for number in range(config.patches)
    ]
    held = [Piece(photo, "crop") for photo in splits["validation"]]
    test = [Piece(photo, "crops") for photo in splits["test"]]
    features = extract(
        rater,
        begun_from,
        photos,
        [*drawn, *held, *test],
        Path(config.cache) if config.cache else session.out / "features",
        device=session.device,
        threads=config.jobs or cores(),
    )
    rater.cpu()
    first, second = len(drawn), len(drawn) + len(held)
    record = fit(
        session,
        rater,
        np.concatenate(features[:first]),
        np.repeat(labels_of(splits["train"]), config.patches),
        np.concatenate(features[first:second]),
        labels_of(splits["validation"]),
        config.seed,
    )
    p = probabilities(rater, torch.from_numpy(np.concatenate(features[second:])))
    return record, p.reshape(len(test), -1)


def fit(
    session: Session,
    rater: Rater,
    features: np.ndarray,
    labels: np.ndarray,
    held_features: np.ndarray,
    held_labels: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """Put the best logistic regression into the rater's last layer; returns how it was chosen.

    Features are scaled by `Rater.scaled` and standardised for the fit; the standardisation is
    folded into the weights. Each value of `PENALTIES` is a row of train.csv.

    Args:
        session: The training.
        rater: The network to change.
        features: Penultimate features of the training patches, float32 (n, C).
        labels: Which are high, bool (n,).
        held_features: The same of the validation patches, float32 (m, C).
        held_labels: bool (m,).
        seed: Of the solver.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    from wespe_bench.metrics.patches import one_thread

    x, held = (
        rater.scaled(torch.from_numpy(some)).double().numpy() for some in (features, held_features)
    )
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-12, spread, np.inf)  # a constant feature gets weight 0
    x, held = (x - mean) / spread, (held - mean) / spread
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
            "validation_loss": float(log_loss(held_labels, q)),
            "accuracy": float(np.mean((p > 0.5) == labels)),
            "validation_accuracy": float(np.mean((q > 0.5) == held_labels)),
        }
        session.journal.write(row)
        tries.append((row["validation_loss"], penalty, model))
    loss, penalty, model = min(tries, key=lambda one: one[:2])
    weights = model.coef_[0] / spread
    bias = float(model.intercept_[0] - weights @ mean)
    with torch.no_grad():
        rater.last.weight.zero_()
        rater.last.bias.zero_()
        rater.last.weight[-1] = torch.from_numpy(weights.astype(np.float32))
        rater.last.bias[-1] = bias
    return {"penalty": penalty, "validation_loss": loss, "features": int(x.shape[1])}
