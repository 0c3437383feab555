"""The verb ``conventions``: one pair of photos, every number people call by the same name.

Two numbers called SSIM differ because of the grey formula, the window, the border, the
scale, the value range. Here they stand side by side, with the reason in a line.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from wespe_bench.arguments import FormatOption
from wespe_bench.errors import InputError, Missing, one_line
from wespe_bench.json_output import json_score, json_text
from wespe_bench.types import Metric


@dataclass(frozen=True, slots=True)
class Peer:
    """What another package gives when it is called as its documentation's first lines do.

    ``compute(image, reference)`` takes uint8 (H, W, 3). ``package`` is the name to install.
    """

    package: str
    name: str
    compute: Callable[[np.ndarray, np.ndarray], float]
    why: str

    def version(self) -> str | None:
        """The installed version, None when it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


def _skimage(name: str, **options: Any) -> Callable[[np.ndarray, np.ndarray], float]:
    def compute(image: np.ndarray, reference: np.ndarray) -> float:
        import skimage.metrics

        return float(getattr(skimage.metrics, name)(reference, image, data_range=255, **options))

    return compute


def _skimage_wang(image: np.ndarray, reference: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    from wespe_bench.images import luma

    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(luma(reference), luma(image), data_range=255, **wang))


def _skimage_entropy(image: np.ndarray, reference: np.ndarray) -> float:
    from skimage.measure import shannon_entropy

    return float(shannon_entropy(image))


def _torch(module: str, name: str, scale: float, **options: Any) -> Any:
    def compute(image: np.ndarray, reference: np.ndarray) -> float:
        import torch

        x, y = (
            torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / scale
            for photo in (image, reference)
        )
        with torch.no_grad():
            return float(getattr(importlib.import_module(module), name)(x, y, **options))

    return compute


def _torchmetrics(name: str) -> Any:
    return _torch("torchmetrics.functional.image", name, 255, data_range=1.0)


def _pyiqa(name: str, pair: bool = True) -> Callable[[np.ndarray, np.ndarray], float]:
    def compute(image: np.ndarray, reference: np.ndarray) -> float:
        from wespe_bench.metrics.pyiqa import load

        photos = (image, reference) if pair else (image,)
        return float(cast(float, load(name).compute(*photos)))

    return compute


#: What others give by default, by the same quantities.
PEERS = {
    "PSNR": (
        Peer("scikit-image", "psnr", _skimage("peak_signal_noise_ratio"), "equal to psnr"),
        Peer(
            "piq",
            "psnr",
            _torch("piq", "psnr", 255),
            "1e-8 is added to the error, so identical photos have 80 dB",
        ),
        Peer(
            "torchmetrics",
            "psnr",
            _torchmetrics("peak_signal_noise_ratio"),
            "float32; over a batch it pools the errors, like psnr_pooled",
        ),
        Peer(
            "pyiqa",
            "psnr",
            _pyiqa("psnr"),
            "1e-8 is added to the error; psnry is another: luma only",
        ),
    ),
    "SSIM": (
        Peer(
            "scikit-image",
            "ssim, Wang's options",
            _skimage_wang,
            "equal to ssim: gaussian_weights, sigma 1.5, population covariance, our grey",
        ),
        Peer(
            "scikit-image",
            "ssim",
            _skimage("structural_similarity", channel_axis=-1),
            "default: 7x7 flat window, sample covariance, mean over RGB",
        ),
        Peer(
            "piq",
            "ssim",
            _torch("piq", "ssim", 255),
            "default: first shrinks by round(shorter side / 256), as Wang's page advises; RGB",
        ),
        Peer(
            "piq",
            "ssim, downsample=False",
            _torch("piq", "ssim", 255, downsample=False),
            "ssim_rgb in float32",
        ),
        Peer(
            "torchmetrics",
            "ssim",
            _torchmetrics("structural_similarity_index_measure"),
            "RGB, and the mean includes the border, filled by reflection",
        ),
        Peer(
            "pytorch-msssim",
            "ssim",
            _torch("pytorch_msssim", "ssim", 1),
            "ssim_rgb in float32",
        ),
        Peer(
            "pyiqa",
            "ssim",
            _pyiqa("ssim"),
            "luma of YIQ, and negative contrast is set to 0 at every pixel",
        ),
    ),
    "MS-SSIM": (
        Peer(
            "piq",
            "ms_ssim",
            _torch("piq", "multi_scale_ssim", 255),
            "full 11x11 windows, so sides of 161 and more; odd sides grow at the top and left",
        ),
        Peer(
            "torchmetrics",
            "ms_ssim",
            _torchmetrics("multiscale_structural_similarity_index_measure"),
            "float32; the coarsest scale's mean includes the reflected border",
        ),
        Peer(
            "pytorch-msssim",
            "ms_ssim",
            _torch("pytorch_msssim", "ms_ssim", 1),
            "a product for each channel, then their mean; odd sides are padded with zeros",
        ),
        Peer("pyiqa", "ms_ssim", _pyiqa("ms_ssim"), "luma of YIQ, negative contrast set to 0"),
    ),
    "Entropy of A": (
        Peer("scikit-image", "shannon_entropy", _skimage_entropy, "equal to entropy_rgb on RGB"),
        Peer("pyiqa", "entropy", _pyiqa("entropy", pair=False), "luma of YIQ"),
    ),
}


@dataclass(frozen=True)
class Conventions(FormatOption):
    """Score one pair of photos under every convention, ours and other packages' defaults.

    Example:
      wespe-bench conventions output.png reference.png
    """

    image: str
    """The photo to judge, A."""
    reference: str
    """What it is compared with, B, of the same size."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number: who calls it what, its value or None, and why it is what it is."""

    quantity: str
    name: str
    value: float | None
    why: str


def ours() -> dict[str, list[Metric]]:
    """Our metrics by the quantity they measure, in the order of the registry."""
    from wespe_bench.registry import METRICS, load_metric

    found: dict[str, list[Metric]] = {}
    for name in METRICS:
        metric = load_metric(name)
        if metric.quantity:
            found.setdefault(metric.quantity, []).append(metric)
    return found


def compare(image: np.ndarray, reference: np.ndarray) -> list[Line]:
    """Every convention of two uint8 (H, W, 3) photos of one size, ours before the peers'.

    A peer that is not installed is left out; one that refuses the pair has the value None
    and says why. Raises ValueError on anything but two photos of one size.
    """
    from wespe_bench.metrics.pairs import check_pair

    check_pair(image, reference)
    lines = []
    for quantity, metrics in ours().items():
        for metric in metrics:
            photos = (image, reference) if metric.full_reference else (image,)
            lines.append(_ours(quantity, metric.name, metric.convention, metric, photos))
        for peer in PEERS.get(quantity, ()):
            version = peer.version()
            if version is None:
                continue
            label = f"{peer.package} {version}: {peer.name}"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    value = peer.compute(image, reference)
            except Exception as error:  # each refuses small or odd photos in its own way
                lines.append(Line(quantity, label, None, one_line(error)[:120]))
                continue
            lines.append(Line(quantity, label, value, peer.why))
    return lines


def _ours(quantity: str, name: str, why: str, metric: Any, photos: tuple[np.ndarray, ...]) -> Line:
    try:
        result = metric.compute(*photos)
    except ValueError as error:
        return Line(quantity, name, None, str(error))
    parts = dict(result) if isinstance(result, dict) else {"value": result}
    value = float(parts.pop("value"))
    if metric.aggregate is not None:
        import json

        import pandas as pd

        rows = pd.DataFrame([{"sample": "A", "value": value, "extras": json.dumps(parts)}])
        try:
            value = float(metric.aggregate(rows))
        except Missing as reason:
            return Line(quantity, name, None, f"{why} ({reason})")
    if parts.get("clamped"):
        why += f" ({parts['clamped']:.0f} negative terms set to 0)"
    return Line(quantity, name, value, why)


def main(config: Conventions) -> int:
    """Print the pair's numbers, one a line."""
    from wespe_bench.images import read_rgb

    image, reference = read_rgb(config.image), read_rgb(config.reference)
    if image.shape != reference.shape:
        raise InputError(
            f"{config.image} is {image.shape[1]}x{image.shape[0]} but {config.reference} is "
            f"{reference.shape[1]}x{reference.shape[0]}; nothing is resized or cropped"
        )
    lines = compare(image, reference)
    packages = sorted({peer.package for peers in PEERS.values() for peer in peers})
    absent = [name for name in packages if not _installed(name)]
    if config.format == "json":
        numbers = [asdict(line) | {"value": json_score(line.value)} for line in lines]
        names = {"image": config.image, "reference": config.reference}
        size = {"width": image.shape[1], "height": image.shape[0]}
        print(json_text({**names, **size, "numbers": numbers, "not_installed": absent}), end="")
        return 0
    print(f"A  {config.image}\nB  {config.reference}\n   {image.shape[1]}x{image.shape[0]}")
    width = max(len(line.name) for line in lines)
    quantity = ""
    for line in lines:
        if line.quantity != quantity:
            quantity = line.quantity
            print(f"\n{quantity}")
        print(f"  {line.name:<{width}}  {_number(line.value)}  {line.why}")
    if absent:
        print(
            f"\nnot installed, so not shown: {', '.join(absent)} (the extra 'bench' has them all)"
        )
    return 0


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _number(value: float | None) -> str:
    if value is None:
        return f"{'-':>11}"
    return f"{value:11.6f}" if math.isfinite(value) else f"{value:>11}"
