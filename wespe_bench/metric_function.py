"""A metric as a function of photos at hand: arrays, tensors, PIL images or files.

    psnr = wespe_bench.metric("psnr")
    psnr(result, reference)                  # uint8 (H, W, 3), PIL images, paths: a float
    psnr(batch, references)                  # float tensors (N, 3, H, W) on [0, 1]: float64 (N,)

Its numbers are the suite's to the bit: whatever comes in is brought to the 8-bit photo that the
suite would have stored and scored.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wespe_bench.errors import InputError
from wespe_bench.images import quantize, read_rgb
from wespe_bench.registry import METRICS, OPTIONAL_METRICS, load_metric

if TYPE_CHECKING:
    from wespe_bench.types import Metric


def metric(name: str) -> MetricFunction:
    """The metric that ``name`` names, as a function.

    Args:
        name: What ``--metrics`` takes: "psnr", "ms_ssim", "cornia", "file.py:METRIC" ...

    Returns:
        A `MetricFunction`.

    Raises:
        InputError: No such metric, or one that cannot work here.
    """
    if not isinstance(name, str):
        raise InputError(f"expected a metric's name, got {type(name).__name__}")
    found = load_metric(name)
    if found.prepare is not None:
        found.prepare()
    return MetricFunction(found)


#: pyiqa's name for it.
create_metric = metric


def spec_of(metric: str | Metric | MetricFunction) -> str:
    """The spec that makes a metric in another process, where scores are computed.

    Raises InputError for a record that no module holds: its code could be neither sent nor hashed.
    """
    if isinstance(metric, str):
        return metric
    record = metric.metric if isinstance(metric, MetricFunction) else metric
    name = getattr(record, "name", None)
    if name is None:
        raise InputError(f"expected a metric or its name, got {type(metric).__name__}")
    plain, shaved, _ = name.partition("?")
    if plain in (*METRICS, *OPTIONAL_METRICS) and (shaved or load_metric(name) == record):
        return str(name)
    module = sys.modules.get(getattr(record.compute, "__module__", ""))
    for attribute, value in vars(module).items() if module else ():
        if value is record and module and module.__name__ != "__main__":
            return f"{module.__name__}:{attribute}"
    raise InputError(
        f"the metric {name!r} is in no module that another process could import; write it into "
        "a file and give its name: 'file.py:METRIC'"
    )


@dataclass(frozen=True)
class MetricFunction:
    """One metric; call it with one photo or a batch. ``metric`` is the suite's `Metric`."""

    metric: Metric = field(repr=False)

    @property
    def name(self) -> str:
        """As tables and rows name it."""
        return self.metric.name

    @property
    def version(self) -> str:
        """Changes whenever the numbers do."""
        return self.metric.version

    @property
    def lower_better(self) -> bool:
        """Whether a lower score is the better one."""
        return not self.metric.higher_is_better

    @property
    def full_reference(self) -> bool:
        """Whether it compares with a reference."""
        return self.metric.full_reference

    def __call__(
        self, image: Any, reference: Any = None, *, data_range: float = 1.0, sample_id: str = ""
    ) -> float | np.ndarray:
        """The score of a photo, or of each photo of a batch.

        Args:
            image: A path, a PIL image (RGB or L), a numpy array (H, W, 3) or (N, H, W, 3), or a
                torch tensor (3, H, W) or (N, 3, H, W) on any device; uint8 or floating point.
            reference: The same for the reference, of the same size, where the metric takes one.
            data_range: What is white in floating point: 1.0, or 255.0. Floats are clamped, scaled
                to 255 and rounded half to even, as the suite stores results.
            sample_id: The photo's id, for metrics that draw crops by it (the FFS rater).

        Returns:
            A float for one photo; float64 (N,) for a batch.

        Raises:
            ValueError: Other shapes, types or sizes, NaN, a reference too many or too few.
            InputError: A file that cannot be read.
        """
        images, many = _photos(image, data_range)
        references: list[Any] = [None] * len(images)
        if reference is not None:
            references, _ = _photos(reference, data_range)
        if len(references) != len(images):
            raise ValueError(f"{len(images)} photos and {len(references)} references")
        values = [
            self.metric.score(photo, other, sample_id=sample_id)
            for photo, other in zip(images, references, strict=True)
        ]
        return np.array(values, np.float64) if many else values[0]

    def torchmetrics(self) -> Any:
        """A ``torchmetrics.Metric``: ``update(preds, target)`` takes what a call takes, ``compute``
        is the mean score of all processes, as float64.

        Raises:
            ImportError: torchmetrics is not installed.
            ValueError: The metric has a mean of its own ("psnr_pooled").
        """
        if self.metric.aggregate is not None:
            raise ValueError(f"{self.name} is not the mean of its photos' scores")
        return _adapter(not self.lower_better)(self)


def _photos(given: Any, data_range: float) -> tuple[list[np.ndarray], bool]:
    """The uint8 (H, W, 3) photos in what the user gave, and whether it was a batch."""
    if not (math.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data_range {data_range}: expected a number above 0, usually 1 or 255")
    if isinstance(given, (str, os.PathLike)):
        return [read_rgb(os.fspath(given))], False
    array = _array(given)
    if array.ndim not in (3, 4):
        raise ValueError(f"expected one photo or a batch, got shape {array.shape}")
    if array.dtype != np.uint8:
        array = _on_unit_range(array, data_range)
    many = array.ndim == 4
    if many and not len(array):
        raise ValueError("the batch has no photos")
    photos = array if many else array[None]
    return [np.ascontiguousarray(quantize(photo)) for photo in photos], many


#: Results of networks leave [0, 1] a little; what leaves it by more has another range.
_OVERSHOOT = 3.0


def _on_unit_range(array: np.ndarray, data_range: float) -> np.ndarray:
    """Floats divided by ``data_range``. Raises ValueError where they are plainly of another."""
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"expected uint8, or floating point on [0, 1], got {array.dtype}")
    array = array / data_range if data_range != 1 else array
    if not array.size or not np.isfinite(array).all():
        return array  # refused by name when it is quantised
    least, most = float(array.min()), float(array.max())
    if most > 1 + _OVERSHOOT or least < -_OVERSHOOT or np.median(array) < 0:
        raise ValueError(
            f"floats from {least * data_range:.4g} to {most * data_range:.4g} with "
            f"data_range={data_range:g}; give them on [0, {data_range:g}], or say their data_range"
        )
    if data_range > 1 and 0 < most <= 1 / data_range:
        raise ValueError(
            f"no value above {most * data_range:.4g} with data_range={data_range:g}; floats on "
            "[0, 1] have data_range=1"
        )
    return array


def _array(given: Any) -> np.ndarray:
    """Channels last, on the processor."""
    if hasattr(given, "detach"):  # a tensor; torch need not be imported to know
        tensor = given.detach().cpu()
        if tensor.ndim not in (3, 4) or tensor.shape[-3] != 3:
            raise ValueError(f"expected a tensor (3, H, W) or (N, 3, H, W), got {given.shape}")
        # numpy has no bfloat16.
        tensor = tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor
        array: np.ndarray = tensor.movedim(-3, -1).numpy()
        return array
    if hasattr(given, "getbands"):
        if given.mode not in ("RGB", "L"):
            raise ValueError(f"a PIL image of mode {given.mode}; convert it to RGB first")
        return np.asarray(given.convert("RGB"))
    if isinstance(given, np.ma.MaskedArray):
        raise ValueError("a masked array; a metric takes all pixels, so fill it first")
    if isinstance(given, np.ndarray):
        return given
    raise ValueError(f"expected a path, a PIL image, an array or a tensor, got {type(given)}")


@functools.cache
def _adapter(better: bool) -> Any:
    """The class for metrics of one direction; made when asked for, torchmetrics loads slowly."""
    import torch
    import torchmetrics

    class Adapter(torchmetrics.Metric):
        full_state_update = False
        is_differentiable = False
        higher_is_better = better
        total: torch.Tensor
        count: torch.Tensor

        def __init__(self, function: MetricFunction) -> None:
            super().__init__()
            self.function = function
            self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
            self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

        # pyrefly: ignore[bad-override]
        def update(self, preds: Any, target: Any = None) -> None:
            scores = np.atleast_1d(self.function(preds, target))
            self.total += math.fsum(scores)
            self.count += len(scores)

        def compute(self) -> torch.Tensor:
            return self.total / self.count

    return Adapter
