"""The model that ships: what its card says is so, and it orders real distorted photos."""

from __future__ import annotations

import importlib.resources
import itertools
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import cornia as oracle
from wespe_bench.cornia import synthetic
from wespe_bench.cornia.regression import srocc
from wespe_bench.datasets.samples import FIT, TEST
from wespe_bench.doctor import GOLDEN, golden_pair
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.metrics import cornia, hosa
from wespe_bench.registry import load_metric


def test_card_and_record_agree_with_the_file() -> None:
    model = cornia.shipped()
    record = load_metric("cornia")
    card = model.card
    assert len(model.words) == card["words"] == 1000
    assert (importlib.resources.files(cornia.__package__) / cornia.SHIPPED).stat().st_size < 2**20  # type: ignore[attr-defined]
    assert record.title == card["title"] == "own CORNIA model"
    assert (record.unit, record.higher_is_better) == (card["unit"], card["higher_is_better"])
    assert record.summary == card["summary"]
    assert f"on {card['photos']} photos" in record.summary
    assert record.version == f"1+draws5+{model.sha256[:12]}"
    # Only the half that may be fitted on was seen.
    names = {Path(name).stem for name in card["sources"]}
    assert names == set(FIT)
    assert not names & set(TEST)
    assert card["photos"] == len(FIT)
    assert card["images"] == len(FIT) * (1 + 5 * len(card["distortions"]))
    assert np.linalg.norm(model.words, axis=1) == pytest.approx(np.ones(1000), abs=1e-6)


@pytest.mark.slow
def test_the_recorded_command_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wespe_bench.cli import main

    shipped = cornia.shipped()
    command = shlex.split(shipped.card["command"])
    assert command[0] == "wespe-bench"
    monkeypatch.chdir(tmp_path)
    assert main(command[1:]) == 0
    again = cornia.read(tmp_path / cornia.SHIPPED)
    if again.card["versions"] == shipped.card["versions"]:
        assert again.sha256 == shipped.sha256
    image = golden_pair()[0]
    value = cornia.cornia(image, model=again)["value"]
    assert value == pytest.approx(cornia.cornia(image)["value"], abs=3)


def test_golden_value_is_the_oracles() -> None:
    image = golden_pair()[0]
    model = cornia.shipped()
    found = oracle.features(
        image, oracle.all_corners(image), model.words, model.mean, model.whitening
    )
    expected = oracle.score(found, model.low, model.high, model.weights, model.bias)
    assert GOLDEN["cornia"] == (load_metric("cornia").version, pytest.approx(expected, abs=1e-9))


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cornia.shipped.cache_clear()
    monkeypatch.setattr(cornia, "SHIPPED_SHA256", "0" * 64)
    with pytest.raises(InputError, match="install wespe-bench again"):
        cornia.shipped()
    cornia.shipped.cache_clear()


def test_stronger_distortions_of_an_unseen_photo_score_worse(photo: np.ndarray) -> None:
    for kind in ("blur", "noise", "jpeg"):
        values = [
            cornia.cornia(synthetic.distort(photo, kind, level), draws=2)["value"]
            for level in (1, 3, 5)
        ]
        assert values == sorted(values), kind


def _photos(shared: Path) -> list[np.ndarray]:
    """Ten real photos the model has never seen."""
    return [read_rgb(path) for path in sorted((shared / "hq" / "kodak24").glob("*.png"))[:10]]
