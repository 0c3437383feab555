"""Codebook, split, regression and held-out report against libraries and definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.svm import NuSVR

from wespe_bench.cornia import codebook, regression
from wespe_bench.errors import InputError
from wespe_bench.metrics.cornia import scale
from wespe_bench.metrics.patches import normalise

RNG = np.random.default_rng(0)


def test_linear_model_is_libsvms() -> None:
    features = RNG.uniform(0, 5, (60, 20))
    features[:, 3] = 2
    labels = features @ RNG.standard_normal(20) + RNG.normal(0, 0.5, 60)
    model = regression.regress(features, labels)
    scaled = scale(features, model.low, model.high)
    peer = NuSVR(kernel="linear", C=1, nu=0.5).fit(scaled, labels)
    assert model.predict(features) == pytest.approx(peer.predict(scaled), abs=1e-2)
    assert np.abs(scaled).max() == pytest.approx(1, abs=1e-6)
    assert (scaled[:, 3] == 0).all()


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60).filter(
        lambda g: len(set(g)) > 1
    ),
    st.floats(0.01, 0.99),
    st.integers(0, 5),
)
def test_groups_stay_together(groups: list[str], share: float, seed: int) -> None:
    out = regression.split(groups, share, seed)
    inside = {group for group, away in zip(groups, out, strict=True) if not away}
    outside = {group for group, away in zip(groups, out, strict=True) if away}
    assert inside
    assert outside
    assert not inside & outside
    assert (regression.split(groups, share, seed) == out).all()


def test_nothing_held_out_when_nothing_is_wanted() -> None:
    assert not regression.split(["a", "a"], 0, 0).any()
    with pytest.raises(InputError, match="of one group"):
        regression.split(["a", "a"], 0.2, 0)


def test_criteria_are_scipys() -> None:
    x, y = RNG.integers(0, 9, 50).astype(float), RNG.standard_normal(50)
    assert regression.srocc(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert regression.plcc(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic)
    assert regression.rmse(x, y) == pytest.approx(np.linalg.norm(x - y) / np.sqrt(50))


def test_interval_covers_and_comes_from_groups() -> None:
    groups = [str(i // 5) for i in range(100)]
    labels = RNG.standard_normal(100)
    predicted = labels + np.repeat(RNG.normal(0, 1, 20), 5)
    report = regression.judge(predicted, labels, groups, 0)
    for value, low, high in report.values():
        assert low < value < high
    assert report == regression.judge(predicted, labels, groups, 0)
    # Errors shared within a group: single images would pretend to know more.
    alone = regression.judge(predicted, labels, [str(i) for i in range(100)], 0)
    assert report["RMSE"][2] - report["RMSE"][1] > alone["RMSE"][2] - alone["RMSE"][1]
    assert "SROCC" not in regression.judge(np.zeros(4), np.arange(4.0), list("abcd"), 0)


def test_whitening_makes_patches_uncorrelated() -> None:
    patches = normalise(RNG.integers(0, 256, (4000, 49), np.uint8).cumsum(axis=1) % 256)
    mean, matrix = codebook.whitening(patches)
    assert (matrix == pytest.approx(matrix.T, abs=1e-9)) and np.abs(mean).max() < 1
    values = np.linalg.eigvalsh(np.cov((patches - mean) @ matrix, rowvar=False))
    before = np.linalg.eigvalsh(np.cov(patches, rowvar=False))
    assert values == pytest.approx(np.sort(before / (before + 0.1)), abs=1e-9)


def test_words_have_length_one_and_follow_the_seed() -> None:
    patches = RNG.integers(0, 256, (3000, 49), np.uint8)
    book, again = (codebook.learn(patches, 20, 0) for _ in range(2))
    assert np.linalg.norm(book.words, axis=1) == pytest.approx(np.ones(20), abs=1e-6)
    assert (book.words == again.words).all()
    assert (book.words == book.words.astype(np.float32)).all()
    assert (codebook.learn(patches, 20, 1).words != book.words).any()
