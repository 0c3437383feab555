"""What `cornia fit` writes beside a model, what it leaves alone, and what it survives."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.wespe_bench.cornia.test_fit import SMALL, rated
from wespe_bench.cli import main
from wespe_bench.cornia import extraction, outputs
from wespe_bench.cornia.fit import Fit, _synthetic, fit
from wespe_bench.cornia.regression import _interruptibly
from wespe_bench.engines import local
from wespe_bench.errors import InputError
from wespe_bench.images import write_png
from wespe_bench.metrics import cornia
from wespe_bench.tensors import write as write_tensors

OPTIONS: dict[str, Any] = SMALL | {"kinds": ("blur",)}


@pytest.fixture
def clean(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three pieces of a photo, 64x56."""
    for number, (y, x) in enumerate([(40, 100), (150, 260), (230, 30)]):
        write_png(tmp_path / "clean" / f"p{number}.png", photo[y : y + 56, x : x + 64])
    return tmp_path / "clean"


def _refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert main(["cornia", "fit", *map(str, argv)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_the_user_has_stays(
    photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = rated(tmp_path / "iqa", photo, scenes=2)
    argv = ["--iqa", path, "--better", "lower", "--out"]
    mine = tmp_path / "iqa" / "s0_0.png"
    before = mine.read_bytes()
    output = _refused(capsys, *argv, mine.with_suffix(".safetensors"))
    assert f"its plot would replace {mine}" in output
    assert mine.read_bytes() == before
    (tmp_path / "notes.md").write_text("notes")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere")
    for name, complaint in (
        ("notes", "its card would replace"),
        ("folder", "its card would replace"),
        ("link", "its plot would replace"),
        ("notes.md/x", "notes.md is no folder"),
    ):
        assert complaint in _refused(capsys, *argv, tmp_path / f"{name}.safetensors")
    output = _refused(capsys, *argv, tmp_path / "x.safetensors", "--cache", tmp_path / "notes.md")
    assert "--cache" in output
    assert "notes.md is no folder" in output
    assert (tmp_path / "notes.md").read_text() == "notes"


def test_its_own_plot_is_no_photo_and_goes_with_its_model(clean: Path) -> None:
    out = clean / "m.safetensors"
    for _ in range(2):
        card, errors = fit(Fit(synthetic=str(clean), out=str(out), **OPTIONS))
        assert sorted(card["sources"]) == ["p0.png", "p1.png", "p2.png"]
        assert not errors
        assert outputs.is_plot(clean / "m.png")
    fit(Fit(synthetic=str(clean), out=str(out), **(OPTIONS | {"held_out": 0.0})))
    assert not (clean / "m.png").exists()
    assert cornia.read(out).card["held_out"] == {}


def test_patches_of_a_small_photo_come_from_all_of_it(tmp_path: Path) -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = 255
    write_png(tmp_path / "a.png", image)
    (photo,), _ = extraction.hashed([(tmp_path / "a.png", "a")])
    assert photo
    patches = extraction.sample_patches([photo], 200, 0, partial(local, jobs=0))
    assert patches.shape == (200, 49)
    # 34 of 74 columns of patches are dark, 34 are light; 5 standard deviations.
    for value in (0, 255):
        assert abs((patches == value).all(axis=1).sum() - 200 * 34 / 74) < 36
    assert (patches == extraction.sample_patches([photo], 200, 0, partial(local, jobs=0))).all()


def test_odd_names_and_the_order_of_rows(photo: np.ndarray, tmp_path: Path) -> None:
    path = rated(tmp_path / "iqa", photo, scenes=3)
    lines = path.read_text().splitlines()
    made = []
    for number, rows in enumerate((lines[1:], lines[:0:-1])):
        odd = path.with_name(os.fsdecode(b"{x} {photos} $^$ \xff.csv"))
        odd.write_text("\n".join([lines[0], *rows]))
        out = tmp_path / str(number) / "m.safetensors"
        card, _ = fit(Fit(iqa=str(odd), better="lower", out=str(out), **SMALL))
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert card["summary"] == "fitted on 8 photos with human scores, scale of {x} {photos} $^$ ?"
    assert "fitted on 8 photos" in cornia.read(out).card["summary"]


@pytest.mark.parametrize("damage", ["NaN", "fewer", "other", "card"])
def test_kept_features_that_are_others(clean: Path, tmp_path: Path, damage: str) -> None:
    config = Fit(synthetic=str(clean), out=str(tmp_path / "m.safetensors"), **OPTIONS)
    fit(config)
    before = (tmp_path / "m.safetensors").read_bytes()
    (cache,) = (tmp_path / "m.features").iterdir()
    rows: list[Any] = [("pristine", 0), *(("blur", level) for level in range(1, 6))]
    shape = {"fewer": (6, 10), "other": (5, 24)}.get(damage, (6, 24))
    features = np.full(shape, np.nan if damage == "NaN" else 1.0)
    tensors = {"features": features, "measures": np.ones((len(features), 5))}
    for path in cache.iterdir():
        write_tensors(path, tensors, 5 if damage == "card" else rows)
    fit(config)
    assert (tmp_path / "m.safetensors").read_bytes() == before


def test_a_link_to_nothing_is_left_out(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clean / "p9.png").symlink_to("nowhere.png")
    argv = ["cornia", "fit", "--synthetic", str(clean), "--out", str(clean / "m.safetensors")]
    argv += ["--words", "12", "--samples", "4000", "--jobs", "0", "--kinds", "blur"]
    assert main(argv) == 3
    output = capsys.readouterr()
    assert "1 photos could not be used" in output.err
    assert "p9.png: " in output.err.splitlines()[-1]
    assert (clean / "m.safetensors").exists()


def test_a_data_set_by_its_spec(clean: Path) -> None:
    photos, _, _, _ = _synthetic(Fit(synthetic=f"camera:{clean}"))
    assert sorted(photo.path.name for photo in photos) == ["p0.png", "p1.png", "p2.png"]


def test_errors_of_other_threads_are_reported() -> None:
    def work() -> None:
        raise InputError("wrong")

    with pytest.raises(InputError, match="wrong"):
        _interruptibly(work)
