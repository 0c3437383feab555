"""How fast `compare` is against a plain loop over scipy.stats.bootstrap.

    uv run benchmarks/compare.py

Two methods, five metrics, simulated scores of 10,000 photos, 10,000 resamples. Three things
are timed: the intervals of all metrics alone; scipy's percentile bootstrap of each metric's
mean, metric after metric, in batches of 100 resamples (its studentised form does not exist; the
percentile one is its cheapest); and the whole of `compare` from two run folders, with the tests
and the words. Threads of BLAS: as set by OMP_NUM_THREADS. Prints seconds, the processor time (which
other work on the machine does not lengthen so much) and its ratio; writes
``benchmarks/results/compare.csv``.
"""

from __future__ import annotations

import argparse
import csv
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import stats

from reports import paired
from reports.comparison import compare_methods
from wespe_bench import provenance, store

RESULTS = Path(__file__).parent / "results"
METRICS = ("psnr", "ssim", "ms_ssim", "entropy", "bpp")


def main(photos: int, resamples: int, out: Path) -> None:
    rng = np.random.default_rng(2018)
    values = rng.gamma(4, 0.5, (photos, len(METRICS))) - 1.9
    ours, own = timed(lambda: paired.intervals(values, resamples=resamples))
    theirs, loop = timed(
        lambda: [
            stats.bootstrap(
                (column,), np.mean, n_resamples=resamples, batch=100, method="percentile"
            ).confidence_interval
            for column in values.T
        ]
    )
    widths = [(o[1] - o[0]) / (t.high - t.low) for o, t in zip(own, loop, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        write_runs(Path(folder), values, rng)
        whole, _ = timed(lambda: compare_methods(["A", "B"], runs=Path(folder)).frame())
    rows = [
        ("intervals, five metrics", ours),
        ("scipy.stats.bootstrap, percentile, the same metrics", theirs),
        ("compare as a whole, from run folders (10,000 resamples)", whole),
    ]
    print(f"{photos:,} photos, {resamples:,} resamples, {len(METRICS)} metrics")
    for name, (seconds, busy) in rows:
        print(f"  {seconds:8.2f} s, {busy:7.2f} s of processor time  {name}")
    print(f"  {theirs[1] / ours[1]:.1f} times less processor time than the loop, intervals alone")
    print(f"  width of ours over scipy's: {min(widths):.3f} to {max(widths):.3f}")
    with open(out / "compare.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["what", "photos", "resamples", "seconds", "cpu_seconds", "cpu_ratio", "platform"]
        )
        about = f"{provenance.machine()}, Python {platform.python_version()}, numpy "
        about += f"{np.__version__}, scipy {scipy.__version__}"
        for name, (seconds, busy) in rows:
            ratio = f"{theirs[1] / busy:.2f}"
            table.writerow([name, photos, resamples, f"{seconds:.3f}", f"{busy:.3f}", ratio, about])


def timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """(seconds, seconds of processor time), and what ``work`` gives."""
    begun = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - begun[0], time.process_time() - begun[1]), result


def write_runs(folder: Path, values: np.ndarray, rng: np.random.Generator) -> None:
    """Two runs whose scores differ by ``values``; hashes are made up, there are no pictures."""
    ids = [f"photo{number:06d}" for number in range(len(values))]
    hard = rng.normal(20, 4, values.shape)
    for label, scores in {"A": hard + values, "B": hard}.items():
        run = folder / label
        store.write_samples(
            run,
            [
                {"sample": i, "path": i, "sha256": i, "reference": i, "reference_sha256": i}
                for i in ids
            ],
        )
        made = {"input_sha256": None, "fingerprint": label, "image_sha256": label, "seconds": 0.1}
        store.append(run, "enhanced", [{**made, "sample": i, "input_sha256": i} for i in ids])
        store.append(
            run,
            "scores",
            [
                {
                    "sample": sample,
                    "metric": metric,
                    "metric_version": "1",
                    "value": float(value),
                    "extras": "{}",
                    "image_sha256": label,
                    "reference_sha256": None,
                    "seed": 0,
                    "seconds": 0.1,
                }
                for sample, of in zip(ids, scores, strict=True)
                for metric, value in zip(METRICS, of, strict=True)
            ],
        )
        store.write_run(
            run,
            {
                "label": label,
                "enhancer": label,
                "fingerprint": label,
                "dataset": {"name": "simulated", "revision": "0", "options": {}},
            },
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=paired.RESAMPLES)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sys.exit(main(options.photos, options.resamples, options.out))
