"""A data set is one file and one line: every verb finds what it asks of it in its `Source`."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from wespe_bench import listing, registry
from wespe_bench.cli import call
from wespe_bench.datasets import survey as surveys
from wespe_bench.datasets.source import Counts, Source, sources
from wespe_bench.datasets.survey import Part, Survey
from wespe_bench.errors import InputError
from wespe_bench.images import write_png


def check_parts(name: str, argument: str, data: Path | str | None) -> tuple[Path, tuple[Part, ...]]:
    root = surveys.folder_of(name, argument)
    return root, (Part("night", root, size=(9, 7), expected=4),)


def survey(
    name: str, folder: str = "", *, data: Path | str | None = None, lamp: str = "on"
) -> Survey:
    root, parts = check_parts(name, folder, data)
    return Survey(f"{name}_{lamp}", root, parts, SOURCE.counts[0].train, SOURCE.counts[0].test)


SOURCE = Source(
    name="night",
    title="Night: photos of a street lamp",
    summary="Night photos: night:FOLDER.",
    survey=survey,
    check_parts=check_parts,
    get="wait until it is dark",
    counts=(Counts(4, "Night", 9, 7, 3, 1),),
)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(registry.DATASETS, "night", f"{__name__}:SOURCE")
    for number in range(4):
        write_png(tmp_path / f"{number}.png", np.full((7, 9, 3), number, np.uint8))
    return f"night:{tmp_path}"


def test_it_loads_with_its_options_and_those_of_a_split(night: str) -> None:
    assert registry.load_dataset(night).name == "night_on"
    dataset = registry.load_dataset(f"{night}?lamp=off&split=test&seed=3")
    assert (dataset.name, len(dataset.samples)) == ("night_off_test", 1)
    with pytest.raises(InputError, match="no option 'lump'"):
        registry.load_dataset(f"{night}?lump=off")
    names = list(inspect.signature(SOURCE).parameters)
    assert names == ["folder", "data", "lamp", "split", "seed", "train", "test", "manifest"]


def test_the_verbs_know_it(night: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sources()["night"] is SOURCE
    assert listing.first_line(SOURCE) == "Night photos: night:FOLDER."
    assert call("data list", ["night"]) == 0
    shown = capsys.readouterr().out
    assert "street lamp" in shown and "until it is dark" in shown and "3 + 1, 9x7" in shown
    assert (
        call("data check", [night, "--out", str(tmp_path.parent / f"{tmp_path.name}-check")]) == 0
    )
    assert "Night, 3 training and 1 test photos, 9x7" in capsys.readouterr().out
    out = tmp_path.parent / f"{tmp_path.name}.csv"
    assert call("data split", [night, "--out", str(out)]) == 0
    pinned = registry.load_dataset(night, manifest=str(out), split="train")
    assert len(pinned.samples) == 3
