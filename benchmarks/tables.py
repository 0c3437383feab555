"""``wespe-bench tables all`` over a store of a million scores: time and memory, part by part.

The store is made, not measured: the paper's data sets and methods, DPED's 4,000 test patches a
phone times as many metrics as it takes, parts of the size that scoring writes. Run:

    python benchmarks/tables.py --rows 1000000 --csv benchmarks/results/tables.csv
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import provenance, store

PHONES = ("iphone", "blackberry", "sony")
WILD = ("kitti_extract", "cityscapes", "htc_m9", "huawei_p9", "iphone6")
METHODS = {
    "Original": "identity",
    "ape_like": "ape_like",
    "WESPE [DPED]": "wespe:d",
    "WESPE [DIV2K]": "wespe:v",
    "DPED": "dped:d",
}
TRUTH = ("psnr", "ms_ssim", "ssim", "psnr_pooled", "ssim_rgb")
BLIND = ("entropy", "bpp", "cornia", "ffs")
FULL_PHOTOS = 113

#: Rows of one part: what half a minute of scoring patches writes.
PART = 2000

#: The goals of `tables all` over a million rows.
GOAL_SECONDS, GOAL_BYTES = 10.0, 2e9

_CHILD = """
import json, resource, sys, time
begun = time.monotonic()
from wespe_bench.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
took = [time.monotonic() - begun, used.ru_utime + used.ru_stime]
print(json.dumps([code, *took, used.ru_maxrss * 1024]), file=sys.stderr)
"""


def make(root: Path, rows: int) -> int:
    """Write runs of about ``rows`` scores; returns how many there are."""
    blind = (len(PHONES) + len(WILD)) * len(METHODS) * FULL_PHOTOS * len(BLIND)
    patches = max(100, (rows - blind) // (len(PHONES) * len(METHODS) * len(TRUTH)))
    total = 0
    for phone in PHONES:
        total += _data_set(root, f"dped_{phone}_patches_test", patches, TRUTH, True)
        total += _data_set(root, f"dped_{phone}_full", FULL_PHOTOS, BLIND, False)
    for name in WILD:
        total += _data_set(root, f"{name}_test", FULL_PHOTOS, BLIND, False)
    return total


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _data_set(root: Path, name: str, count: int, metrics: tuple[str, ...], paired: bool) -> int:
    total = 0
    ids = [f"{name}/test/{number}" for number in range(count)]
    samples = [
        {
            "sample": id_,
            "path": f"/photos/{id_}.png",
            "sha256": _hash(id_),
            "reference": f"/truth/{id_}.png" if paired else None,
            "reference_sha256": _hash(f"{id_} truth") if paired else None,
        }
        for id_ in ids
    ]
    for place, (label, spec) in enumerate(METHODS.items()):
        rng = np.random.default_rng(place)
        run = root / name / label
        store.write_samples(run, samples)
        made = [
            {
                "sample": row["sample"],
                "input_sha256": row["sha256"],
                "fingerprint": spec,
                "image_sha256": _hash(f"{row['sample']} {label}"),
                "seconds": 0.1,
            }
            for row in samples
        ]
        for start in range(0, count, PART):
            store.append(run, "enhanced", made[start : start + PART])
        rows: list[dict[str, Any]] = []
        for row, image in zip(samples, made, strict=True):
            for metric in metrics:
                rows.append(
                    {
                        "sample": row["sample"],
                        "metric": metric,
                        "metric_version": "1",
                        "value": float(rng.normal(20, 3)),
                        "extras": json.dumps({"mse": float(rng.gamma(2, 100))}),
                        "image_sha256": image["image_sha256"],
                        "reference_sha256": row["reference_sha256"],
                        "seed": 0,
                        "seconds": 0.01,
                    }
                )
        for start in range(0, len(rows), PART):
            store.append(run, "scores", rows[start : start + PART])
        total += len(rows)
        store.write_run(
            run,
            {
                "label": label,
                "enhancer": spec,
                "fingerprint": spec,
                "seed": 0,
                "dataset": {"name": name, "revision": _hash(name), "note": ""},
                "metrics": {
                    metric: {"version": "1", "title": metric, "higher_is_better": True}
                    for metric in metrics
                },
            },
        )
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        rows = make(Path(folder, "runs"), options.rows)
        print(f"{rows:,} rows made in {time.monotonic() - begun:.0f} s")
        for _ in range(options.repeats):
            out = Path(folder, "tables.md")
            command = ["tables", "all", "--runs", f"{folder}/runs", "--out", str(out)]
            result = subprocess.run(
                [sys.executable, "-c", _CHILD, *command, "--data", f"{folder}/data"],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ,
            )
            code, seconds, busy, peak = json.loads(result.stderr.splitlines()[-1])
            if code:
                raise SystemExit(result.stderr)
            measured.append((seconds, busy, peak))
            print(
                f"tables all: {seconds:.1f} s, of which {busy:.1f} s of processor (goal "
                f"{GOAL_SECONDS:.0f} s); peak {peak / 1e9:.2f} GB (goal {GOAL_BYTES / 1e9:.0f} GB)"
            )
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("rows", "seconds", "cpu_seconds", "peak_bytes", "machine"))
            machine = provenance.machine()
            writer.writerows((rows, f"{s:.2f}", f"{b:.2f}", p, machine) for s, b, p in measured)


if __name__ == "__main__":
    main()
