"""The verb ``ffs train``: photos and labels in; a rater, its test and its card out.

Ignatov et al., "WESPE", CVPRW 2018: VGG-19 from ImageNet, one random 224 x 224 patch a photo,
5e-5, batches of 25, early stopping. The optimiser is not given; ours is Adam. `ffs.full` holds
that loop, `ffs.frozen` the training for a processor.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ffs import checkpoints, evaluation, figures, frozen, full, model_card, recipe
from ffs.features import extract
from ffs.manifest import Photo, Ratings, read
from ffs.network import Rater, Start, probabilities, start
from ffs.patches import Photos, Piece, check_files, choose, labels_of
from ffs.recipe import TrainRater
from wespe_bench import atomic, provenance
from wespe_bench.arguments import check_out, cores
from wespe_bench.errors import InputError
from wespe_bench.training import acceleration, curves, resume

#: What the checkpoint is called.
NAME = "rater.safetensors"


def train(
    config: TrainRater, *, command: str = "", kind: str = "rater", title: str = "FFS"
) -> Path:
    """Train, or go on with the training in ``config.out``; returns the checkpoint.

    Raises InputError for settings or photos that will not do, for a loss that is not finite,
    and when disk or memory does not suffice; what is done by then is kept.
    """
    recipe.check(config)
    device = acceleration.choose_device(config.device)
    mode = config.mode if config.mode != "auto" else "full" if device == "cuda" else "frozen"
    precision = acceleration.choose_precision(
        config.precision if mode == "full" else "fp32", device
    )
    ratings = read(config.data)
    splits = choose(ratings, config.photos, config.seed)
    head, layers = recipe.head_of(config), recipe.layers_of(config, mode)
    rater, begun_from = start(
        config.vgg,
        head,
        layers,
        file=config.vgg_file,
        download=config.download,
        width=config.width,
        seed=config.seed,
    )
    out = Path(config.out)
    facts = {
        "ratings": ratings.revision,
        "mode": mode,
        "head": head,
        "layers": " ".join(layers),
        "features": begun_from.describe(),
        "arithmetic": f"{precision} on {device}",
    }
    settings = resume.settings_of(config, recipe.FREE, **facts)
    check_out(out, *resume.MARKS)
    _refuse_other(out, settings)
    check_files(ratings, [photo for split in splits.values() for photo in split])
    resume.announce(out, settings, config)
    photos = Photos(ratings.folder, config.prep, config.seed, config.flip)
    threads = config.jobs or cores()
    test = [Piece(photo, "crops") for photo in splits["test"]]
    if mode == "frozen":
        told, p = _frozen(config, rater, begun_from, photos, splits, test, device, threads)
    else:
        with acceleration.out_of_memory(f"--batch (now {config.batch})"):
            told = full.learn(config, rater, photos, splits, out, settings, device, precision)
            p = full.rated(rater, photos, test, device, threads)
    crops = p.reshape(len(test), -1)
    labels, scores = labels_of(splits["test"]), [photo.score for photo in splits["test"]]
    found = evaluation.judge(crops, labels, scores)
    for line in evaluation.told(found, kind):
        print(line)
    card = checkpoints.Card(
        kind=kind,
        title=title,
        head=head,
        layers=layers,
        width=config.width,
        back_end=begun_from.back_end,
        vgg_sha256=begun_from.sha256,
        whole=mode == "full",
        preparation=config.prep,
        parameters=sum(part.numel() for part in rater.parameters()),
        training=_training(config, ratings, splits, settings, told, command, out),
        test=found,
    )
    path = out / NAME
    digest = checkpoints.write(path, rater, card)
    try:
        _tell(out, card, digest, splits["test"], crops, found)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error})") from None
    return path


def _frozen(
    config: TrainRater,
    rater: Rater,
    begun_from: Start,
    photos: Photos,
    splits: dict[str, tuple[Photo, ...]],
    test: list[Piece],
    device: str,
    threads: int,
) -> tuple[dict[str, Any], np.ndarray]:
    """What the fit told, and P(high) of the test's crops, (5 n,)."""
    import torch

    out = Path(config.out)
    drawn = [
        Piece(photo, "draw", number)
        for photo in splits["train"]
        for number in range(config.patches)
    ]
    held = [Piece(photo, "crop") for photo in splits["validation"]]
    seen = extract(
        rater,
        begun_from,
        photos,
        [*drawn, *held, *test],
        Path(config.cache) if config.cache else out / "features",
        device=device,
        threads=threads,
    )
    rater.cpu()
    first, second = len(drawn), len(drawn) + len(held)
    told = frozen.fit(
        rater,
        np.concatenate(seen[:first]),
        np.repeat(labels_of(splits["train"]), config.patches),
        np.concatenate(seen[first:second]),
        labels_of(splits["validation"]),
        out,
        config.seed,
    )
    return told, probabilities(rater, torch.from_numpy(np.concatenate(seen[second:])))


def _refuse_other(out: Path, settings: dict[str, Any]) -> None:
    """Raise InputError when ``out`` holds a training with other settings."""
    import json

    from wespe_bench import reading

    try:
        before = reading.read_json(out / "settings.json")["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    resume.same_settings(out, before, json.loads(json.dumps(settings)))


def _training(
    config: TrainRater,
    ratings: Ratings,
    splits: dict[str, tuple[Photo, ...]],
    settings: dict[str, Any],
    told: dict[str, Any],
    command: str,
    out: Path,
) -> dict[str, Any]:
    """What the card says of the training."""
    return {
        "photos": {split: len(photos) for split, photos in splits.items()},
        "ratings": ratings.revision,
        "data_note": ratings.note,
        "threshold": ratings.threshold,
        **told,
        "seed": config.seed,
        "command": command,
        "settings": settings,
        "versions": provenance.versions(),
        "curve": curves.summary(curves.read(out)),
    }


def _tell(
    out: Path,
    card: checkpoints.Card,
    digest: str,
    photos: tuple[Photo, ...],
    crops: np.ndarray,
    found: dict[str, Any],
) -> None:
    """Write test.csv, test.png, curves.png and MODEL_CARD.md."""
    header = ["photo", "score", "label", "p_high", *(f"p{i + 1}" for i in range(crops.shape[1]))]
    lines = [",".join(header)]
    for photo, p in zip(photos, crops, strict=True):
        name = photo.id.replace('"', '""')
        numbers = ",".join(f"{value:.6f}" for value in (p.mean(), *p))
        lines.append(f'"{name}",{photo.score:.8g},{photo.label},{numbers}')
    atomic.write_text(out / "test.csv", "\n".join(lines) + "\n")
    figures.draw(out / "test.png", crops.mean(axis=1), labels_of(photos), found)
    curves.draw(out)
    text = model_card.readable(NAME, dataclasses.asdict(card), digest)
    atomic.write_text(out / "MODEL_CARD.md", text)
