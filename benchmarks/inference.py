"""The generator on big photos: bands against one piece and against naive tiles.

    uv run python benchmarks/inference.py --checkpoint iphone.safetensors --photo photo.png

Every case runs in a process of its own; printed and written as CSV: seconds, seconds of CPU
(what to compare on a busy machine, with --threads 1), the process's peak memory (of the device
on CUDA), the largest difference and the PSNR against one piece in float32, and the time
relative to it. Without a checkpoint the weights are random, without a
photo the pixels are: times and memory hold, the tiles' error does not.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {1: (864, 1152), 3: (1536, 2048), 12: (3000, 4000)}
METHODS = (
    "whole",
    "banded",
    "banded file",
    "banded 2GB",
    "banded fp16",
    "banded bf16",
    "tiles 512",
)
CUDA_METHODS = ("whole", "whole fp16", "banded", "banded fp16", "banded memory", "tiles 512")
RESULTS = Path(__file__).parent / "results" / "inference.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", default="", help="a generator (default: random weights)")
    parser.add_argument("--photo", default="", help="mirrored to the sizes (default: noise)")
    parser.add_argument("--megapixels", type=int, nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--methods", nargs="+", default=[], help="besides whole (default: all)")
    parser.add_argument("--threads", type=int, default=0, help="(default: one per core)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--case", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(run_case(**json.loads(arguments.case))))
        return

    import torch

    from wespe_bench.provenance import machine

    threads = arguments.threads or torch.get_num_threads()
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    rows = []
    for device in devices:
        name = torch.cuda.get_device_name() if device == "cuda" else machine()
        for megapixels in arguments.megapixels:
            seconds = 0.0  # of the whole image, which comes first
            with tempfile.TemporaryDirectory() as folder:
                for method in CUDA_METHODS if device == "cuda" else METHODS:
                    if method != "whole" and arguments.methods and method not in arguments.methods:
                        continue
                    case = {
                        "method": method,
                        "device": device,
                        "megapixels": megapixels,
                        "checkpoint": arguments.checkpoint,
                        "photo": arguments.photo,
                        "threads": threads,
                        "truth": str(Path(folder, "whole.npy")),
                    }
                    found = in_a_process(case)
                    seconds = found["seconds"] if method == "whole" else seconds
                    found["ratio"] = found["seconds"] / seconds
                    row = {"device": device, "megapixels": megapixels, "method": method, **found}
                    print(
                        f"{device} {megapixels:>2} MP {method:<14}{row['seconds']:8.2f} s"
                        f" ({row['cpu_seconds']:.2f} s of CPU)"
                        f" {row['ratio']:5.2f}x whole {row['peak_gb']:6.2f} GB"
                        f"  max difference {row['max_difference']:.1e}  {row['psnr_db']:.1f} dB",
                        flush=True,
                    )
                    row |= {
                        "weights": Path(arguments.checkpoint).name or "random",
                        "photo": Path(arguments.photo).name or "noise",
                        "machine": name,
                        "threads": threads,
                        "torch": torch.__version__,
                    }
                    rows.append(row)
                    write(arguments.out, rows)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()})


def in_a_process(case: dict[str, Any]) -> dict[str, float]:
    """Run a case in a fresh interpreter, so that its peak memory is its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(case)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{case['method']} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_case(
    method: str, device: str, megapixels: int, checkpoint: str, photo: str, threads: int, truth: str
) -> dict[str, float]:
    """Seconds, peak memory and the difference to the result of "whole" kept in ``truth``."""
    import torch

    torch.set_num_threads(threads)
    generator = load_generator(checkpoint)
    image = load_photo(photo, *SIZES[megapixels])
    compute = way(method, device, generator)
    compute(image[:256, :256])  # libraries load and plan on first use
    if device == "cuda":
        compute(image)
        torch.cuda.reset_peak_memory_stats()
    begun, busy = time.perf_counter(), time.process_time()
    result = compute(image)  # numpy: whatever the device had to do is done
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e9
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    times = {"seconds": seconds, "cpu_seconds": busy}
    if method == "whole":
        np.save(truth, result)
        return times | {"peak_gb": peak, "max_difference": 0.0, "psnr_db": np.inf}
    expected = np.load(truth, mmap_mode="r")
    worst, total = 0.0, 0.0
    for top in range(0, len(result), 256):
        error = np.abs(result[top : top + 256].astype(np.float64) - expected[top : top + 256])
        worst, total = max(worst, error.max()), total + (error**2).sum()
    psnr = -10 * np.log10(total / result.size) if total else np.inf
    return times | {
        "peak_gb": peak,
        "max_difference": float(worst),
        "psnr_db": float(psnr),
    }


def way(method: str, device: str, generator: Any) -> Callable[[np.ndarray], np.ndarray]:
    from reference_models import banded

    kind, _, option = method.partition(" ")
    precision: Any = option if option in ("fp16", "bf16") else "fp32"
    if kind == "whole":
        return lambda image: banded.whole(generator, image, device=device, precision=precision)
    if kind == "tiles":
        return lambda image: tiles(generator, image, device, int(option))
    if option == "2GB":  # what --max-memory does
        return lambda image: banded.infer(generator, image, device=device, max_memory=2 * 10**9)
    store: Any = option if option in ("file", "memory") else "device"
    return lambda image: banded.banded(
        generator, image, device=device, precision=precision, store=store
    )


def tiles(generator: Any, image: np.ndarray, device: str, size: int) -> np.ndarray:
    """What not to do: each tile by itself, with the 18 px around it that its pixels see."""
    from reference_models import banded

    result = np.empty(image.shape, np.float32)
    margin = 18
    for top in range(0, image.shape[0], size):
        for left in range(0, image.shape[1], size):
            above, before = min(top, margin), min(left, margin)
            tile = image[top - above : top + size + margin, left - before : left + size + margin]
            enhanced = banded.whole(generator, tile, device=device)
            inner = result[top : top + size, left : left + size]
            inner[:] = enhanced[above:, before:][: inner.shape[0], : inner.shape[1]]
    return result


def load_generator(checkpoint: str) -> Any:
    if checkpoint:
        from reference_models import checkpoints

        return checkpoints.read(Path(checkpoint))[0]
    import torch

    from reference_models.wespe.networks import Generator

    torch.manual_seed(0)
    return Generator(init_std=0.05).eval()


def load_photo(path: str, height: int, width: int) -> np.ndarray:
    """The photo, mirrored at its borders or cut to the size; noise without one."""
    if not path:
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    from wespe_bench.images import read_rgb

    photo = read_rgb(Path(path))
    missing = [max(height - photo.shape[0], 0), max(width - photo.shape[1], 0)]
    photo = np.pad(photo, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    return np.ascontiguousarray(photo[:height, :width])


if __name__ == "__main__":
    main()
