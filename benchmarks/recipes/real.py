"""WESPE on a real phone's photos, with other cameras' good photos as the unpaired target.

    uv run python benchmarks/recipes/real.py --photos PHONE_PHOTOS --target GOOD_PHOTOS ...

Nobody has the truth of such photos. What can be seen: whether G(x) is still the photo
(PSNR to its input), and whether the brightness and the colours of photos that it was not
trained on come nearer to the target's (Wasserstein distance of the histograms of Y, Cb and
Cr, pooled over the photos, in levels). CORNIA, HOSA (with a model), entropy and PNG bits per
pixel stand beside it, before and after, through `enhance` and `score`.

Tone curves fitted on the same photos (`train tone`), all three kinds, stand beside it as the
baseline; --tone-only measures them alone and leaves WESPE's rows as they are.

The photos are split into as many parts as there are seeds; each seed trains on all parts but
one and is judged on that one, so that every photo is judged once, unseen.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import wasserstein_distance

from reference_models.tone.match import MODELS
from reference_models.tone.train import TrainTone
from reference_models.tone.train import train as train_tone
from reference_models.wespe.recipe import PRESETS
from reference_models.wespe.train import train
from wespe_bench import enhance, load_dataset, score
from wespe_bench.datasets.folder import find_photos
from wespe_bench.images import read_rgb
from wespe_bench.metrics.psnr import PSNR

HERE = Path(__file__).parent
CHANNELS = ("Y", "Cb", "Cr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="the phone's")
    parser.add_argument("--target", type=Path, nargs="+", required=True, help="good photos")
    parser.add_argument("--hosa", type=Path, help="the authors' model, from import hosa")
    parser.add_argument("--preset", default="paper", choices=PRESETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", type=int, nargs="*", help="of the seeds, do these now")
    parser.add_argument("--tone-only", action="store_true", help="train no WESPE")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--patch", type=int, default=48)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--work", type=Path, default=Path("runs/recipes-real"))
    parser.add_argument("--results", type=Path, default=HERE / "real.csv")
    arguments = parser.parse_args()
    goods = {p.resolve() for folder in arguments.target for p in find_photos(folder).values()}
    target = linked(goods, arguments.work / "target")
    wanted = histograms(sorted(goods))
    photos = sorted(find_photos(arguments.photos).values())
    for turn, seed in enumerate(arguments.seeds):
        if arguments.only is not None and seed not in arguments.only:
            continue
        held_out = photos[turn :: len(arguments.seeds)]
        work = arguments.work / str(seed)
        source = linked(set(photos) - set(held_out), work / "source")
        linked(set(held_out), work / "held-out")
        recipe = dataclasses.replace(
            PRESETS[arguments.preset],
            **{name: getattr(arguments, name) for name in ("iterations", "width", "patch")},
            batch=arguments.batch,
            source=str(source),
            target=str(target),
            out=str(work / "training"),
            preview_every=arguments.iterations,
            device="cpu",
            seed=seed,
        )
        specs = {"before": "identity"}
        for model in MODELS:
            fit = TrainTone(str(source), str(target), model, str(work / f"tone-{model}"))
            specs[f"tone {model}"] = f"tone:{train_tone(fit, quiet=True)}"
        if not arguments.tone_only:
            specs["after"] = f"wespe:{train(recipe)}"
        record(arguments, seed, specs, work, wanted)


def linked(photos: set[Path], folder: Path) -> Path:
    """A folder that holds links to these photos."""
    folder.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        link = folder / f"{photo.parent.name}-{photo.name}"
        if not link.exists():
            link.symlink_to(photo.resolve())
    return folder


def histograms(photos: list[Path]) -> list[np.ndarray]:
    """Shares of the 256 levels of Y, Cb and Cr; every photo counts alike."""
    totals = [np.zeros(256) for _ in CHANNELS]
    for photo in photos:
        planes = Image.fromarray(read_rgb(photo)).convert("YCbCr").split()
        for total, plane in zip(totals, planes, strict=True):
            counts = np.bincount(np.asarray(plane).ravel(), minlength=256)
            total += counts / counts.sum() / len(photos)
    return totals


def record(
    arguments: argparse.Namespace,
    seed: int,
    specs: Mapping[str, str],
    work: Path,
    wanted: list[np.ndarray],
) -> None:
    """A row for each enhancer, by what it is called, on the seed's held-out photos."""
    dataset = load_dataset("folder", input=work / "held-out", name=f"held-out-{seed}")
    metrics = ["cornia", "entropy", "bpp"]
    metrics += [f"hosa:{arguments.hosa}"] if arguments.hosa else []
    rows = []
    for label, spec in specs.items():
        run = enhance(spec, dataset, work / "runs" / label, label=label)
        frame = score(run, metrics)
        values = frame.groupby("metric")["value"].mean()
        results = [run.folder / "images" / f"{sample.id}.png" for sample in dataset.samples]
        found = histograms(results)
        levels = np.arange(256)
        row = {"seed": seed, "photos": " ".join(s.id for s in dataset.samples), "what": label}
        pairs = zip(results, dataset.samples, strict=True)
        to_input = [PSNR.compute(read_rgb(png), read_rgb(s.path)) for png, s in pairs]
        row["psnr_to_input"] = f"{np.mean([min(value, 99.0) for value in to_input]):.2f}"
        row["psnr_to_input_least"] = f"{min(*to_input, 99.0):.2f}"
        for name, ours, theirs in zip(CHANNELS, found, wanted, strict=True):
            row[f"distance_{name}"] = f"{wasserstein_distance(levels, levels, ours, theirs):.2f}"
        row |= {name.partition(":")[0]: f"{value:.3f}" for name, value in sorted(values.items())}
        settings = ("preset", "iterations", "width", "patch", "batch")
        trained = not label.startswith("tone")
        row |= {name: getattr(arguments, name) if trained else "" for name in settings}
        print(row, flush=True)
        rows.append(row)
    kept = []
    if arguments.results.is_file():
        with arguments.results.open(newline="") as file:
            kept = [
                row
                for row in csv.DictReader(file)
                if row["seed"] != str(seed) or row["what"] not in specs
            ]
    with arguments.results.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(sorted([*kept, *rows], key=lambda row: int(row["seed"])))


if __name__ == "__main__":
    main()
