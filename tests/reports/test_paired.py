"""Paired statistics against scipy, brute force, and what a known effect must give."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from reports import paired, resamples
from reports.resamples import draws, ends

INF = np.inf


def test_draws_are_resamples_and_the_same_each_time() -> None:
    first = np.vstack(list(draws(11, 5000)))
    assert first.shape == (5000, 11)
    assert (first.sum(axis=1) == 11).all()
    assert (first == np.vstack(list(draws(11, 5000)))).all()
    # Every photo is drawn once a resample on average, with the variance of a binomial.
    assert first.mean(axis=0) == pytest.approx(np.ones(11), abs=0.06)
    assert first.var() == pytest.approx(10 / 11, rel=0.03)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_photos_have_all_their_resamples(n: int) -> None:
    """Against every one of the n^n ordered draws."""
    values = np.random.default_rng(n).gamma(2.0, 3.0, n)
    everything = [values[list(picks)].mean() for picks in itertools.product(range(n), repeat=n)]
    (counts,) = draws(n, 10)
    assert len(counts) == math.comb(2 * n - 1, n)
    expected = np.quantile(everything, [0.025, 0.3, 0.975], method="inverted_cdf")
    assert ends(counts @ values / n, n, (0.025, 0.3, 0.975)) == pytest.approx(expected, rel=1e-12)


def test_ends_of_several_columns_and_of_nan() -> None:
    (counts,) = draws(4, 10)
    drawn = counts @ np.random.default_rng(1).normal(0, 1, (4, 3))
    found = ends(drawn, 4)
    for column in range(3):
        assert found[:, column].tolist() == ends(drawn[:, column], 4).tolist()
    drawn[2, 1] = np.nan
    assert np.isnan(ends(drawn, 4)).tolist() == [[False, True, False]] * 2


@pytest.mark.parametrize("effect", [0.4, 0.8])
def test_as_many_photos_as_needed_show_an_effect_in_four_of_five_studies(effect: float) -> None:
    rng = np.random.default_rng(5)
    seen = scipy.stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    count = paired.photos_needed(seen / seen.std(ddof=1) + effect, 1)
    found = [paired.signed_rank(rng.normal(effect, 1, count)) < paired.LEVEL for _ in range(600)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    assert paired.photos_needed(np.full(9, 1.0), 1) == 0
    assert paired.photos_needed(np.array([1.0, -1.0, 0.0]), 1) == 0
    # A large effect still needs as many as the test can be significant with.
    assert paired.photos_needed(np.array([9.0, 9.1, 9.2]), 6) == 8


def test_large_samples_are_drawn_in_blocks_that_continue_each_other() -> None:
    blocks = list(draws(resamples._BLOCK // 3, 7))
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
    assert np.isnan(paired.intervals(np.array([[1.0], [2.0]]))).all()
    few = np.array([1.0, 2.0, 4.0, 3.5, 7.0])
    for n in (3, 4, 5):  # Student's
        expected = scipy.stats.ttest_1samp(few[:n], 0).confidence_interval(0.95)
        assert paired.intervals(few[:n, None])[0] == pytest.approx(list(expected))
    mixed = paired.intervals(np.array([[2.0, 1.0], [2.0, 5.0], [2.0, 3.0], [2.0, 2.0]]))
    assert mixed[0].tolist() == [2.0, 2.0]
    assert mixed[1, 0] < mixed[1, 1]
    assert paired.intervals(np.zeros((5, 0))).shape == (0, 2)


def test_rounding_is_no_spread() -> None:
    values = np.random.default_rng(0).normal(20, 3, 30)
    apart = (values / 2 - (values / 2 + 0.3))[:, None]
    assert np.ptp(apart) > 0
    low, high = paired.intervals(apart)[0]
    assert low == high == pytest.approx(-0.3)


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
