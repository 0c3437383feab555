"""Accuracy, intervals and AUC of a test, against counting by hand and textbook intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffs import evaluation, standin


@settings(max_examples=30)
@given(st.integers(1, 500), st.data())
def test_intervals(n: int, data: st.DataObject) -> None:
    """Wilson's by its formula; the exact one holds the share, and its tails are 2.5%."""
    from scipy.stats import binom

    k = data.draw(st.integers(0, n))
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = evaluation.interval(k, n)
    assert (low, high) == pytest.approx((max(0, middle - half), min(1, middle + half)), abs=1e-12)
    low, high = evaluation.interval(k, n, "exact")
    assert low <= p <= high
    assert k == 0 or binom.sf(k - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    assert k == n or binom.cdf(k, n, high) == pytest.approx(0.025, abs=1e-6)


def test_counts_by_hand() -> None:
    crops = np.array([[0.9] * 5, [0.4, 0.9, 0.9, 0.9, 0.9], [0.2] * 5, [0.6] * 5, [0.1] * 5])
    labels, scores = np.array([1, 1, 1, 0, 0], bool), [0.5, 0.4, 0.3, 0.1, 0.2]
    found = evaluation.evaluate(crops, labels, scores)
    assert (found["correct"], found["n"], found["chance"]) == (3, 5, 0.6)
    assert found["one_crop"]["correct"] == 2
    assert found["confusion"] == {
        "high_rated_high": 2,
        "high_rated_low": 1,
        "low_rated_high": 1,
        "low_rated_low": 1,
    }
    assert found["auc"] == pytest.approx(5 / 6)  # of 6 pairs one is in the wrong order
    assert found["brier"] == pytest.approx((0.01 + 0.04 + 0.64 + 0.36 + 0.01) / 5)
    # By faves per view: photo 3 and 4, then 2, then 1, then 0.
    assert [q["correct"] for q in found["quartiles"]] == [1, 0, 1, 1]
    assert "60.00% (3 of 5" in evaluation.lines(found)[0]


def test_calibration_of_a_rater_that_knows() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    labels = rng.random(20_000) < p
    assert evaluation.calibration_error(p, labels) < 0.02
    assert evaluation.calibration_error(1 - p, labels) > 0.4
    assert sum(n for _, _, n in evaluation.calibration(p, labels)) == 20_000


def test_damage_grows_and_faves_fall() -> None:
    from skimage.data import astronaut

    image = astronaut()
    for kind in standin.KINDS:
        steps = [standin.damage(image, kind, s, "a").astype(int) for s in (0, 0.2, 0.5, 1)]
        errors = [np.square(step - steps[0]).mean() for step in steps]
        assert errors[0] == 0
        assert errors == sorted(set(errors))
    with pytest.raises(ValueError, match="expected one of blur"):
        standin.damage(image, "rain", 0.5)
    rates = [
        np.mean([f / v for v, f in (standin.faves(s, f"{n}") for n in range(300))])
        for s in (0.0, 0.5, 1.0)
    ]
    assert rates[0] > 2 * rates[1] > 4 * rates[2] > 0
