"""Features and labels -> a linear model, and how well it predicts what it has not seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from wespe_bench.errors import InputError
from wespe_bench.metrics.cornia import scale
from wespe_bench.metrics.patches import one_thread

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False, slots=True)
class Linear:
    """``low``, ``high``: the features' range in training; ``weights``; all float64 (2K,)."""

    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray
    bias: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Scores (n,) of features (n, 2K)."""
        with one_thread():
            return np.asarray(scale(features, self.low, self.high) @ self.weights + self.bias)


def regress(features: np.ndarray, labels: np.ndarray, cost: float = 1.0) -> Linear:
    """nu-SVR with a linear kernel, nu = 0.5 (libsvm); C = 1 is what CORNIA's authors took.

    ``features`` (n, 2K), ``labels`` (n,). The ranges are rounded to float32, as they are
    stored. The kernel matrix is made by BLAS, which is many times faster than libsvm's loops.
    Raises InputError when all labels are equal.
    """
    from sklearn.svm import NuSVR

    if np.ptp(labels) == 0:
        raise InputError("all photos to learn from have one score; there is nothing to learn")
    low = features.min(axis=0).astype(np.float32).astype(np.float64)
    high = features.max(axis=0).astype(np.float32).astype(np.float64)
    scaled = scale(features, low, high)
    with one_thread():
        machine = NuSVR(kernel="precomputed", C=cost, nu=0.5, cache_size=500)
        _interruptibly(partial(machine.fit, scaled @ scaled.T, labels))
        weights = machine.dual_coef_[0] @ scaled[machine.support_]
    return Linear(low, high, weights, float(machine.intercept_[0]))


def _interruptibly(work: Callable[[], object]) -> None:
    """Run ``work`` beside the main thread: libsvm's loops never look whether Ctrl-C was pressed."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def split(groups: Sequence[str], share: float, seed: int) -> np.ndarray:
    """True for what is held out: about ``share`` of the groups, at least one, never all.

    bool (n,). Raises InputError when there is only one group.
    """
    names = sorted(set(groups))
    if share == 0:
        return np.zeros(len(groups), bool)
    if len(names) < 2:
        raise InputError(
            "all photos are of one group, so none can be held out; give more photos "
            "(or --held-out 0, for a model that nobody has tested)"
        )
    count = min(max(1, round(share * len(names))), len(names) - 1)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(names))
    out = {names[number] for number in order[:count]}
    return np.array([group in out for group in groups])


def srocc(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation.

    >>> srocc(np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 21.0]))
    1.0
    """
    from scipy.stats import rankdata

    return plcc(rankdata(x), rankdata(y))


def plcc(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation, with no curve fitted first; NaN when one side is constant."""
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    return min(1.0, max(-1.0, float(x @ y) / length)) if length else float("nan")


def rmse(x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared difference, in units of the labels."""
    return float(np.sqrt(np.mean((x - y) ** 2)))


CRITERIA: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "SROCC": srocc,
    "PLCC": plcc,
    "RMSE": rmse,
}


def judge(
    predicted: np.ndarray, labels: np.ndarray, groups: Sequence[str], seed: int
) -> dict[str, list[float]]:
    """Each of `CRITERIA` with its 95% interval: [value, low, high].

    The interval is from 1000 resamples of whole groups; with a single group it is left out,
    as is a value that is not defined.
    """
    names = sorted(set(groups))
    members = [np.flatnonzero(np.array([g == name for g in groups])) for name in names]
    rng = np.random.Generator(np.random.PCG64(seed))
    chosen = [
        np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        for _ in range(_RESAMPLES if len(names) > 1 else 0)
    ]
    report = {}
    for name, criterion in CRITERIA.items():
        value = criterion(predicted, labels)
        if not np.isfinite(value):
            continue
        report[name] = [value]
        again = np.array([criterion(predicted[some], labels[some]) for some in chosen])
        again = again[np.isfinite(again)]
        if len(again):
            report[name] += [float(q) for q in np.quantile(again, [0.025, 0.975])]
    return report
