"""Does the rater learn what it is shown? Real photos, known damage, simulated faves.

    uv run python benchmarks/ffs_study.py --data ../shared/data --out runs/ffs-study train kodak
    uv run python benchmarks/ffs_study.py --data ... --out ... iphone --runs RUNS

train    photos of BSDS500, Kodak and DICM, damaged at graded strengths, faves drawn from the
         strength; `ffs build` of their CSV and one frozen training per seed, with other photos
         in each test
kodak    Kodak photos that no training saw, blurred, made noisy and compressed step by step:
         their score has to fall
iphone   real iPhone photos before and after an enhancer (run folders of `wespe-bench run`)

Writes ``ffs_training.csv``, ``ffs_damage.csv`` and ``ffs_iphone.csv`` in benchmarks/results.
Faves are simulated: accuracies say what the code can learn, not how people fave.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ffs import checkpoints, crops, dataset, evaluation, manifest, network, standin
from ffs.recipe import TrainRater
from ffs.train import train
from wespe_bench import vgg_files
from wespe_bench.datasets.folder import find_photos
from wespe_bench.images import read_rgb
from wespe_bench.provenance import machine

RESULTS = Path(__file__).parent / "results"
STEPS = (0.0, 0.25, 0.5, 1.0)

HD_SHAPE = (720, 1280)

#: Every fourth Kodak photo is for `kodak` alone.
HELD = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="+", choices=("train", "kodak", "iphone"))
    parser.add_argument("--data", type=Path, required=True, help="has hq/ and wild/")
    parser.add_argument("--out", type=Path, default=Path("runs/ffs-study"))
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="run folders, for iphone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scenes", type=int, default=80, help="photos before damage")
    parser.add_argument("--each", type=int, default=3, help="damaged versions of each")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for what in arguments.what:
        {"train": training, "kodak": kodak, "iphone": iphone}[what](arguments)


def scenes(data: Path, count: int) -> list[tuple[str, Path]]:
    """Photos to damage: a share of each source, evenly over it."""
    sources = {
        "kodak": [p for i, p in enumerate(_sorted(data / "hq" / "kodak24")) if i % HELD],
        "dicm": _sorted(data / "wild" / "dicm"),
        "bsds": _sorted(data / "hq" / "bsds_train"),
    }
    total = sum(map(len, sources.values()))
    chosen = []
    for name, paths in sources.items():
        wanted = max(1, round(count * len(paths) / total))
        places = np.unique(np.linspace(0, len(paths) - 1, wanted).round().astype(int))
        chosen += [(f"{name}-{paths[i].stem}", paths[i]) for i in places]
    return chosen


def _sorted(folder: Path) -> list[Path]:
    return [path for _, path in sorted(find_photos(folder).items())]


def training(arguments: argparse.Namespace) -> None:
    rows: list[dict[str, Any]] = []
    photos = scenes(arguments.data, arguments.scenes)
    table = standin.simulate(arguments.out / "photos", photos, arguments.each)
    held = str(round(0.2 * len(photos)) * arguments.each)
    for seed in arguments.seeds:
        folder = arguments.out / "ratings"
        split = ("--validation", held, "--test", held, "--per-owner", str(arguments.each))
        dataset.main([str(table), "--out", str(folder), *split, "--seed", str(seed), "--jobs", "0"])
        found = manifest.read(folder)
        config = TrainRater(
            data=str(folder),
            out=str(arguments.out / f"seed{seed}"),
            mode="frozen",
            device="cpu",
            seed=seed,
            cache=str(arguments.out / "features"),
        )
        command = f"benchmarks/ffs_study.py train, seed {seed}"
        # Simulated faves make a stand-in, whoever trains on them.
        path = train(config, command=command, kind="stand-in", title="FFS study (simulated)")
        card, _ = checkpoints.read_card(path)
        test = card.test
        rows.append(
            {
                "seed": seed,
                "scenes": len(photos),
                **{split: len(found.of(split)) for split in ("train", "validation", "test")},
                "correct": test["correct"],
                "accuracy": test["accuracy"],
                "wilson_low": test["wilson"][0],
                "wilson_high": test["wilson"][1],
                "exact_low": test["exact"][0],
                "exact_high": test["exact"][1],
                "one_crop_accuracy": test["one_crop"]["accuracy"],
                "chance": test["chance"],
                "auc": test["auc"],
                **{f"quarter{i}": q["accuracy"] for i, q in enumerate(test["quartiles"], 1)},
            }
        )
        _write(arguments.results / "ffs_training.csv", rows)
    correct, n = sum(row["correct"] for row in rows), sum(row["test"] for row in rows)
    pooled = {"seed": "all", "test": n, **evaluation.counted(correct, n)}
    pooled["chance"] = sum(row["chance"] * row["test"] for row in rows) / n
    for method in ("wilson", "exact"):
        pooled[f"{method}_low"], pooled[f"{method}_high"] = pooled.pop(method)
    rows.append({name: pooled.get(name, "") for name in rows[0]})
    _write(arguments.results / "ffs_training.csv", rows)
    print(
        f"all seeds: {correct} of {n}, {100 * correct / n:.1f}% (95%: "
        f"{100 * pooled['wilson_low']:.1f} to {100 * pooled['wilson_high']:.1f} Wilson); always "
        f"the commoner label: {100 * pooled['chance']:.1f}%"
    )


def kodak(arguments: argparse.Namespace) -> None:
    raters = _raters(arguments)
    rows = []
    for path in _sorted(arguments.data / "hq" / "kodak24")[::HELD]:
        image = read_rgb(path)
        clean = _scores(raters, image, path.stem)
        for kind in standin.KINDS:
            ladder = [clean]
            for strength in STEPS[1:]:
                worse = standin.damage(image, kind, strength, path.stem)
                ladder.append(_scores(raters, worse, path.stem))
            for label in raters:
                values = [step[label] for step in ladder]
                row = {"rater": label, "photo": path.stem, "kind": kind}
                row |= {f"at_{s:g}": v for s, v in zip(STEPS, values, strict=True)}
                falls = all(b < a for a, b in itertools.pairwise(values))
                rows.append(row | {"falls": falls})
        _write(arguments.results / "ffs_damage.csv", rows)
    for label, kind in itertools.product(raters, standin.KINDS):
        some = [row for row in rows if (row["rater"], row["kind"]) == (label, kind)]
        means = [float(np.mean([row[f"at_{s:g}"] for row in some])) for s in STEPS]
        falls = sum(row["falls"] for row in some)
        shown = " ".join(f"{mean:.3f}" for mean in means)
        print(f"{label:<12}{kind:<6} mean {shown}; falls on {falls} of {len(some)} photos")


def iphone(arguments: argparse.Namespace) -> None:
    raters = _raters(arguments)
    rows = []
    for run in arguments.runs:
        for id_, path in find_photos(run / "images").items():
            values = _scores(raters, read_rgb(path), id_)
            rows += [{"rater": k, "run": run.name, "photo": id_, "ffs": values[k]} for k in raters]
            _write(arguments.results / "ffs_iphone.csv", rows)
        for label in raters:
            some = [r["ffs"] for r in rows if (r["rater"], r["run"]) == (label, run.name)]
            print(f"{label:<12}{run.name:<10} mean {np.mean(some):.3f} of {len(some)} photos")


def _raters(arguments: argparse.Namespace) -> dict[str, network.Rater]:
    """The rater of every seed, and the stand-in that ships: heads on one and the same VGG-19."""
    paths = {f"seed{s}": arguments.out / f"seed{s}" / "rater.safetensors" for s in arguments.seeds}
    paths["ffs-standin"] = Path(checkpoints.__file__).parent / "ffs-standin.safetensors"
    return {label: checkpoints.read(path)[0] for label, path in paths.items()}


def _scores(raters: dict[str, network.Rater], image: np.ndarray, id_: str) -> dict[str, float]:
    """FFS by each rater, with VGG-19 run once for all of them (`ffs.scorer.ffs` runs it again)."""
    prepared = crops.prepare(image)
    corners = crops.corners(*HD_SHAPE, id_)
    pixels = np.stack([crops.cut(prepared, corner) for corner in corners])
    widest = max(raters.values(), key=lambda rater: rater.last.in_features)
    seen = network.penultimate_features(widest, pixels)
    parts = dict(zip(widest.layers, seen.split([_width(x) for x in widest.layers], 1), strict=True))
    return {
        label: float(
            network.probabilities(rater, torch.cat([parts[x] for x in rater.layers], 1)).mean()
        )
        for label, rater in raters.items()
    }


def _width(layer: str) -> int:
    return vgg_files.FILTERS[int(layer[4]) - 1]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        circumstances = {"device": "cpu", "load": f"{os.getloadavg()[0]:.1f}", "machine": machine()}
        writer = csv.DictWriter(file, [*rows[0], *circumstances])
        writer.writeheader()
        for row in rows:
            shown = {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()}
            writer.writerow(shown | circumstances)


if __name__ == "__main__":
    main()
