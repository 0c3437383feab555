"""What lies in a training's folder, damaged or in the way."""

import dataclasses
import errno
import os
import shlex
import types

import pytest
import torch

from reference_models import checkpoints
from reference_models.dped import recipe as dped
from reference_models.wespe import recipe as wespe
from tests.reference_models.trainings import DPED, WESPE, make_photos, run
from wespe_bench import atomic
from wespe_bench.cli import settings
from wespe_bench.errors import InputError
from wespe_bench.training import curves, resume

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_photos(tmp_path)


def _rows(*iterations):
    return "".join(f"{iteration},0.5\n" for iteration in iterations).encode()


@pytest.mark.parametrize(
    ("content", "kept", "warned"),
    [
        (b"iteration,loss\n" + _rows(1, 2, 3, 4), [1, 2, 3], False),
        (b"iteration,loss\n" + _rows(1, 2) + b"3,0.", [1, 2, 3], False),
        (b"iteration,loss\n" + _rows(1, 2) + b"3", [1, 2], False),
        (b"iteration,loss\n" + _rows(1) + b"\xff\xfe\n" + _rows(3), [1], True),
        (b"iteration,loss\n" + _rows(1, "nan", 3), [1], True),
        (b"loss,x\n" + _rows(1, 2, 3), [], True),
        (b"\0" * 90 + b"\n" + _rows(1, 2, 3), [], True),
        (b"", [], False),
    ],
)
def test_a_damaged_journal_stops_no_training(tmp_path, content, kept, warned, recwarn):
    (tmp_path / "train.csv").write_bytes(content)
    journal = curves.Journal(tmp_path, 3)
    assert [row["iteration"] for row in curves.read(tmp_path)] == kept
    assert [f"damaged from line {len(kept) + 2} on" in str(w.message) for w in recwarn] == (
        [True] if warned else []
    )
    journal.write({"iteration": 4.0, "loss": 1.0})
    assert [row["iteration"] for row in curves.read(tmp_path)] == [*kept, 4]


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("settings", "[1]", "not a training's state, or damaged"),
        ("state", [1], "not a training's state, or damaged"),
        ("iteration", -5, r"not a training's state, or damaged \(ValueError: iteration -5"),
        (
            "iteration",
            types.SimpleNamespace(),
            r"damaged \(it contains objects that are not tensors\)",
        ),
        ("state", {}, "does not fit these networks"),
        ("watch", {"since": 3, "said": [1]}, "does not fit these networks"),
        ("g", {"state": 1, "param_groups": [1]}, "does not fit these networks"),
    ],
)
def test_a_state_of_another_shape_is_refused(place, key, value, complaint):
    path = run(WESPE, "--iterations", "1") / "state.pt"
    saved = torch.load(path, weights_only=True)
    (saved if key in saved else saved["state"])[key] = value
    torch.save(saved, path)
    with pytest.raises(InputError, match=complaint):
        run(WESPE, "--iterations", "2")


def test_the_folder_of_another_network_is_refused(place):
    run(DPED, "--iterations", "1")
    with pytest.raises(InputError, match="out holds a training of another network") as caught:
        run(WESPE, "--iterations", "1")
    assert "None" not in str(caught.value)


@pytest.mark.parametrize("name", ["settings.json", "curves.png", "000002.png"])
def test_a_full_disk_is_one_line_whatever_is_written(place, monkeypatch, name):
    write = atomic.write_bytes

    def full(path, data):
        if path.name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_bytes", full)
        with pytest.raises(InputError, match=rf"{name}: cannot be written \(No space") as caught:
            run(WESPE, "--iterations", "2")
        assert "the same command resumes" in str(caught.value)
    run(WESPE, "--iterations", "2")


def test_a_folder_that_is_no_utf_8_gets_its_card(place):
    odd = os.fsdecode(b"phone\xff")
    (place / "phone").rename(place / odd)
    out = run(WESPE, "--iterations", "1", "--source", odd)
    assert "WESPE generator for phone? photos" in (out / "generator.md").read_text("utf-8")


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("recipe", "preset"), [(one, preset) for one in (wespe, dped) for preset in one.PRESETS]
)
def test_the_command_on_a_card_gives_the_training_that_it_is_of(recipe, preset, value):
    config = recipe.PRESETS[preset]
    switches = {"turn", "channels_last", "reuse_fake", "spectral_norm"} & set(vars(config))
    config = dataclasses.replace(config, **dict.fromkeys(switches, value))
    first = next(iter(recipe.PRESETS.values()))
    words = checkpoints.as_options(resume.settings_of(config, recipe.FREE), first)
    again = settings("train wespe" if recipe is wespe else "train dped", shlex.split(words))
    assert resume.settings_of(again, recipe.FREE) == resume.settings_of(config, recipe.FREE)
