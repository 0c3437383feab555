"""Frozen training: the network stays as it is, and a logistic regression learns from its features.

Early stopping has no place here; instead the strength of the regularisation with the lowest
validation loss is taken. Features are computed once and kept:

    FOLDER/part-HASH.safetensors    keys uint8 (n, 32), features float32 (n, C)

A key is a hash over the photo's bytes, the patch, and everything of the network before its last
layer; a part that is damaged is computed again.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ffs import crops
from ffs.manifest import Photo
from ffs.network import Rater, Start, penultimate_features, probabilities
from ffs.patches import Photos, Piece, labels_of, stream
from ffs.recipe import TrainRater
from wespe_bench import atomic, provenance
from wespe_bench.arguments import cores
from wespe_bench.errors import MAKE_ROOM, writing
from wespe_bench.progress import Flushing, bar
from wespe_bench.training.session import Session

#: Changes when the same network and patch would give other features.
VERSION = 1

# Pieces at a time: on a CPU they go side by side, one to a core.
_CPU_GROUP, _CUDA_GROUP = 8, 64


def extract(
    rater: Rater,
    start: Start,
    photos: Photos,
    pieces: Sequence[Piece],
    folder: Path,
    *,
    device: str = "cpu",
    threads: int = 1,
    quiet: bool = False,
) -> list[np.ndarray]:
    """What the last layer sees of each piece: float32 (n, C) each, in their order.

    Raises InputError when a photo cannot be read, and when the disk is full; what is done by
    then is kept in ``folder``.
    """
    keys = [key(start, rater, photos, piece, device) for piece in pieces]
    if folder.is_dir():
        atomic.remove_leftovers(folder)
    known = _load(folder)
    todo = [piece for piece, name in zip(pieces, keys, strict=True) if name not in known]
    pending = Flushing(lambda rows: _store(folder, rows))
    rater = rater.to(device).eval()
    group = _CPU_GROUP if device == "cpu" else _CUDA_GROUP
    groups = [todo[i : i + group] for i in range(0, len(todo), group)]
    with bar(len(todo), rater.network_name, "patch", quiet=quiet) as progress:
        try:
            for some, pixels in zip(groups, stream(photos, groups, threads), strict=True):
                found = penultimate_features(rater, pixels, device).float().cpu().numpy()
                counts = np.cumsum([crops.CROPS if p.kind == "crops" else 1 for p in some])
                for piece, rows in zip(some, np.split(found, counts[:-1]), strict=True):
                    name = key(start, rater, photos, piece, device)
                    known[name] = rows
                    pending.add([(name, rows)])
                    progress.update()
        finally:
            pending.flush()
    return [known[name] for name in keys]


def key(start: Start, rater: Rater, photos: Photos, piece: Piece, device: str) -> bytes:
    """32 bytes that stand for a piece's features."""
    drawn = [photos.seed, piece.number, photos.flip] if piece.kind == "draw" else []
    parts = [
        *(VERSION, crops.VERSION, start.back_end, start.sha256, rater.head, rater.layers),
        *(rater.width, photos.preparation, piece.photo.sha256, piece.photo.id, piece.kind, drawn),
        "cpu" if device == "cpu" else "cuda",
        *([rater.normalisation, crops.SIDE] if rater.normalisation else ()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _load(folder: Path) -> dict[bytes, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    known: dict[bytes, np.ndarray] = {}
    for path in sorted(folder.glob("part-*.safetensors")):
        try:
            tensors = load(path.read_bytes())
            names, rows, counts = tensors["keys"], tensors["features"], tensors["counts"]
            pieces = np.split(rows, np.cumsum(counts)[:-1])
            known |= {bytes(name): part for name, part in zip(names, pieces, strict=True)}
        except (OSError, SafetensorError, ValueError, KeyError):
            continue  # what it held is computed again
    return known


def _store(folder: Path, rows: Sequence[tuple[bytes, np.ndarray]]) -> None:
    from safetensors.numpy import save

    names = np.stack([np.frombuffer(name, np.uint8) for name, _ in rows])
    counts = np.array([len(part) for _, part in rows], np.int64)
    features = np.concatenate([part for _, part in rows])
    data = save({"keys": names, "counts": counts, "features": np.ascontiguousarray(features)})
    path = folder / f"part-{provenance.sha256_bytes(names.tobytes())[:24]}.safetensors"
    with writing(path, MAKE_ROOM):
        atomic.write_bytes(path, data)


#: Values of scikit-learn's C, the inverse of the strength of the regularisation, strongest first.
STRENGTHS = tuple(10.0 ** (k / 2) for k in range(-10, 5))


def learn(
    session: Session,
    config: TrainRater,
    rater: Rater,
    begun_from: Start,
    photos: Photos,
    splits: dict[str, tuple[Photo, ...]],
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Fit the last layer of ``rater``, in place.

    Args:
        session: The training.
        config: Its options.
        rater: The network, with the weights to start from.
        begun_from: Where those weights come from.
        photos: The photos' pixels.
        splits: The photos by split: "train", "validation", "test".

    Returns:
        How the regularisation was chosen, and P(high) of the crops of the validation photos and of
        the test photos: float64 (photos, 5) each.

    Raises:
        InputError: A photo cannot be read, or the disk is full; features computed so far are kept.
    """
    session.restore({})
    drawn = [
        Piece(photo, "draw", number)
        for photo in splits["train"]
        for number in range(config.patches)
    ]
    held = [Piece(photo, "crops") for photo in splits["validation"]]
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
        np.stack([crops[0] for crops in features[first:second]]),
        labels_of(splits["validation"]),
        config.seed,
    )
    p = probabilities(rater, torch.from_numpy(np.concatenate(features[first:])))
    p = p.reshape(len(held) + len(test), -1)
    return record, p[: len(held)], p[len(held) :]


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
    folded into the weights. Each value of `STRENGTHS` is a row of train.csv.

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
    for number, c in enumerate(STRENGTHS, 1):
        model = LogisticRegression(C=c, max_iter=2000, random_state=seed)
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, labels)
            p, q = model.predict_proba(x)[:, 1], model.predict_proba(held)[:, 1]
        row = {
            "iteration": float(number),
            "log10_C": float(np.log10(c)),
            "loss": float(log_loss(labels, p)),
            "validation_loss": float(log_loss(held_labels, q)),
            "accuracy": float(np.mean((p > 0.5) == labels)),
            "validation_accuracy": float(np.mean((q > 0.5) == held_labels)),
        }
        session.journal.write(row)
        tries.append((row["validation_loss"], c, model))
    loss, c, model = min(tries, key=lambda one: one[:2])
    weights = model.coef_[0] / spread
    bias = float(model.intercept_[0] - weights @ mean)
    with torch.no_grad():
        rater.last.weight.zero_()
        rater.last.bias.zero_()
        rater.last.weight[-1] = torch.from_numpy(weights.astype(np.float32))
        rater.last.bias[-1] = bias
    return {"C": c, "validation_loss": loss, "features": int(x.shape[1])}
