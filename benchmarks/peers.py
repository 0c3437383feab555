"""Who is timed by metrics.py: our metrics, and other packages doing the same task."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wespe_bench.images import encode_png, luma

Photos = list[np.ndarray]
Prepare = Callable[[Photos, Photos], Callable[[], float]]


@dataclass(frozen=True)
class Case:
    """One package doing one task: ``prepare(images, references)`` gives the timed function."""

    task: str
    who: str
    prepare: Prepare
    package: str = ""
    largest: float = math.inf  # pixels, above which it is not run

    def runs(self) -> bool:
        if not self.package:
            return True
        try:
            importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return False
        return True


def ours(*names: str) -> Prepare:
    from wespe_bench.registry import load_metric

    def prepare(images: Photos, references: Photos) -> Callable[[], float]:
        metrics = [load_metric(name) for name in names]
        several = len(images) > 1 and all(metric.batch for metric in metrics)
        x, y = (np.stack(images), np.stack(references)) if several else (None, None)

        def one(metric: Any) -> float:
            if several:
                results = metric.batch(x, y)
            elif metric.full_reference:
                results = [metric.compute(a, b) for a, b in zip(images, references, strict=True)]
            else:
                results = [metric.compute(a) for a in images]
            return sum(r["value"] if isinstance(r, dict) else r for r in results) / len(results)

        return lambda: sum(one(metric) for metric in metrics)

    return prepare


def skimage_psnr(images: Photos, references: Photos) -> Callable[[], float]:
    from skimage.metrics import peak_signal_noise_ratio as psnr

    return lambda: mean(psnr(b, a) for a, b in zip(images, references, strict=True))


def skimage_ssim(images: Photos, references: Photos) -> Callable[[], float]:
    from skimage.metrics import structural_similarity

    x, y = [luma(a) for a in images], [luma(b) for b in references]
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return lambda: mean(
        structural_similarity(b, a, data_range=255, **wang) for a, b in zip(x, y, strict=True)
    )


def skimage_both(images: Photos, references: Photos) -> Callable[[], float]:
    first, second = skimage_psnr(images, references), skimage_ssim(images, references)
    return lambda: first() + second()


def skimage_entropy(images: Photos, references: Photos) -> Callable[[], float]:
    from skimage.measure import shannon_entropy

    x = [luma(a) for a in images]
    return lambda: mean(shannon_entropy(a) for a in x)


def _batch(load: Callable[[], Callable[..., Any]], scale: float, pair: bool = True) -> Prepare:
    """What takes (N, 3, H, W) float32 on [0, 255 / scale]; ``load`` gives its function."""

    def prepare(images: Photos, references: Photos) -> Callable[[], float]:
        import torch

        function = load()
        given = (images, references) if pair else (images,)
        stacks = [torch.from_numpy(np.stack(photos)) for photos in given]

        def run() -> float:
            with torch.no_grad():
                tensors = [stack.permute(0, 3, 1, 2).float() / scale for stack in stacks]
                return float(function(*tensors).mean())

        return run

    return prepare


def torch_batch(module: str, name: str, scale: float = 255, **options: Any) -> Prepare:
    def load() -> Callable[..., Any]:
        return functools.partial(getattr(importlib.import_module(module), name), **options)

    return _batch(load, scale)


def torchmetrics_batch(name: str) -> Prepare:
    return torch_batch("torchmetrics.functional.image", name, data_range=1.0)


def pyiqa_batch(name: str, pair: bool = True) -> Prepare:
    def load() -> Callable[..., Any]:
        import pyiqa

        return pyiqa.create_metric(name, device="cpu")

    return _batch(load, 255, pair)


def pillow_bpp(images: Photos, references: Photos) -> Callable[[], float]:
    return lambda: mean(8 * len(encode_png(a, 6)) / (a.size / 3) for a in images)


def mean(values: Iterator[float]) -> float:
    numbers = [float(value) for value in values]
    return sum(numbers) / len(numbers)


CASES = [
    Case("psnr", "wespe-bench", ours("psnr")),
    Case("psnr", "scikit-image", skimage_psnr),
    Case("psnr", "piq", torch_batch("piq", "psnr"), "piq"),
    Case("psnr", "torchmetrics", torchmetrics_batch("peak_signal_noise_ratio"), "torchmetrics"),
    Case("psnr", "pyiqa", pyiqa_batch("psnr"), "pyiqa"),
    Case("ssim", "wespe-bench", ours("ssim")),
    Case("ssim", "scikit-image", skimage_ssim),
    Case("ssim", "piq", torch_batch("piq", "ssim", downsample=False), "piq"),
    Case(
        "ssim",
        "torchmetrics",
        torchmetrics_batch("structural_similarity_index_measure"),
        "torchmetrics",
    ),
    Case("ssim", "pytorch-msssim", torch_batch("pytorch_msssim", "ssim", 1), "pytorch-msssim"),
    Case("ssim", "pyiqa", pyiqa_batch("ssim"), "pyiqa"),
    Case("psnr+ssim", "wespe-bench", ours("psnr", "ssim")),
    Case("psnr+ssim", "scikit-image", skimage_both),
    Case("ms_ssim", "wespe-bench", ours("ms_ssim")),
    Case("ms_ssim", "piq", torch_batch("piq", "multi_scale_ssim"), "piq"),
    Case(
        "ms_ssim",
        "torchmetrics",
        torchmetrics_batch("multiscale_structural_similarity_index_measure"),
        "torchmetrics",
    ),
    Case(
        "ms_ssim", "pytorch-msssim", torch_batch("pytorch_msssim", "ms_ssim", 1), "pytorch-msssim"
    ),
    Case("ms_ssim", "pyiqa", pyiqa_batch("ms_ssim"), "pyiqa"),
    Case("entropy", "wespe-bench", ours("entropy")),
    Case("entropy", "scikit-image", skimage_entropy),
    # 256 64-bit numbers for each pixel
    Case("entropy", "pyiqa", pyiqa_batch("entropy", pair=False), "pyiqa", largest=1e6),
    Case("bpp", "wespe-bench", ours("bpp_pinned")),
    Case("bpp", "pillow level 6", pillow_bpp),
]
