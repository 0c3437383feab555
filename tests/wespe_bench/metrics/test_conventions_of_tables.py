"""The conventions that average before their nonlinearity, against oracles on rows."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from tests.oracles import ms_ssim as ms_ssim_oracle
from tests.oracles import psnr as psnr_oracle
from wespe_bench.errors import Missing
from wespe_bench.metrics.pairs import natural
from wespe_bench.registry import load_metric

Pair = tuple[np.ndarray, np.ndarray]


def pairs_of(count: int, side: int = 9) -> list[Pair]:
    rng = np.random.default_rng(count)
    result = []
    for number in range(count):
        reference = rng.integers(0, 256, (side, side + 2, 3), np.uint8)
        noise = rng.integers(-3 - number, 4 + number, reference.shape)
        result.append((np.clip(reference + noise, 0, 255).astype(np.uint8), reference))
    return result


def rows_of(name: str, pairs: list[Pair], ids: list[str] | None = None) -> pd.DataFrame:
    """What the store holds after scoring."""
    metric = load_metric(name)
    rows = []
    for number, (image, reference) in enumerate(pairs):
        parts = dict(metric.compute(image, reference))
        sample = ids[number] if ids else f"test/{number}"
        rows.append({"sample": sample, "value": parts.pop("value"), "extras": json.dumps(parts)})
    return pd.DataFrame(rows)


def aggregate(name: str, rows: pd.DataFrame) -> float:
    metric = load_metric(name)
    assert metric.aggregate is not None
    return metric.aggregate(rows)


def test_psnr_pooled() -> None:
    pairs = pairs_of(7)
    rows = rows_of("psnr_pooled", pairs)
    assert aggregate("psnr_pooled", rows) == pytest.approx(psnr_oracle.pooled(pairs), rel=1e-14)
    # Jensen: decibels of the mean are below the mean of decibels.
    assert aggregate("psnr_pooled", rows) < rows["value"].mean()
    assert aggregate("psnr_pooled", rows[::-1]) == aggregate("psnr_pooled", rows)


def test_an_identical_photo_counts_in_the_pool() -> None:
    (image, reference), *_ = pairs_of(1)
    rows = rows_of("psnr_pooled", [(image, reference), (reference, reference)])
    half = psnr_oracle.psnr(image, reference) + 10 * math.log10(2)
    assert aggregate("psnr_pooled", rows) == pytest.approx(half, rel=1e-14)
    assert aggregate("psnr_pooled", rows[1:]) == math.inf


@pytest.mark.parametrize("count", [50, 99, 100, 113])
def test_psnr_dped_means_full_batches_in_the_order_of_ids(count: int) -> None:
    pairs = pairs_of(count)
    rows = rows_of("psnr_dped", pairs)
    expected = psnr_oracle.dped(pairs)
    assert aggregate("psnr_dped", rows) == pytest.approx(expected, rel=1e-13)
    shuffled = rows.sample(frac=1, random_state=3)
    assert aggregate("psnr_dped", shuffled) == aggregate("psnr_dped", rows)


def test_ids_are_read_as_numbers_where_they_are() -> None:
    ids = ["a/10", "a/9", "a/b", "a/09", "b/1", "10", "9", "a"]
    assert sorted(ids, key=natural) == ["9", "10", "a", "a/9", "a/09", "a/10", "a/b", "b/1"]


def test_ms_ssim_dped_means_the_terms_before_the_product() -> None:
    pairs = pairs_of(103)
    rows = rows_of("ms_ssim_dped", pairs)
    first, second = ms_ssim_oracle.batch(pairs[:50]), ms_ssim_oracle.batch(pairs[50:100])
    value = aggregate("ms_ssim_dped", rows)
    assert value == pytest.approx((first + second) / 2, abs=1e-10)
    assert value != pytest.approx(rows["value"][:100].mean(), abs=1e-6)


@pytest.mark.parametrize("name", ["psnr_dped", "ms_ssim_dped"])
def test_less_than_a_batch_is_missing_with_the_reason(name: str) -> None:
    rows = rows_of(name, pairs_of(11))
    with pytest.raises(Missing, match="needs 50 photos to fill a batch, has 11"):
        aggregate(name, rows)
