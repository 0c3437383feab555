"""Any metric of pyiqa, when that is installed: ``pyiqa:NAME`` (the optional extra ``pyiqa``).

The name, the version and the title say that the number is pyiqa's: its conventions are its
own (photos on [0, 1], YIQ luminance for SSIM, 80 dB for identical photos), and ``pyiqa:ssim``
never shares a column with ``ssim``. `wespe-bench conventions` shows how they differ. Most of
its metrics download weights, before the first photo is scored.

What papers print under a name of its own (``lpips``, ``dists``, ``niqe``, ``brisque``, ``musiq``)
has that name here too: pyiqa's default of it, with pyiqa's version in each row. These have no
golden value, because their weights are downloads.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from wespe_bench.errors import InputError, did_you_mean, one_line
from wespe_bench.images import check_rgb
from wespe_bench.metrics.pairs import check_alone, check_pair
from wespe_bench.types import Metric


def lpips() -> Metric:
    """LPIPS: distance of learned features (Zhang et al., CVPR 2018; AlexNet, v0.1), by pyiqa."""
    return _plain("lpips", "LPIPS", "distance of AlexNet's features, v0.1", (0.0, math.inf))


def dists() -> Metric:
    """DISTS: structure and texture of learned features (Ding et al., TPAMI 2020), by pyiqa."""
    return _plain("dists", "DISTS", "structure and texture of VGG's features", (-1.0, 2.0))


def niqe() -> Metric:
    """NIQE: distance from the statistics of clean photos (Mittal et al., SPL 2013), by pyiqa."""
    return _plain("niqe", "NIQE", "distance from the statistics of clean photos", (0.0, math.inf))


def brisque() -> Metric:
    """BRISQUE: natural scene statistics, trained on LIVE (Mittal et al., TIP 2012), by pyiqa."""
    return _plain("brisque", "BRISQUE", "a rating learnt from LIVE, 0 to about 100")


def musiq() -> Metric:
    """MUSIQ: a transformer at several scales, KonIQ-10k (Ke et al., ICCV 2021), by pyiqa."""
    return _plain("musiq", "MUSIQ", "a rating learnt from KonIQ-10k, 0 to about 100")


def _plain(
    name: str,
    title: str,
    summary: str,
    possible: tuple[float, float] = (-math.inf, math.inf),
) -> Metric:
    metric = load(name, spec=name)
    summary = f"{summary}, by pyiqa"
    return replace(metric, name=name, title=title, summary=summary, possible=possible)


@functools.cache
def load(name: str, spec: str = "") -> Metric:
    """Any metric of pyiqa, when that is installed, under its own name and version.

    Raises InputError, which names it ``spec``, when pyiqa is not installed, has no such metric, or
    has one that compares sets of photos.
    """
    if importlib.util.find_spec("pyiqa") is None:
        raise InputError(
            f"{spec or f'pyiqa:{name}'!r} needs the package pyiqa, which is not installed; "
            "pip install 'wespe-bench[pyiqa]'"
        )
    try:
        import pyiqa
        from pyiqa.default_model_configs import DEFAULT_CONFIGS
    except Exception as error:  # it imports half of the ecosystem, any of which may fail
        raise InputError(f"'pyiqa:{name}': pyiqa fails on import: {one_line(error)}") from error
    if name not in DEFAULT_CONFIGS:
        raise InputError(
            f"pyiqa {pyiqa.__version__} has no metric {name!r}{did_you_mean(name, DEFAULT_CONFIGS)}"
        )
    config = DEFAULT_CONFIGS[name]
    if "fid" in name or name == "inception_score":
        raise InputError(f"'pyiqa:{name}' judges sets of photos, not a photo")
    full_reference = config.get("metric_mode") == "FR"

    def compute(
        image: np.ndarray,
        reference: np.ndarray | None = None,
        *,
        sample_id: str = "",
        seed: int = 0,
    ) -> float:
        if reference is not None and full_reference:
            check_pair(image, reference)
            pair = [image, reference]
        else:
            (check_pair if full_reference else check_alone)(image, reference)
            pair = [image]
        return _score(name, pair, seed)

    return Metric(
        name=f"pyiqa:{name}",
        version=f"1+pyiqa{pyiqa.__version__}",
        unit="",
        higher_is_better=not config.get("lower_better", False),
        full_reference=full_reference,
        compute=compute,
        prepare=functools.partial(_model, name),
        title=f"{name} (pyiqa)",
        summary="as pyiqa computes it, on photos scaled to [0, 1]",
    )


@functools.cache
def _model(name: str) -> Any:
    import pyiqa

    try:
        with contextlib.redirect_stdout(sys.stderr):  # it says there what it loads
            return pyiqa.create_metric(name, device="cpu")
    except Exception as error:  # no network, a moved file, a library it forgot to ask for
        raise InputError(
            f"'pyiqa:{name}' cannot be made ready (are its weights downloaded?): {one_line(error)}"
        ) from error


def _score(name: str, photos: list[np.ndarray], seed: int) -> float:
    import torch

    for photo in photos:
        check_rgb(photo)
    tensors = [
        torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 255 for photo in photos
    ]
    # Some of its metrics crop at random.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return float(_model(name)(*tensors).item())
