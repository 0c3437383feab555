r"""CORNIA, a codebook judge of photos without reference (Ye, Kumar, Kang, Doermann, CVPR 2012).

Convention, as the authors' release:

1. grey, rounded to uint8 (`wespe_bench.images.luma`);
2. 10,000 different 7x7 patches, each less its mean and over sqrt(variance + 10);
3. ZCA whitening, :math:`z = (p - M) P`;
4. for each of the K codewords :math:`d_k` of length 1 the largest :math:`z \cdot d_k` and the
   largest :math:`-z \cdot d_k` over the patches, not below 0: 2K features;
5. each feature mapped to [-1, 1] by its range in training;
6. a linear function of them, fitted as nu-SVR.

The release draws its patches at random. Here they follow from the photo's pixels and the
seed, and several draws are averaged; their standard deviation is the extra "spread". A photo of
no more than 10,000 patches (106x106 pixels) is scored once, from all of them.

Three kinds of model, never in one column: the one that ships (``cornia``), which is our own
and was fitted without human scores (``wespe-bench cornia fit``); any other file of `fit`
(``cornia:FILE``); the authors', where a user has their files (``import cornia``, then
``cornia:FILE``). Ranks may be compared between them, numbers may not.

Options go after a question mark: ``cornia:FILE?draws=10&device=cuda``.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
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
from wespe_bench.metrics.patches import LENGTH, SIDE, choose, one_thread, take, whiten
from wespe_bench.options import split_options
from wespe_bench.types import Metric

#: Changes when the same model, photo and seed would give other numbers.
VERSION = 1

#: Patches of a draw, as in the release.
PATCHES = 10_000

#: Draws that are averaged by default.
DRAWS = 5

# What cards say of the scale of `cornia fit`, and what its first ones said, the packaged model's
# among them: a file's hash is its version, so they stay as they are.
_SCALE = "own scale: about 0 (pristine) to 100 and above"
_EARLIER_SCALE = "own scale from 0 (pristine) to 100"

#: The model that ships, and what its bytes have to be.
SHIPPED = "cornia.safetensors"
SHIPPED_SHA256 = "5762d21b4324f1d20d26d1927b297e6cd7dc615750eae5db029a23b09a5de01d"

SHAPES: dict[str, files.Shape] = {
    "words": ("K", LENGTH),
    "mean": (LENGTH,),
    "whitening": (LENGTH, LENGTH),
    "low": ("2K",),
    "high": ("2K",),
    "weights": ("2K",),
    "bias": (1,),
}

# A block of patches times a block of words: 2 MB of products, which stay in the cache.
PATCHES_AT_ONCE, WORDS_AT_ONCE = 256, 1000
_CUDA_CHUNK = 2048


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A codebook with its whitening, and the linear function of its features.

    ``words`` float64 (K, 49), rows of length 1; ``mean`` (49,); ``whitening`` (49, 49);
    ``low`` and ``high``, the features' range in training, and ``weights``, all (2K,).
    """

    words: np.ndarray
    mean: np.ndarray
    whitening: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray
    bias: float
    card: Mapping[str, Any]
    sha256: str = ""


def read(path: Path) -> Model:
    """The model in ``path``; raises InputError when it is none (`models.read`).

    Its card's summary says that scores go above 100, also where the file says "to 100".
    """
    tensors, card, sha256 = models.read(path, "cornia", SHAPES)
    for key in ("title", "unit", "summary"):
        files.text_of(card, key, path)
    card = card | {"summary": card["summary"].replace(_EARLIER_SCALE, _SCALE)}
    if not isinstance(card.get("higher_is_better"), bool):
        raise InputError(
            f"{path}: its card does not state 'higher_is_better'; the model is damaged"
        )
    if (tensors["low"] > tensors["high"]).any():
        raise InputError(f"{path}: has minima above their maxima; the model is damaged")
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(tensors["words"], axis=1)
    # A word of zeros, from a cluster around nothing, says nothing and does no harm.
    if not ((np.abs(lengths - 1) < 1e-3) | (lengths == 0)).all():
        raise InputError(f"{path}: has words that are not of length 1; the model is damaged")
    bias = float(tensors.pop("bias")[0])
    return Model(**tensors, bias=bias, card=card, sha256=sha256)


@functools.cache
def shipped() -> Model:
    """The model that ships with wespe-bench. Raises InputError when its file was changed."""
    folder = importlib.resources.files("wespe_bench.metrics")
    with importlib.resources.as_file(folder / SHIPPED) as path:
        model = read(path)
    if model.sha256 != SHIPPED_SHA256:
        raise InputError(
            f"the packaged {SHIPPED} has hash {model.sha256[:12]} instead of "
            f"{SHIPPED_SHA256[:12]}; install wespe-bench again"
        )
    return model


def draw(image: np.ndarray, digest: bytes, seed: int, number: int) -> np.ndarray:
    """The patches of one draw: uint8 (n, 49), n = min(10,000, all there are).

    ``digest`` stands for the pixels. Positions count down the columns, as in MATLAB.
    """
    height, width = image.shape[:2]
    rows = height - SIDE + 1
    key = hashlib.sha256(f"cornia {VERSION} {seed} {number} ".encode() + digest).digest()
    at = choose(rows * (width - SIDE + 1), PATCHES, key)
    return take(image, at % rows, at // rows, "column")


def digest_of(image: np.ndarray) -> bytes:
    """SHA-256 over the shape and the pixels of uint8 (H, W, 3)."""
    total = hashlib.sha256(str(image.shape).encode())
    total.update(np.ascontiguousarray(image).data)
    return total.digest()


def encode(whitened: np.ndarray, words: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Max-pooled soft assignment: float64 (2K,) of whitened patches (n, 49), words (K, 49).

    First the largest product with each word, then the largest negative one, none below 0.

    >>> encode(np.array([[3.0, -1.0], [1.0, -2.0]]), np.eye(2))
    array([3., 0., 0., 2.])
    """
    if device != "cpu":
        return _encode_cuda(whitened, words, device)
    highest, lowest = np.zeros(len(words)), np.zeros(len(words))
    with one_thread():
        for first in range(0, len(words), WORDS_AT_ONCE):
            block = np.ascontiguousarray(words[first : first + WORDS_AT_ONCE].T)
            products = np.empty((PATCHES_AT_ONCE, block.shape[1]))
            high = highest[first : first + WORDS_AT_ONCE]
            low = lowest[first : first + WORDS_AT_ONCE]
            for start in range(0, len(whitened), PATCHES_AT_ONCE):
                some = whitened[start : start + PATCHES_AT_ONCE]
                found = np.matmul(some, block, out=products[: len(some)])
                np.maximum(high, found.max(axis=0), out=high)
                np.minimum(low, found.min(axis=0), out=low)
    return np.concatenate([highest, np.abs(lowest)])


def _encode_cuda(whitened: np.ndarray, words: np.ndarray, device: str) -> np.ndarray:
    """`encode` by torch in float64, on any of its devices."""
    import torch

    block = torch.from_numpy(np.array(words)).to(device).T
    highest = torch.zeros(len(words), dtype=torch.float64, device=device)
    lowest = torch.zeros_like(highest)
    patches = torch.from_numpy(whitened).to(device)
    for start in range(0, len(patches), _CUDA_CHUNK):
        products = patches[start : start + _CUDA_CHUNK] @ block
        highest = torch.maximum(highest, products.amax(dim=0))
        lowest = torch.minimum(lowest, products.amin(dim=0))
    return np.asarray(torch.cat([highest, lowest.abs()]).cpu().numpy())


def features(model: Model, patches: np.ndarray, device: str = "cpu") -> np.ndarray:
    """The 2K features of grey patches (n, 49), before they are scaled: float64 (2K,)."""
    return encode(whiten(patches, model.mean, model.whitening), model.words, device)


def predict(model: Model, found: np.ndarray) -> float:
    """The score of 2K features: scaled to [-1, 1] by their range in training, then linear.

    A feature that was constant in training counts as 0.
    """
    # The sum is exact, so that no library's way of adding moves it.
    return math.fsum((scale(found, model.low, model.high) * model.weights).tolist()) + model.bias


def scale(found: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Features (..., 2K) mapped to [-1, 1] by their range; 0 where that is empty.

    >>> scale(np.array([1.0, 5.0, 7.0]), np.array([0.0, 5.0, 8.0]), np.array([2.0, 5.0, 9.0]))
    array([ 0.,  0., -3.])
    """
    span = high - low
    return np.asarray(
        np.where(span > 0, 2 * (found - low) / np.where(span > 0, span, 1) - 1, 0.0),
    )


def cornia(
    image: np.ndarray,
    reference: None = None,
    *,
    model: Model | None = None,
    draws: int = DRAWS,
    device: str = "cpu",
    sample_id: str = "",
    seed: int = 0,
) -> dict[str, float]:
    """CORNIA of uint8 (H, W, 3): "value" on the model's scale, "spread", "draws", "patches".

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        model: By default the one that ships.
        draws: How often 10,000 patches are drawn; a photo with no more has one draw, all of them.
        device: "cpu" or "cuda".
        sample_id: Not used; every metric takes it.
        seed: Of the draws.

    Returns:
        "value", the mean of the draws; "spread", their standard deviation (n - 1 in the
        denominator; 0 for one draw); "draws"; "patches", the number in each.

    Raises:
        ValueError: Another dtype or shape, sides below 7, or a reference.
    """
    check_alone(image, reference)
    if min(image.shape[:2]) < SIDE:
        raise ValueError(
            f"image is {image.shape[1]}x{image.shape[0]}; CORNIA needs at least "
            f"{SIDE} pixels on each side"
        )
    model = model or shipped()
    image = np.ascontiguousarray(image)
    digest = digest_of(image)
    total = (image.shape[0] - SIDE + 1) * (image.shape[1] - SIDE + 1)
    scores = [
        predict(model, features(model, draw(image, digest, seed, number), device))
        for number in range(draws if total > PATCHES else 1)
    ]
    mean = math.fsum(scores) / len(scores)
    squares = math.fsum((score - mean) ** 2 for score in scores)
    return {
        "value": mean,
        "spread": math.sqrt(squares / (len(scores) - 1)) if len(scores) > 1 else 0.0,
        "draws": float(len(scores)),
        "patches": float(min(total, PATCHES)),
    }


def load(argument: str) -> Metric:
    """CORNIA by a model of your own or the authors': FILE, or FILE?draws=10&device=cuda.

    Raises InputError for a file that is no model, an unknown option, or a device that is not
    there.
    """
    path, options = split_options(
        "cornia", argument, {"draws": [str(DRAWS)], "device": ["cpu", "cuda"]}
    )
    stamp = models.stamp(Path(path))
    return _load(argument, Path(path), stamp, _count(options["draws"]), options["device"])


@functools.cache
def _load(argument: str, path: Path, stamp: object, draws: int, device: str) -> Metric:
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError(f"cornia:{argument}: device=cuda, and torch sees no CUDA device here")
    model = read(path)

    def compute(
        image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
    ) -> dict[str, float]:
        return cornia(image, reference, model=model, draws=draws, device=device, seed=seed)

    return Metric(
        name=f"cornia:{argument}",
        version=_version(model.sha256, draws) + ("+cuda" if device == "cuda" else ""),
        unit=model.card["unit"],
        higher_is_better=model.card["higher_is_better"],
        full_reference=False,
        compute=compute,
        title=f"{model.card['title']} {path.stem}" + _unusual(draws, device, model.sha256),
        summary=model.card["summary"],
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000):
        raise InputError(f"cornia: draws={text}: expected a number from 1 to 1000")
    return int(text)


def _unusual(draws: int, device: str, sha256: str) -> str:
    """The file's hash and unusual options, for the title: two columns never look alike."""
    details = [sha256[:6]]
    details += [f"{draws} draws"] if draws != DRAWS else []
    details += [device] if device != "cpu" else []
    return f" ({', '.join(details)})"


def _version(sha256: str, draws: int) -> str:
    return f"{VERSION}+draws{draws}+{sha256[:12]}"


CORNIA = Metric(
    name="cornia",
    version=_version(SHIPPED_SHA256, DRAWS),
    unit="own scale",
    higher_is_better=False,
    full_reference=False,
    compute=cornia,
    title="own CORNIA model",
    summary=f"{_SCALE}; fitted without human scores on 10 photos",
    golden=("1+draws5+5762d21b4324", 110.71279701391714),
)
