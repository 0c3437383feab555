"""What a rater has to beat: rules that know one number of a photo and nothing of its quality.

A rule is a threshold, fitted on the training photos, on one number: the photo's views, its year of
upload (attention and age), the share of high photos among its owner's others (who is followed), its
sharpness (the variance of the Laplacian of five crops), or the packaged CORNIA model's score of the
first crop. Where a rater is not shown to be better than the best of them, its score may say no more
than that number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ffs.evaluation import counted
from ffs.manifest import Photo
from ffs.patches import Photos, Piece, labels_of
from wespe_bench.images import luma
from wespe_bench.progress import bar

#: Training photos whose sharpness is measured; each has to be decoded.
MOST = 500


def rights(splits: Mapping[str, Sequence[Photo]], photos: Photos) -> dict[str, np.ndarray]:
    """Rule -> which of the test photos it gets right, bool (n,).

    Args:
        splits: The photos of "train" and "test".
        photos: Their pixels.

    Raises:
        InputError: A photo cannot be read.
    """
    train, test = splits["train"], splits["test"]
    labels, truth = labels_of(train), labels_of(test)
    found = {"training's commoner label": truth == (labels.mean() > 0.5)}
    numbers = {
        "views": [np.array([photo.views for photo in some], float) for some in (train, test)],
        "year": [np.array([_year(photo) for photo in some]) for some in (train, test)],
    }
    if any(photo.owner for photo in test):
        numbers["owner's other photos"] = [others(train), others(test)]
    few = train[:MOST]
    with bar(len(few) + len(test), "baselines") as progress:
        seen = [
            np.array([_seen(photo, photos, progress.update) for photo in some])
            for some in (few, test)
        ]
    numbers["sharpness"], numbers["CORNIA"] = ([part[:, k] for part in seen] for k in (0, 1))
    for name, (known, asked) in numbers.items():
        if np.isfinite(known).all() and np.isfinite(asked).all() and len(np.unique(known)) > 1:
            threshold, above = rule(known, labels[: len(known)])
            found[name] = ((asked > threshold) == above) == truth
    return found


def others(photos: Sequence[Photo]) -> np.ndarray:
    """Share of high photos among the owner's others in ``photos``; 0.5 where there are none.

    >>> a, b = (Photo("", "", 1, 0, "o", "", label, "test", "") for label in ("high", "low"))
    >>> others([a, a, b]), others([a, Photo("", "", 1, 0, "", "", "high", "test", "")])
    (array([0.5, 0.5, 1. ]), array([0.5, 0.5]))
    """
    highs = labels_of(photos)
    count, high = Counter[str](), Counter[str]()
    for photo, is_high in zip(photos, highs, strict=True):
        count[photo.owner] += 1
        high[photo.owner] += int(is_high)
    return np.array(
        [
            (high[photo.owner] - int(is_high)) / (count[photo.owner] - 1)
            if photo.owner and count[photo.owner] > 1
            else 0.5
            for photo, is_high in zip(photos, highs, strict=True)
        ]
    )


def rule(numbers: np.ndarray, labels: np.ndarray) -> tuple[float, bool]:
    """The threshold, and whether numbers above it are high, with the most training photos right.

    Args:
        numbers: float (n,), at least two different ones.
        labels: Which photos are high, bool (n,).

    >>> rule(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, False]))
    (2.5, False)
    """
    order = np.argsort(numbers, kind="stable")
    ordered, high = numbers[order], labels[order]
    # Right with numbers after place k called high: lows up to k, highs after it.
    right = np.cumsum(~high) + (high.sum() - np.cumsum(high))
    places = np.flatnonzero(ordered[1:] > ordered[:-1])
    most, least = places[np.argmax(right[places])], places[np.argmin(right[places])]
    above = bool(right[most] >= len(labels) - right[least])
    place = most if above else least
    return float((ordered[place] + ordered[place + 1]) / 2), above


def judged(right: np.ndarray, rules: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A rater's test beside the rules, JSON-ready.

    Args:
        right: Which test photos the rater gets right, bool (n,).
        rules: What `rights` gives.

    Returns:
        "rules" (name -> share and intervals), "best" (the best rule's name) and "p", of McNemar's
        exact test of the rater against it, two-sided.
    """
    from scipy.stats import binomtest

    best = max(rules, key=lambda name: int(rules[name].sum()))
    won, lost = int((right & ~rules[best]).sum()), int((~right & rules[best]).sum())
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    shares = {name: counted(int(hits.sum()), len(hits)) for name, hits in rules.items()}
    return {"rules": shares, "best": best, "p": p, "won": won, "lost": lost}


def shown(found: Mapping[str, Any]) -> bool:
    """Whether `judged` shows the rater to be better than the best rule."""
    return bool(found["p"] < 0.05 and found["won"] > found["lost"])


def lines(found: Mapping[str, Any]) -> list[str]:
    """What `judged` gives, as text."""
    rules = ", ".join(f"{name} {100 * of['accuracy']:.1f}%" for name, of in found["rules"].items())
    alone = (
        f"photos that one alone has right: rater {found['won']}, {found['best']} {found['lost']}"
    )
    against = f"{found['best']} ({alone})"
    if shown(found):
        verdict = f"better than {against}: p = {found['p']:.2g}"
    else:
        verdict = f"NOT SHOWN to be better than {against}: p = {found['p']:.2g}"
    return [f"one number alone: {rules}", verdict]


def _year(photo: Photo) -> float:
    return float(photo.uploaded[:4]) if photo.uploaded else np.nan


#: What `_seen` gives: the seeds of a command have their photos in common.
_measured: dict[tuple[str, str, str], tuple[float, float]] = {}


def _seen(photo: Photo, photos: Photos, step: Any) -> tuple[float, float]:
    """Sharpness and CORNIA; each photo is measured once in a process."""
    from scipy.ndimage import laplace

    from wespe_bench.metrics.cornia import cornia

    step()
    key = (photo.sha256, photo.id, photos.preparation)
    if key not in _measured:
        crops = photos.take(Piece(photo, "crops"))
        sharpness = np.mean([laplace(luma(crop).astype(float)).var() for crop in crops])
        _measured[key] = float(sharpness), cornia(crops[0], draws=1)["value"]
    return _measured[key]
