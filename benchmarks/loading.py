"""How fast photos get into memory: a file each, packed, on several processes; and by others.

    uv run benchmarks/loading.py

Small photos: 10,000 JPEGs of 100x100, cut from the photos that scikit-image and scikit-learn
ship (or from --photos), in random order into batches of 30. Big ones: 12-megapixel JPEGs,
each once. Everything is in the page cache, so the disk plays no part. The cases take turns,
round after round, and each keeps its fastest round; seconds of processor time, of all
processes together, stand beside the wall's, because they bear a busy machine better. The
processes are started within the time, as a command starts them; the torch workers live on
over the rounds, which is kinder to them. Memory is the peak of a fresh process that packs.

Writes ``benchmarks/results/loading.csv`` and ``loading.txt``, prints the ratios.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wespe_bench import load_dataset
from wespe_bench.arguments import cores
from wespe_bench.datasets.packed import Packed
from wespe_bench.images import read_rgb
from wespe_bench.prepare.pack import pack
from wespe_bench.provenance import machine
from wespe_bench.types import Dataset

RESULTS = Path(__file__).parent / "results"
BATCH = 30
SMALL, BIG = "100x100 JPEGs", "12 MP JPEGs"


@dataclass(frozen=True)
class Case:
    """One way to load: ``run()`` gives the number of photos it loaded.

    ``against`` is the case of the same task that the ratio is taken to; ``aim`` its bound
    ("<=1.3"), or one on photos per second (">=90000/s").
    """

    task: str
    who: str
    run: Callable[[], int]
    against: str
    aim: str = ""


def pillow(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


class Files:
    """A torch data set of files, as everybody writes it."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> np.ndarray:
        return pillow(self.paths[number])


def torch_loader(paths: list[str], workers: int, batch: int) -> Callable[[], int]:
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(
        Files(paths),
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def run() -> int:
        return sum(len(photos) for photos in loader)

    run()  # starts the workers
    return run


def decode(paths: list[str], how: Callable[[str], Any]) -> Callable[[], int]:
    def run() -> int:
        for path in paths:
            how(path)
        return len(paths)

    return run


def simplejpeg(path: str) -> np.ndarray:
    import simplejpeg as library

    with open(path, "rb") as file:
        return np.asarray(library.decode_jpeg(file.read()))


def packing(dataset: Dataset, folder: Path, jobs: int) -> Callable[[], int]:
    def run() -> int:
        shutil.rmtree(folder, ignore_errors=True)
        return pack(dataset, folder, jobs=jobs)[0]

    return run


def batches(packed: Packed, count: int, threads: int) -> Callable[[], int]:
    """``count`` random patches of 100x100, in batches, by so many threads at once."""

    def some(seed: int) -> int:
        rng = np.random.default_rng(seed)
        number = 0
        for _ in range(count // BATCH // threads):
            number += len(packed.batch(BATCH, rng, (100, 100)))
        return number

    def run() -> int:
        if threads == 1:
            return some(0)
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(some, range(threads)))

    return run


def cases(small: Dataset, big: Dataset, folder: Path) -> Iterator[Case]:
    jobs = cores()
    paths = [str(sample.path) for sample in small.samples]
    yield Case(SMALL, "Pillow loop", decode(paths, pillow), "Pillow loop")
    yield Case(SMALL, "read_rgb loop", decode(paths, read_rgb), "Pillow loop")
    if importlib.util.find_spec("simplejpeg"):
        yield Case(SMALL, "simplejpeg loop", decode(paths, simplejpeg), "Pillow loop")
    yield Case(SMALL, "torch DataLoader", torch_loader(paths, 0, BATCH), "Pillow loop")
    several = torch_loader(paths, jobs, BATCH)
    yield Case(SMALL, f"torch DataLoader, {jobs} workers", several, "Pillow loop")
    yield Case(SMALL, "pack, this process", packing(small, folder / "a", 0), "Pillow loop")
    whole = packing(small, folder / "b", jobs)
    yield Case(SMALL, f"pack, {jobs} processes", whole, "Pillow loop", "<=1.3")
    whole()
    packed = Packed.open(folder / "b")
    yield Case(SMALL, "packed batches", batches(packed, 30_000, 1), "Pillow loop", ">=90000/s")
    several = batches(packed, 30_000, jobs)
    yield Case(SMALL, f"packed batches, {jobs} threads", several, "Pillow loop", ">=90000/s")

    paths = [str(sample.path) for sample in big.samples]
    yield Case(BIG, "Pillow loop", decode(paths, pillow), "Pillow loop")
    yield Case(BIG, "read_rgb loop", decode(paths, read_rgb), "Pillow loop")
    yield Case(BIG, "torch DataLoader", torch_loader(paths, 0, 1), "Pillow loop")
    several = torch_loader(paths, jobs, 1)
    yield Case(BIG, f"torch DataLoader, {jobs} workers", several, "Pillow loop")
    yield Case(BIG, "pack, this process", packing(big, folder / "c", 0), "Pillow loop")
    whole = packing(big, folder / "d", jobs)
    yield Case(BIG, f"pack --jobs {jobs}", whole, "pack, this process")
    whole()
    packed = Packed.open(folder / "d")
    for threads in (1, jobs):
        name = "packed crops of 100x100" + (f", {threads} threads" if threads > 1 else "")
        yield Case(BIG, name, batches(packed, 30_000, threads), "Pillow loop", ">=90000/s")


def sources(folder: str) -> list[np.ndarray]:
    """Real photos: those below ``folder``, or those that come with our dependencies."""
    if folder:
        dataset = load_dataset("folder", input=folder)
        return [read_rgb(sample.path) for sample in dataset.samples[:50]]
    return [read_rgb(s.reference or s.path) for s in load_dataset("samples").samples]


def write_small(photos: list[np.ndarray], folder: Path, count: int) -> Dataset:
    rng = np.random.default_rng(0)
    large = [photo for photo in photos if min(photo.shape[:2]) > 100]
    folder.mkdir()
    for number in range(count):
        photo = large[number % len(large)]
        top, left = rng.integers(0, np.array(photo.shape[:2]) - 100)
        patch = photo[top : top + 100, left : left + 100]
        Image.fromarray(patch).save(folder / f"{number}.jpg", quality=95)
    return load_dataset("folder", input=folder)


def write_big(photos: list[np.ndarray], folder: Path, count: int) -> Dataset:
    """4000x3000, mirrored to size where the photo is smaller."""
    folder.mkdir()
    for number in range(count):
        photo = photos[number % len(photos)][:3000, :4000]
        missing = [(0, 3000 - photo.shape[0]), (0, 4000 - photo.shape[1]), (0, 0)]
        whole = np.pad(photo, missing, mode="symmetric")
        Image.fromarray(whole).save(folder / f"{number}.jpg", quality=90)
    return load_dataset("folder", input=folder)


def timed(run: Callable[[], int]) -> tuple[int, float, float]:
    """Photos, seconds, seconds of processor time of this process and its ended children."""
    busy, begun = processor_time(), time.perf_counter()
    count = run()
    return count, time.perf_counter() - begun, processor_time() - busy


def processor_time() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usage = [resource.getrusage(one) for one in who]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def measure(chosen: list[Case], rounds: int) -> list[dict[str, Any]]:
    best: dict[int, tuple[int, float, float]] = {}
    for _ in range(rounds):
        for number, case in enumerate(chosen):
            found = timed(case.run)
            if number not in best or found[1] < best[number][1]:
                best[number] = found
    rows = []
    for number, case in enumerate(chosen):
        count, seconds, busy = best[number]
        other = next(
            i for i, c in enumerate(chosen) if (c.task, c.who) == (case.task, case.against)
        )
        # The workers of torch live on, so their processor time is not known.
        known = "workers" not in case.who
        ratio = (seconds / count) / (best[other][1] / best[other][0])
        cpu_ratio = (busy / count) / (best[other][2] / best[other][0])
        rows.append(
            {
                "task": case.task,
                "who": case.who,
                "photos": count,
                "seconds": seconds,
                "cpu_seconds": busy if known else "",
                "photos_per_second": count / seconds,
                "against": case.against,
                "ratio": ratio,
                "cpu_ratio": cpu_ratio if known else "",
                "aim": case.aim,
                "met": met(case.aim, ratio, count / seconds),
            }
        )
    return rows


def met(aim: str, ratio: float, rate: float) -> str:
    if not aim:
        return ""
    if aim.endswith("/s"):
        return "yes" if rate >= float(aim[2:-2]) else "no"
    return "yes" if ratio <= float(aim[2:]) else "no"


def peak_memory(dataset: str, count: int) -> float:
    """Peak MB of a fresh process that packs the first ``count`` photos of a folder."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory", dataset, str(count)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def memory(folder: str, count: int) -> float:
    from dataclasses import replace

    dataset = load_dataset("folder", input=folder)
    dataset = replace(dataset, samples=dataset.samples[:count])
    with tempfile.TemporaryDirectory() as out:
        pack(dataset, Path(out), jobs=0)
    # Not ru_maxrss, which a child inherits from its parent.
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = (said for said in status.read_text().splitlines() if said.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def environment() -> str:
    import importlib.metadata

    names = ("numpy", "pillow", "torch", "simplejpeg")
    found = [n for n in names if importlib.util.find_spec("PIL" if n == "pillow" else n)]
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in found)
    load = f"; load of the machine {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{machine()}, {cores()} usable; {versions}{load}"


def line(row: dict[str, Any]) -> str:
    busy = f"{row['cpu_seconds']:6.2f} s" if row["cpu_seconds"] != "" else "     ?  "
    cpu = f" (cpu {row['cpu_ratio']:.3f}x)" if row["cpu_ratio"] != "" else ""
    aim = f"  aim {row['aim']}: {row['met']}" if row["aim"] else ""
    return (
        f"{row['task']:<14} {row['who']:<34} {row['seconds']:7.2f} s, cpu {busy} "
        f"{row['photos_per_second']:>9.1f}/s {row['ratio']:9.4f}x {row['against']}{cpu}{aim}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", type=int, default=10_000, help="how many 100x100 JPEGs")
    parser.add_argument("--big", type=int, default=24, help="how many 12-megapixel JPEGs")
    parser.add_argument("--rounds", type=int, default=3, help="turns; each case keeps its fastest")
    parser.add_argument("--photos", default="", help="a folder of photos to cut from")
    parser.add_argument("--memory", nargs=2, metavar=("DIR", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(memory(options.memory[0], int(options.memory[1]))))
        return
    lines = [environment()]
    with tempfile.TemporaryDirectory() as folder:
        photos = sources(options.photos)
        small = write_small(photos, Path(folder, "small"), options.small)
        big = write_big(photos, Path(folder, "big"), options.big)
        rows = measure(list(cases(small, big, Path(folder))), options.rounds)
        lines += [line(row) for row in rows]
        for name, count in (("small", options.small), ("big", options.big)):
            quarter = max(1, count // 4)
            few, all_ = (peak_memory(str(Path(folder, name)), n) for n in (quarter, count))
            lines.append(
                f"peak of packing {name}: {few:.0f} MB for {quarter}, {all_:.0f} for {count}"
            )
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / "loading.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    (RESULTS / "loading.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
