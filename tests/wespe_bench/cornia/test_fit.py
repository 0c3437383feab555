"""``cornia fit``: the same model however it is run, resumed where it was, tested on what it has
not seen; and what it says to those who give it something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Command
from tests.wespe_bench.metrics.conftest import noisy
from wespe_bench.cornia import extraction
from wespe_bench.cornia.fit import Fit, fit
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.metrics import cornia
from wespe_bench.registry import load_metric

SMALL: dict[str, Any] = {"words": 12, "samples": 4000, "held_out": 0.4, "jobs": 0}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    """Four pieces of a photo, 64x56."""
    folder = tmp_path_factory.mktemp("clean")
    for number, (y, x) in enumerate([(40, 100), (150, 260), (230, 30), (300, 400)]):
        write_png(folder / f"p{number}.png", photo[y : y + 56, x : x + 64])
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, clean: Path) -> Path:
    """A model of them, made in this process."""
    out = tmp_path_factory.mktemp("fitted") / "mine.safetensors"
    fit(Fit(synthetic=str(clean), out=str(out), **SMALL))
    return out


@pytest.mark.slow
def test_the_command_gives_the_same_bits(
    command: Command, clean: Path, fitted: Path, tmp_path: Path
) -> None:
    arguments = ["--synthetic", clean, "--out", "again.safetensors", "--words", 12]
    arguments += ["--samples", 4000, "--held-out", 0.4, "--jobs", 2]
    result = command("cornia", "fit", *arguments)
    assert result.returncode == 0, result.stderr
    assert "again.safetensors: own CORNIA model, 12 words from 2 photos" in result.stdout
    assert "held out: SROCC " in result.stdout
    assert "on 72 images of 2 groups" in result.stdout
    first, again = cornia.read(fitted), cornia.read(tmp_path / "again.safetensors")
    for name in ("words", "mean", "whitening", "low", "high", "weights"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes(), name
    assert first.bias == again.bias
    assert first.card["held_out"] == again.card["held_out"]
    assert "cornia fit --synthetic" in again.card["command"]
    assert (tmp_path / "again.png").read_bytes()[:4] == b"\x89PNG"
    assert again.sha256 in (tmp_path / "again.md").read_text()


@pytest.mark.slow
def test_the_model_is_a_metric(fitted: Path, clean: Path) -> None:
    metric = load_metric(f"cornia:{fitted}")
    assert "fitted without human scores on 2 photos" in metric.summary
    assert np.isfinite(metric.compute(read_rgb(clean / "p0.png"))["value"])


def test_a_second_run_computes_no_feature(
    fitted: Path, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fitted.read_bytes()
    (cache,) = fitted.with_suffix(".features").iterdir()
    kept = sorted(cache.glob("*.safetensors"))
    assert len(kept) == 4
    # One is lost, one was cut short: only these are made again.
    kept[0].unlink()
    kept[1].write_bytes(kept[1].read_bytes()[:1000])
    made: list[int] = []
    true = extraction.measure

    def measure(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
        made.append(1)
        return true(image, reference)

    monkeypatch.setattr(extraction, "measure", measure)
    fit(Fit(synthetic=str(clean), out=str(fitted), **SMALL))
    assert len(made) == 2 * 36
    made.clear()
    fit(Fit(synthetic=str(clean), out=str(fitted), **SMALL))
    assert not made
    assert fitted.read_bytes() == before


def rated(folder: Path, photo: np.ndarray, scenes: int = 12, group: bool = True) -> Path:
    """Noisy photos of some scenes, and the amount of noise as their score."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["image,score,group" if group else "image,score"]
    for scene in range(scenes):
        y, x = 140 * (scene // 4), 150 * (scene % 4)
        piece = photo[y : y + 70, x : x + 80]
        for level, sigma in enumerate((0, 6, 15, 40)):
            name = f"s{scene}_{level}.png"
            write_png(folder / name, noisy(piece, sigma, seed=scene))
            lines.append(f"{name},{level}" + (f",scene{scene}" if group else ""))
    path = folder / "list.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rated_photos(photo: np.ndarray, tmp_path: Path) -> None:
    path = rated(tmp_path / "iqa", photo)
    out = tmp_path / "noise.safetensors"
    options = SMALL | {"words": 40, "samples": 9000, "held_out": 0.2}
    fit(Fit(iqa=str(path), better="lower", out=str(out), **options))
    card = cornia.read(out).card
    assert card["held_out"]["images"] == 8  # two scenes of twelve, whole
    assert card["held_out"]["groups"] == 2
    assert card["held_out"]["SROCC"][0] > 0.7
    assert (card["photos"], card["unit"]) == (40, "scale of list")
    metric = load_metric(f"cornia:{out}")
    assert "40 photos with human scores" in metric.summary


def test_which_way_is_better_stays_with_the_model(photo: np.ndarray, tmp_path: Path) -> None:
    path = rated(tmp_path / "iqa", photo, scenes=2, group=False)
    out = tmp_path / "m.safetensors"
    fit(Fit(iqa=str(path), better="higher", out=str(out), **SMALL))
    assert load_metric(f"cornia:{out}").higher_is_better


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "give either --synthetic PHOTOS or --iqa CSV"),
        ({"synthetic": "clean", "iqa": "x.csv"}, "give either"),
        ({"synthetic": "nowhere"}, "no such folder: nowhere"),
        ({"synthetic": "clean", "better": "lower"}, "go with --iqa"),
        ({"synthetic": "clean", "words": 1}, "--words 1"),
        ({"synthetic": "clean", "kinds": "blurr"}, "did you mean 'blur'"),
        ({"iqa": "x.csv", "kinds": "blur"}, "--kinds goes with --synthetic"),
        ({"synthetic": "clean", "samples": 0}, "--samples 0"),
        ({"synthetic": "clean", "held-out": 1}, "--held-out 1"),
        ({"synthetic": "clean", "held-out": "nan"}, "--held-out nan"),
        ({"synthetic": "clean", "draws": 0}, "--draws 0"),
        ({"synthetic": "clean", "cost": "nan"}, "--cost nan"),
        (
            {"synthetic": "clean", "cost": 1e6},
            "--cost 1000000.0: expected a number from 1e-06 to 1000",
        ),
        ({"synthetic": "clean", "seed": -1}, "--seed -1"),
        ({"synthetic": "clean", "seed": 2**32}, "from 0 to 4294967295"),
        ({"synthetic": "clean", "jobs": -1}, "--jobs -1"),
        ({"synthetic": "clean", "out": "x.pt"}, "ends in .safetensors"),
        ({"iqa": "none.csv"}, "none.csv: no such file"),
    ],
)
def test_options_that_are_wrong(
    options: dict[str, Any], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from wespe_bench.cli import main

    argv = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    assert main(["cornia", "fit", *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line


def _fails(folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        fit(Fit(synthetic=str(folder), out=str(folder / "x.safetensors"), **(SMALL | options)))
    assert "\n" not in str(caught.value)
    assert not (folder / "x.safetensors").exists()
    return str(caught.value)


def test_photos_that_cannot_be_learned_from(clean: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    write_png(one / "a.png", read_rgb(clean / "p0.png"))
    assert "all photos are of one group" in _fails(one)
    write_png(one / "b.png", read_rgb(clean / "p0.png"))  # the same again
    assert "all photos are of one group" in _fails(one)
    tiny = tmp_path / "tiny"
    for name in "ab":
        write_png(tiny / f"{name}.png", np.full((40, 60, 3), ord(name), np.uint8))
    assert "60x40; photos to learn from need at least 48 pixels" in _fails(tiny)
    flat = tmp_path / "flat"
    for name in "abc":
        write_png(flat / f"{name}.png", np.full((60, 60, 3), ord(name), np.uint8))
    assert "too few different patches" in _fails(flat, words=3000, samples=8000)
    assert "too few for 5000 words" in _fails(clean, words=5000)


def test_a_damaged_photo_is_left_out_and_named(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from wespe_bench.cli import main

    for name in ("p0.png", "p1.png", "p2.png"):
        write_png(tmp_path / "some" / name, read_rgb(clean / name))
    (tmp_path / "some" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    out = tmp_path / "x.safetensors"
    options = ["--words", "12", "--samples", "4000", "--held-out", "0", "--jobs", "0"]
    options += ["--kinds", "blur", "jpeg"]
    argv = ["cornia", "fit", "--synthetic", str(tmp_path / "some"), "--out", str(out), *options]
    assert main(argv) == 3
    output = capsys.readouterr()
    assert "12 words from 3 photos" in output.out
    assert "1 photos could not be used" in output.err
    assert output.err.splitlines()[-1].startswith(f"  {tmp_path / 'some' / 'x.png'}: ")
    assert cornia.read(out).card["images"] == 3 * 11


def test_scores_that_cannot_be_learned_from(photo: np.ndarray, tmp_path: Path) -> None:
    path = rated(tmp_path, photo, scenes=2)
    path.write_text("image,score\ns0_0.png,5\ns0_1.png,5\ns0_2.png,5\n")
    config = Fit(iqa=str(path), better="lower", out=str(tmp_path / "x.safetensors"), **SMALL)
    with pytest.raises(InputError, match="have one score; there is nothing to learn"):
        fit(config)
