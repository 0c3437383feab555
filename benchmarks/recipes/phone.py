"""WESPE on a real phone's photos, judged on real pairs of other scenes.

    uv run python benchmarks/recipes/phone.py --source PHONE --target GOOD_PHOTOS \
      --input PAIRS_PHONE --reference PAIRS_DSLR --recipes paper "paper, tv 1" --seeds 0 1 2

The training sees --source and --target only, which nothing pairs; --input and --reference are
pairs that judge what it left. Beside it stand the photos as they are, a gamma and the tone curves
fitted on the same photos. A row for each photo: PSNR, SSIM, MS-SSIM, and how far the mean Cb and
Cr are from the reference's (levels). Finished trainings are not repeated, a killed one is resumed.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.recipes.study import BEFORE, gamma, value
from reference_models import banded, checkpoints
from reference_models.tone.enhancer import ToneEnhancer
from reference_models.tone.match import MODELS
from reference_models.tone.train import TrainTone
from reference_models.tone.train import train as train_tone
from reference_models.wespe.recipe import PRESETS
from reference_models.wespe.train import train as train_wespe
from wespe_bench.datasets.folder import find_photos
from wespe_bench.images import quantize, read_rgb
from wespe_bench.metrics.ms_ssim import MS_SSIM
from wespe_bench.metrics.psnr import PSNR
from wespe_bench.metrics.ssim import SSIM

_CHANGES: dict[str, dict[str, object]] = {
    "before": {},
    "before, tv 4": {"weight_tv": 4.0},
    "before, tv 1": {"weight_tv": 1.0},
    "before, tv 1, low 1": {"weight_tv": 1.0, "weight_low": 1.0},
    "before, tv 1, low 0.1": {"weight_tv": 1.0, "weight_low": 0.1},
    "before, tv 1, both": {"weight_tv": 1.0, "content_on": "both"},
    "before, tv 1, lr 1e-4": {"weight_tv": 1.0, "lr": 1e-4},
    "before, tv 1, low 0, identity": {"weight_tv": 1.0, "weight_low": 0.0, "init": "identity"},
    "before, tv 1, both, lr 1e-4": {"weight_tv": 1.0, "content_on": "both", "lr": 1e-4},
    "before, tv 1, both, low 0.1": {"weight_tv": 1.0, "content_on": "both", "weight_low": 0.1},
}
RECIPES = {
    **{name: dataclasses.replace(BEFORE, **changes) for name, changes in _CHANGES.items()},
    "paper": PRESETS["paper"],
    "paper from gain": dataclasses.replace(PRESETS["paper"], init="gain"),
    "paper from gain, low 1": dataclasses.replace(PRESETS["paper"], init="gain", weight_low=1.0),
}

Enhancer = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for side in ("source", "target", "input", "reference"):
        parser.add_argument(f"--{side}", required=True)
    parser.add_argument("--recipes", nargs="*", default=["paper"], choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--patch", type=int, default=48)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--precision", default="auto", help="fp32, or bf16 where the CPU has it")
    parser.add_argument("--work", type=Path, default=Path("runs/recipes-phone"))
    parser.add_argument("--results", type=Path, required=True)
    arguments = parser.parse_args()
    references = find_photos(Path(arguments.reference))
    pairs = {
        id_: (read_rgb(path), read_rgb(references[id_]))
        for id_, path in find_photos(Path(arguments.input)).items()
    }
    sides = {"source": arguments.source, "target": arguments.target}
    judge(arguments, "identity", "", "", np.copy, pairs)
    judge(arguments, "gamma 0.8", "", "", gamma, pairs)
    for model in MODELS:
        fit = TrainTone(**sides, model=model, out=str(arguments.work / f"tone {model}"))
        tone = ToneEnhancer(train_tone(fit, quiet=True))
        judge(arguments, f"tone {model}", "", "", tone, pairs)
    size = {n: getattr(arguments, n) for n in ("width", "patch", "batch", "precision")}
    for name in arguments.recipes:
        for seed in arguments.seeds:
            out = arguments.work / name / str(seed)
            recipe = dataclasses.replace(
                RECIPES[name],
                **sides,
                **size,
                iterations=arguments.iterations,
                preview_every=arguments.every,
                device="cpu",
                seed=seed,
                out=str(out),
            )
            train_wespe(recipe)
            for path in sorted((out / "generators").glob("*.safetensors")):
                generator = checkpoints.read(path)[0]
                enhance = partial(banded.whole, generator)
                judge(arguments, name, seed, int(path.stem), enhance, pairs)


def judge(
    arguments: argparse.Namespace,
    name: str,
    seed: int | str,
    iteration: int | str,
    enhance: Enhancer,
    pairs: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    """Write a row for each pair; rows of the same recipe, seed and iteration are replaced."""
    rows = []
    for id_, (taken, truth) in pairs.items():
        result = quantize(enhance(taken))
        row = {"recipe": name, "seed": str(seed), "iteration": str(iteration), "photo": id_}
        row["psnr"] = f"{value(PSNR.compute(result, truth)):.3f}"
        row["ssim"] = f"{value(SSIM.compute(result, truth)):.4f}"
        row["ms_ssim"] = f"{value(MS_SSIM.compute(result, truth)):.4f}"
        off = chroma(result) - chroma(truth)
        row["cb_off"], row["cr_off"] = (f"{levels:.2f}" for levels in off)
        for setting in ("width", "patch", "batch"):
            row[setting] = str(getattr(arguments, setting)) if seed != "" else ""
        rows.append(row)
    means = {key: np.mean([float(row[key]) for row in rows]) for key in ("psnr", "ms_ssim")}
    print(
        f"{name} #{seed} @{iteration}: {means['psnr']:.3f} dB, {means['ms_ssim']:.4f}", flush=True
    )
    kept = []
    if arguments.results.is_file():
        with arguments.results.open(newline="") as file:
            key = (name, str(seed), str(iteration))
            kept = [
                row
                for row in csv.DictReader(file)
                if (row["recipe"], row["seed"], row["iteration"]) != key
            ]
    with arguments.results.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


def chroma(photo: np.ndarray) -> np.ndarray:
    """Mean Cb and Cr of a uint8 ``(H, W, 3)`` photo, in levels."""
    return np.asarray(Image.fromarray(photo).convert("YCbCr"), float)[..., 1:].mean((0, 1))


if __name__ == "__main__":
    main()
