"""Paired statistics against scipy, brute force, and what a known effect must give."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from reports import paired

INF = np.inf


def test_draws_are_resamples_and_the_same_each_time() -> None:
    first = np.vstack(list(paired.draws(7, 5000)))
    assert first.shape == (5000, 7)
    assert (first.sum(axis=1) == 7).all()
    assert (first == np.vstack(list(paired.draws(7, 5000)))).all()
    # Every photo is drawn once a resample on average, with the variance of a binomial.
    assert first.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert first.var() == pytest.approx(6 / 7, rel=0.03)


def test_large_samples_are_drawn_in_blocks_that_continue_each_other() -> None:
    blocks = list(paired.draws(paired._BLOCK // 3, 7))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert len({block.tobytes() for block in blocks}) == 3


def test_interval_is_the_bootstrap_t_of_a_slow_loop() -> None:
    values = np.random.default_rng(2).gamma(2.0, 3.0, 12)
    rng = np.random.default_rng(7)
    t = []
    for _ in range(20_000):
        some = values[rng.integers(0, 12, 12)]
        t.append((some.mean() - values.mean()) / (some.std(ddof=1) / 12**0.5))
    error = values.std(ddof=1) / 12**0.5
    low, high = values.mean() - np.quantile(t, [0.975, 0.025]) * error
    ((ours_low, ours_high),) = paired.intervals(values[:, None])
    assert ours_low == pytest.approx(low, abs=0.05 * (high - low))
    assert ours_high == pytest.approx(high, abs=0.05 * (high - low))


def test_interval_of_many_photos_is_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(1, 2, (4000, 2))
    error = values.std(axis=0, ddof=1) / 4000**0.5
    found = paired.intervals(values, resamples=4000)
    assert found[:, 0] == pytest.approx(values.mean(axis=0) - 1.96 * error, abs=0.15 * error[0])
    assert found[:, 1] == pytest.approx(values.mean(axis=0) + 1.96 * error, abs=0.15 * error[0])


def test_interval_follows_scale_and_shift() -> None:
    values = np.random.default_rng(4).normal(0, 1, (9, 1))
    moved = paired.intervals(1e-6 * values + 5.0)
    assert (moved - 5.0) * 1e6 == pytest.approx(paired.intervals(values), rel=1e-6)
    turned = -paired.intervals(-values)[:, ::-1]
    assert turned == pytest.approx(paired.intervals(values), abs=0.2)


def test_few_or_equal_photos() -> None:
    assert np.isnan(paired.intervals(np.array([[1.0], [2.0], [4.0]]))).all()
    assert np.isfinite(paired.intervals(np.array([[1.0], [2.0], [4.0], [3.0]]))).all()
    mixed = paired.intervals(np.array([[2.0, 1.0], [2.0, 5.0], [2.0, 3.0], [2.0, 2.0]]))
    assert mixed[0].tolist() == [2.0, 2.0]
    assert mixed[1, 0] < mixed[1, 1]
    assert paired.intervals(np.zeros((5, 0))).shape == (0, 2)


def test_equal_infinities_are_no_difference() -> None:
    a, b = np.array([INF, INF, 1.0, -INF]), np.array([INF, 2.0, INF, -INF])
    assert paired.differences(a, b).tolist() == [0.0, INF, -INF, 0.0]


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_rank_test_is_the_exact_one_of_all_signs(values: list[int]) -> None:
    array = np.array(values, float)
    moved = array[array != 0]
    if not len(moved):
        assert paired.signed_rank(array) == 1.0
        assert paired.rank_biserial(array) == 0.0
        return
    ranks = scipy.stats.rankdata(np.abs(moved))
    total = ranks.sum() / 2
    observed = abs(ranks[moved > 0].sum() - total)
    signs = itertools.product((0, 1), repeat=len(ranks))
    sums = np.array([np.dot(ranks, sign) for sign in signs])
    expected = np.mean(np.abs(sums - total) >= observed - 1e-9)
    assert paired.signed_rank(array) == pytest.approx(min(1.0, expected), abs=1e-12)


def test_rank_test_takes_infinities_as_the_largest() -> None:
    finite = np.array([1.0, 2.0, -3.0, 9.0, 9.0])
    infinite = np.array([1.0, 2.0, -3.0, INF, INF])
    assert paired.signed_rank(finite) == paired.signed_rank(infinite)
    assert paired.rank_biserial(finite) == paired.rank_biserial(infinite)


@pytest.mark.parametrize("n", [20, 49, 200])
def test_rank_test_is_scipys_for_more_photos(n: int) -> None:
    values = np.random.default_rng(n).normal(0.2, 1, n)
    assert paired.signed_rank(values) == pytest.approx(scipy.stats.wilcoxon(values).pvalue)


def test_effect_reaches_its_ends() -> None:
    assert paired.rank_biserial(np.array([1.0, 2.0])) == 1.0
    assert paired.rank_biserial(np.array([-1.0, -2.0, 0.0])) == -1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_steps_down_reject(p: list[float]) -> None:
    corrected = paired.holm(p)
    for level in (0.01, 0.05, 0.2):
        # The procedure as it is printed: stop at the first that does not fall.
        rejected = set()
        for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if p[i] * (len(p) - step) > level:
                break
            rejected.add(i)
        assert {i for i, q in enumerate(corrected) if q <= level} == rejected


@pytest.mark.long
@pytest.mark.parametrize("n", [10, 30, 100])
def test_coverage_and_false_alarms_over_two_thousand_experiments(n: int) -> None:
    """Scores of two methods on n photos whose true difference is known: 0.5 dB, or none."""
    rng = np.random.default_rng(2018)
    experiments = 2000
    hard = rng.normal(20, 4, (n, experiments))
    noise = rng.gamma(4, 0.5, (n, experiments)) - 2  # skewed, mean 0, standard deviation 1
    ends = paired.intervals(noise)
    a = hard + 0.5 + noise
    shifted = paired.intervals(paired.differences(a, hard))
    coverage = float(np.mean((shifted[:, 0] <= 0.5) & (shifted[:, 1] >= 0.5)))
    alarms = 0
    for column, (low, high) in enumerate(ends):
        alarms += (low > 0 or high < 0) and paired.signed_rank(noise[:, column]) < paired.LEVEL
    print(f"n = {n}: coverage {coverage:.4f}, false alarms {alarms / experiments:.4f}")
    assert 0.94 <= coverage <= 0.96
    assert alarms / experiments <= paired.LEVEL + 0.01
