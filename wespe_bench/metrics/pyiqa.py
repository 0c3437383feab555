"""Any metric of pyiqa, when that is installed: ``pyiqa:NAME`` (the optional extra ``pyiqa``).

The name, the version and the title say that the number is pyiqa's: its conventions are its
own (photos on [0, 1], YIQ luminance for SSIM, 80 dB for identical photos), and ``pyiqa:ssim``
never shares a column with ``ssim``. `wespe-bench conventions` shows how they differ. Most of
its metrics download weights, before the first photo is scored.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np

from wespe_bench.errors import InputError, did_you_mean, one_line
from wespe_bench.images import check_rgb
from wespe_bench.metrics.pairs import check_alone, check_pair
from wespe_bench.types import Metric


@functools.cache
def load(name: str) -> Metric:
    """Any metric of pyiqa, when that is installed, under its own name and version.

    Raises InputError when pyiqa is not installed, has no such metric, or has one that
    compares sets of photos.
    """
    if importlib.util.find_spec("pyiqa") is None:
        raise InputError(
            f"'pyiqa:{name}' needs the package pyiqa, which is not installed; "
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
