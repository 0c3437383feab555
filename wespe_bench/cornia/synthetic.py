"""Clean photos, distorted by known amounts: what a model without human scores learns from.

Seven kinds, five levels each, mild to strong; the last is the simulated phone camera of
`wespe_bench.datasets.simulator`. Where Pillow was built without JPEG 2000 that kind is left out,
and the model's card says so.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features

from wespe_bench.cornia.measures import SMALLEST
from wespe_bench.datasets.simulator import Camera, from_linear, to_linear
from wespe_bench.errors import InputError, unknown
from wespe_bench.images import quantize, read_rgb

#: Changes when the same photo would be distorted otherwise.
VERSION = 1

#: kind -> its five levels: JPEG quality; JPEG 2000 compression ratio; sigma in pixels;
#: standard deviation in grey levels; factor of the size; stops; multiples of the camera's faults
LEVELS: dict[str, tuple[float, ...]] = {
    "jpeg": (75, 45, 25, 12, 5),
    "jpeg2000": (12, 24, 48, 96, 192),
    "blur": (0.6, 1.0, 1.7, 2.8, 4.5),
    "noise": (4, 8, 14, 25, 45),
    "resample": (1.4, 2.0, 3.0, 4.5, 7.0),
    "exposure": (0.3, 0.6, 1.0, 1.6, 2.4),
    "camera": (0.4, 0.7, 1.0, 1.4, 2.0),
}

#: Photos are cut to their middle of at most this many pixels a side: what is learnt is local.
LARGEST = 768


@dataclass(frozen=True, slots=True)
class Version:
    """A photo as it came ("pristine", 0) or distorted."""

    kind: str
    level: int
    image: np.ndarray


def kinds() -> tuple[str, ...]:
    """The kinds of distortion that this installation can make."""
    return tuple(kind for kind in LEVELS if kind != "jpeg2000" or features.check("jpg_2000"))


def read_clean(path: Path) -> np.ndarray:
    """The middle of a clean photo, uint8 (H, W, 3), sides at most `LARGEST`.

    Raises InputError when it cannot be read or has a side below 48 pixels.
    """
    photo = read_rgb(path)
    height, width = photo.shape[:2]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"{path}: {width}x{height}; photos to learn from need at least {SMALLEST} pixels "
            "on each side"
        )
    top, left = (max(0, (length - LARGEST) // 2) for length in (height, width))
    return np.ascontiguousarray(photo[top : top + LARGEST, left : left + LARGEST])


def check_kinds(names: Sequence[str]) -> tuple[str, ...]:
    """The kinds in the order of `LEVELS`; InputError for one that is not known or not possible."""
    possible = kinds()
    for name in names:
        if name not in LEVELS:
            raise unknown("distortion", name, LEVELS)
        if name not in possible:
            raise InputError(f"this Pillow cannot write {name}; leave it out of --kinds")
    return tuple(kind for kind in possible if kind in names)


def versions(photo: np.ndarray, seed: int, wanted: Sequence[str]) -> Iterator[Version]:
    """The photo itself, then each wanted kind at every level; all of uint8 (H, W, 3)."""
    yield Version("pristine", 0, photo)
    for kind in wanted:
        for level in range(1, len(LEVELS[kind]) + 1):
            yield Version(kind, level, distort(photo, kind, level, seed))


def distort(photo: np.ndarray, kind: str, level: int, seed: int = 0) -> np.ndarray:
    """``photo``, uint8 (H, W, 3), with one distortion at level 1 (mild) to 5 (strong).

    Chance follows from the photo's pixels, kind, level and seed.
    """
    amount = LEVELS[kind][level - 1]
    content = hashlib.sha256(photo.tobytes()).hexdigest()
    key = hashlib.sha256(f"{VERSION} {seed} {kind} {level} {content}".encode()).digest()
    if kind == "jpeg":
        return _coded(photo, "JPEG", quality=int(amount), subsampling="4:2:0")
    if kind == "jpeg2000":
        return _coded(photo, "JPEG2000", quality_mode="rates", quality_layers=[amount])
    if kind == "blur":
        from scipy.ndimage import gaussian_filter

        blurred = gaussian_filter(photo / 255, (amount, amount, 0), mode="reflect")
        return quantize(blurred)
    if kind == "noise":
        rng = np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))
        return quantize((photo + amount * rng.standard_normal(photo.shape)) / 255)
    if kind == "resample":
        height, width = photo.shape[:2]
        small = (max(1, round(width / amount)), max(1, round(height / amount)))
        down = Image.fromarray(photo).resize(small, Image.Resampling.BICUBIC)
        return np.array(down.resize((width, height), Image.Resampling.BICUBIC))
    if kind == "exposure":
        # One photo gets lighter, another darker.
        stops = amount if hashlib.sha256(content.encode()).digest()[0] % 2 else -amount
        return quantize(from_linear(to_linear(photo) * 2.0**stops))
    if kind == "camera":
        return read_rgb(_camera(amount, seed).photograph(photo, content), name="camera")
    raise ValueError(f"unknown distortion {kind!r}")


def _camera(amount: float, seed: int) -> Camera:
    """The simulated phone with its faults multiplied by ``amount``."""
    usual = Camera()
    red, green, blue = (1 + amount * (gain - 1) for gain in usual.white_balance)
    return Camera(
        exposure_stops=amount * usual.exposure_stops,
        white_balance=(red, green, blue),
        blur=amount * usual.blur,
        resolution=1 / (1 + amount * (1 / usual.resolution - 1)),
        shot_noise=amount**2 * usual.shot_noise,
        read_noise=amount * usual.read_noise,
        contrast=amount * usual.contrast,
        halo=amount * usual.halo,
        jpeg_quality=round(max(30, 100 - 15 * amount)),
        seed=seed,
    )


def _coded(photo: np.ndarray, format: str, **options: object) -> np.ndarray:
    """There and back through one of Pillow's codecs, in memory."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, format=format, **options)
    with Image.open(buffer) as image:
        return np.array(image.convert("RGB"))
