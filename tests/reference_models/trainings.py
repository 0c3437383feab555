"""Photos and options for trainings small enough for a test."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom

from reference_models.dped.train import train as train_dped
from reference_models.wespe.train import train as train_wespe
from tests.verbs import Forked
from wespe_bench.cli import settings
from wespe_bench.images import write_png

#: A WESPE training of seconds.
WESPE = (
    *("train", "wespe", "--source", "phone", "--target", "target", "--out", "out"),
    *("--width", "4", "--blocks", "1", "--disc-width", "4", "--patch", "24", "--batch", "4"),
    *("--content-layer", "relu1_2", "--device", "cpu", "--seed", "3", "--warmup", "0"),
)

#: A DPED training of seconds.
DPED = (
    *("train", "dped", "--input", "phone", "--reference", "truth", "--out", "out"),
    *("--width", "4", "--blocks", "1", "--disc-width", "4", "--patch", "24", "--batch", "4"),
    *("--content-layer", "relu1_2", "--device", "cpu", "--seed", "3"),
)


def run(options: tuple[str, ...], *more: str) -> Path:
    """The training of these options in this process and folder; its ``--out``."""
    argv = [*options[2:], *more]
    if options[1] == "wespe":
        train_wespe(settings("train wespe", argv), quiet=True)
    else:
        train_dped(settings("train dped", argv), quiet=True)
    return Path(argv[len(argv) - 1 - argv[::-1].index("--out") + 1])


def begin_rank(rank: int, options: tuple[str, ...], *more: str) -> Forked:
    """One of two processes that train together, with what torchrun tells it."""
    variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
    variables["MASTER_PORT"] = 20_000 + os.getpid() % 20_000
    return Forked(Path(), *options, *more, **variables)


def make_photos(folder: Path) -> Path:
    """``phone``, ``target`` and ``truth``: four soft photos each; phone's are truth's, darker."""
    rng = np.random.default_rng(5)
    for name in ("truth", "target"):
        for number in range(4):
            soft = zoom(rng.random((4, 5, 3)), (12, 12, 1), order=1)
            photo = (soft * 180 + rng.random(soft.shape) * 30 + 30).astype(np.uint8)
            write_png(folder / name / f"{number}.png", photo)
            if name == "truth":
                write_png(folder / "phone" / f"{number}.png", (photo * 0.6).astype(np.uint8))
    return folder
