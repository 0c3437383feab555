"""What every metric refuses: one clear ValueError, nothing guessed, nothing broadcast."""

from __future__ import annotations

import re

import numpy as np
import pytest

from wespe_bench.registry import load_metric

GOOD = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
FULL_REFERENCE = [
    "psnr",
    "psnr_pooled",
    "psnr_dped",
    "psnr_y",
    "psnr?shave=4",
    "delta_e",
    "ssim",
    "ssim_rgb",
    "ms_ssim",
    "ms_ssim_dped",
]
NO_REFERENCE = ["entropy", "entropy_rgb", "bpp", "bpp_pinned", "cornia"]

BAD = {
    "2-D grey": GOOD[..., 0],
    "one channel": GOOD[..., :1],
    "four channels": np.dstack([GOOD, GOOD[..., 0]]),
    "batch of one": GOOD[None],
    "empty": GOOD[:0],
    "float on [0, 1]": GOOD / 255,
    "float32": GOOD.astype(np.float32),
    "NaN": np.full(GOOD.shape, np.nan),
    "int64": GOOD.astype(np.int64),
    "uint16": GOOD.astype(np.uint16),
    "bool": GOOD > 127,
    "list": GOOD.tolist(),
    "None": None,
}


@pytest.mark.parametrize("name", FULL_REFERENCE + NO_REFERENCE)
@pytest.mark.parametrize("kind", BAD)
def test_wrong_arrays(name: str, kind: str) -> None:
    metric = load_metric(name)
    reference = GOOD if metric.full_reference else None
    with pytest.raises(ValueError, match=r"expected|uint8|array") as caught:
        metric.compute(BAD[kind], reference)
    assert "\n" not in str(caught.value)
    if metric.full_reference:
        with pytest.raises(ValueError, match=r"^(reference|this metric compares)"):
            metric.compute(GOOD, BAD[kind])


@pytest.mark.parametrize("name", FULL_REFERENCE)
@pytest.mark.parametrize("shape", [(16, 17), (17, 16), (1, 1), (1, 16), (32, 8)])
def test_mixed_sizes(name: str, shape: tuple[int, int]) -> None:
    other = np.zeros((*shape, 3), np.uint8)
    for first, second in ((GOOD, other), (other, GOOD)):
        with pytest.raises(ValueError, match=re.escape(f"{shape[1]}x{shape[0]}")):
            load_metric(name).compute(first, second)


@pytest.mark.parametrize(
    ("name", "least"),
    [("psnr", 1), ("psnr_pooled", 1), ("ssim", 11), ("ssim_rgb", 11), ("ms_ssim", 7)],
)
def test_smaller_than_a_window(name: str, least: int) -> None:
    compute = load_metric(name).compute
    for shape in ((least, 40), (40, least)):
        compute(np.zeros((*shape, 3), np.uint8), np.zeros((*shape, 3), np.uint8))
    for shape in ((least - 1, 40), (40, least - 1)):
        with pytest.raises(ValueError, match=r"at least|expected shape"):
            compute(np.zeros((*shape, 3), np.uint8), np.zeros((*shape, 3), np.uint8))


@pytest.mark.parametrize("name", FULL_REFERENCE)
def test_missing_reference(name: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        load_metric(name).compute(GOOD, None)


@pytest.mark.parametrize("name", NO_REFERENCE)
def test_unexpected_reference(name: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        load_metric(name).compute(GOOD, GOOD)
