"""The verb ``data mini``: small simulated stand-ins for every data set of the paper.

    OUT/dped/{iphone,blackberry,sony}    paired 100 x 100 patches, and full-size test photos
    OUT/{cityscapes,kitti,htc_m9,huawei_p9,iphone6}    photos without pairs
    OUT/div2k                            other clean photos
    OUT/simulated-faves.csv, OUT/faves/  photos with drawn views and faves, for ``ffs build``

The scenes are the photos that scikit-image and scikit-learn ship, taken by simulated cameras; the
DSLR's photos are the scenes themselves. No scene is used for both training and tests. All of it
follows from the settings below: the same bytes on every machine with the same versions.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from wespe_bench.datasets.local_camera import SimulatedCamera

#: Width and height of a full-size photo, and the side of a patch (pixels).
SIZE, PATCH = (320, 240), 100

#: Test photos of each data set, one of each scene of `samples.TEST`.
TESTS = 5

#: Scenes (of `samples.FIT`) to train on, and those of the "DIV2K" photos.
TRAIN, CLEAN = ("motorcycle_left", "motorcycle_right"), ("flower", "hubble")

#: Photos with faves, and those of them that are kept for validation and for the test.
RATED, HELD = 80, 16

#: What their licences are drawn from; the last is none, all rights reserved.
LICENCES = ("cc0", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nd", "")

NOTE = "packaged photos taken by simulated cameras; not the cameras and photos of the paper"


@dataclass(frozen=True)
class Mini:
    """Small simulated stand-ins for every data set of the paper, for `reproduce --mini`.

    Packaged photos, taken by simulated cameras, in the layouts of DPED, Cityscapes, KITTI, DIV2K
    and the phones; and photos with faves drawn from a stated preference model. The folder is
    marked, so that no table shows them beside the paper's numbers.

    Example:
      wespe-bench data mini --out mini/
    """

    out: str = "runs/mini/data"
    """The folder to write."""


def cameras() -> Mapping[str, SimulatedCamera]:
    """The simulated camera of each data set."""
    from wespe_bench.datasets.local_camera import LocalCamera
    from wespe_bench.datasets.simulator import Camera

    return {
        "iphone": Camera(seed=1),
        "blackberry": LocalCamera(seed=2),
        "sony": Camera(exposure_stops=-0.4, blur=0.5, halo=0.3, jpeg_quality=92, seed=3),
        "cityscapes": Camera(exposure_stops=-0.5, contrast=0.0, jpeg_quality=95, seed=4),
        "kitti": LocalCamera(exposure_stops=-1.0, haze=0.15, seed=5),
        "htc_m9": Camera(exposure_stops=0.4, white_balance=(1.05, 1.0, 0.9), seed=6),
        "huawei_p9": LocalCamera(exposure_stops=-0.7, halo=1.0, seed=7),
        "iphone6": Camera(exposure_stops=-0.6, blur=0.6, jpeg_quality=90, seed=8),
    }


def main(config: Mini) -> int:
    """The verb ``data mini``."""
    out = Path(config.out)
    count = write(out)
    print(f"{count} files, simulated -> {out}")
    return 0


def write(out: Path) -> int:
    """Write all of it below ``out``; returns the number of files.

    Raises InputError where the folder holds something else.
    """
    from wespe_bench import atomic
    from wespe_bench.datasets import miniature
    from wespe_bench.option_checks import check_out

    check_out(out, miniature.FILE)
    atomic.write_text(out / miniature.FILE, f"{miniature.WORD}: {NOTE}\n")
    count = 0
    for path, data in _files():
        atomic.write_bytes(out / path, data)
        count += 1
    return count


def _files() -> Iterator[tuple[str, bytes]]:
    """Every file: its path below the folder, and its content."""
    from wespe_bench.datasets import dped

    for phone in dped.PHONES:
        yield from _phone(phone)
    for number, path in enumerate(_drawn("kitti", "2011_09_26_drive_{:04d}")):
        yield (
            f"kitti/2011_09_26/{path}_extract/image_02/data/0000000000.png",
            _png(_taken("kitti", *_scene(number, 1))),
        )
    for number in range(2 * TESTS):
        part, city = ("val", "munster") if number < TESTS else ("train", "aachen")
        name = f"{city}_{number:06d}_000019_leftImg8bit.png"
        yield (
            f"cityscapes/leftImg8bit/{part}/{city}/{name}",
            _png(_taken("cityscapes", *_scene(number, 2))),
        )
    for turn, name in enumerate(("htc_m9", "huawei_p9", "iphone6")):
        for number, id_ in enumerate(_drawn(name, "IMG_{:04d}")):
            yield f"{name}/{id_}.jpg", cameras()[name].photograph(*_scene(number, turn))
    for number in range(8):
        folder, first = ("train", 1) if number < 6 else ("valid", 795)
        clean = _view(CLEAN[number % 2], number // 2)
        yield f"div2k/DIV2K_{folder}_HR/{first + number:04d}.png", _png(clean)
    yield from _rated()


def _phone(phone: str) -> Iterator[tuple[str, bytes]]:
    """A phone of DPED: pairs of patches from both sides, and full-size test photos."""
    camera, home = cameras()[phone], f"dped/{phone}"
    for number in range(4 + TESTS):
        test = number < TESTS
        scene, id_ = _scene(number, 0)
        photo = camera.photograph(scene, id_)
        if test:
            yield f"{home}/test_data/full_size_test_images/{number}.jpg", photo
        corners = [(110, 70)] if test else [(x, y) for x in (0, 110, 220) for y in (20, 130)]
        for place, (x, y) in enumerate(corners):
            folder = f"{home}/test_data/patches" if test else f"{home}/training_data"
            name = number if test else 10 * number + place
            for side, pixels in ((phone, _pixels(photo)), ("canon", scene)):
                yield f"{folder}/{side}/{name}.png", _png(pixels[y : y + PATCH, x : x + PATCH])


def _rated() -> Iterator[tuple[str, bytes]]:
    """Photos of many exposures, with views and faves: the more liked, the more faves.

    Owners, days of upload and licences are drawn besides, and change neither views nor faves.
    """
    import math

    import numpy as np

    from wespe_bench.datasets.miniature import liking
    from wespe_bench.datasets.simulator import Camera

    rng, other = (np.random.Generator(np.random.PCG64(seed)) for seed in (2018, 2019))
    scenes, rows = (*TRAIN, *CLEAN), ["path,views,faves,owner,uploaded,licence"]
    first = np.datetime64("2012-01-01")
    for number in range(RATED):
        stops, contrast = rng.uniform(-2.5, 0.7), rng.uniform(-0.8, 0.8)
        camera = Camera(exposure_stops=float(stops), contrast=float(contrast), seed=number)
        data = camera.photograph(_view(scenes[number % 4], number // 4), f"{number}")
        views = int(rng.integers(500, 5000))
        faves = int(rng.poisson(views * 0.02 * math.exp(liking(_pixels(data)))))
        # Of every six photos one owner has three, one two, one a single one.
        owner = f"simulated-owner-{3 * (number // 6) + (0, 0, 0, 1, 1, 2)[number % 6]:02d}"
        uploaded = first + int(other.integers(0, 5 * 365))
        licence = LICENCES[int(other.integers(0, len(LICENCES)))]
        counts = f"{views},{min(faves, views)}"
        rows.append(f"faves/{number:03d}.jpg,{counts},{owner},{uploaded},{licence}")
        yield f"faves/{number:03d}.jpg", data
    yield "simulated-faves.csv", ("\n".join(rows) + "\n").encode()


def _drawn(name: str, pattern: str) -> list[str]:
    """Names for twice `TESTS` photos, those first that the split drawn by seed 0 makes the test."""
    from wespe_bench.datasets.splits import rank

    names = [pattern.format(number) for number in range(1, 2 * TESTS + 1)]
    return sorted(names, key=lambda id_: rank(0, f"group {id_}"))


def _scene(number: int, turn: int) -> tuple[np.ndarray, str]:
    """The scene of a data set's photo and an id of the shot: the tests' first, then training's."""
    from wespe_bench.datasets.samples import TEST

    if number < TESTS:
        return _view(sorted(TEST)[number], turn), f"test {number}"
    return _view(TRAIN[number % 2], number // 2 + turn), f"train {number}"


def _view(scene: str, number: int) -> np.ndarray:
    """A part of a packaged photo, reduced to `SIZE`: uint8 (H, W, 3)."""
    import numpy as np
    from PIL import Image

    photo = Image.fromarray(_packaged(scene))
    width = min(photo.width, photo.height * SIZE[0] // SIZE[1]) * 9 // 10
    height = width * SIZE[1] // SIZE[0]
    left = (photo.width - width) * (number % 4 % 2)
    top = (photo.height - height) * (number % 4 // 2)
    box = (left, top, left + width, top + height)
    return np.asarray(photo.resize(SIZE, Image.Resampling.LANCZOS, box=box))


@functools.cache
def _packaged(scene: str) -> np.ndarray:
    from wespe_bench.datasets import samples
    from wespe_bench.images import read_rgb

    return read_rgb(samples.packaged(*(samples.TEST | samples.FIT)[scene]))


def _taken(name: str, scene: np.ndarray, id_: str) -> np.ndarray:
    return _pixels(cameras()[name].photograph(scene, id_))


def _pixels(data: bytes) -> np.ndarray:
    from wespe_bench.images import read_rgb

    return read_rgb(data)


def _png(pixels: np.ndarray) -> bytes:
    import numpy as np

    from wespe_bench.images import encode_png

    return encode_png(np.ascontiguousarray(pixels))
