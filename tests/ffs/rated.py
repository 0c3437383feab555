"""A small set of rated photos, and options for trainings of seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from ffs.manifest import Photo, Ratings, label_of, ratings, write
from wespe_bench import provenance
from wespe_bench.images import write_png

#: A frozen training of seconds, on random weights of width 2.
FROZEN = (
    *("ffs", "train", "ratings", "--out", "out", "--vgg", "random", "--width", "2"),
    *("--mode", "frozen", "--prep", "native", "--device", "cpu", "--jobs", "0"),
)

#: A full one.
FULL = (
    *("ffs", "train", "ratings", "--out", "out", "--vgg", "random", "--width", "4"),
    *("--mode", "full", "--prep", "native", "--device", "cpu", "--jobs", "0"),
    *("--batch", "5", "--epochs", "3", "--lr", "1e-3"),
)


def make(folder: Path, counts: tuple[int, int, int] = (12, 4, 6), equal: str = "") -> Ratings:
    """Write photos of 230 x 240 px and their manifest: the brighter, the more faves.

    ``counts`` are of train, validation and test; in the split ``equal`` all are "low".
    """
    rng = np.random.default_rng(3)
    photos = []
    for split, count in zip(("train", "validation", "test"), counts, strict=True):
        for number in range(count):
            bright = number % 2
            id_ = f"{split}{number:02d}"
            soft = zoom(rng.random((5, 6, 3)), (46, 40, 1), order=1)
            pixels = soft * 80 + 130 * bright + rng.random(soft.shape) * 20
            write_png(folder / f"{id_}.png", pixels.astype(np.uint8))
            faves = 1 if split == equal or not bright else 10 + number
            photos.append(
                Photo(
                    id=id_,
                    path=f"{id_}.png",
                    views=100,
                    faves=faves,
                    owner=id_,
                    uploaded="",
                    label=label_of(faves / 100, 0.05),
                    split=split,
                    sha256=provenance.sha256_file(folder / f"{id_}.png"),
                )
            )
    found = ratings(folder, photos, 0.05, 0, "a test's")
    write(found)
    return found


def write_rater(path: Path, **changes: Any) -> Path:
    """A rater of width 2 with random weights, whole, for photos as they are."""
    import torch

    from ffs import checkpoints
    from ffs.network import empty

    fields = {"kind": "rater", "title": "FFS", "head": "gap", "layers": ("relu1_2", "relu3_4")}
    fields |= {"width": 2, "back_end": "matconvnet", "vgg_sha256": "", "whole": True}
    card = checkpoints.Card(**(fields | {"preparation": "native", "parameters": 0} | changes))
    rater = empty(card.back_end, card.head, card.layers, card.width)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part in rater.parameters():
            part.normal_(0.0, 0.1, generator=generator)
        rater.features[0].weight /= 30
    checkpoints.write(path, rater, card)
    return path
