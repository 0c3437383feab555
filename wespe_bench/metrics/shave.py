"""A metric without the photo's border: ``psnr_y?shave=4``, as super-resolution papers print it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from wespe_bench.errors import InputError, short
from wespe_bench.metrics.pairs import check_alone, check_pair
from wespe_bench.types import Metric


def shaved(metric: Metric, option: str) -> Metric:
    """The metric on photos without so many pixels at each of their four sides.

    Args:
        metric: The metric.
        option: "shave=4".

    Raises:
        InputError: Another option.
    """
    found = re.fullmatch(r"shave=([1-9][0-9]{0,3})", option)
    if found is None:
        raise InputError(
            f"{metric.name} does not take {short(option)}; a metric takes shave=PIXELS alone, "
            f"1 to 9999 pixels, such as {metric.name}?shave=4"
        )
    pixels = int(found[1])
    return replace(
        metric,
        name=f"{metric.name}?{option}",
        title=f"{metric.title or metric.name}, {pixels} px shaved",
        compute=partial(_compute, metric, pixels),
        batch=None,
        golden=None,
    )


def _compute(
    metric: Metric,
    pixels: int,
    image: np.ndarray,
    reference: np.ndarray | None = None,
    *,
    sample_id: str = "",
    seed: int = 0,
) -> Any:
    (check_pair if metric.full_reference else check_alone)(image, reference)
    height, width = image.shape[:2]
    if min(height, width) <= 2 * pixels:
        raise ValueError(f"image is {width}x{height}; shave={pixels} leaves nothing of it")
    photos = [image] if reference is None else [image, reference]
    inner = [np.ascontiguousarray(photo[pixels:-pixels, pixels:-pixels]) for photo in photos]
    return metric.compute(*inner, sample_id=sample_id, seed=seed)
