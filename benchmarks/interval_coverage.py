"""How often the intervals of `compare` hold the true mean, and how often it claims too much.

    uv run python -m benchmarks.interval_coverage

2,000 experiments a row, n photos each, whose differences follow a known law with a known mean.
Coverage is of nominal 95% intervals: the one that `compare` prints, Student's t, and BCa (scipy).
Width is the median, and the 95% quantile, of an interval's width beside Student's. A false alarm
is a difference called shown although the true mean is 0: for laws with a symmetric centre, where
Wilcoxon's test asks the same question. Fixed seeds; written to benchmarks/results/coverage.md.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy import stats

from reports import paired
from wespe_bench import atomic

EXPERIMENTS = 2000
COUNTS = (3, 5, 6, 8, 10, 15, 30, 100)
TARGET = Path(__file__).with_name("results") / "coverage.md"


def laws(rng: np.random.Generator, n: int) -> dict[str, tuple[np.ndarray, float, bool]]:
    """Differences (n, experiments), their true mean, and whether the law is symmetric."""
    size = (n, EXPERIMENTS)
    return {
        "normal": (rng.normal(0, 1, size), 0.0, True),
        "heavy-tailed (t, 3 degrees)": (rng.standard_t(3, size), 0.0, True),
        "skewed (lognormal, 0.8)": (rng.lognormal(0, 0.8, size), math.exp(0.32), False),
        "bounded (beta, 0.5 and 1.5)": (rng.beta(0.5, 1.5, size), 0.25, False),
    }


def student(values: np.ndarray) -> np.ndarray:
    n = len(values)
    half = stats.t.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / math.sqrt(n)
    middle = values.mean(axis=0)
    return np.stack([middle - half, middle + half], axis=1)


def accelerated(values: np.ndarray) -> np.ndarray:
    """scipy's BCa intervals of a tenth of the experiments: it is slow."""
    some = values[:, ::10]
    with np.errstate(all="ignore"):
        found = stats.bootstrap(
            (some,), np.mean, axis=0, method="BCa", n_resamples=1000, rng=1
        ).confidence_interval
    return np.stack([found.low, found.high], axis=1)


def main() -> None:
    head = ["n", "differences", "compare", "width", "Student", "BCa", "false alarms"]
    rows = [head, ["--:", ":--", *5 * ["--:"]]]
    for n in COUNTS:
        for law, (values, mean, symmetric) in laws(np.random.default_rng(n), n).items():
            ours, t = paired.intervals(values), student(values)
            bca = accelerated(values)
            wide = np.diff(ours, axis=1) / np.diff(t, axis=1)
            beyond = (ours[:, 0] > mean) | (ours[:, 1] < mean)
            alarms = [
                out and paired.signed_rank(values[:, i] - mean) < paired.LEVEL
                for i, out in enumerate(beyond)
            ]
            rows.append(
                [
                    str(n),
                    law,
                    f"{1 - beyond.mean():.1%}",
                    f"{np.median(wide):.2f} ({np.quantile(wide, 0.95):.1f})",
                    f"{_covered(t, mean):.1%}",
                    f"{_covered(bca, mean):.1%}",
                    f"{np.mean(alarms):.1%}" if symmetric else "–",
                ]
            )
            print(*rows[-1], sep="  ", flush=True)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    command = "uv run python -m benchmarks.interval_coverage"
    atomic.write_text(
        TARGET,
        f"# Coverage of compare's intervals\n\n`{command}`: {EXPERIMENTS:,} experiments a row "
        f"(BCa: {EXPERIMENTS // 10}), fixed seeds.\n\n{table}\n\n"
        "Width: median (and 95% quantile) beside Student's interval. False alarms: differences "
        "called shown although the true mean is 0.\n",
    )


def _covered(ends: np.ndarray, mean: float) -> float:
    return float(np.mean((ends[:, 0] <= mean) & (mean <= ends[:, 1])))


if __name__ == "__main__":
    main()
