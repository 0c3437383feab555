"""The rated photos as pixels: checked before anything is learned, decoded on threads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ffs import crops
from ffs.manifest import SPLITS, Photo, Ratings
from wespe_bench import provenance
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.progress import bar

#: What is left in memory of photos that were decoded ahead, in pieces of work.
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """One patch to take: of which photo, where (None: by the photo's size), mirrored or not."""

    photo: Photo
    kind: str  # "draw", "crop" or "crops"
    number: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Photos:
    """Photos with labels whose pixels are wanted: ``of`` a folder, prepared in one way."""

    folder: Path
    preparation: str
    seed: int
    flip: bool

    def take(self, piece: Piece) -> np.ndarray:
        """The pixels of a piece: uint8 (n, 224, 224, 3).

        "draw": the random patch with that number; "crop": the first of the scorer's crops;
        "crops": all of them. Raises InputError when the photo cannot be read or is too small.
        """
        path = self.folder / piece.photo.path
        image = read_rgb(path)
        try:
            image = crops.prepare(image, self.preparation)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        height, width = image.shape[:2]
        if piece.kind == "draw":
            corner, mirrored = crops.patch(
                height, width, piece.photo.id, self.seed, piece.number, self.flip
            )
            return crops.cut(image, corner, mirrored)[None].copy()
        places = crops.corners(height, width, piece.photo.id)
        if piece.kind == "crop":
            places = places[:1]
        # Fewer positions than crops (a native photo of 224 px) repeat the last.
        places += places[-1:] * (crops.CROPS - len(places)) if piece.kind == "crops" else ()
        return np.stack([crops.cut(image, place) for place in places])


def stream(photos: Photos, pieces: Iterable[Sequence[Piece]], threads: int) -> Iterator[np.ndarray]:
    """The pixels of each group of pieces, decoded ahead: uint8 (n, 224, 224, 3), in order."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting: list[list[Future[np.ndarray]]] = []
        try:
            for group in pieces:
                waiting.append([pool.submit(photos.take, piece) for piece in group])
                if len(waiting) > _AHEAD:
                    yield np.concatenate([future.result() for future in waiting.pop(0)])
            while waiting:
                yield np.concatenate([future.result() for future in waiting.pop(0)])
        finally:
            pool.shutdown(cancel_futures=True)


def choose(ratings: Ratings, most: int, seed: int) -> dict[str, tuple[Photo, ...]]:
    """The photos of each split; of the training split ``most``, drawn by seed (0: all).

    Raises InputError when a split is empty or smaller than asked for, and when all photos of
    one have one label: nothing could be learned.
    """
    splits = {split: ratings.of(split) for split in SPLITS}
    train = splits["train"]
    if most > len(train):
        raise InputError(
            f"--photos {most}: the training split of {ratings.folder} has {len(train)}"
        )
    if most:
        keyed = sorted(train, key=lambda p: hashlib.sha256(f"{seed} {p.id}".encode()).digest())
        splits["train"] = tuple(sorted(keyed[:most], key=lambda photo: photo.id))
    for split, photos in splits.items():
        if not photos:
            raise InputError(
                f"{ratings.folder}: no photos in the {split} split; build it with more photos"
            )
        labels = {photo.label for photo in photos}
        if len(labels) == 1:
            raise InputError(
                f"{ratings.folder}: all {len(photos)} photos of the {split} split are "
                f"{labels.pop()}; a rater cannot learn from them; build it from more photos, "
                "or from faves that differ"
            )
    return splits


def check_files(ratings: Ratings, photos: Iterable[Photo]) -> None:
    """Raise InputError when a photo is missing or is not the one that was rated."""
    photos = tuple(photos)
    for photo in bar_over(photos, "check photos"):
        path = ratings.folder / photo.path
        if not path.is_file():
            raise InputError(f"{path}: missing; run ffs build again, or bring it back")
        if provenance.sha256_file(path) != photo.sha256:
            raise InputError(f"{path}: not the photo that was rated (other SHA-256)")


def bar_over(photos: Sequence[Photo], title: str) -> Iterator[Photo]:
    """The photos, with a progress bar."""
    with bar(len(photos), title) as progress:
        for photo in photos:
            yield photo
            progress.update()


def labels_of(photos: Sequence[Photo]) -> np.ndarray:
    """Which are high: bool (n,)."""
    return np.array([photo.label == "high" for photo in photos])


def order(count: int, seed: int, epoch: int) -> Any:
    """A permutation of ``count`` that follows from seed and epoch: int64 (count,)."""
    key = hashlib.sha256(f"ffs order {seed} {epoch}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big"))).permutation(count)
