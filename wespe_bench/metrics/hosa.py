r"""HOSA, a judge of photos without reference (Xu, Ye, Li, Du, Liu, Doermann, TIP 2016).

"Blind Image Quality Assessment Based on High Order Statistics Aggregation". As the authors'
release: 7x7 patches on a grid of about 100 x 100, normalised and whitened as CORNIA's; each is
softly assigned to its 5 nearest of 100 centroids; for each centroid the differences of mean,
variance and skewness between its patches and the codebook; signed power 0.2, length 1; a
linear function fitted on LIVE. The score is on LIVE's DMOS scale, **lower is better**.

The model is the authors' and is not part of wespe-bench. With the release at hand:

    wespe-bench import hosa FOLDER

after which ``hosa`` finds it below ``$WESPE_DATA``/models; ``hosa:FILE`` names any other place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import tensors as files
from wespe_bench.errors import InputError
from wespe_bench.metrics import models
from wespe_bench.metrics.pairs import check_alone
from wespe_bench.metrics.patches import LENGTH, SIDE, one_thread, take, whiten
from wespe_bench.types import Metric

#: Changes when the same model and photo would give other numbers.
VERSION = 1

WORDS = 100
SHAPES: dict[str, files.Shape] = {
    "centroids": (WORDS, LENGTH),
    "variances": (WORDS, LENGTH),
    "skewnesses": (WORDS, LENGTH),
    "mean": (LENGTH,),
    "whitening": (LENGTH, LENGTH),
    "weights": (3 * WORDS * LENGTH,),
    "bias": (1,),
}

_NEIGHBOURS = 5
_CROP = 2
_GRID = 10_000
#: The file of the imported model.
NAME = "hosa.safetensors"

#: The smallest side: a patch, and the border that the release leaves out.
SMALLEST = SIDE + 2 * _CROP
_CHUNK = 500


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A codebook of high order statistics and the linear function of the differences to it.

    ``centroids``, ``variances``, ``skewnesses`` float64 (100, 49); ``mean`` (49,);
    ``whitening`` (49, 49); ``weights`` (14700,).
    """

    centroids: np.ndarray
    variances: np.ndarray
    skewnesses: np.ndarray
    mean: np.ndarray
    whitening: np.ndarray
    weights: np.ndarray
    bias: float
    card: Mapping[str, Any]
    sha256: str = ""


def read(path: Path) -> Model:
    """The model in ``path``; raises InputError when it is none (`models.read`)."""
    tensors, card, sha256 = models.read(path, "hosa", SHAPES)
    for key in ("title", "summary"):
        files.text_of(card, key, path)
    bias = float(tensors.pop("bias")[0])
    return Model(**tensors, bias=bias, card=card, sha256=sha256)


def imported() -> Path:
    """The model that ``wespe-bench import hosa`` made."""
    return models.imported(NAME)


def grid(image: np.ndarray) -> np.ndarray:
    """The patches of the release's grid: uint8 (n, 49) of uint8 (H, W, 3), row-major.

    The step follows from the full size; 2 pixels at each border are left out.
    """
    height, width = image.shape[:2]
    step = max(1, math.isqrt(height * width // _GRID))
    y = np.arange(_CROP, height - _CROP - SIDE + 1, step)
    x = np.arange(_CROP, width - _CROP - SIDE + 1, step)
    return take(image, np.repeat(y, len(x)), np.tile(x, len(y)), "row")


def assign(whitened: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 5 nearest centroids of each patch, nearest first, and their weights: (n, 5) each.

    Weights are exp(-0.05 squared distance), in sum 1.
    """
    nearest = np.empty((len(whitened), _NEIGHBOURS), np.int64)
    distances = np.empty((len(whitened), _NEIGHBOURS))
    lengths = np.square(centroids).sum(axis=1)
    for start in range(0, len(whitened), _CHUNK):
        some = whitened[start : start + _CHUNK]
        with one_thread():
            squared = lengths - 2 * (some @ centroids.T)
        squared += np.square(some).sum(axis=1, keepdims=True)
        few = np.argpartition(squared, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        order = np.argsort(np.take_along_axis(squared, few, axis=1), axis=1, kind="stable")
        few = np.take_along_axis(few, order, axis=1)
        nearest[start : start + _CHUNK] = few
        distances[start : start + _CHUNK] = np.take_along_axis(squared, few, axis=1)
    weights = np.exp(-0.05 * distances)
    return nearest, weights / weights.sum(axis=1, keepdims=True)


def features(model: Model, patches: np.ndarray) -> np.ndarray:
    """The 14,700 features of grey patches (n, 49), of length 1: float64.

    Means of all centroids, then variances, then skewnesses.
    """
    whitened = whiten(patches, model.mean, model.whitening)
    nearest, weights = assign(whitened, model.centroids)
    means, variances, skewnesses = (np.zeros((WORDS, LENGTH)) for _ in range(3))
    for word in range(WORDS):
        patch, rank = np.nonzero(nearest == word)
        if not len(patch):
            continue
        some = whitened[patch]
        if len(patch) == 1:
            # The release's own way with a lone patch: its fifth neighbour's weight.
            means[word] = (some[0] - model.centroids[word]) * weights[patch[0], -1]
            continue
        share = weights[patch, rank]
        share = (share / share.sum())[:, None]
        mean = (share * some).sum(axis=0)
        means[word] = mean - model.centroids[word]
        if some.var(axis=0).sum() > 1e-8:
            centred = some - mean
            variance = (share * centred**2).sum(axis=0)
            third = (share * centred**3).sum(axis=0)
            variances[word] = variance - model.variances[word]
            skewnesses[word] = third / (variance**1.5 + 1e-4) - model.skewnesses[word]
    found = np.concatenate([means.ravel(), variances.ravel(), skewnesses.ravel()])
    found = np.sign(found) * np.abs(found) ** 0.2
    length = math.sqrt(math.fsum(np.square(found).tolist()))
    return np.asarray(found / length if length else found)


def hosa(
    image: np.ndarray, reference: None = None, *, model: Model, sample_id: str = "", seed: int = 0
) -> float:
    """HOSA of uint8 (H, W, 3) on LIVE's DMOS scale: about 0 (good) to 100 (bad), not clipped.

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        model: The authors', as `wespe-bench import hosa` makes it.
        sample_id: Not used; every metric takes it.
        seed: Not used.

    Raises:
        ValueError: Another dtype or shape, sides below 11, or a reference.
    """
    check_alone(image, reference)
    if min(image.shape[:2]) < SMALLEST:
        raise ValueError(
            f"image is {image.shape[1]}x{image.shape[0]}; HOSA needs at least "
            f"{SMALLEST} pixels on each side"
        )
    found = features(model, grid(np.ascontiguousarray(image)))
    return math.fsum((found * model.weights).tolist()) + model.bias


def load(argument: str = "") -> Metric:
    """HOSA (authors' model) on LIVE's DMOS scale: what `import hosa` made, or FILE.

    Raises InputError when there is no such file, or it is no model.
    """
    if not argument and not imported().is_file():
        raise InputError(
            f"hosa: no model at {models.looked_in(NAME)}; it is the authors' and not part of "
            "wespe-bench: get their release, then wespe-bench import hosa FOLDER"
        )
    path = Path(argument) if argument else imported()
    return _load(argument, path, models.stamp(path))


@functools.cache
def _load(argument: str, path: Path, stamp: object) -> Metric:
    model = read(path)

    def compute(
        image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
    ) -> float:
        return hosa(image, reference, model=model)

    return Metric(
        name=f"hosa:{argument}" if argument else "hosa",
        version=f"{VERSION}+{model.sha256[:12]}",
        unit="LIVE DMOS",
        higher_is_better=False,
        full_reference=False,
        compute=compute,
        # The hash tells a column of FILE from that of the imported model, and of other files.
        title=model.card["title"] + (f" {path.stem} ({model.sha256[:6]})" if argument else ""),
        summary=model.card["summary"],
    )
