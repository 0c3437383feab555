"""The training of a rater: photos and labels in; a rater, its test and its card out.

Ignatov et al., "WESPE", CVPRW 2018: VGG-19 from ImageNet, one random 224 x 224 patch a photo,
5e-5, batches of 25, early stopping. The paper does not name the optimiser; ours is Adam. `ffs.full`
is that training, `ffs.frozen` one for a CPU, also on other networks (`ffs.feature_networks`).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from ffs import (
    baselines,
    checkpoints,
    evaluation,
    feature_networks,
    frozen,
    full,
    licences,
    model_card,
    recipe,
    temperature,
)
from ffs.manifest import Photo, Ratings, read
from ffs.network import Rater, Start, start
from ffs.patches import Photos, check_files, choose, labels_of
from ffs.recipe import TrainRater
from wespe_bench import atomic, provenance
from wespe_bench.arguments import command_line
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_out, parse_seeds
from wespe_bench.training import acceleration, curves, resume
from wespe_bench.training.session import Session

#: The checkpoint's file name.
NAME = "rater.safetensors"


def train(
    config: TrainRater, *, command: str = "", kind: str = "rater", title: str = "FFS"
) -> Path:
    """Train a rater, or resume the training in ``config.out``; returns the checkpoint.

    Args:
        config: The options.
        command: The command line, for the card.
        kind: One of `checkpoints.KINDS`.
        title: The rater's title in tables.

    Raises:
        InputError: Options or photos that cannot be trained on, a loss that is not finite, or a
            lack of memory or disk; what is done is kept.
    """
    recipe.check(config)
    if config.features == feature_networks.ONNX:
        config = dataclasses.replace(config, device="cpu")
    mode = config.mode
    if mode == "auto":
        device = acceleration.choose_device(config.device)
        mode = "full" if device == "cuda" and config.features == recipe.VGG else "frozen"
    whole = mode == "full"
    recipe.warn_of_unused(config, mode)
    with Session(
        config,
        recipe.FREE,
        precision="" if whole else "fp32",
        lower=("batch",) if whole else (),
        remedy=full.REMEDY,
        alone=True,
    ) as session:
        ratings = _licensed(read(config.data), config.license_only)
        splits = choose(ratings, config.photos, config.seed)
        head, layers = recipe.head_of(config), recipe.layers_of(config, mode)
        rater, begun_from = _start(config, head, layers)
        facts = {
            "ratings": " only ".join(filter(None, (ratings.revision, config.license_only))),
            "mode": mode,
            "head": head,
            "layers": " ".join(layers),
            "features": begun_from.describe(),
            "arithmetic": f"{session.precision} on {session.device}",
        }
        session.open(Path(config.out), facts)
        resume.check_written_settings(session.out, session.settings)
        check_files(ratings, [photo for split in splits.values() for photo in split])
        photos = Photos(ratings.folder, config.prep, config.seed, config.flip)
        learn = full.learn if whole else frozen.learn
        record, held, p = learn(session, config, rater, begun_from, photos, splits)
        scores = [photo.score for photo in splits["test"]]
        truth = labels_of(splits["test"])
        test = evaluation.evaluate(p, truth, scores)
        test["calibrated"] = evaluation.calibrated(held, labels_of(splits["validation"]), p, truth)
        right = (p.mean(axis=1) > 0.5) == truth
        test["baselines"] = baselines.judged(right, baselines.rights(splits, photos))
        simulated = checkpoints.simulated(kind, ratings.note)
        for line in [*evaluation.lines(test, simulated), *baselines.lines(test["baselines"])]:
            print(line)
        training = {
            "photos": {split: len(photos) for split, photos in splits.items()},
            "ratings": ratings.revision,
            "data_note": ratings.note,
            "label_rule": ratings.label,
            "threshold": ratings.threshold,
            **record,
            **({"features_file": Path(config.features_file).name} if config.features_file else {}),
            "seed": config.seed,
            "command": command,
            "settings": recipe.used(session.settings, mode, config.features),
            "parameters_learned": sum(part.numel() for part in rater.last.parameters()),
            "versions": provenance.versions(),
            "curve": curves.summary(curves.read(session.out)),
        }
        shown = f"{title} (simulated faves)" if simulated and kind == "rater" else title
        card = checkpoints.Card(
            *(kind, shown, head, layers, rater.width, begun_from.back_end, begun_from.sha256),
            *(whole, config.prep, sum(part.numel() for part in rater.parameters())),
            *(training, test, test["calibrated"]["temperature"]),
            normalisation=rater.normalisation,
        )
        digest = checkpoints.write(session.out / NAME, rater, card)
        _write_test(session.out, card, digest, splits["test"], p)
    return session.out / NAME


def _start(config: TrainRater, head: str, layers: tuple[str, ...]) -> tuple[Rater, Start]:
    """The rater before its training."""
    if config.features != recipe.VGG:
        return feature_networks.start(
            config.features,
            file=config.features_file,
            normalisation=config.normalisation,
            download=config.download,
            seed=config.seed,
        )
    return start(
        *(config.vgg, head, layers),
        file=config.vgg_file,
        download=config.download,
        width=config.width,
        seed=config.seed,
    )


def _licensed(ratings: Ratings, only: str) -> Ratings:
    """The data set with photos of these licences; their labels stay. Raises InputError."""
    if not only:
        return ratings
    wanted = licences.parse(only)
    photos = tuple(photo for photo in ratings.photos if licences.taken(wanted, photo.licence))
    if not photos:
        known = ", ".join(sorted({photo.licence or "unknown" for photo in ratings.photos}))
        raise InputError(f"--license-only {only}: no photo of {ratings.folder} has it, but {known}")
    print(f"--license-only {only}: {len(photos)} of {len(ratings.photos)} photos")
    return dataclasses.replace(ratings, photos=photos)


def _write_test(
    out: Path, card: checkpoints.Card, digest: str, photos: tuple[Photo, ...], p: np.ndarray
) -> None:
    """Write test.csv, test.png, curves.png and MODEL_CARD.md."""
    header = ["photo", "faves_per_view", "label", "ffs", "calibrated"]
    header += [f"p{i + 1}" for i in range(p.shape[1])]
    found = temperature.scaled(p.mean(axis=1), card.temperature or 1.0)
    rows = [",".join(header)]
    for photo, crops, calibrated in zip(photos, p, found, strict=True):
        name = photo.id.replace('"', '""')
        numbers = ",".join(f"{value:.6f}" for value in (crops.mean(), calibrated, *crops))
        rows.append(f'"{name}",{photo.score:.8g},{photo.label},{numbers}')
    atomic.write_text(out / "test.csv", "\n".join(rows) + "\n")
    model_card.draw(out / "test.png", p.mean(axis=1), labels_of(photos), card.test)
    curves.draw(out)
    text = model_card.readable(NAME, dataclasses.asdict(card), digest)
    atomic.write_text(out / "MODEL_CARD.md", text)


def main(config: TrainRater) -> int:
    """``wespe-bench ffs train RATINGS``; the exit code."""
    path = (train if config.seeds is None else train_seeds)(config, command=command_line())
    print(
        f"{path}: score with --metrics ffs:{path}, or wespe-bench ffs score PHOTOS --rater {path}"
    )
    return 0


def train_seeds(config: TrainRater, *, command: str = "") -> Path:
    """Train a rater with each of ``config.seeds`` in OUT/seed-N; returns the first seed's, in OUT.

    Each is the rater that its seed alone would give. What does not depend on the seed, the features
    of the validation and test photos, is computed once, in OUT/features. The first seed is taken,
    not the best: which one is best the test photos must not decide.

    Raises:
        InputError: As `train`, or OUT holds one training; seeds that are done are kept.
    """
    seeds = parse_seeds(config.seeds or "")
    out = Path(config.out)
    check_out(out)
    if (out / resume.SETTINGS).exists():
        raise InputError(f"{out} holds one training; choose another --out for --seeds")
    rows, paths = [], []
    for seed in seeds:
        print(f"seed {seed}")
        one = dataclasses.replace(
            config,
            seeds=None,
            seed=seed,
            out=str(out / f"seed-{seed}"),
            cache=config.cache or str(out / "features"),
        )
        paths.append(train(one, command=command))
        rows.append({"seed": seed} | evaluation.summary(checkpoints.read_card(paths[-1])[0].test))
    text = evaluation.write_seeds(out, rows)
    shipped = f"{NAME} is that of seed {seeds[0]}, the first: the test photos chose none."
    for path in (paths[0], paths[0].with_name("MODEL_CARD.md")):
        data = path.read_bytes()
        if path.suffix == ".md":
            data += f"\n## Seeds\n\n{text}\n\n{shipped}\n".encode()
        atomic.write_bytes(out / path.name, data)
    print(f"{text}\n{shipped}")
    return out / NAME
