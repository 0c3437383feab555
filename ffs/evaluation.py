"""How well a rater separates photos of many faves per view from others, with its uncertainty.

Accuracy is counted, so its interval is binomial: Wilson's, and the exact one of Clopper and
Pearson. The paper's own 68.75% (Ignatov et al., CVPRW 2018) is 275 of 400 and has one too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ffs import temperature
from wespe_bench import atomic

#: The paper's test accuracy: 275 of 400 photos.
PAPER = (275, 400)

#: Bins of the calibration.
BINS = 10


def interval(correct: int, n: int, method: str = "wilson") -> tuple[float, float]:
    """The 95% interval of a share, "wilson" or "exact" (Clopper-Pearson).

    >>> [round(end, 4) for end in interval(275, 400)]
    [0.6405, 0.731]
    """
    from scipy.stats import binomtest

    found = binomtest(correct, n).proportion_ci(0.95, method=method)
    return float(found.low), float(found.high)


def counted(correct: int, n: int) -> dict[str, Any]:
    """A share with n and both intervals."""
    return {
        "correct": correct,
        "n": n,
        "accuracy": correct / n,
        "wilson": list(interval(correct, n)),
        "exact": list(interval(correct, n, "exact")),
    }


def evaluate(
    crops: np.ndarray, labels: Sequence[bool] | np.ndarray, scores: Sequence[float] | np.ndarray
) -> dict[str, Any]:
    """Everything that is reported of a test.

    Args:
        crops: P(high) of each photo's crops, float (n, 5). A photo counts as rated high when their
            mean is above 0.5.
        labels: Which photos are high, bool (n,).
        scores: The photos' faves per view, float (n,).

    Returns:
        JSON-ready. "one_crop" is the result from each photo's first crop alone, "chance" the share
        of the commoner label, "quartiles" the accuracy in each quarter of the photos ordered by
        faves per view, lowest first.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    labels, scores = np.asarray(labels, bool), np.asarray(scores, np.float64)
    p = np.asarray(crops, np.float64).mean(axis=1)
    right = (p > 0.5) == labels
    single = (np.asarray(crops)[:, 0] > 0.5) == labels
    n = len(labels)
    order = np.argsort(scores, kind="stable")
    quarters = [part for part in np.array_split(order, 4) if len(part)]
    both = 0 < labels.sum() < n
    return {
        **counted(int(right.sum()), n),
        "one_crop": counted(int(single.sum()), n),
        "chance": float(max(labels.mean(), 1 - labels.mean())),
        "confusion": {
            "high_rated_high": int((labels & (p > 0.5)).sum()),
            "high_rated_low": int((labels & (p <= 0.5)).sum()),
            "low_rated_high": int((~labels & (p > 0.5)).sum()),
            "low_rated_low": int((~labels & (p <= 0.5)).sum()),
        },
        "auc": float(roc_auc_score(labels, p)) if both else None,
        "log_loss": float(log_loss(labels, p, labels=[False, True])),
        "brier": float(np.mean((p - labels) ** 2)),
        "calibration_error": calibration_error(p, labels),
        "quartiles": [counted(int(right[part].sum()), len(part)) for part in quarters],
    }


def calibrated(
    held: np.ndarray, held_labels: np.ndarray, crops: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """The temperature from the validation photos, and what it does to the test.

    Args:
        held: P(high) of the validation photos' crops, float (m, 5).
        held_labels: Which of these photos are high, bool (m,).
        crops: P(high) of the test photos' crops, float (n, 5).
        labels: Which of these photos are high, bool (n,).

    Returns:
        JSON-ready: "temperature", "photos" (m), and the test's "calibration_error" and "log_loss"
        with it.
    """
    from sklearn.metrics import log_loss

    found = temperature.fit(held.mean(axis=1), held_labels)
    p = temperature.scaled(crops.mean(axis=1), found)
    return {
        "temperature": found,
        "photos": len(held),
        "calibration_error": calibration_error(p, labels),
        "log_loss": float(log_loss(labels, p, labels=[False, True])),
    }


def calibration(p: np.ndarray, labels: np.ndarray) -> list[tuple[float, float, int]]:
    """Per filled bin of P(high): its mean, the share that is high, and how many there are.

    >>> calibration(np.array([0.1, 0.13, 0.9]), np.array([False, True, True]))
    [(0.115, 0.5, 2), (0.9, 1.0, 1)]
    """
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    return [
        (float(p[bins == b].mean()), float(labels[bins == b].mean()), int((bins == b).sum()))
        for b in range(BINS)
        if (bins == b).any()
    ]


def calibration_error(p: np.ndarray, labels: np.ndarray) -> float:
    """The mean distance of P(high) from the share that is high, over bins, by their counts."""
    return sum(n * abs(mean - share) for mean, share, n in calibration(p, labels)) / len(p)


def summary(test: Mapping[str, Any]) -> dict[str, float | None]:
    """A test in numbers that may be averaged over seeds."""
    return {
        "accuracy": test["accuracy"],
        "one_crop_accuracy": test["one_crop"]["accuracy"],
        "auc": test["auc"],
        "log_loss": test["log_loss"],
        "calibration_error": test["calibration_error"],
        "calibrated_error": test["calibrated"]["calibration_error"],
        "temperature": test["calibrated"]["temperature"],
    }


def write_seeds(out: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """Write ``seeds.csv``: a row of `summary` per "seed", mean and standard deviation (n - 1).

    Returns the table in Markdown. Raises OSError.
    """
    import pandas as pd

    table = pd.DataFrame(rows).astype({"seed": str}).set_index("seed").astype(float)
    mean, spread = table.mean(), table.std(ddof=1)
    table.loc["mean"], table.loc["standard deviation"] = mean, spread
    atomic.write_bytes(out / "seeds.csv", table.to_csv(float_format="%.7g").encode())
    return str(table.to_markdown(floatfmt=".4g"))


def lines(test: Mapping[str, Any], simulated: bool = False) -> list[str]:
    """The result of `evaluate` as text; of faves that are not ``simulated`` beside the paper's."""
    text = []
    shown = [("test accuracy", test), ("  of one crop", test["one_crop"])]
    if not simulated:  # else it is another task than the paper's
        shown.append(("paper", counted(*PAPER)))
    for name, found in shown:
        wilson, exact = ([f"{100 * end:.1f}" for end in found[m]] for m in ("wilson", "exact"))
        text.append(
            f"{name:<14} {100 * found['accuracy']:.2f}% ({found['correct']} of {found['n']}; 95%: "
            f"{wilson[0]} to {wilson[1]} Wilson, {exact[0]} to {exact[1]} exact)"
        )
    quarters = " ".join(f"{100 * found['accuracy']:.0f}%" for found in test["quartiles"])
    auc = "" if test["auc"] is None else f"AUC {test['auc']:.3f}, "
    text.append(
        f"the test's commoner label: {100 * test['chance']:.1f}%; {auc}"
        f"by quarter of faves per view: {quarters}"
    )
    if found := test.get("calibrated"):
        at_limit = found["temperature"] in temperature.LIMITS
        text.append(
            f"temperature {found['temperature']:.3g} from {found['photos']} validation photos"
            f"{' (its limit)' if at_limit else ''}: expected calibration error "
            f"{test['calibration_error']:.3f} raw, {found['calibration_error']:.3f} calibrated; "
            f"log loss {test['log_loss']:.3f} and {found['log_loss']:.3f}"
        )
        if found["log_loss"] >= test["log_loss"]:
            text.append("calibration: NO GAIN on the test, whose log loss the temperature raises")
    return text
