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

from wespe_bench import atomic
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


def make(folder: Path, scenes: Sequence[tuple[str, Path]], each: int) -> Path:
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
