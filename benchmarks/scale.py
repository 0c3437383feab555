"""What distributing costs: engines against workers, the store at a million rows, memory.

    uv run python benchmarks/scale.py engines store memory

engines  enhance and score photos of 12 MP with one and two local workers and with Ray: photos a
         second, the ratio to one worker, what starting takes, the driver's own processor time
         (store and scheduling) beyond it as a share of the workers', the memory of a worker
store    a run of 1,000,000 scores: writing it, and the scan that finds what is left to do
memory   the driver's peak memory over 10,000 and over 100,000 small photos

Each row goes to benchmarks/results/scale.csv. The floor of `engines` is the same work without any
engine: two processes, a half of the photos each, which know nothing of each other; what they miss
of twice one process's rate is this machine's. At the end, what the rates in the file say of
1,000,000 and 100,000,000 photos, on paper.
"""

from __future__ import annotations

import argparse
import csv
import os
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
from wespe_bench.run import open_runs
from wespe_bench.scoring import score_runs

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.csv"
METRICS = ("psnr", "ms_ssim", "entropy")

#: How a verb is started whose words nobody reads.
QUIET: dict[str, Any] = {
    "stdout": subprocess.DEVNULL,
    "stderr": subprocess.DEVNULL,
    "env": os.environ | {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"},
}


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
    rows = [row | {"machine": provenance.machine()} for row in rows]
    # Parts not measured this time keep their rows.
    kept = [row for row in known(arguments.csv) if row["case"] not in {row["case"] for row in rows}]
    names = list(dict.fromkeys(name for row in [*rows, *kept] for name in row))
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])
    print(on_paper(known(arguments.csv)))


def known(file: Path) -> list[dict[str, Any]]:
    """The rows of an earlier time."""
    return list(csv.DictReader(file.read_text().splitlines())) if file.exists() else []


def on_paper(rows: Sequence[dict[str, Any]]) -> str:
    """What the measured rates say of sizes that nobody ran, with the arithmetic."""
    cases = {row["case"]: row for row in rows}
    lines = []
    try:
        rate = float(cases["local, 2 jobs"]["photos_per_second"])
        scan = float(cases["store: scan for a resume (goal 5 s)"]["photos_per_second"])
        size = float(cases["store: write"]["bytes_a_row"])
        sizes = [row for row in rows if row["case"].startswith("memory of the driver")]
        small, large = sorted(
            (float(row["photos"]), float(row["driver_megabytes"])) for row in sizes
        )[:: max(1, len(sizes) - 1)]
        each = (large[1] - small[1]) / (large[0] - small[0])  # megabytes a photo
    except (KeyError, ValueError):
        return "on paper: needs the rows of engines, store and memory"
    for photos, machines in ((1e6, 8), (1e8, 800)):
        share = photos / machines
        scores = photos * len(METRICS)
        lines.append(
            f"{photos:,.0f} photos of 12 MP on {machines} machines of 2 cores, {len(METRICS)} "
            f"metrics: {photos:,.0f} / ({machines} x {rate:.2f} a second) = "
            f"{share / rate / 86400:.1f} days; {scores:,.0f} rows x {size:.0f} bytes = "
            f"{scores * size / 1e9:.1f} GB of scores; a scan to resume {scores:,.0f} / {scan:,.0f} "
            f"= {scores / scan:,.0f} s in one folder, {scores / machines / scan:.0f} s in one a "
            f"machine; a driver of all photos {photos * each / 1e3 + small[1] / 1e3:,.1f} GB, of a "
            f"machine's {share * each / 1e3 + small[1] / 1e3:,.1f} GB where its photos "
            f"are a folder of their own ({1e6 * each:,.0f} bytes a photo)"
        )
    return "\n".join(["on paper:", *lines])


def engines(folder: Path, arguments: argparse.Namespace) -> Sequence[dict[str, Any]]:
    photos(folder / "photos", arguments.photos)
    (folder / "truth").mkdir()
    for photo in (folder / "photos").iterdir():
        (folder / "truth" / photo.name).hardlink_to(photo)
    dataset = ["--input", str(folder / "photos"), "--reference", str(folder / "truth")]
    rows: list[dict[str, Any]] = []
    cases = (("local", 0), ("local", 1), ("local", 2), ("ray?workers=2", 2))
    starts = beginning()
    for engine, jobs in cases:
        out = folder / f"{engine[:3]}{jobs}"
        how = ["--jobs", str(jobs), "--engine", engine]
        verbs = (
            ["enhance", "auto_gamma", *dataset, "--out", str(out), *how],
            ["score", str(out), "--metrics", *METRICS, *how],
        )
        first, again = [[timed(verb) for verb in verbs] for _ in range(2)]
        wall, driver, worked = (sum(part[i] for part in first) for i in (0, 1, 3))
        largest = max(part[2] for part in first)
        # The second time there is nothing new, and no worker is started: looking alone.
        start, looking = (sum(part[i] for part in again) for i in (0, 1))
        rows.append(
            {
                "case": f"{engine}, {jobs} jobs",
                "photos": arguments.photos,
                "seconds": round(wall, 2),
                "photos_per_second": round(arguments.photos / wall, 3),
                "nothing_to_do_seconds": round(start, 2),
                "workers_start_seconds": round(2 * starts[engine[:3]] if jobs else 0.0, 2),
                "driver_cpu_seconds": round(driver, 2),
                "driver_share": round((driver - looking) / worked, 4) if worked else "",
                "worker_megabytes": round(largest / 1e6),
            }
        )
    rows.append(floor(folder / "floor", dataset, arguments.photos))
    one = next(row for row in rows if row["case"] == "local, 1 jobs")
    for row in rows:
        row["times_one_worker"] = round(one["seconds"] / row["seconds"], 2)
        beyond = [
            kind["seconds"] - kind["nothing_to_do_seconds"] - kind["workers_start_seconds"]
            for kind in (one, row)
        ]
        row["beyond_start"] = round(beyond[0] / beyond[1], 2)
    rows.append(overhead())
    return rows


def floor(out: Path, dataset: Sequence[str], photos: int) -> dict[str, Any]:
    """Two processes without an engine, a half of the photos each, at the same time."""
    seconds = start = 0.0
    for verb in (["enhance", "auto_gamma", *dataset, "--out"], ["score"]):
        more = ["--metrics", *METRICS] if verb == ["score"] else []
        halves = [
            [*verb, str(out), *more, "--jobs", "0", "--shard", f"{half}/2"] for half in (1, 2)
        ]
        for again in (False, True):
            begun = time.monotonic()
            children = [subprocess.Popen([*entry(), *half], **QUIET) for half in halves]
            if any(child.wait() for child in children):
                raise SystemExit(f"{' '.join(halves[0])}: failed")
            took = time.monotonic() - begun
            seconds, start = (seconds, start + took) if again else (seconds + took, start)
    return {
        "case": "two processes without an engine (the floor)",
        "photos": photos,
        "seconds": round(seconds, 2),
        "photos_per_second": round(photos / seconds, 3),
        "nothing_to_do_seconds": round(start, 2),
        "workers_start_seconds": 0.0,
    }


def overhead(items: int = 20_000) -> dict[str, Any]:
    """Scheduling alone: items whose work is nothing, in the chunks that small photos get."""
    seconds = {}
    for engine in ("local", "ray?workers=2"):
        begun = time.monotonic()
        for _ in load_engine(engine)(nothing, None, range(items), jobs=2, chunk=32):
            pass
        seconds[engine] = time.monotonic() - begun
    return {
        "case": "scheduling of items that are nothing, with the start",
        "photos": items,
        "local_microseconds": round(1e6 * seconds["local"] / items, 1),
        "ray_microseconds": round(1e6 * seconds["ray?workers=2"] / items, 1),
    }


def beginning() -> dict[str, float]:
    """Seconds from nothing to the last outcome of two workers with nothing to do, by engine."""
    seconds = {}
    for engine in ("local", "ray?workers=2"):
        begun = time.monotonic()
        list(load_engine(engine)(nothing, None, range(2), jobs=2))
        seconds[engine[:3]] = time.monotonic() - begun
    return seconds


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


def entry() -> list[str]:
    return [str(Path(sys.executable).with_name("wespe-bench"))]


def timed(verb: Sequence[str]) -> tuple[float, float, float, float]:
    """A verb's wall seconds, its driver's own processor seconds, the largest worker's bytes, and
    the processor seconds of its workers."""
    import psutil

    begun = time.monotonic()
    child = subprocess.Popen([*entry(), *verb], **QUIET)
    largest = spent = 0.0
    workers: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        nonlocal largest, spent
        process = psutil.Process(child.pid)
        while not over.wait(0.2):
            try:
                times = process.cpu_times()
                spent = times.user + times.system
                for worker in process.children(recursive=True):
                    if "spawn_main" in (line := " ".join(worker.cmdline())) or "ray::" in line:
                        largest = max(largest, float(worker.memory_info().rss))
                        times = worker.cpu_times()
                        workers[worker.pid] = times.user + times.system
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
    return wall, spent, largest, sum(workers.values())


def million(folder: Path, arguments: argparse.Namespace) -> Sequence[dict[str, Any]]:
    """A real run over small photos, its rows multiplied, and the scan that a resume begins with."""
    from tables import make

    begun = time.monotonic()
    rows = make(folder / "runs", arguments.rows)
    wrote = time.monotonic() - begun
    runs = [run.folder for run in open_runs(folder / "runs").found]
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
        printed = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        rows.append(
            {
                "case": "memory of the driver, small photos",
                "photos": count,
                "seconds": round(time.monotonic() - begun, 1),
                "driver_megabytes": round(float(printed[-1]) / 1e6),
                "driver_megabytes_at_start": round(float(printed[-2]) / 1e6),
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
    before = peak()
    dataset = load_dataset("folder", input=str(root / "photos"), name="small")
    enhance("auto_gamma", dataset, out=root / "run", jobs=2, quiet=True)
    score_runs([root / "run"], ["entropy"], jobs=2, quiet=True)
    print(before, peak())


def peak() -> int:
    """Bytes this process has needed at most; getrusage would count its parent's, too."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    main()
