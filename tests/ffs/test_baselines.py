"""A rater is held against rules that know one number of a photo."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffs import baselines, evaluation, scorer
from ffs.patches import Photos, Piece, choose
from tests.ffs.rated import make, write_rater
from wespe_bench.metrics.cornia import cornia

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=24).filter(
    lambda pairs: len({number for number, _ in pairs}) > 1
)


@given(PAIRS)
def test_the_rule_is_the_best_of_all(pairs: list[tuple[int, bool]]) -> None:
    numbers = np.array([float(number) for number, _ in pairs])
    labels = np.array([label for _, label in pairs])
    threshold, above = baselines.rule(numbers, labels)
    ours = int((((numbers > threshold) == above) == labels).sum())
    cuts = sorted(set(numbers))
    every = [
        int((((numbers > (low + high) / 2) == side) == labels).sum())
        for low, high in pairwise(cuts)
        for side in (True, False)
    ]
    assert ours == max(every)


def hits(text: str) -> np.ndarray:
    return np.array([c == "x" for c in text])


def test_the_verdict_is_mcnemars() -> None:
    rules = {
        "training's commoner label": hits("x" * 10 + "." * 10),
        "views": hits("x" * 12 + "." * 8),
    }
    found = baselines.judged(hits("x" * 20), rules)
    assert (found["best"], found["won"], found["lost"]) == ("views", 8, 0)
    assert found["p"] == pytest.approx(2 * 0.5**8)
    shares, verdict = baselines.lines(found)
    assert shares == "one number alone: training's commoner label 50.0%, views 60.0%"
    assert (
        verdict
        == "better than views (photos that one alone has right: rater 8, views 0): p = 0.0078"
    )
    (_, weak) = baselines.lines(baselines.judged(hits("x" * 13 + "." * 7), rules))
    assert weak.startswith(
        "NOT SHOWN to be better than views (photos that one alone has right: rater 1, views"
    )
    (_, worse) = baselines.lines(baselines.judged(hits("." * 20), rules))
    assert worse.startswith("NOT SHOWN")
    assert baselines.judged(rules["views"], rules)["p"] == 1


@pytest.mark.parametrize(("lost", "doubted"), [(0, False), (8, True)])
def test_a_rater_that_is_not_shown_to_be_better_rates_nothing(
    tmp_path: Path, lost: int, doubted: bool
) -> None:
    right = np.array([True] * 12 + [False] * 8)
    rule = np.array([False] * 12 + [True] * lost + [False] * (8 - lost))
    test = evaluation.counted(12, 20) | {"baselines": baselines.judged(right, {"views": rule})}
    metric = scorer.load(str(write_rater(tmp_path / "rater.safetensors", test=test)))
    assert metric.rates_quality is not doubted
    assert ("NOT SHOWN to be better than views alone" in metric.summary) is doubted
    assert "60.0% (n=20, 95% interval 38.7% to 78.1%; the paper's" in metric.summary


def test_a_photo_is_measured_once_for_all_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: dict[tuple[str, str, str], tuple[float, float]] = {}
    monkeypatch.setattr(baselines, "_measured", measured)
    splits = choose(make(tmp_path, (4, 2, 4)), 0, 0)
    photos = Photos(tmp_path, "native", 0, False)
    pixels = {photo.sha256: photos.take(Piece(photo, "crops")) for photo in splits["test"]}
    first = baselines.rights(splits, photos)
    assert {key[0] for key in measured} == {p.sha256 for s in ("train", "test") for p in splits[s]}
    for photo in splits["test"]:
        score = cornia(pixels[photo.sha256][0], draws=1)["value"]
        assert measured[photo.sha256, photo.id, "native"][1] == score
    monkeypatch.delattr(Photos, "take")
    again = baselines.rights(splits, dataclasses.replace(photos, seed=1))
    assert again.keys() == first.keys() >= {"sharpness", "CORNIA"}
    assert all((again[name] == first[name]).all() for name in first)
