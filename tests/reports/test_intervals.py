"""Intervals, means and their errors against scipy and the normal law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.intervals import LARGE_N, RESAMPLES, _computed, bootstrap_interval
from reports.tables import mean, standard_error


@pytest.mark.parametrize("n", [9, 40])
def test_interval_is_the_percentile_interval_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, 3.0, n)
    oracle = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=40_000, rng=np.random.default_rng(9)
    ).confidence_interval
    low, high = bootstrap_interval(values)
    width = oracle.high - oracle.low
    # The ends of two independent intervals differ by the noise of their resamples: a
    # standard error of about 1% of the width at 5,000.
    assert low == pytest.approx(oracle.low, abs=0.05 * width)
    assert high == pytest.approx(oracle.high, abs=0.05 * width)


def test_interval_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        low, high = bootstrap_interval(rng.normal(0, 1, 40), resamples=1000)
        hits += low <= 0 <= high
    assert 0.88 <= hits / 300 <= 0.98  # a percentile interval at n = 40 covers about 0.94


@pytest.mark.parametrize("shape", [0.5, 4.0])
def test_a_computed_interval_is_the_sampled_one(shape: float) -> None:
    values = np.random.default_rng(8).gamma(shape, 3.0, LARGE_N + 200)
    computed = bootstrap_interval(values)
    oracle = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(9)
    ).confidence_interval
    error = standard_error(values)
    assert computed == pytest.approx(tuple(oracle), abs=0.04 * error)
    middle = 2 * values.mean() - sum(computed)
    assert middle < 0, "the longer end is where the long tail is"


def test_a_few_photos_that_dominate_are_sampled_as_ever() -> None:
    values = np.zeros(LARGE_N)
    values[7] = 1e300
    low, high = bootstrap_interval(values)
    assert low == 0
    assert high == pytest.approx(3e297)


def test_large_samples_are_drawn_in_steps() -> None:
    values = np.append(np.random.default_rng(4).normal(0, 0.001, 2999), 0.3)
    assert _computed(np.sort(values)) is None
    values = np.random.default_rng(4).normal(0, 1, 3000)
    low, high = bootstrap_interval(values)
    half = 1.96 * standard_error(values)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert RESAMPLES >= 2000


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_interval_holds_within_the_values(values: list[float]) -> None:
    array = np.array(values)
    low, high = bootstrap_interval(array)
    if len(values) == 1:
        assert math.isnan(low) and math.isnan(high)
        return
    slack = 1e-9 * max(1.0, float(np.abs(array).max()))
    assert array.min() - slack <= low <= high <= array.max() + slack
    assert array.min() <= mean(array) <= array.max() or mean(array) == pytest.approx(array.mean())
