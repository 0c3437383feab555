"""The stand-in rater for demonstrations, made from the packaged photos that may be fitted on.

    python -m ffs.standin --out ffs/ffs-standin.safetensors

Ten real photos that no table uses (`samples_fit`), damaged by known amounts, with simulated
faves (`simulate`); a frozen training on them. The result is a stand-in by its card.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shlex
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ffs import manifest
from wespe_bench import atomic, provenance
from wespe_bench.arguments import parse
from wespe_bench.images import check_rgb, quantize, read_rgb, write_png
from wespe_bench.progress import bar

#: Changes when the same photo, name and seed would give other pixels or faves.
VERSION = 1

KINDS = ("blur", "noise", "jpeg")

#: Faves per view of an undamaged photo; what strength takes off, and chance adds, as logarithms.
BEST, FALL, TASTE = 0.06, 4.0, 0.2


def damage(image: np.ndarray, kind: str, strength: float, key: str = "") -> np.ndarray:
    """uint8 (H, W, 3), damaged: the same shape.

    ``strength`` 0 changes nothing. 1 is a Gaussian blur of 3 px standard deviation, white noise
    of 30 levels, or JPEG quality 5; between, blur and noise grow in proportion and quality
    falls from 95 along a geometric series. Noise follows from ``key``. Raises ValueError for
    another kind, or a strength outside [0, 1].
    """
    from scipy.ndimage import gaussian_filter

    check_rgb(image)
    if kind not in KINDS or not 0 <= strength <= 1:
        raise ValueError(f"{kind} {strength}: expected one of {', '.join(KINDS)}, 0 to 1")
    if strength == 0:
        return image
    if kind == "blur":
        sigma = 3 * strength
        soft = gaussian_filter(image.astype(np.float32), (sigma, sigma, 0), mode="nearest")
        return quantize(soft / 255)
    if kind == "noise":
        noise = generator("noise", key).standard_normal(image.shape, np.float32)
        return quantize((image + 30 * strength * noise) / 255)
    quality = round(95 * (5 / 95) ** strength)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(buffer).convert("RGB"))


def faves(strength: float, key: str) -> tuple[int, int]:
    """Views and faves of a photo of this strength: ``views`` from 100 to 10,000, log-uniform.

    >>> faves(0.0, "a"), faves(1.0, "a")
    ((7476, 443), (7476, 8))
    """
    rng = generator("faves", key)
    views = round(10 ** rng.uniform(2, 4))
    taste = TASTE * rng.standard_normal()
    return views, int(rng.binomial(views, min(1.0, BEST * np.exp(taste - FALL * strength))))


def simulate(folder: Path, scenes: Sequence[tuple[str, Path]], each: int) -> Path:
    """Write ``each`` damaged versions of every scene as PNG, and their CSV for `ffs build`.

    ``scenes`` are (name, photo); a photo's owner is its scene, so no split sees another's.
    Kinds take turns and strengths are spread over 0 to 1. Photos that are there stay. Raises
    InputError when a photo cannot be read, OSError when one cannot be written.
    """
    rounds = -(-each // len(KINDS))
    lines = ["path,views,faves,owner"]
    with bar(len(scenes), "simulate") as progress:
        for name, path in scenes:
            image: np.ndarray | None = None
            for number in range(each):
                id_ = f"{name}-{number:02d}"
                target = folder / f"{id_}.png"
                share = generator("strength", id_).uniform()
                strength = (number // len(KINDS) + share) / rounds
                if not target.is_file():
                    image = read_rgb(path) if image is None else image
                    write_png(target, damage(image, KINDS[number % len(KINDS)], strength, id_))
                views, faved = faves(strength, id_)
                lines.append(f"{id_}.png,{views},{faved},{name}")
            progress.update()
    atomic.write_text(folder / "photos.csv", "\n".join([*lines, ""]))
    return folder / "photos.csv"


def generator(purpose: str, key: str) -> np.random.Generator:
    """Random numbers that follow from both texts."""
    digest = hashlib.sha256(f"ffs simulated {VERSION} {purpose} {key}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


TITLE = "FFS stand-in (simulated)"

#: What the manifest, and so the card, says of where the faves come from.
NOTE = "simulated faves of packaged photos damaged by known amounts; nobody rated them"

#: Scenes that stop the training, and that test it; it learns from the rest.
VALIDATION, TEST = ("camera",), ("flower", "gravel")

#: Where damage shows and, among nine scenes, what is shown does not yet.
LAYERS = ("relu2_2", "relu3_4", "relu4_4")


@dataclass(frozen=True)
class MakeStandin:
    """Train the stand-in rater again.

    Example:
      python -m ffs.standin --out ffs/ffs-standin.safetensors
    """

    out: str = "ffs-standin.safetensors"
    """The checkpoint to write; its card (.md) goes beside it."""
    work: str = "runs/standin"
    """Where the simulated set and the training go."""
    each: int = 15
    """Damaged versions of each photo."""
    patches: int = 2
    """Patches of each version."""
    seed: int = 0
    """Of the patches."""


def make(config: MakeStandin, command: str) -> Path:
    """Simulate, train, and copy checkpoint and card to ``config.out``."""
    from ffs.recipe import TrainRater
    from ffs.train import train
    from wespe_bench.registry import load_dataset

    work = Path(config.work)
    samples = load_dataset("samples_fit", data=work).samples
    # Two views of one scene are one scene.
    scenes = [(s.id, s.reference or s.path) for s in samples if s.id != "motorcycle_right"]
    _rate(simulate(work / "ratings", scenes, config.each), config.seed)
    recipe = TrainRater(
        data=str(work / "ratings"),
        out=str(work / "rater"),
        mode="frozen",
        layers=LAYERS,
        patches=config.patches,
        seed=config.seed,
        device="cpu",
    )
    made = train(recipe, command=command, kind="stand-in", title=TITLE)
    out = Path(config.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, out)
    card = (made.parent / "MODEL_CARD.md").read_text("utf-8")
    out.with_suffix(".md").write_text(card.replace(made.name, out.name, 1), "utf-8")
    return out


def _rate(table: Path, seed: int) -> None:
    """Label and split the photos of `simulate`'s CSV, and write their manifest.

    `ffs build` would leave out most of so few scenes, lest one be most of a test.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = [(row, int(row["faves"]) / int(row["views"])) for row in csv.DictReader(file)]
    split = dict.fromkeys(VALIDATION, "validation") | dict.fromkeys(TEST, "test")
    train = [score for row, score in rows if row["owner"] not in split]
    threshold = statistics.median(train)
    photos = [
        manifest.Photo(
            id=Path(row["path"]).stem,
            path=row["path"],
            views=int(row["views"]),
            faves=int(row["faves"]),
            owner=row["owner"],
            uploaded="",
            label=manifest.label_of(score, threshold),
            split=split.get(row["owner"], "train"),
            sha256=provenance.sha256_file(table.parent / row["path"]),
        )
        for row, score in rows
    ]
    manifest.write(manifest.ratings(table.parent, photos, threshold, seed, NOTE))


def main() -> None:
    """The command."""
    argv = sys.argv[1:]
    config = parse(MakeStandin, argv, "standin")
    if config is not None:
        print(make(config, shlex.join(["python", "-m", "ffs.standin", *argv])))


if __name__ == "__main__":
    main()
