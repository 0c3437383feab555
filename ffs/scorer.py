"""FFS, the Flickr Faves Score of a photo: what a virtual rater thinks of five of its crops.

Ignatov et al., "WESPE", CVPRW 2018, Tables 7 and 8: a network that learned to tell photos with
faves per view above the median from others, averaged over five crops, the same ones for a
photo and for what enhancers made of it. **Higher is better**; the scale is [0, 1].

Convention: the photo is cropped to 16:9 and resized to 1280 x 720 as in training
(`ffs.crops.prepare`; "native" raters leave it as it is); five different 224 x 224 crops follow
from its id and the seed, apart where there is room; the score is the mean of P(high). Corners
and each crop's P are stored as extras, and so is the calibrated score of a rater that has a
temperature (`ffs.temperature`). The checkpoint's hash is in the version, so two raters never
share a column.

    wespe-bench score runs/mine --metrics ffs:rater.safetensors

``ffs`` alone is the rater in ``$WESPE_DATA``/models/ffs.safetensors. ``ffs-standin`` ships; it
learned from simulated faves and is for demonstrations only, under that name. Options go after
a question mark: ``ffs:FILE?device=cuda``, ``ffs:FILE?vgg=vgg19.pth``, or of a rater on another
network than VGG-19 ``ffs:FILE?features=convnext_tiny.pth``.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ffs import baselines, checkpoints, crops
from ffs.temperature import scaled
from wespe_bench import tensors
from wespe_bench.errors import InputError, one_line
from wespe_bench.metrics import models
from wespe_bench.metrics.pairs import check_alone
from wespe_bench.options import split_options
from wespe_bench.types import Metric

if TYPE_CHECKING:
    from ffs.network import Rater

#: Changes when the same rater, photo, id and seed would give other numbers.
VERSION = 1

#: The stand-in that ships, and what its bytes have to be.
SHIPPED = "ffs-standin.safetensors"
SHIPPED_SHA256 = "b0012464f635f30315c07f8f4435e6cf1082d49bc06ffebf95d00494d2c42606"

#: What the stand-in is called wherever it scores.
STAND_IN = "ffs-standin"


def ffs(
    image: np.ndarray,
    reference: None = None,
    *,
    rater: Rater,
    preparation: str = "hd",
    device: str = "cpu",
    temperature: float | None = None,
    sample_id: str = "",
    seed: int = 0,
) -> dict[str, float]:
    """FFS of uint8 (H, W, 3): "value" on [0, 1], and of each crop K "pK", "topK", "leftK".

    On a CPU the bits are the same whatever else is scored and on however many cores.

    Args:
        image: The photo, uint8 (H, W, 3), sRGB.
        reference: None: the metric looks at one photo alone.
        rater: The network (`ffs.checkpoints.read`).
        preparation: "hd", "native" or WIDTHxHEIGHT (`ffs.crops.prepare`).
        device: "cpu" or "cuda".
        temperature: The rater's (`ffs.temperature`), for "calibrated".
        sample_id: Decides where the crops are, with ``seed``.
        seed: See ``sample_id``.

    Returns:
        "value", the mean over the crops of P(high); of each crop K its "pK", and "topK" and
        "leftK" in pixels of the prepared photo; with a temperature also "calibrated", the value
        calibrated.

    Raises:
        ValueError: Another dtype or shape, a reference, or a photo below 224 px taken as it is.
    """
    from ffs.network import penultimate_features, probabilities

    check_alone(image, reference)
    prepared = crops.prepare(image, preparation)
    corners = crops.corners(prepared.shape[0], prepared.shape[1], sample_id, seed)
    pixels = np.stack([crops.cut(prepared, corner) for corner in corners])
    p = probabilities(rater, penultimate_features(rater, pixels, device)).tolist()
    found = {"value": math.fsum(p) / len(p)}
    if temperature is not None:
        found["calibrated"] = float(scaled(np.array(found["value"]), temperature))
    for number, (share, (top, left)) in enumerate(zip(p, corners, strict=True), 1):
        found |= {f"p{number}": share, f"top{number}": float(top), f"left{number}": float(left)}
    return found


def own() -> Path:
    """The rater of ``ffs`` alone."""
    return models.imported("ffs.safetensors")


def load(argument: str = "") -> Metric:
    """Flickr Faves Score by a rater of `ffs train`: FILE, or FILE?device=cuda&features=FILE.

    Raises InputError for a file that is missing or no rater's, for the stand-in, an unknown
    option, weights of the network below it that are missing or others, or a device that is not
    there.
    """
    if not argument and not own().is_file():
        raise InputError(
            f"ffs: no rater at {models.looked_in('ffs.safetensors')}; train one (wespe-bench ffs "
            f"train) and name it, ffs:FILE, or put it there; for a demonstration take {STAND_IN}"
        )
    metric = _load(argument or str(own()), f"ffs:{argument}" if argument else "ffs", "rater")
    return metric


def load_standin(argument: str = "") -> Metric:
    """Stand-in for the Flickr Faves Score: simulated faves, for demonstrations only.

    ``argument`` is another stand-in's FILE, or empty for the one that ships. Raises InputError
    as `load`.
    """
    if argument:
        return _load(argument, f"{STAND_IN}:{argument}", "stand-in")
    with importlib.resources.as_file(importlib.resources.files("ffs") / SHIPPED) as path:
        metric = _load(str(path), STAND_IN, "stand-in")
    if SHIPPED_SHA256[:12] not in metric.version:
        raise InputError(f"the packaged {SHIPPED} was changed; install wespe-bench again")
    return metric


def __getattr__(name: str) -> Any:
    """``ffs.scorer:FFS``: the metric of the rater in the data folder, as `load` gives it."""
    if name == "FFS":
        return load()
    raise AttributeError(name)


def _load(argument: str, name: str, kind: str) -> Metric:
    known = {"device": ["cpu", "cuda"], "vgg": [""], "features": [""]}
    file, options = split_options(name.partition(":")[0], argument, known)
    path, below = Path(file), options["features"] or options["vgg"]
    return _read(path, models.stamp(path), name, kind, options["device"], below)


@functools.cache
def _read(path: Path, stamp: object, name: str, kind: str, device: str, below: str) -> Metric:
    card, _ = checkpoints.read_card(path)
    if card.kind != kind:
        other = STAND_IN if card.kind == "stand-in" else "ffs"
        raise InputError(
            f"{path}: is a {card.kind}, not a {kind}; score with {other}:{path}"
            + ("; it learned from simulated faves" if card.kind == "stand-in" else "")
        )
    rater, card, sha256 = checkpoints.read(path, below or None)
    if device == "cuda" and card.back_end == "onnx":
        raise InputError(f"{name}: device=cuda, and a rater on an ONNX file runs on a CPU")
    if device == "cuda":
        _to_cuda(rater, name)

    def compute(
        image: np.ndarray, reference: None = None, *, sample_id: str = "", seed: int = 0
    ) -> dict[str, float]:
        return ffs(
            image,
            reference,
            rater=rater,
            preparation=card.preparation,
            device=device,
            temperature=card.temperature,
            sample_id=sample_id,
            seed=seed,
        )

    summary, doubted = described(card, path)
    shown = "" if card.preparation == "hd" else f", {card.preparation}"
    shown += f", {card.back_end}" if card.normalisation else ""
    return Metric(
        name=name,
        version=_version(card, sha256) + ("+cuda" if device == "cuda" else ""),
        unit="",
        higher_is_better=True,
        full_reference=False,
        compute=compute,
        title=f"{card.title}{shown}" + (" (cuda)" if device == "cuda" else ""),
        summary=summary,
        rates_quality=card.kind != "stand-in" and not doubted,
    )


def _version(card: checkpoints.Card, sha256: str) -> str:
    mark = "+standin" if card.kind == "stand-in" else ""
    return f"{VERSION}+crops{crops.CROPS}{mark}+{sha256[:12]}"


def described(card: checkpoints.Card, path: Path) -> tuple[str, str]:
    """The rater's summary for tables, and the rule on one number that it does not beat, or "".

    Raises InputError for a test in the card that says neither.
    """
    try:
        summary, doubted = _summary(card), _doubted(card)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{path}: its card is damaged ({one_line(error)[:120]})") from None
    return tensors.text_of({"test": summary}, "test", path), doubted


def _summary(card: checkpoints.Card) -> str:
    if card.kind == "stand-in":
        return "stand-in trained on simulated faves; no ratings, for demonstrations only"
    if card.back_end == "random":
        return "random VGG-19 weights: means nothing, for smoke runs"
    on = f" by a head on {card.back_end}" if card.normalisation else ""
    if checkpoints.simulated(card.kind, str(card.training.get("data_note", ""))):
        return f"mean P(high) of five crops{on}; trained on simulated faves, says nothing of photos"
    if not card.test:
        return f"mean P(high) of five crops{on}"
    found = card.test
    low, high = found["wilson"]
    doubt = _doubted(card)
    return (
        f"mean P(high) of five crops{on}; test accuracy {100 * found['accuracy']:.1f}% "
        f"(n={found['n']}, 95% interval {100 * low:.1f}% to {100 * high:.1f}%; the paper's rater "
        f"68.75%)" + (f"; NOT SHOWN to be better than {doubt} alone" if doubt else "")
    )


def _doubted(card: checkpoints.Card) -> str:
    """The rule on one number that the rater's test does not show it to beat; empty for none."""
    found = card.test.get("baselines") if card.test else None
    return "" if not found or baselines.shown(found) else str(found["best"])


def _to_cuda(rater: Rater, name: str) -> None:
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"{name}: device=cuda, and torch sees no CUDA device here")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    rater.to("cuda")
