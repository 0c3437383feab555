"""Simulated faves, for demonstrations and tests: photos damaged by known amounts.

Nobody looked at these photos. Each is blurred, made noisy or compressed with a strength from 0
to 1, and faves are drawn so that strength costs them: of the views, each is a fave with
probability ``BEST * exp(-FALL * strength + TASTE * normal)``. What is learned from that is a
stand-in, and says so (`ffs.checkpoints.KINDS`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ffs.manifest import Photo, Ratings, label_of, ratings, write
from wespe_bench import provenance
from wespe_bench.images import check_rgb, quantize, read_rgb, write_png
from wespe_bench.progress import bar

#: Changes when the same photo, name and seed would give other pixels or faves.
VERSION = 1

KINDS = ("blur", "noise", "jpeg")

#: What the data set, and every card, says of where the faves come from.
NOTE = "simulated faves of photos damaged by known amounts; nobody rated them"

#: Faves per view of an undamaged photo; what strength takes off, and chance adds, as logarithms.
BEST, FALL, TASTE = 0.06, 2.5, 0.35


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
    ((7476, 420), (7476, 31))
    """
    rng = generator("faves", key)
    views = round(10 ** rng.uniform(2, 4))
    taste = TASTE * rng.standard_normal()
    return views, int(rng.binomial(views, min(1.0, BEST * np.exp(taste - FALL * strength))))


def make(
    folder: Path,
    scenes: Sequence[tuple[str, Path]],
    each: int,
    seed: int,
    held: tuple[float, float] = (0.2, 0.2),
) -> Ratings:
    """Write ``each`` damaged versions of every scene as PNG, and the manifest; the ratings.

    ``scenes`` are (name, photo); kinds take turns, strengths are spread over 0 to 1. All
    versions of a scene are in one split, ``held`` being the shares of scenes that go to
    validation and test, drawn by ``seed``; versions and faves do not depend on it. Beside the
    manifest lies ``photos.csv`` (path, views, faves, owner), which `ffs build` takes as well.
    Raises InputError when a photo cannot be read, OSError when one cannot be written.
    """
    names = sorted(name for name, _ in scenes)
    order = generator("split", str(seed)).permutation(len(names))
    counts = [max(1, round(share * len(names))) for share in held]
    split = {
        names[i]: "validation" if place < counts[0] else "test" if place < sum(counts) else "train"
        for place, i in enumerate(order)
    }
    rounds = -(-each // len(KINDS))
    rows: list[tuple[str, str, int, int, str]] = []
    with bar(len(scenes), "simulate") as progress:
        for name, path in scenes:
            image: np.ndarray | None = None
            for number in range(each):
                id_ = f"{name}-{number:02d}"
                target = folder / "photos" / f"{id_}.png"
                share = generator("strength", id_).uniform()
                strength = (number // len(KINDS) + share) / rounds
                if not target.is_file():
                    image = read_rgb(path) if image is None else image
                    write_png(target, damage(image, KINDS[number % len(KINDS)], strength, id_))
                rows.append((id_, f"photos/{id_}.png", *faves(strength, id_), name))
            progress.update()
    scores = [faved / views for _, _, views, faved, name in rows if split[name] == "train"]
    threshold = float(np.median(scores))
    photos = [
        Photo(
            id=id_,
            path=path_,
            views=views,
            faves=faved,
            owner=name,
            uploaded="",
            label=label_of(faved / views, threshold),
            split=split[name],
            sha256=provenance.sha256_file(folder / path_),
        )
        for id_, path_, views, faved, name in rows
    ]
    found = ratings(folder, photos, threshold, seed, NOTE)
    write(found)
    lines = [f"{path_},{views},{faved},{name}" for _, path_, views, faved, name in rows]
    (folder / "photos.csv").write_text("\n".join(["path,views,faves,owner", *lines, ""]), "utf-8")
    return found


def generator(purpose: str, key: str) -> np.random.Generator:
    """Random numbers that follow from both texts."""
    digest = hashlib.sha256(f"ffs simulated {VERSION} {purpose} {key}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
