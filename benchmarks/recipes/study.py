"""Which recipes train WESPE, and which collapse: the study behind the presets.

    uv run python benchmarks/recipes/study.py --photos CLEAN_PHOTOS --held-out OTHER_CLEAN_PHOTOS

The baseline is fitted on the same photos: tone curves per channel (`train tone`), which have no
seed. The simulated camera takes one half of the clean photos; the other half, other scenes, are
the target. Nothing pairs the two. Each recipe is trained with each seed, and every kept
generator is judged on held-out photos that the same camera took: PSNR and MS-SSIM to the
truth, and PSNR to its own input. Small on purpose (width 32, patches of 48 px, batches of
8), so that a processor can do it. Rows go to results.csv; finished trainings are not
repeated, and a killed one is resumed.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.recipes import trials
from reference_models import banded, checkpoints
from reference_models.dped.recipe import PRESETS as DPED_PRESETS
from reference_models.dped.recipe import TrainDped
from reference_models.dped.train import train as train_dped
from reference_models.tone.enhancer import ToneEnhancer
from reference_models.tone.match import MODELS
from reference_models.tone.train import TrainTone
from reference_models.tone.train import train as train_tone
from reference_models.wespe.recipe import PRESETS, TrainWespe
from reference_models.wespe.train import train as train_wespe
from wespe_bench import atomic
from wespe_bench.datasets.folder import find_photos
from wespe_bench.datasets.local_camera import CAMERAS, SimulatedCamera
from wespe_bench.datasets.simulator import Camera
from wespe_bench.errors import InputError
from wespe_bench.images import quantize, read_rgb, write_png
from wespe_bench.metrics.ms_ssim import MS_SSIM
from wespe_bench.metrics.psnr import PSNR
from wespe_bench.training import curves

HERE = Path(__file__).parent

#: Where crops are taken, in quarters of the room that they have: centre and corners.
PLACES = ((2, 2), (0, 0), (4, 4), (0, 4), (4, 0))
_LITERAL, _ENHANCED = PRESETS["literal"], PRESETS["enhanced"]
_READ = dataclasses.replace(_LITERAL, content="mse", tv="squared_sum", blur=_ENHANCED.blur)


def wespe(base: TrainWespe = _ENHANCED, **changes: object) -> TrainWespe:
    """A recipe: a preset with changes."""
    return dataclasses.replace(base, **changes)


#: What "paper" was before it started from one gamma.
BEFORE = wespe(
    PRESETS["paper"],
    content_on="reconstruction",
    weight_tv=10.0,
    weight_low=0.3,
    init="mean",
)

_NORMAL = {"init": "normal", "init_std": 0.05, "lr_warmup": 1e-3}
_ON_F = {"content_on": "reconstruction"}
_DPED, _ICCV = DPED_PRESETS["dped"], DPED_PRESETS["iccv"]

Enhancer = Callable[[np.ndarray], np.ndarray]


def gamma(photo: np.ndarray) -> np.ndarray:
    return quantize((photo / 255) ** 0.8)


#: name -> recipe. Everything else is as in the preset it starts from.
RECIPES: dict[str, TrainWespe | TrainDped | TrainTone | Enhancer] = {
    # Baselines.
    "gamma 0.8": gamma,
    **{f"tone {model}": TrainTone(model=model) for model in MODELS},
    **{f"tone {model}, blurred": TrainTone(model=model) for model in MODELS},
    # The print, and the print read as DPED's code computes it.
    "literal": _LITERAL,
    "read as DPED's code": _READ,
    "read, identity": wespe(_READ, init="identity", warmup=50),
    "read, identity, scale 0.06": wespe(_READ, init="identity", warmup=50, content_scale=0.06),
    "enhanced": _ENHANCED,
    "paper": PRESETS["paper"],
    "paper, D_c normed": wespe(PRESETS["paper"], colour_norm="instance"),
    "paper, R1 1": PRESETS["paper"],
    "paper, shifted": PRESETS["paper"],
    "paper, matched target": PRESETS["paper"],
    "before": BEFORE,
    "before from mean_std": wespe(BEFORE, init="mean_std"),
    "before from mean_std, tv 4, lr 3e-4": wespe(BEFORE, init="mean_std", weight_tv=4.0, lr=3e-4),
    "before, tv 1, both, low 0.1": wespe(BEFORE, weight_tv=1.0, content_on="both", weight_low=0.1),
    # One departure taken back at a time.
    "enhanced on F(G(x))": wespe(**_ON_F),
    "enhanced on both": wespe(content_on="both"),
    "enhanced, scale 0.14": wespe(content_scale=0.14),
    "enhanced, scale 1": wespe(content_scale=1.0),
    "enhanced, tv 10": wespe(weight_tv=10.0),
    "enhanced, tv 3": wespe(weight_tv=3.0),
    "enhanced, normal start": wespe(**_NORMAL),
    "enhanced, no warm-up": wespe(warmup=0),
    "enhanced, lr 1e-4": wespe(lr=1e-4),
    "enhanced, rates 5e-4": wespe(lr=5e-4, lr_disc=5e-4),
    "enhanced, beta1 0.9": wespe(beta1=0.9),
    "enhanced, no clipping": wespe(clip=0.0),
    "enhanced, no average": wespe(ema=0.0),
    # Other choices.
    "enhanced on F(G(x)), identity 1": wespe(**_ON_F, weight_identity=1.0),
    "enhanced on F(G(x)), low 1": wespe(**_ON_F, weight_low=1.0),
    "enhanced, blur var3": wespe(blur="gauss21_var3"),
    "enhanced, blur dped": wespe(blur="dped"),
    "enhanced, mean": wespe(adversarial="mean", weight_colour=0.04, weight_texture=0.04),
    "enhanced, turned": wespe(turn=True),
    "stable": PRESETS["stable"],
    # Supervised.
    "dped": _DPED,
    "dped, identity": dataclasses.replace(_DPED, init="identity"),
    "dped, small": dataclasses.replace(
        _DPED, init="identity", content_scale=0.05, lr=1e-3, ema=0.99
    ),
    "dped iccv, identity": dataclasses.replace(_ICCV, init="identity"),
}


#: name -> what the trainer has no option for.
TRIALS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "paper, R1 1": partial(trials.r1, 1.0),
    "paper, shifted": trials.translation,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", required=True, help="clean photos to train on")
    parser.add_argument("--held-out", required=True, help="clean photos to judge on")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--camera", choices=CAMERAS, default="local")
    parser.add_argument("--precision", default="auto", help="fp32, or bf16 where the CPU has it")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--patch", type=int, default=48)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=256, help="of the held-out centre crops")
    parser.add_argument("--work", default="runs/recipes", help="trainings and simulated photos")
    parser.add_argument("--results", type=Path, default=HERE / "results.csv")
    arguments = parser.parse_args()
    unknown = set(arguments.recipes) - RECIPES.keys()
    if unknown:
        parser.error(f"no recipe {sorted(unknown)[0]!r}; there are {', '.join(RECIPES)}")
    work = Path(arguments.work)
    camera = CAMERAS[arguments.camera]()
    phone, target, paired = simulate(Path(arguments.photos), work, camera)
    held_out = crops(Path(arguments.held_out), arguments.side, camera)
    common = {
        name: getattr(arguments, name)
        for name in ("iterations", "width", "patch", "batch", "precision")
    } | {"preview_every": arguments.every, "device": "cpu"}
    for seed in arguments.seeds:
        for name in arguments.recipes:
            recipe = RECIPES[name]
            if not isinstance(recipe, TrainWespe | TrainDped):
                if seed == arguments.seeds[0]:  # they have none
                    sides = {"source": str(phone), "target": str(target)}
                    judge_fixed(name, recipe, work / name, sides, held_out, arguments)
                continue
            recipe = dataclasses.replace(recipe, **common, seed=seed)
            out = work / f"w{arguments.width}-p{arguments.patch}-b{arguments.batch}" / name
            out = out / str(seed)
            begun, ended = time.process_time(), "done"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if isinstance(recipe, TrainWespe):
                        good = target
                        if name.endswith("matched target"):
                            good = trials.matched(phone, target, work / "photos" / "matched")
                        recipe = dataclasses.replace(
                            recipe, source=str(phone), target=str(good), out=str(out)
                        )
                        with TRIALS.get(name, nullcontext)():
                            train_wespe(recipe)
                    else:
                        recipe = dataclasses.replace(
                            recipe, input=str(phone), reference=str(paired), out=str(out)
                        )
                        train_dped(recipe)
            except InputError as error:
                ended = str(error)
            took = time.process_time() - begun
            judge(name, seed, kept(out), held_out, arguments, ended, took)
            print(signs(out), flush=True)


def judge_fixed(
    name: str,
    recipe: TrainTone | Enhancer,
    out: Path,
    sides: dict[str, str],
    held_out: list[tuple[np.ndarray, np.ndarray]],
    arguments: argparse.Namespace,
) -> None:
    """A baseline: a function, or tone curves, which are fitted first."""
    begun = time.process_time()
    if isinstance(recipe, TrainTone):
        path = train_tone(dataclasses.replace(recipe, **sides, out=str(out)))
        enhance: Enhancer = ToneEnhancer(path)
        if name.endswith("blurred"):
            enhance = partial(blurred, enhance)
    else:
        enhance = recipe
    took = time.process_time() - begun
    judge(name, "", [(0, np.copy), ("", enhance)], held_out, arguments, "done", took)


def blurred(enhance: Enhancer, photo: np.ndarray) -> np.ndarray:
    """Enhanced, then blurred with a sigma of 1.5 px: what anybody does about grain."""
    return quantize(gaussian_filter(enhance(photo) / 255, (1.5, 1.5, 0)))


def simulate(photos: Path, work: Path, camera: SimulatedCamera) -> tuple[Path, Path, Path]:
    """Folders: what the camera took of every other photo, the rest untouched, and the truth."""
    found = find_photos(photos)
    phone, target, truth = (work / "photos" / name for name in ("phone", "target", "truth"))
    for number, (id_, path) in enumerate(sorted(found.items())):
        if number % 2:
            if not (target / f"{id_}.png").is_file():
                write_png(target / f"{id_}.png", read_rgb(path))
        elif not (phone / f"{id_}.jpg").is_file():
            scene = read_rgb(path)
            write_png(truth / f"{id_}.png", scene)
            atomic.write_bytes(phone / f"{id_}.jpg", camera.photograph(scene, id_))
    return phone, target, truth


def crops(photos: Path, side: int, camera: SimulatedCamera) -> list[tuple[np.ndarray, np.ndarray]]:
    """Crops of what the camera took of held-out photos, and of the truth.

    From the centre; with the local camera by turns from the four corners and the centre.
    """
    pairs = []
    for number, (id_, path) in enumerate(sorted(find_photos(photos).items())):
        scene = read_rgb(path)
        taken = read_rgb(camera.photograph(scene, id_), name=id_)
        place = (2, 2) if isinstance(camera, Camera) else PLACES[number % len(PLACES)]
        room = (scene.shape[0] - side, scene.shape[1] - side)
        top, left = (share * free // 4 for share, free in zip(place, room, strict=True))
        window = slice(top, top + side), slice(left, left + side)
        pairs.append((taken[window].copy(), scene[window].copy()))
    return pairs


def kept(out: Path) -> list[tuple[int | str, Enhancer]]:
    """What a training left: (iteration, enhancer); iteration 0 is the input itself."""
    found: list[tuple[int | str, Enhancer]] = [(0, np.copy)]
    for path in sorted((out / "generators").glob("*.safetensors")):
        generator = checkpoints.read(path)[0]
        found.append((int(path.stem), partial(banded.whole, generator)))
    return found


def judge(
    name: str,
    seed: int | str,
    enhancers: list[tuple[int | str, Enhancer]],
    held_out: list[tuple[np.ndarray, np.ndarray]],
    arguments: argparse.Namespace,
    ended: str,
    seconds: float,
) -> None:
    """A row for each of the ``enhancers``, which go with the iteration they were kept at."""
    rows = []
    fitted = seed == ""  # tone curves have neither a seed nor a size
    size = {n: "" if fitted else getattr(arguments, n) for n in ("width", "patch", "batch")}
    for iteration, enhance in enhancers:
        scores = []
        for taken, scene in held_out:
            result = quantize(enhance(taken))
            scores.append(
                [value(f.compute(result, scene)) for f in (PSNR, MS_SSIM)]
                + [min(value(PSNR.compute(result, taken)), 99.0), result.std()]
            )
        psnr, ms_ssim, to_input, spread = np.mean(scores, axis=0)
        rows.append(
            {
                "recipe": name,
                "seed": seed,
                "iteration": iteration,
                "psnr": f"{psnr:.3f}",
                "ms_ssim": f"{ms_ssim:.4f}",
                "psnr_to_input": f"{to_input:.2f}",
                "spread": f"{spread:.2f}",
                "photos": len(held_out),
                **size,
                "seconds": f"{seconds:.0f}",
                "ended": ended.replace(",", ";")[:160],
            }
        )
    print(f"{name} #{seed}: {' '.join(row['psnr'] for row in rows)} dB; {ended}", flush=True)
    old = []
    if arguments.results.is_file():
        with arguments.results.open(newline="") as file:
            key = (name, str(seed), str(size["width"]), str(size["patch"]))
            old = [
                row
                for row in csv.DictReader(file)
                if (row["recipe"], row["seed"], row["width"], row["patch"]) != key
            ]
    with arguments.results.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([*old, *rows])


def signs(out: Path) -> str:
    """How the discriminators stood at a training's end."""
    last = (curves.read(out) or [{}])[-1]
    return ", ".join(f"{k} {v:.3g}" for k, v in last.items() if k.startswith(("acc", "active")))


def value(score: float | dict[str, float]) -> float:
    return float(score["value"] if isinstance(score, dict) else score)


if __name__ == "__main__":
    main()
