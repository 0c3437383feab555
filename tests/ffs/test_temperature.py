"""The temperature against scipy's minimisation of the log loss, and on raters that are too sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from ffs import evaluation, temperature


def log_loss(p: np.ndarray, labels: np.ndarray, t: float) -> float:
    """By logaddexp, not by the gradient that `fit` looks for the root of."""
    z = logit(p) / t
    return float(np.mean(np.logaddexp(0, np.where(labels, -z, z))))


@given(st.lists(st.tuples(st.floats(1e-6, 1 - 1e-6), st.booleans()), min_size=1, max_size=40))
def test_no_other_temperature_is_likelier(photos: list[tuple[float, bool]]) -> None:
    p, labels = np.array([q for q, _ in photos]), np.array([label for _, label in photos])
    low, high = temperature.LIMITS
    found = temperature.fit(p, labels)
    assert low <= found <= high
    best = minimize_scalar(
        lambda log_t: log_loss(p, labels, np.exp(log_t)),
        bounds=(np.log(low), np.log(high)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    others = [best.fun, log_loss(p, labels, low), log_loss(p, labels, high)]
    assert log_loss(p, labels, found) <= min(others) + 1e-9


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_a_known_overconfidence_is_found(truth: float) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 40_000)
    labels = rng.random(len(z)) < expit(z)
    p = expit(z * truth)
    found = temperature.fit(p, labels)
    assert found == pytest.approx(truth, rel=0.05)
    assert evaluation.calibration_error(temperature.scaled(p, found), labels) < 0.01


def test_half_and_the_order_stay() -> None:
    p = np.array([0.0, 1e-9, 0.2, 0.5, 0.7, 1.0])
    scaled = temperature.scaled(p, 3.0)
    assert scaled[3] == 0.5
    assert (np.diff(scaled) >= 0).all()
    assert np.isfinite(scaled).all()
    assert temperature.scaled(p[1:5], 1.0) == pytest.approx(p[1:5], rel=1e-12)


def test_a_calibration_without_gain_is_said() -> None:
    held = np.array([[0.9] * 5, [0.9] * 5, [0.9] * 5, [0.1] * 5])
    labels = np.array([True, True, False, False])
    sure = np.array([[0.9] * 5, [0.1] * 5])
    test = evaluation.evaluate(sure, labels[[0, 3]], [2, 1])
    test["calibrated"] = evaluation.calibrated(held, labels, sure, labels[[0, 3]])
    assert "calibration: NO GAIN on the test" in "\n".join(evaluation.lines(test))
    test["calibrated"] = evaluation.calibrated(held, labels, held, labels)
    assert "NO GAIN" not in "\n".join(evaluation.lines(test | {"log_loss": 9.0}))


def test_lines_say_before_and_after() -> None:
    held = np.array([[0.9] * 5, [0.9] * 5, [0.9] * 5, [0.1] * 5])
    labels = np.array([True, True, False, False])
    test = evaluation.evaluate(held, labels, [4, 3, 2, 1])
    test["calibrated"] = evaluation.calibrated(held, labels, held, labels)
    (line,) = [line for line in evaluation.lines(test) if line.startswith("temperature")]
    # 0.9 becomes 0.75 and 0.1 becomes 0.25: shares of 2/3 and 0, by 3 photos and 1.
    assert "temperature 2 from 4 validation photos" in line
    before, after = (3 * (0.9 - 2 / 3) + 0.1) / 4, (3 * (0.75 - 2 / 3) + 0.25) / 4
    assert f"error {before:.3f} raw, {after:.3f} calibrated" in line
