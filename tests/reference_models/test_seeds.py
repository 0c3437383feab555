"""A training per seed, below one folder, with a table of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.reference_models.trainings import DPED, WESPE, make_photos, run
from wespe_bench.cli import main
from wespe_bench.errors import InputError
from wespe_bench.option_checks import parse_seeds

pytestmark = pytest.mark.usefixtures("undrawn")
SHORT = ("--iterations", "2", "--vgg", "random", "--log-every", "1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_photos(tmp_path))
    return tmp_path


def test_seeds_train_as_one_by_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WESPE, *SHORT, "--seeds", "3-4", "--out", "many"]) == 0
    printed = capsys.readouterr().out
    assert "many@3=wespe:many/seed-3/generator.safetensors" in printed
    alone = run(WESPE, *SHORT, "--seed", "4", "--out", "alone")
    assert (alone / "train.csv").read_bytes() == (place / "many/seed-4/train.csv").read_bytes()
    table = pd.read_csv("many/seeds.csv", index_col="seed")
    assert list(table.index) == ["3", "4", "mean", "standard deviation"]
    last = [pd.read_csv(f"many/seed-{s}/train.csv").iloc[-1]["content"] for s in (3, 4)]
    assert table["content"]["mean"] == pytest.approx(np.mean(last), rel=1e-6)
    assert table["content"]["standard deviation"] == pytest.approx(np.std(last, ddof=1), rel=1e-5)
    assert "standard deviation |" in Path("many/seeds.md").read_text()


def test_a_seed_that_fails_leaves_the_others(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "many").mkdir()
    (place / "many" / "seed-1").write_text("in the way")
    assert main([*DPED, *SHORT, "--seeds", "0,1", "--out", "many"]) == 3
    assert "1 of 2 seeds failed" in (message := capsys.readouterr().err)
    assert "seed 1: " in message
    table = pd.read_csv("many/seeds.csv", index_col="seed")
    assert list(table.index) == ["0", "mean", "standard deviation"]
    assert table.loc["standard deviation"].isna().all()


@pytest.mark.parametrize("text", ["", "x", "4-1", "1,,2", "-1", "0-99999", "1.5", "²"])
def test_bad_seeds(text: str) -> None:
    with pytest.raises(InputError, match="expected seeds such as"):
        parse_seeds(text)


def test_seeds_need_a_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = WESPE.index("--out")
    assert main([*WESPE[:where], *WESPE[where + 2 :], *SHORT, "--seeds", "0-1"]) == 2
    assert "--seeds needs --out" in capsys.readouterr().err


@pytest.mark.slow
def test_seeds_on_ray_are_the_same(place: Path) -> None:
    import torch

    # The order of sums depends on the threads, of which a Ray worker has one.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert main([*WESPE, *SHORT, "--seeds", "0-1", "--out", "here"]) == 0
    finally:
        torch.set_num_threads(threads)
    ray = ("--engine", "ray?workers=2")
    assert main([*WESPE, *SHORT, "--seeds", "0-1", *ray, "--out", "there"]) == 0
    for seed in ("seed-0", "seed-1"):
        found = [Path(out, seed, "train.csv").read_text() for out in ("here", "there")]
        assert found[0] == found[1]


def test_a_seed_is_given_once() -> None:
    with pytest.raises(InputError, match=r"^--seeds '1,0-2': seed 1 is given twice$"):
        parse_seeds("1,0-2")
