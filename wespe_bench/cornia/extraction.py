"""Photos -> patches for the codebook, and features for the regression, over processes.

The features of each photo (with those of its distorted versions, and what the full-reference
measures say of them) are kept in a file of their own, under a name that follows from all they
depend on: a fit that was interrupted goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import atomic, progress, provenance
from wespe_bench import tensors as files
from wespe_bench.cornia import synthetic
from wespe_bench.cornia.codebook import Codebook
from wespe_bench.cornia.measures import MEASURES, measure
from wespe_bench.engines import Outcome
from wespe_bench.errors import InputError, one_line
from wespe_bench.images import read_rgb
from wespe_bench.metrics import cornia
from wespe_bench.metrics.patches import SIDE, choose, whiten

#: Items in, outcomes out: an engine of `wespe_bench.registry.load_engine` with its jobs.
Engine = Callable[..., Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo to learn from. A clean one is distorted by ``kinds``, and these are measured."""

    path: Path
    group: str
    sha256: str
    kinds: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return bool(self.kinds)


@dataclass(frozen=True, eq=False, slots=True)
class Extracted:
    """Of one photo and its versions: n rows of features (n, 2K) and measures (n, 5) or (n, 0).

    ``kinds`` and ``levels`` name the version of each row; a rated photo has one, ("rated", 0).
    Every version has as many rows as there were draws.
    """

    features: np.ndarray
    measures: np.ndarray
    kinds: tuple[str, ...]
    levels: tuple[int, ...]


def images(photo: Photo, seed: int) -> Iterator[synthetic.Version]:
    """The photo as it is, or as it is and distorted. Raises InputError as reading it does."""
    if photo.clean:
        yield from synthetic.versions(synthetic.read_clean(photo.path), seed, photo.kinds)
        return
    image = read_rgb(photo.path)
    if min(image.shape[:2]) < SIDE:
        raise InputError(
            f"{photo.path}: {image.shape[1]}x{image.shape[0]}; CORNIA needs at least "
            f"{SIDE} pixels on each side"
        )
    yield synthetic.Version("rated", 0, image)


def sample_patches(photos: Sequence[Photo], count: int, seed: int, engine: Engine) -> np.ndarray:
    """About ``count`` grey patches from the versions of the photos: uint8 (n, 49).

    Each version gives as many, wherever they lie in it.
    Photos that fail are passed over; InputError when all do.
    """
    versions = 1 + sum(len(synthetic.LEVELS[kind]) for kind in photos[0].kinds)
    each = -(-count // (len(photos) * versions))
    outcomes = _over(partial(_open_sampling, seed, each), photos, engine, "codebook")
    # In the photos' order, whichever process was first.
    found = [outcomes[photo].rows[0]["patches"] for photo in photos if not outcomes[photo].error]
    if not found:
        raise InputError(outcomes[photos[0]].error)
    return np.concatenate(found)


def _open_sampling(seed: int, each: int, context: None) -> Callable[..., list[Outcome]]:
    def work(photos: Sequence[Photo]) -> list[Outcome]:
        return [_attempt(photo, sample) for photo in photos]

    def sample(photo: Photo) -> dict[str, Any]:
        patches = []
        for version in images(photo, seed):
            digest = cornia.digest_of(version.image)
            drawn = cornia.draw(version.image, digest, seed, 0)
            if len(drawn) <= each:
                patches.append(drawn)
                continue
            at = np.arange(each)
            if _count(version.image) <= cornia.PATCHES:  # all there are, from left to right
                key = hashlib.sha256(f"sample {seed} ".encode() + digest).digest()
                at = choose(len(drawn), each, key)
            patches.append(drawn[at])
        return {"patches": np.concatenate(patches)}

    return work


def _count(image: np.ndarray) -> int:
    """How many patches an image has."""
    return int((image.shape[0] - SIDE + 1) * (image.shape[1] - SIDE + 1))


def extract(
    photos: Sequence[Photo],
    codebook: Codebook,
    draws: int,
    seed: int,
    cache: Path,
    engine: Engine,
) -> tuple[list[Extracted | None], dict[Photo, str]]:
    """What is known of each photo, in their order; computed where ``cache`` lacks it.

    None for a photo that fails, with the reason in the second result. Patches are drawn
    ``draws`` times; a version with no more than one draw's patches has equal rows.
    """
    settings = hashlib.sha256(
        json.dumps([cornia.VERSION, synthetic.VERSION, photos[0].kinds, draws, seed]).encode()
    )
    for part in (codebook.words, codebook.mean, codebook.whitening):
        settings.update(part.tobytes())
    folder = cache / settings.hexdigest()[:16]
    atomic.remove_leftovers(folder)

    def kept(photo: Photo) -> Extracted | None:
        return _read(_place(folder, photo), names(photo, draws), 2 * len(codebook.words))

    todo = [photo for photo in photos if kept(photo) is None]
    outcomes = _over(
        partial(_open_extraction, draws, seed, folder, codebook), todo, engine, "features"
    )
    errors = {photo: outcome.error for photo, outcome in outcomes.items() if outcome.error}
    found = [kept(photo) for photo in photos]
    for photo, one in zip(photos, found, strict=True):
        if one is None and photo not in errors:
            raise InputError(f"{folder}: features written there are gone; run the command again")
    return found, errors


def _open_extraction(
    draws: int, seed: int, folder: Path, codebook: Codebook, context: None
) -> Callable[..., list[Outcome]]:
    def work(photos: Sequence[Photo]) -> list[Outcome]:
        return [_attempt(photo, extract_one) for photo in photos]

    def extract_one(photo: Photo) -> dict[str, Any]:
        features, measures = [], []
        reference: np.ndarray | None = None
        for version in images(photo, seed):
            image = version.image
            digest = cornia.digest_of(image)
            reference = image if reference is None else reference
            measured = measure(image, reference) if photo.clean else np.empty(0)
            for number in range(draws):
                patches = cornia.draw(image, digest, seed, number)
                whitened = whiten(patches, codebook.mean, codebook.whitening)
                features.append(cornia.encode(whitened, codebook.words))
                measures.append(measured)
        tensors = {"features": np.stack(features), "measures": np.stack(measures)}
        files.write(_place(folder, photo), tensors, names(photo, draws))
        return {}

    return work


def _place(folder: Path, photo: Photo) -> Path:
    return folder / f"{photo.sha256}{'' if photo.clean else '-rated'}.safetensors"


def names(photo: Photo, draws: int) -> list[tuple[str, int]]:
    """Kind and level of each row that `Extracted` has of a photo."""
    versions = [("pristine" if photo.clean else "rated", 0)]
    for kind in photo.kinds:
        versions += [(kind, level + 1) for level in range(len(synthetic.LEVELS[kind]))]
    return [version for version in versions for _ in range(draws)]


def _read(path: Path, rows: list[tuple[str, int]], length: int) -> Extracted | None:
    """What was kept of a photo: ``rows``, ``length`` features each.

    None where there is nothing, nothing whole, or something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        tensors = load(data)
        if [tuple(row) for row in files.card_of(data)] != rows:
            return None
        features, measures = tensors["features"], tensors["measures"]
        count = 0 if rows[0][0] == "rated" else len(MEASURES)
        if features.shape != (len(rows), length) or measures.shape != (len(rows), count):
            return None
        # A measure may be infinite (PSNR of what a distortion left alone), never NaN.
        if not np.isfinite(features).all() or np.isnan(measures).any():
            return None
        kinds, levels = zip(*rows, strict=True)
        return Extracted(features, measures, kinds, levels)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def _attempt(photo: Photo, work: Callable[[Photo], dict[str, Any]]) -> Outcome:
    try:
        return Outcome(photo, rows=(work(photo),))
    except OSError as error:
        # A full disk meets every other photo too.
        where = f"{error.filename}: " if error.filename else ""
        return Outcome(photo, error=f"{where}{error.strerror or error}", fatal=True)
    except Exception as error:
        return Outcome(photo, error=one_line(error))


def _over(
    setup: Callable[[None], Callable[..., list[Outcome]]],
    photos: Sequence[Photo],
    engine: Engine,
    title: str,
) -> dict[Photo, Outcome]:
    """What became of each photo. Raises InputError for what would meet every other one too."""
    found: dict[Photo, Outcome] = {}
    with progress.bar(len(photos), title) as bar:
        for outcome in engine(setup, None, list(photos)):
            if outcome.fatal:
                kept = "; what is done is kept, the same command resumes"
                raise InputError(outcome.error + kept * (title == "features"))
            found[outcome.item] = outcome
            bar.update()
    return found


def hashed(
    paths: Sequence[tuple[Path, str]], kinds: tuple[str, ...] = ()
) -> tuple[list[Photo | None], list[str]]:
    """Photos from (path, group), None for each that cannot be read; and the reasons why."""
    photos: list[Photo | None] = []
    errors = []
    for path, group in paths:
        try:
            photos.append(Photo(path, group, provenance.sha256_file(path), kinds))
        except InputError as error:
            photos.append(None)
            errors.append(one_line(error))
    return photos, errors
