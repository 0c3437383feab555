"""Data sets in their official layouts, built of whatever photos there are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from wespe_bench.images import write_png

SIZES = {"kitti": (1392, 512), "cityscapes": (2048, 1024)}


def noise(path: Path, seed: int, width: int = 100, height: int = 100) -> Path:
    """A random photo of its own; small as a file, because it is a grid of random squares."""
    rng = np.random.default_rng(seed)
    squares = rng.integers(0, 256, (-(-height // 20), -(-width // 20), 3), np.uint8)
    image = squares.repeat(20, axis=0).repeat(20, axis=1)[:height, :width]
    write_png(path, np.ascontiguousarray(image))
    return path


def dped(root: Path, phone: str = "iphone", train: int = 4, test: int = 3) -> Path:
    """Patches and two full-size test photos of one phone."""
    home = root / "dped" / phone
    for side, offset in ((phone, 0), ("canon", 1000)):
        for number in range(train):
            noise(home / "training_data" / side / f"{number}.png", offset + number)
        for number in range(test):
            noise(home / "test_data" / "patches" / side / f"{number}.png", offset + 100 + number)
    sizes = {"iphone": (2048, 1536), "blackberry": (4160, 3120), "sony": (2592, 1944)}
    for number in range(2):
        noise(home / "test_data/full_size_test_images" / f"{number}.png", number, *sizes[phone])
    return root / "dped"


def kitti(root: Path, drives: int = 5, frames: int = 4, kind: str = "extract") -> Path:
    """Drives of a day; left and right camera."""
    for drive in range(1, drives + 1):
        home = root / f"kitti/2011_09_26/2011_09_26_drive_{drive:04d}_{kind}"
        for frame in range(frames):
            name = f"data/{frame:010d}.png"
            noise(home / "image_02" / name, 100 * drive + frame, *SIZES["kitti"])
            noise(home / "image_03" / name, 9000 + 100 * drive + frame, *SIZES["kitti"])
    return root / "kitti"


def cityscapes(root: Path, frames: int = 3) -> Path:
    """A city in train, one in val."""
    for seed, (part, city) in enumerate((("train", "aachen"), ("val", "munster"))):
        for frame in range(frames):
            name = f"{city}_{frame:06d}_000019_leftImg8bit.png"
            path = root / "cityscapes/leftImg8bit" / part / city / name
            noise(path, 50 * seed + frame, *SIZES["cityscapes"])
    return root / "cityscapes"


def div2k(root: Path) -> Path:
    """Three training photos, two validation photos."""
    for number in (1, 2, 10):
        noise(root / f"div2k/DIV2K_train_HR/{number:04d}.png", number)
    for number in (801, 802):
        noise(root / f"div2k/DIV2K_valid_HR/{number}.png", number)
    return root / "div2k"


def camera(folder: Path, count: int = 20) -> Path:
    """A folder of photos, some of them nested, one with a Unicode name."""
    for number in range(count):
        noise(folder / ("" if number % 2 else "sub/größer") / f"IMG_{number}.png", number)
    return folder


def real(shared: Path, root: Path) -> None:
    """Every data set in its official layout, of the real photos in ``shared``."""
    for phone in ("iphone", "blackberry", "sony"):
        found = sorted((shared / "dped" / "patches").glob(f"{phone}_*_phone.png"))
        for number, file in enumerate(found):
            patches = root / "dped" / phone / "test_data" / "patches"
            _copy(file, patches / phone / f"{number}.png")
            twin = file.with_name(file.name.replace("_phone", "_dslr"))
            _copy(twin, patches / "canon" / f"{number}.png")
    for file in sorted((shared / "dped" / "iphone_full").glob("*.png")):
        _copy(file, root / "dped/iphone/test_data/full_size_test_images" / file.name)
    for drive, file in enumerate(sorted((shared / "wild" / "kitti").glob("*.png")), 1):
        home = root / f"kitti/2011_09_26/2011_09_26_drive_{drive:04d}_sync"
        _copy(file, home / "image_02/data/0000000000.png")
    frames = sorted((shared / "wild" / "cityscapes").glob("*.png"))
    for part, some in (("train", frames[:2]), ("val", frames[2:])):
        for file in some:
            _copy(file, root / "cityscapes/leftImg8bit" / part / "aachen" / file.name)
    kodak = sorted((shared / "hq" / "kodak24").glob("*.png"))
    for number, file in enumerate(kodak[:6], 1):
        _copy(file, root / f"div2k/DIV2K_train_HR/{number:04d}.png")
    for number, file in enumerate(kodak[6:8], 801):
        _copy(file, root / f"div2k/DIV2K_valid_HR/{number:04d}.png")
    wild = cycle(sorted((shared / "wild" / "dicm").glob("*.jpg")))
    for name, count in (("htc_m9", 12), ("huawei_p9", 8), ("iphone6", 8), ("ffs", 8)):
        for file in _next(wild, count):
            _copy(file, root / name / file.name)


def _next(files: Iterator[Path], count: int) -> Sequence[Path]:
    return [next(files) for _ in range(count)]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
