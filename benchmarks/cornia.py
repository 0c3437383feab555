"""CORNIA and HOSA: time against the bare matrix product, memory at 1 to 50 megapixels.

    uv run python benchmarks/cornia.py

CORNIA cannot be faster than the product of its patches with its words. So the product alone,
in the same chunks, takes turns with the whole metric (grey, choice of patches, normalising,
whitening, product, maxima, score), round after round on one thread; each keeps its fastest
round, and the ratio is of these; processor time, which other work on the machine lengthens
less, stands beside it. The default is five draws, of one decoded photo. Memory is what the
peak of a fresh process grows by while it scores one photo of that size, which it holds, after
a warm-up on a small one.

The words are random of length 1, which takes as long as fitted ones; HOSA's model too. Writes
``benchmarks/results/cornia.csv``.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench.metrics import cornia, hosa
from wespe_bench.metrics.patches import one_thread

RESULTS = Path(__file__).parent / "results" / "cornia.csv"
SIZES = {1: (864, 1152), 3: (1536, 2048), 12: (3000, 4000), 50: (6120, 8160)}
WORDS = (1000, 10_000)
AIM_RATIO, AIM_MB = 2.0, 500.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megapixels", type=int, nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--words", type=int, nargs="+", default=list(WORDS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", help="cuda: the encoder's other path")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--memory-of", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(json.dumps(memory(**json.loads(arguments.memory_of))))
        return
    from wespe_bench.provenance import machine

    rows: list[dict[str, Any]] = []
    for megapixels in arguments.megapixels:
        cases = [("cornia", words) for words in arguments.words] + [("hosa", hosa.WORDS)]
        for metric, words in cases:
            row: dict[str, Any] = {"metric": metric, "words": words, "megapixels": megapixels}
            row |= timed(metric, words, megapixels, arguments.rounds, arguments.device)
            row["extra_MB"] = in_a_process(metric, words, megapixels)
            row |= {"device": arguments.device, "machine": machine(), "numpy": np.__version__}
            rows.append(row)
            write(arguments.out, rows)
            print(as_text(row), flush=True)


def as_text(row: dict[str, Any]) -> str:
    ratio = f"{row['ratio']:.2f}x the product ({row['cpu_ratio']:.2f}x CPU)" if row["ratio"] else ""
    missed = [] if not row["ratio"] or row["cpu_ratio"] <= AIM_RATIO else ["time"]
    missed += [] if row["extra_MB"] < AIM_MB else ["memory"]
    return (
        f"{row['metric']:<7}{row['words']:>6} words {row['megapixels']:>3} MP  one draw "
        f"{1e3 * row['draw_seconds']:7.1f} ms {ratio:<33} default {row['seconds']:.2f} s  "
        f"extra {row['extra_MB']:.0f} MB  {'misses ' + ', '.join(missed) if missed else ''}"
    )


def photo(megapixels: int) -> np.ndarray:
    """Noise on slopes: uint8 (H, W, 3), made in strips so that nothing bigger was ever held."""
    height, width = SIZES[megapixels]
    image = np.empty((height, width, 3), np.uint8)
    rng = np.random.default_rng(megapixels)
    for top in range(0, height, 128):
        strip = image[top : top + 128]
        strip[:] = rng.integers(0, 64, strip.shape, np.uint8)
        strip += (np.arange(width, dtype=np.uint16) * 190 // width).astype(np.uint8)[:, None]
    return image


def cornia_model(words: int) -> cornia.Model:
    rng = np.random.default_rng(0)
    book = rng.standard_normal((words, 49))
    book /= np.linalg.norm(book, axis=1, keepdims=True)
    zeros, ones = np.zeros(2 * words), np.ones(2 * words)
    return cornia.Model(book, np.zeros(49), np.eye(49), zeros, ones, ones, 0.0, {})


def hosa_model() -> hosa.Model:
    rng = np.random.default_rng(0)
    moments = [rng.standard_normal((hosa.WORDS, 49)) for _ in range(3)]
    return hosa.Model(*moments, np.zeros(49), np.eye(49), np.ones(14_700), 0.0, {})


def scorer(metric: str, words: int, draws: int, device: str) -> Callable[[np.ndarray], Any]:
    if metric == "hosa":
        loaded = hosa_model()
        return lambda image: hosa.hosa(image, model=loaded)
    model = cornia_model(words)
    return lambda image: cornia.cornia(image, model=model, draws=draws, device=device)


def product(words: np.ndarray, patches: np.ndarray) -> None:
    """The matrix product alone, in the metric's own chunks."""
    with one_thread():
        for first in range(0, len(words), cornia.WORDS_AT_ONCE):
            block = np.ascontiguousarray(words[first : first + cornia.WORDS_AT_ONCE].T)
            into = np.empty((cornia.PATCHES_AT_ONCE, block.shape[1]))
            for start in range(0, len(patches), cornia.PATCHES_AT_ONCE):
                some = patches[start : start + cornia.PATCHES_AT_ONCE]
                np.matmul(some, block, out=into[: len(some)])


def timed(metric: str, words: int, megapixels: int, rounds: int, device: str) -> dict[str, float]:
    """Seconds of one draw, of the default number of draws, of the product; and their ratio.

    Of CORNIA's time the hash of the pixels is a part, once for all draws.
    """
    image = photo(megapixels)
    one, usual = (scorer(metric, words, draws, device) for draws in (1, cornia.DRAWS))
    book = cornia_model(words).words
    patches = np.random.default_rng(1).standard_normal((cornia.PATCHES, 49))
    best: dict[str, float] = {}
    for _ in range(rounds + 1):
        for name, run in (
            ("draw_seconds", lambda: one(image)),
            ("seconds", lambda: usual(image)),
            ("product_seconds", lambda: product(book, patches)),
        ):
            begun, worked = time.perf_counter(), time.process_time()
            run()
            for clock, spent in (
                ("", time.perf_counter() - begun),
                ("cpu_", time.process_time() - worked),
            ):
                best[clock + name] = min(best.get(clock + name, spent), spent)
    for clock in ("", "cpu_"):
        if metric == "hosa":
            best |= {f"{clock}product_seconds": 0.0, f"{clock}ratio": 0.0}
        else:
            floor = cornia.DRAWS * best[f"{clock}product_seconds"]
            best[f"{clock}ratio"] = best[f"{clock}seconds"] / floor
    return best


def memory(metric: str, words: int, megapixels: int) -> float:
    """MB that this process's peak grows by."""
    run = scorer(metric, words, cornia.DRAWS, "cpu")
    image = photo(megapixels)
    run(image[:16, :16])
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _status("VmRSS")
    run(image)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


def in_a_process(metric: str, words: int, megapixels: int) -> float:
    case = json.dumps({"metric": metric, "words": words, "megapixels": megapixels})
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, Path(__file__).resolve(), "--memory-of", case],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
    if done.returncode:
        sys.exit(f"{metric} failed:\n{done.stderr}")
    return float(json.loads(done.stdout))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()})


if __name__ == "__main__":
    main()
