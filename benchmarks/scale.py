"""What distributing costs: engines against workers, the store at a million rows, memory.

    uv run python benchmarks/scale.py engines store memory

engines  enhance and score photos of 12 MP with one and two local workers and with Ray: photos a
         second, the ratio to one worker, the share of the driver's own processor time (store and
         scheduling), Ray's start, the memory of a worker
store    a run of 1,000,000 scores: writing it, the scan that finds what is left to do, one table
memory   the driver's peak memory over 10,000 and over 100,000 small photos

Each row goes to benchmarks/results/scale.csv; the floor of `engines` is the same work in this
process without any engine, twice over for two workers. At the end, what these rates say of
1,000,000 and 100,000,000 photos, on paper.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import enhance, load_dataset, provenance, store
from wespe_bench.engines import Outcome, load_engine
from wespe_bench.images import write_png
from wespe_bench.scoring import score_runs

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.csv"
METRICS = ("psnr", "ms_ssim", "entropy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="+", choices=("engines", "store", "memory"))
    parser.add_argument("--photos", type=int, default=16, help="of 12 MP, for engines")
    parser.add_argument("--rows", type=int, default=1_000_000, help="for store")
    parser.add_argument("--small", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--csv", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for what in arguments.what:
            work = {"engines": engines, "store": million, "memory": memory}[what]
            for row in work(Path(folder, what), arguments):
                rows.append(row | {"load": round(os.getloadavg()[0], 1)})
                print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    with arguments.csv.open("w", newline="") as file:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, [*names, "machine"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"machine": provenance.machine()} for row in rows)


def engines(folder: Path, arguments: argparse.Namespace) -> Sequence[dict[str, Any]]:
    photos(folder / "photos", arguments.photos)
    (folder / "truth").mkdir()
    for photo in (folder / "photos").iterdir():
        (folder / "truth" / photo.name).hardlink_to(photo)
    dataset = ["--input", str(folder / "photos"), "--reference", str(folder / "truth")]
    rows: list[dict[str, Any]] = []
    cases = (("local", 0), ("local", 1), ("local", 2), ("ray?workers=2", 2))
    for engine, jobs in cases:
        out = folder / f"{engine[:3]}{jobs}"
        how = ["--jobs", str(jobs), "--engine", engine]
        verbs = (
            ["enhance", "auto_gamma", *dataset, "--out", str(out), *how],
            ["score", str(out), "--metrics", *METRICS, *how],
        )
        first, again = [[timed(verb) for verb in verbs] for _ in range(2)]
        wall, driver = (sum(told[i] for told in first) for i in (0, 1))
        workers = max(told[2] for told in first)
        # The second time there is nothing new: what starting and looking cost.
        start = sum(told[0] for told in again)
        rows.append(
            {
                "case": f"{engine}, {jobs} jobs",
                "photos": arguments.photos,
                "seconds": round(wall, 2),
                "photos_per_second": round(arguments.photos / wall, 3),
                "nothing_to_do_seconds": round(start, 2),
                "driver_cpu_seconds": round(driver, 2),
                "worker_megabytes": round(workers / 1e6),
            }
        )
    one = next(row for row in rows if row["case"] == "local, 1 jobs")
    for row in rows:
        row["times_one_worker"] = round(row["photos_per_second"] / one["photos_per_second"], 2)
    rows.append(overhead())
    rows.append(beginning())
    return rows


def overhead(items: int = 20_000) -> dict[str, Any]:
    """Scheduling alone: items whose work is nothing, in the chunks that small photos get."""
    seconds = {}
    for engine in ("local", "ray?workers=2"):
        begun = time.monotonic()
        for _ in load_engine(engine)(nothing, None, range(items), jobs=2, chunk=32):
            pass
        seconds[engine] = time.monotonic() - begun
    return {
        "case": "scheduling, microseconds an item: local, ray (both with their start)",
        "photos": items,
        "seconds": round(1e6 * seconds["local"] / items, 1),
        "photos_per_second": round(1e6 * seconds["ray?workers=2"] / items, 1),
    }


def beginning() -> dict[str, Any]:
    """From nothing to the first outcome, two workers."""
    seconds = {}
    for engine in ("local", "ray?workers=2"):
        begun = time.monotonic()
        list(load_engine(engine)(nothing, None, range(2), jobs=2))
        seconds[engine] = time.monotonic() - begun
    return {
        "case": "start and end of two workers, seconds: local, ray",
        "seconds": round(seconds["local"], 2),
        "photos_per_second": round(seconds["ray?workers=2"], 2),
    }


def nothing(_: Any) -> Callable[[Sequence[Any]], list[Outcome]]:
    return lambda items: [Outcome(item, ({"value": 0.0},)) for item in items]


def photos(folder: Path, count: int) -> None:
    """Photos of 4000x3000 px: packaged ones, enlarged, with a little noise of their own."""
    from skimage import data, transform

    rng = np.random.default_rng(0)
    source = data.astronaut()
    large = (transform.resize(source, (3000, 4000), order=1) * 255).astype(np.int16)
    for number in range(count):
        noise = rng.integers(-4, 5, (3000, 4000, 1), dtype=np.int16)
        image = np.clip(large + noise, 0, 255).astype(np.uint8)
        write_png(folder / f"{number:03d}.png", image)


def timed(verb: Sequence[str]) -> tuple[float, float, float]:
    """A verb's wall seconds, its driver's own processor seconds, the largest worker's bytes."""
    import psutil

    begun = time.monotonic()
    child = subprocess.Popen(
        [str(Path(sys.executable).with_name("wespe-bench")), *verb],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"},
    )
    largest = spent = 0.0
    over = threading.Event()

    def watch() -> None:
        nonlocal largest, spent
        process = psutil.Process(child.pid)
        while not over.wait(0.2):
            try:
                times = process.cpu_times()
                spent = times.user + times.system
                for worker in process.children(recursive=True):
                    if "python" in worker.name() or "ray::" in " ".join(worker.cmdline()):
                        largest = max(largest, float(worker.memory_info().rss))
            except psutil.Error:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = child.wait()
    wall = time.monotonic() - begun
    over.set()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(verb)}: exit code {code}")
    return wall, spent, largest


def million(folder: Path, arguments: argparse.Namespace) -> Sequence[dict[str, Any]]:
    """A real run over small photos, its rows multiplied, and the scan that a resume begins with."""
    from tables import make

    begun = time.monotonic()
    rows = make(folder / "runs", arguments.rows)
    wrote = time.monotonic() - begun
    runs = store.find_runs(folder / "runs")
    begun = time.monotonic()
    count = 0
    for run in runs:
        store.load(run, "enhanced")
        store.load_failures(run)
        store.load_samples(run)
        count += len(store.load(run, "scores"))
    scanned = time.monotonic() - begun
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    return [
        {
            "case": "store: write",
            "photos": rows,
            "seconds": round(wrote, 2),
            "photos_per_second": round(rows / wrote),
            "bytes_a_row": round(size / rows, 1),
        },
        {
            "case": "store: scan for a resume (goal 5 s)",
            "photos": count,
            "seconds": round(scanned, 2),
            "photos_per_second": round(count / scanned),
        },
    ]


def memory(folder: Path, arguments: argparse.Namespace) -> Sequence[dict[str, Any]]:
    """One child a size: peaks never come down again within a process."""
    rows = []
    for count in arguments.small:
        place = str(folder / str(count))
        code = f"import sys; sys.path[0] = {str(HERE)!r}; from scale import small; small"
        code += f"({place!r}, {count})"
        begun = time.monotonic()
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        rows.append(
            {
                "case": "memory of the driver, small photos",
                "photos": count,
                "seconds": round(time.monotonic() - begun, 1),
                "driver_megabytes": round(float(told[-1]) / 1e6),
                "driver_megabytes_at_start": round(float(told[-2]) / 1e6),
            }
        )
    return rows


def small(folder: str, count: int) -> None:
    """Enhance and score ``count`` photos of 16x16 px; prints bytes before and at the peak."""
    root = Path(folder)
    (root / "photos").mkdir(parents=True)
    rng = np.random.default_rng(0)
    write_png(root / "one.png", rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    data = (root / "one.png").read_bytes()
    for number in range(count):
        (root / "photos" / f"{number:06d}.png").write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    dataset = load_dataset("folder", input=str(root / "photos"), name="small")
    enhance("auto_gamma", dataset, out=root / "run", jobs=2, quiet=True)
    score_runs([root / "run"], ["entropy"], jobs=2, quiet=True)
    print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
