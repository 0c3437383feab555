"""Trainings that are cut short, crowded or asked for the impossible."""

import shlex
import signal
import time

import pytest
import torch

from tests.reference_models.trainings import DPED, WESPE, begin_rank, make_photos, run
from tests.verbs import Forked
from wespe_bench import lock
from wespe_bench.cli import settings
from wespe_bench.errors import InputError
from wespe_bench.training import curves, resume

pytestmark = pytest.mark.usefixtures("undrawn")
BOTH = pytest.mark.parametrize("options", [pytest.param(o, id=o[1]) for o in (WESPE, DPED)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_photos(tmp_path)


def _wait_for_row(place, process):
    while process.running() and not (place / "out" / "train.csv").exists():
        time.sleep(0.05)


@BOTH
def test_what_a_state_counts_as_done_is_there(place, options, monkeypatch):
    """Killed right after the state was written, or the enhancer lost: nothing is missing."""
    more = ("--iterations", "4", "--preview-every", "2")
    save = resume.save

    def killed(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(resume, "save", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(options, *more)
    out = run(options, *more)
    monkeypatch.setattr(resume, "save", save)
    run(options, *more, "--out", "calm")
    for name in ("generators/000002.safetensors", "generator.safetensors", "strips/000002.png"):
        assert (out / name).read_bytes() == (place / "calm" / name).read_bytes()
    (out / "generator.safetensors").unlink()
    run(options, *more)
    name = "generator.safetensors"
    assert (out / name).read_bytes() == (place / "calm" / name).read_bytes()


def test_fewer_iterations_than_done_are_refused(place):
    run(WESPE, "--iterations", "3")
    with pytest.raises(InputError, match="out: this training is at iteration 3, past"):
        run(WESPE, "--iterations", "2")


@BOTH
def test_one_training_in_a_folder(place, options):
    (place / "out").mkdir()
    with (
        lock.held(place / "out", "another training"),
        pytest.raises(InputError, match="out: another command is at work there; choose another"),
    ):
        run(options, "--iterations", "1")
    run(options, "--iterations", "1")
    (place / "file").write_text("")
    with pytest.raises(InputError, match="file: cannot be made"):
        run(options, "--iterations", "1", "--out", "file")


@BOTH
def test_other_work_is_not_trained_into(place, options):
    (place / "thesis").mkdir()
    (place / "thesis/chapter.tex").write_text("")
    with pytest.raises(InputError, match=r"thesis holds chapter\.tex, not made here; choose"):
        run(options, "--iterations", "1", "--out", "thesis")
    assert [path.name for path in (place / "thesis").iterdir()] == ["chapter.tex"]
    (place / "empty").mkdir()
    run(options, "--iterations", "1", "--out", "empty")
    (place / "empty/state.pt").unlink()  # as one that was killed before its first state
    run(options, "--iterations", "1", "--out", "empty")


def test_pairs_by_suffix_are_advised_as_this_verb_takes_them(place):
    for number in range(4):
        for folder, end in (("phone", "_phone"), ("truth", "_dslr")):
            path = place / "both" / f"{number}{end}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((place / folder / f"{number}.png").read_bytes())
    more = ("--iterations", "1", "--out", "paired")
    for reference in ("both", "phone"):
        with pytest.raises(InputError, match="two suffixes") as caught:
            run(DPED, *more, "--input", "both", "--reference", reference)
        assert "--input-suffix" not in str(caught.value)
    words = shlex.split(str(caught.value).partition("(")[2].rpartition(")")[0])
    assert words[0] == "--camera"
    spec = words[1].replace("reference=phone", "reference=both")
    run(DPED, *more, "--input", "", "--reference", "", "--camera", spec)
    assert (place / "paired/generator.safetensors").is_file()


@BOTH
def test_the_card_says_the_command(place, options):
    out = run(options, "--iterations", "1", "--turn", "--lr", "3e-4")
    (line,) = [
        line for line in (out / "generator.md").read_text().splitlines() if "Trained by" in line
    ]
    words = shlex.split(line.split("`")[1])
    assert words[:3] == ["wespe-bench", "train", options[1]]
    again = settings(" ".join(words[1:3]), words[3:])
    assert (again.iterations, again.lr, again.turn, again.width) == (1, 3e-4, True, 4)


@pytest.mark.slow
def test_interrupted_says_what_to_do_and_logs_are_short(place):
    """SIGTERM, twice as `timeout` sends it; and in a log the bar is not written with every row."""
    process = Forked(place, *WESPE, "--iterations", "100000", "--log-every", "1")
    _wait_for_row(place, process)
    while process.running() and len((place / "out/train.csv").read_text().split()) < 12:
        time.sleep(0.05)
    for _ in range(2):
        process.send(signal.SIGTERM)
    code, output = process.end()
    assert code == 130
    assert output.splitlines()[-1].endswith(
        "interrupted; what is done is kept, the same command resumes"
    )
    assert "Traceback" not in output
    assert len([part for part in output.split("\r") if "/100000" in part]) < 6
    last = curves.read(place / "out")[-1]["iteration"]
    assert torch.load(place / "out/state.pt", weights_only=True)["iteration"] == last


@BOTH
def test_an_interrupted_training_loses_nothing(place, options, monkeypatch):
    """Ctrl-C long before a state is due: what was learned so far is saved, to the last step."""
    more = ("--iterations", "5", "--log-every", "1")
    write = curves.Journal.write

    def interrupted(journal, row):
        write(journal, row)
        if row["iteration"] == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(curves.Journal, "write", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(options, *more)
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.load(place / "out/state.pt", weights_only=True)["iteration"] == 3
    monkeypatch.setattr(curves.Journal, "write", write)
    out, calm = run(options, *more), run(options, *more, "--out", "calm")
    for name in ("generator.safetensors", "train.csv"):
        assert (out / name).read_bytes() == (calm / name).read_bytes()


@pytest.mark.slow
def test_a_process_that_dies_is_said_by_the_other(place):
    both = [begin_rank(rank, WESPE, "--iterations", "100000") for rank in (0, 1)]
    _wait_for_row(place, both[0])
    both[1].send(signal.SIGKILL)
    code, output = both[0].end()
    assert both[1].end()[0] == -signal.SIGKILL
    assert code == 2, output
    assert "another process of this training has ended" in output.splitlines()[-1]
    assert "Traceback" not in output


def test_a_lone_process_of_several_gets_a_hint_at_torchrun(place, monkeypatch):
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="start them with torchrun, or unset WORLD_SIZE"):
        run(WESPE, "--iterations", "1")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("--lr", "inf"), "--lr inf: expected a finite number"),
        (("--weight-tv", "nan"), "--weight-tv nan: expected a finite number"),
        (("--init-std", "0"), "--init-std 0: expected more"),
        (("--seed", "9" * 30), "and below 9223372036854775808"),
        (("--batch", "1000000000"), r"needs at least .* GB is free; lower --batch \(now"),
        (("--width", "1000000"), r"needs at least .* GB is free; lower --width \(now"),
    ],
)
def test_the_impossible_is_refused_before_anything_is_made(place, change, complaint):
    with pytest.raises(InputError, match=complaint):
        run(WESPE, "--iterations", "1", *change)
    assert not (place / "out").exists()
