"""The miniature: the plan's own steps, killed and resumed, its cells checked by pandas."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

import wespe_bench
from tests.conftest import entry_point, run_in
from wespe_bench.cli import call
from wespe_bench.datasets.miniature import WORD
from wespe_bench.datasets.samples import TEST
from wespe_bench.errors import InputError
from wespe_bench.prepare import mini as photos
from wespe_bench.reproduce.mini import plan_mini, settings
from wespe_bench.reproduce.states import read_journal
from wespe_bench.reproduce.steps import Reproduce, plan

#: A training, the runs of one data set without pairs, one of patches, the rater and the study.
ONLY = ("run sony patches ape_like", "run kitti *", "score with ffs", "user study")


def test_the_miniature_is_the_plan_with_its_photos_first() -> None:
    config = settings(Reproduce(mini=True))
    steps = plan_mini(config)
    assert [step.name for step in steps] == [
        *("make photos", "make faves"),
        *(step.name for step in plan(Reproduce())),
    ]
    assert {step.kind for step in steps} - {step.kind for step in plan(Reproduce())} == {
        *("make", "votes"),
    }
    before: set[str] = set()
    for step in steps:
        assert set(step.needs) <= before
        before.add(step.name)
        assert all("runs/mini/data" in " ".join(c) for c in step.commands if "--data" in c)
    votes = steps[-1].commands
    assert [command[:2] for command in votes] == [
        ("study", w) for w in ("build", "simulate", "report")
    ]
    assert "SIMULATED" in votes[0][-1]


def test_what_the_miniature_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for option in (["--data", "d"], ["--official", "m"], ["--measure"]):
        with pytest.raises(InputError, match=f"{option[0]}: --mini makes its own photos"):
            call("reproduce", ["--mini", *option])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.png").write_bytes(b"")
    with pytest.raises(InputError, match=re.escape("mine holds photo.png, not made here")):
        call("data mini", ["--out", "mine"])
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["photo.png"]


def test_no_scene_is_trained_on_and_tested() -> None:
    assert not {*photos.TRAIN, *photos.CLEAN} & set(TEST)
    from wespe_bench.datasets.splits import Photo, divide

    for pattern in ("IMG_{:04d}", "2011_09_26_drive_{:04d}"):
        names = photos._drawn("", pattern)
        drawn = divide([Photo(id_, Path(id_)) for id_ in sorted(names)], None, photos.TESTS)
        assert {photo.id for photo in drawn.test} == set(names[: photos.TESTS])


def _argv() -> list[str]:
    tiny = "--iterations 3 --warmup 1 --preview-every 3"
    return ["reproduce", "--mini", "--go", f"--wespe={tiny}", "--only", *ONLY]


def _go(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    argv = [*entry_point(), *_argv()]
    result = subprocess.run(argv, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_killed_and_resumed_to_the_same_tables(tmp_path: Path) -> None:
    assert "12 done" in _go(tmp_path / "plain")
    _kill_and_resume(tmp_path)
    _check_bytes(tmp_path / "killed", tmp_path / "plain")
    exported = run_in(tmp_path / "plain", "export", "scores", "runs/mini", "--out", "scores.csv")
    assert exported.returncode == 0
    _check(tmp_path / "plain/runs/mini", pd.read_csv(tmp_path / "plain/scores.csv"))


def _kill_and_resume(tmp_path: Path) -> None:
    """From the same photos and trainings on: the steps after them are done again."""
    out = tmp_path / "killed/runs/mini"
    shutil.copytree(tmp_path / "plain", tmp_path / "killed")
    for folder in ("patches", "wild", "study"):
        shutil.rmtree(out / folder)
    for tables in out.glob("tables.*"):
        tables.unlink()
    process = _started(tmp_path / "killed")
    run = out / "wild/kitti/WESPE [DIV2K]"
    while process.poll() is None and not run.exists():
        time.sleep(0.01)
    steps = [c for c in psutil.Process(process.pid).children() if c.is_running()]
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL, "killed before the act was over"
    _, alive = psutil.wait_procs(steps, timeout=60)
    assert not alive
    assert not (out / "tables.csv").exists()
    _go(tmp_path / "killed")


def _started(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*entry_point(), *_argv()], cwd=folder, stdout=quiet, stderr=quiet)


def _check_bytes(folder: Path, undisturbed: Path) -> None:
    for ending in ("csv", "md", "html"):
        name = f"runs/mini/tables.{ending}"
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()


@pytest.mark.long
def test_killed_ten_times_at_random(tmp_path: Path) -> None:
    """kill -9 of the command, each second time of its step too; a new folder when one is done."""
    begun = time.monotonic()
    _go(tmp_path)
    whole = time.monotonic() - begun
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    kills, done = 0, 0
    while kills < 10:
        folder = tmp_path / f"killed{done}"
        process = _started(folder)
        try:
            process.wait(moments.uniform(0, whole / 5))
        except subprocess.TimeoutExpired:
            step = [c for c in psutil.Process(process.pid).children() if kills % 2]
            for one in (process, *step):
                one.send_signal(signal.SIGKILL)
            process.wait(60)
            psutil.wait_procs(step, timeout=60)
            kills += 1
            journal = read_journal(folder / "runs/mini")
            print(f"seed {seed}, kill {kills} in {folder.name}: {len(journal)} steps had ended")
        else:
            _check_bytes(folder, tmp_path)
            done += 1
    _go(folder)
    _check_bytes(folder, tmp_path)


def _check(out: Path, rows: pd.DataFrame) -> None:
    """Every filled cell against plain pandas over the exported rows, and every table's mark."""
    means = rows.groupby(["run", "metric"])["value"].agg(["mean", "count"])
    found = pd.read_csv(out / "tables.csv")
    filled = found[found["ours"].notna() & found["run"].notna()]
    counts = filled.groupby("table").size().to_dict()
    assert counts == {2: 3, 6: 12, 8: 3}
    for cell in filled.itertuples():
        mean, count = means.loc[(cell.run, cell.metric)]
        assert cell.ours == pytest.approx(mean, rel=1e-12)
        assert cell.n == count == photos.TESTS
    votes = pd.read_csv(out / "study/votes.csv")
    won = votes.assign(won=votes["chosen"] == "WESPE [DIV2K]").groupby("first")["won"]
    table5 = found[(found["table"] == 5) & found["ours"].notna()].set_index("row")
    assert len(table5) == 2
    assert table5.loc["original", "ours"] == pytest.approx(won.mean()["original"])
    assert table5.loc["ape", "ours"] == pytest.approx(won.mean()["ape_like"])
    assert list(table5["n"]) == [38 * photos.TESTS] * 2
    assert found[["paper", "difference"]].isna().all().all()
    text = (out / "tables.md").read_text("utf-8")
    assert len(re.findall(rf"^## Table \d: {WORD}", text, re.MULTILINE)) == 8
    page = (out / "tables.html").read_text("utf-8")
    assert re.findall("<figcaption>(.*?): ", page) == ["Sony Xperia Z", "KITTI"]
    # Input, ape_like and the DSLR's; then input, ape_like, WESPE and tone, each drawn.
    assert len(re.findall('<img src="data:image/[a-z]+;base64,', page)) == 3 + 4
    assert set(wespe_bench.tables(1, 4, runs=out, data=out / "data")["paper"].isna()) == {True}
