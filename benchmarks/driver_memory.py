"""Peak memory of the process that owns a verb, at 10,000 to 1,000,000 photos.

    uv run python benchmarks/driver_memory.py --photos 10000 100000 1000000

A stand-in engine answers in the driver itself, in place of workers: it links the photo as its
result, or makes up a score. What is left is what a driver holds: scan, plan, rows, store. Each
stage is a process of its own, the photos are PNGs of 16x16 pixels, all with other bytes. With
``--csv`` the rows replace those of their stages and sizes in that file. One photo shows what a
process takes that has imported the libraries.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from wespe_bench import cli, provenance, registry
from wespe_bench.engines import Outcome

RESULTS = Path(__file__).parent / "results" / "driver_memory.csv"
METRICS = ("entropy", "bpp")


def stand_in(
    setup: Callable[[Any], Any], context: Any, items: Sequence[Any], **_: Any
) -> Iterator[Outcome]:
    """An engine that enhances a photo by linking it, and scores it by saying 1."""
    for position in range(len(items)):
        item = items[position]
        if hasattr(item, "sample") and not isinstance(item.sample, str):
            yield Outcome(item, (_enhanced(item),))
        else:
            yield Outcome(item, tuple(_scored(item, metric) for metric in item.metrics))


def _enhanced(item: Any) -> dict[str, Any]:
    target = item.target
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(item.sample.path, target)
    costs = {"seconds": 0.0, "memory": 0.0, "device_memory": 0.0}
    row = {"sample": item.sample.id, "input_sha256": item.sha256, "image_sha256": item.sha256}
    return row | {"fingerprint": item.fingerprint} | costs


def _scored(item: Any, metric: str) -> dict[str, Any]:
    return {
        "sample": item.sample,
        "metric": metric,
        "metric_version": registry.load_metric(metric).version,
        "value": 1.0,
        "extras": "{}",
        "image_sha256": provenance.sha256_file(item.image),
        "reference_sha256": None,
        "seed": 0,
        "seconds": 0.0,
        "reader": None,
    }


def stages(folder: Path) -> dict[str, list[str]]:
    """The command line of each stage, in order; the work of each is there for the next."""
    enhance = ["enhance", "auto_gamma", "--input", str(folder / "photos"), "--out"]
    enhance += [str(folder / "run"), "--engine", "stand_in"]
    score = ["score", str(folder / "run"), "--engine", "stand_in", "--metrics", *METRICS]
    where = ["--dataset", "iphone full=photos", "--out", str(folder / "table.md")]
    tables = ["tables", "3", "--runs", str(folder / "run"), "--method", "Original=auto_gamma"]
    return {
        "enhance": enhance,
        "enhance, nothing to do": enhance,
        "score": score,
        "score, nothing to do": score,
        "export": ["export", "scores", str(folder / "run"), "--out", str(folder / "scores.csv")],
        "tables": [*tables, *where],
        "merge": ["merge", str(folder / "run"), "--out", str(folder / "merged")],
    }


def make(folder: Path, count: int) -> None:
    """``count`` photos, no two of the same bytes, in folders of a thousand."""
    import numpy as np

    from wespe_bench.images import write_png

    one = folder / "one.png"
    write_png(one, np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    data = one.read_bytes()
    for number in range(count):
        place = folder / "photos" / f"{number // 1000:04d}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        photo = place / f"{number:07d}.png"
        photo.write_bytes(data + number.to_bytes(8))  # after a PNG's end bytes do not count
        os.utime(photo, (0, 0))


def peak() -> int:
    """Bytes this process has needed at most; getrusage would count its parent's, too."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def verb(command: Sequence[str]) -> None:
    """One stage, in a process of its own; prints its peak and processor seconds."""
    registry.ENGINES["stand_in"] = f"{__name__}:stand_in"
    code = cli.main([*command, "--quiet"])
    seconds = time.process_time()
    print(f"\n{code} {peak()} {seconds}")


def measured(command: Sequence[str], folder: Path) -> tuple[int, float]:
    """Bytes and processor seconds of a stage."""
    code = f"import sys; sys.path[0] = {str(Path(__file__).parent)!r}\n"
    code += f"import driver_memory; driver_memory.verb({list(command)!r})"
    environment = os.environ | {"WESPE_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    answer = done.stdout.strip().rpartition("\n")[2].split()
    if done.returncode or not answer or answer[0] != "0":
        raise SystemExit(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return int(answer[1]), float(answer[2])


def measure(count: int, only: Sequence[str]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, count)
        for stage, command in stages(folder).items():
            if only and stage not in only:
                continue
            size, seconds = measured(command, folder)
            yield {
                "stage": stage,
                "photos": count,
                "megabytes": round(size / 1e6),
                "processor_seconds": round(seconds, 1),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--stages", nargs="+", default=[], help="in order; default: all")
    parser.add_argument("--csv", type=Path, help=f"for instance {RESULTS.name}")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for count in (1, *arguments.photos):
        for row in measure(count, arguments.stages):
            rows.append(row | {"machine": provenance.machine()})
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            if arguments.csv:
                write(arguments.csv, rows)


def write(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """``rows``, and those of the file for other stages and sizes."""
    known = list(csv.DictReader(file.read_text().splitlines())) if file.exists() else []
    measured = {(row["stage"], str(row["photos"])) for row in rows}
    kept = [row for row in known if (row["stage"], row["photos"]) not in measured]
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


if __name__ == "__main__":
    main()
