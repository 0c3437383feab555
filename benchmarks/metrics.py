"""How fast the metrics are, what memory they need, and how far other packages' numbers lie.

    uv run --extra bench benchmarks/metrics.py

Everybody starts from the same uint8 photos of one size: two full-HD ones, two of 12
megapixels, and 256 pairs of 100x100 patches; PNG also from the photos that scikit-image and
scikit-learn ship, as they are. The cases take turns, round after round, and each keeps its
fastest round, so that a busy moment hurts all of them alike; processor time, which other work
on the machine does not lengthen so much, stands beside it. Memory is the growth of a fresh
process's peak after a warm-up on a small photo. Times include turning uint8 into what a
package wants, except scikit-image's grey photos, which it is given (ours turns them grey
within its time).

Writes ``benchmarks/results/metrics.csv`` and ``metrics.png``, prints the ratios.
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import CASES, Case, Photos

from wespe_bench.images import read_rgb

RESULTS = Path(__file__).parent / "results"
SIZES = {"1920x1080": (1080, 1920), "4000x3000": (3000, 4000), "256 patches": (100, 100)}
PHOTOS = "8 packaged photos"
PATCHES = 256

#: task -> the peer that ratios are taken against
AGAINST = {
    "psnr": "scikit-image",
    "ssim": "scikit-image",
    "psnr+ssim": "scikit-image",
    "ms_ssim": "pytorch-msssim",
    "entropy": "scikit-image",
    "bpp": "pillow level 6",
}
#: (task, size) -> the ratio aimed at
AIMS = {
    ("psnr", "4000x3000"): 40,
    ("ssim", "4000x3000"): 15,
    ("ms_ssim", "4000x3000"): 35,
    ("entropy", "4000x3000"): 15,
    ("psnr+ssim", "256 patches"): 8,
    ("bpp", "4000x3000"): 4,
    ("bpp", PHOTOS): 4,
}


def packaged() -> Photos:
    """The colour photos in the scikit-image and scikit-learn wheels, at their own sizes."""
    import skimage
    import sklearn.datasets

    data, images = Path(skimage.__file__).parent / "data", Path(sklearn.datasets.__file__).parent
    names = "astronaut.png chelsea.png coffee.png hubble_deep_field.jpg motorcycle_left.png"
    names += " rocket.jpg"
    files = [data / name for name in names.split()]
    files += [images / "images" / "china.jpg", images / "images" / "flower.jpg"]
    return [read_rgb(file) for file in files]


def photos(size: str) -> tuple[Photos, Photos]:
    """(images, references): packaged photos side by side at their own scale, and noisy copies.

    In tiles of 300 pixels from random places, so that no encoder finds a copy in its window.
    """
    if size == PHOTOS:
        same = packaged()
        return same, same
    height, width = SIZES.get(size, (256, 256))
    sources = [photo for photo in packaged() if min(photo.shape[:2]) >= 300]
    rng = np.random.default_rng(0)
    if size == "256 patches":
        references = []
        for n in range(PATCHES):
            source = sources[n % len(sources)]
            top, left = (int(rng.integers(side - 100)) for side in source.shape[:2])
            references.append(source[top : top + 100, left : left + 100])
    else:
        canvas = np.empty((-(-height // 300) * 300, -(-width // 300) * 300, 3), np.uint8)
        for n, (top, left) in enumerate(np.ndindex(canvas.shape[0] // 300, canvas.shape[1] // 300)):
            source = sources[n % len(sources)]
            y, x = (int(rng.integers(side - 299)) for side in source.shape[:2])
            tile = source[y : y + 300, x : x + 300]
            canvas[300 * top : 300 * top + 300, 300 * left : 300 * left + 300] = tile[:, ::-1]
        references = [canvas[:height, :width]]
    images = [
        np.clip(np.rint(r * 0.95 + 3 + rng.normal(0, 6, r.shape)), 0, 255).astype(np.uint8)
        for r in references
    ]
    return [np.ascontiguousarray(a) for a in images], [np.ascontiguousarray(b) for b in references]


def runs(size: str) -> list[Case]:
    if size == PHOTOS:
        return [case for case in CASES if case.task == "bpp"]
    pixels = math.prod(SIZES[size])
    return [case for case in CASES if pixels <= case.largest and case.runs()]


def extra_memory(size: str, case: Case) -> float:
    """Megabytes that a fresh process's peak grows by; NaN where /proc cannot tell."""
    command = [sys.executable, __file__, "--memory", size, str(CASES.index(case))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else math.nan


def warm_up(case: Case, images: Photos, references: Photos) -> None:
    """Once on small photos, so that libraries are loaded and kernels compiled before the count."""
    small = [[photo[:200, :200] for photo in photos[:2]] for photos in (images, references)]
    try:
        case.prepare(*small)()
    except Exception:  # too small for this one: then its libraries load within the count
        pass


def measure_memory(size: str, case: Case) -> float:
    """In the fresh process: warm up, reset the peak, run once."""
    images, references = photos(size)
    warm_up(case, images, references)
    function = case.prepare(images, references)
    gc.collect()
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")
    before = _status(status, "VmRSS")
    function()
    return (_status(status, "VmHWM") - before) / 1024


def _status(path: Path, name: str) -> float:
    line = next(line for line in path.read_text().splitlines() if line.startswith(name))
    return float(line.split()[1])


def timed(function: Callable[[], float]) -> tuple[float, float, float]:
    """Its value, seconds and seconds of processor time."""
    begun, worked = time.perf_counter(), time.process_time()
    value = function()
    return value, time.perf_counter() - begun, time.process_time() - worked


def measure(size: str, rounds: int, memory: bool) -> list[dict[str, Any]]:
    """All cases of one size: value, fastest of ``rounds`` turns, extra memory."""
    images, references = photos(size)
    cases = runs(size)
    functions: dict[int, Callable[[], float]] = {}
    values: dict[int, float] = {}
    seconds: dict[int, float] = {}
    processor: dict[int, float] = {}
    refusals: dict[int, str] = {}
    for n, case in enumerate(cases):
        try:
            warm_up(case, images, references)
            function = case.prepare(images, references)
            values[n], seconds[n], processor[n] = timed(function)
            functions[n] = function
        except Exception as error:
            refusals[n] = f"{type(error).__name__}: {error}".split("\n")[0][:100]
        print(f"  {size}: {case.task} {case.who}", file=sys.stderr, flush=True)
    for turn in range(rounds):
        for n, function in functions.items():
            if seconds[n] > 30:
                continue  # half a minute's work is not decided by a moment's interruption
            # The fast ones get several chances a turn: one interruption would double them.
            for _ in range(5 if seconds[n] < 0.3 else 1):
                _, elapsed, worked = timed(function)
                seconds[n], processor[n] = min(seconds[n], elapsed), min(processor[n], worked)
        print(f"  {size}: turn {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    functions.clear()
    gc.collect()
    rows = []
    mine = {case.task: n for n, case in enumerate(cases) if case.who == "wespe-bench"}
    for n, case in enumerate(cases):
        row: dict[str, Any] = {"size": size, "task": case.task, "who": case.who}
        if n in refusals:
            rows.append(row | {"note": refusals[n]})
            continue
        row["seconds"] = seconds[n]
        row["cpu_seconds"] = processor[n]
        row["times_ours"] = seconds[n] / seconds[mine[case.task]]
        row["cpu_times_ours"] = processor[n] / processor[mine[case.task]]
        row["extra_MB"] = extra_memory(size, case) if memory else math.nan
        row["value"] = values[n]
        row["difference"] = values[n] - values[mine[case.task]]
        rows.append(row)
    return rows


def environment() -> str:
    names = ("numpy", "numba", "scikit-image", "pillow", "torch", "piq", "torchmetrics")
    names += ("pytorch-msssim", "pyiqa")
    parts = []
    for name in names:
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            parts.append(f"{name} not installed")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{os.cpu_count()} cores, {platform.machine()}, load {load}; " + ", ".join(parts)


def report(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if "note" in row:
            print(f"{row['size']:<20}{row['task']:<10}{row['who']:<16}{row['note']}")
            continue
        print(
            f"{row['size']:<20}{row['task']:<10}{row['who']:<16}{row['seconds'] * 1e3:>10.1f} ms"
            f"{row['times_ours']:>8.1f}x{row['cpu_times_ours']:>8.1f}x{row['extra_MB']:>9.0f} MB"
            f"  {row['value']:.6f}  {row['difference']:+.1e}"
        )
    print("\nagainst the aims")
    for (task, size), aim in AIMS.items():
        for row in rows:
            if (row["task"], row["size"], row["who"]) == (task, size, AGAINST[task]):
                ratio = row.get("times_ours", math.nan)
                met = "met" if ratio >= aim else "NOT met"
                print(
                    f"  {task:<10}{size:<20}{ratio:7.1f}x {AGAINST[task]} "
                    f"({row.get('cpu_times_ours', math.nan):.1f}x its processor time), "
                    f"aim {aim}x: {met}"
                )


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    tasks = ["psnr", "ssim", "ms_ssim", "entropy", "bpp"]
    sizes = [size for size in SIZES if any(row["size"] == size for row in rows)]
    figure, axes = plt.subplots(
        len(tasks), len(sizes), figsize=(4.2 * len(sizes), 1.6 * len(tasks)), squeeze=False
    )
    for line, task in zip(axes, tasks, strict=True):
        for axis, size in zip(line, sizes, strict=True):
            shown = [r for r in rows if (r["task"], r["size"]) == (task, size) and "seconds" in r]
            shown.sort(key=lambda r: -r["seconds"])
            # Points, not bars: a bar's length means nothing on a logarithmic axis.
            for height, row in enumerate(shown):
                colour = "#0b6e4f" if row["who"] == "wespe-bench" else "#7b8794"
                axis.plot(row["seconds"], height, "o", color=colour)
                digits = ".2g" if row["seconds"] < 10 else ".0f"
                label = f"  {row['seconds']:{digits}} s"
                axis.annotate(label, (row["seconds"], height), fontsize=7, va="center")
            axis.set_yticks(range(len(shown)), [row["who"] for row in shown])
            axis.set_xscale("log")
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.margins(x=0.3, y=0.25)
            axis.tick_params(labelsize=7)
            axis.set_title(f"{task}, {size}", fontsize=8, loc="left")
            for side in ("top", "right"):
                axis.spines[side].set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("seconds, logarithmic", fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=[*SIZES, PHOTOS], choices=[*SIZES, PHOTOS])
    parser.add_argument("--rounds", type=int, default=5, help="turns; each case keeps its fastest")
    parser.add_argument("--no-memory", action="store_true", help="skip the runs for memory")
    parser.add_argument("--memory", nargs=2, metavar=("SIZE", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        size, number = options.memory
        print(json.dumps(measure_memory(size, CASES[int(number)])))
        return
    rows: list[dict[str, Any]] = []
    for size in options.sizes:
        rows += measure(size, options.rounds, not options.no_memory)
    print(environment())
    report(rows)
    RESULTS.mkdir(exist_ok=True)
    columns = ["size", "task", "who", "seconds", "cpu_seconds", "times_ours", "cpu_times_ours"]
    columns += ["extra_MB", "value", "difference"]
    with open(RESULTS / "metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, [*columns, "note"])
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    k: f"{v:.6g}" if isinstance(v, float) and k != "value" else v
                    for k, v in row.items()
                }
            )
    (RESULTS / "metrics.txt").write_text(environment() + "\n")
    plot(rows, RESULTS / "metrics.png")


if __name__ == "__main__":
    main()
