"""The plan: its steps, what is said of each, how long it takes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.reports.runs import make_run
from tests.wespe_bench.datasets import trees
from wespe_bench import atomic, provenance
from wespe_bench.cli import call
from wespe_bench.errors import InputError
from wespe_bench.reproduce import missing, narrowing, rates
from wespe_bench.reproduce.states import Stock, digest, last_iteration, look, read_journal
from wespe_bench.reproduce.steps import Reproduce, Step, iterations_of, plan


def _step(steps: list[Step], name: str) -> Step:
    return next(step for step in steps if step.name == name)


def test_what_is_missing_is_counted_by_source(tmp_path: Path) -> None:
    trees.dped(tmp_path, "sony")
    steps = narrowing.narrowed(plan(Reproduce(data=str(tmp_path))), (2,), ("sony",))
    states = look(steps, Stock(str(tmp_path)), {})
    text = "\n".join(missing.lines(steps, states))
    assert re.search("^div2k +sony +4 +2 +4.0 GB +academic research only$", text, re.M), text
    (_, way) = missing.shortest(steps, states, lambda step: 7200.0)
    assert way == (
        "  --tables 2 --cameras sony: needs div2k (4.0 GB); 3 trainings (6.0 h here); no training "
        "for ape_like, tone [DPED], tone [DIV2K]"
    )


def test_commands_are_printed_and_exported(verb: Command, tmp_path: Path) -> None:
    trees.dped(tmp_path / "data", "sony")
    argv = ("reproduce", "--data", "data", "--tables", 2, "--cameras", "sony", "--jobs", 1)
    printed = verb(*argv, "--dry-run").stdout.splitlines()
    place = printed.index("# train dped sony")
    assert printed[place + 1].startswith("wespe-bench train dped --camera sony --out runs/paper/")
    place = printed.index("# train wespe sony [DIV2K] (missing: photos of div2k)")
    assert printed[place + 1].startswith("# wespe-bench train wespe")
    assert not (tmp_path / "runs").exists()
    result = verb(*argv, "--export", "slurm")
    assert result.stdout == "job arrays (3 train, 4 run): sh runs/paper/slurm/submit.sh\n"
    _stub(tmp_path / "bin/sbatch", 'echo "$@" >> submitted; wc -l < submitted')
    _stub(tmp_path / "bin/wespe-bench", 'for word; do echo "$word"; done >> called')
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "2"}
    folder = "runs/paper/slurm"
    for words in (["submit.sh"], ["job.sh", f"{folder}/run.txt"]):
        command = ["sh", f"{folder}/{words[0]}", *words[1:]]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "submitted").read_text().splitlines() == [
        f"--parsable --array=1-3 {folder}/job.sh {folder}/train.txt",
        f"--parsable --array=1-4 --dependency=afterany:1 {folder}/job.sh {folder}/run.txt",
    ]
    step = _step(plan(Reproduce(data="data", jobs=1)), "run sony patches WESPE [DPED]")
    called = (tmp_path / "called").read_text().splitlines()
    expected = [word for command in step.commands for word in command]
    assert called == expected
    assert "nothing can run" in verb("reproduce", "--export", "slurm").stderr
    assert list(read_journal(tmp_path / "runs/paper")) == [digest(step.commands)]


def _stub(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_plan_is_the_papers() -> None:
    steps = plan(Reproduce())
    kinds = Counter(step.kind for step in steps)
    assert (kinds["train wespe"], kinds["train dped"], kinds["ffs"]) == (11, 3, 1)
    assert kinds["fit"] == 11, "a baseline for each WESPE"
    # Tables 2 (4 methods), 3 (5) on three phones, 6 (3) on five data sets; and each WESPE's tone.
    assert kinds["run"] == 3 * (4 + 2) + 3 * (5 + 2) + 5 * (3 + 1)
    assert len({step.name for step in steps}) == len(steps) == 11 + 11 + 3 + 1 + 59 + 2
    before: set[str] = set()
    for step in steps:
        assert set(step.needs) <= before
        before.add(step.name)
    imported = plan(Reproduce(official="models"))
    assert sum(step.kind == "import" for step in imported) == 3
    assert not [step for step in imported if "train dped" in (step.name, *step.needs)]
    assert _step(imported, "run sony patches DPED").needs == ("import dped sony",)


def test_sources_and_targets_are_the_papers() -> None:
    steps = plan(Reproduce(data="d", kitti="kitti:sync"))
    for name in (step.name for step in steps if step.kind == "train wespe"):
        wespe, tone = _step(steps, name), _step(steps, name.replace("wespe", "tone"))
        assert tone.commands[0][2:6] == wespe.commands[0][2:6], "the same photos"
        assert tone.photos == wespe.photos
    tone = _step(steps, "run kitti tone [DIV2K]")
    assert tone.commands[0][1] == (
        "tone [DIV2K]=tone:runs/paper/train/tone-kitti-div2k/tone.safetensors"
    )
    phone = _step(steps, "train wespe sony [DPED]")
    assert phone.commands[0][:6] == (
        *("train", "wespe", "--source", "dped:sony?split=train"),
        *("--target", "dped:sony?split=train&side=canon"),
    )
    assert phone.commands[0][8:10] == ("--data", "d")
    wild = _step(steps, "train wespe kitti [DIV2K]")
    assert wild.photos == ("kitti:sync?split=train", "div2k")
    few = plan(Reproduce(kitti="kitti:sync?test=2"))
    assert _step(few, "run kitti ape_like").photos == ("kitti:sync?test=2",)
    assert _step(few, "train wespe kitti [DIV2K]").photos[0] == "kitti:sync?test=2&split=train"
    run = _step(steps, "run iphone full WESPE [DPED]")
    assert run.needs == ("train wespe iphone [DPED]",)
    enhance, score = run.commands
    assert enhance[1].startswith("WESPE [DPED]=wespe:runs/paper/train/wespe-iphone-dped/")
    assert enhance[3] == "dped:iphone?protocol=full"
    assert score[2:6] == ("--metrics", "entropy", "bpp", "cornia")


def test_states_with_nothing_at_hand(tmp_path: Path) -> None:
    steps = plan(Reproduce(out=str(tmp_path / "out"), data=str(tmp_path / "data")))
    states = look(steps, Stock(str(tmp_path / "data")), {})
    assert {state.kind for state in states.values()} == {"missing"}
    assert "register" in states["train wespe kitti [DIV2K]"].remedy
    assert "people" in states["user study"].remedy
    assert "ffs" in states["score with ffs"].remedy


def test_raters_scores_of_other_results_or_of_another_rater_are_not_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    trees.kitti(tmp_path)
    wild = Reproduce(out=str(out), data=str(tmp_path))
    rate = _step(plan(wild), "score with ffs")
    (metric,) = rate.metrics
    rater = Path(metric.removeprefix("ffs:"))
    journal = {rate.name: {"commands": json.loads(json.dumps(rate.commands))}}

    def kind(*steps: Step) -> str:
        return look([*steps, rate], Stock(wild.data), journal)[rate.name].kind

    atomic.write_bytes(rater, b"a rater")
    version = f"1+{provenance.sha256_file(rater)[:12]}"
    make_run(out / "wild/kitti", "Original", {metric: [0.1, 0.2]}, version=version)
    assert kind() == "done"
    assert kind(_step(plan(wild), "run kitti Original")) != "done", "there will be other results"
    new = make_run(out / "wild/kitti", "new", {"entropy": [7.0, 7.0]})
    assert kind() != "done", "a run without its scores"
    shutil.rmtree(new)
    assert kind() == "done"
    atomic.write_bytes(rater, b"another rater")
    assert kind() != "done"
    rater.unlink()
    assert kind(_step(plan(wild), "train ffs")) == "missing", "there are no faves to train on"


def test_states_with_some_data(tmp_path: Path) -> None:
    trees.dped(tmp_path)
    config = Reproduce(out=str(tmp_path / "out"), data=str(tmp_path))
    steps = plan(config)
    states = look(steps, Stock(str(tmp_path)), {})
    assert states["train wespe iphone [DPED]"].kind == "can run"
    assert states["train wespe iphone [DPED]"].left == 20_000
    assert states["train wespe iphone [DIV2K]"].detail == "photos of div2k"
    assert states["run iphone patches ape_like"].left == 3
    assert states["run iphone patches WESPE [DPED]"].kind == "waits"
    assert states["run iphone patches WESPE [DIV2K]"].kind == "missing"
    folder = _step(steps, "train dped iphone").out.parent
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("iteration,loss\n1,2\n7000,1\n80", "utf-8")
    state = look(steps, Stock(str(tmp_path)), {})["train dped iphone"]
    assert (state.kind, state.detail) == ("begun", "80 of 20,000 iterations")
    (folder / "train.csv").write_text("iteration,loss\n20000,2\n", "utf-8")
    (folder / "generator.safetensors").write_bytes(b"")
    journal = {"train dped iphone": {"commands": _step(steps, "train dped iphone").commands}}
    journal_read = json.loads(json.dumps(journal))
    assert look(steps, Stock(str(tmp_path)), journal_read)["train dped iphone"].kind == "done"
    job = {digest(_step(steps, "train dped iphone").commands): {}}
    assert look(steps, Stock(str(tmp_path)), job)["train dped iphone"].kind == "done"
    other = plan(Reproduce(out=config.out, data=config.data, dped="--width 32"))
    assert look(other, Stock(str(tmp_path)), journal_read)["train dped iphone"].kind == "begun"


def test_times_follow_from_what_was_measured(tmp_path: Path) -> None:
    trees.dped(tmp_path)
    steps = plan(Reproduce(out=str(tmp_path / "out"), data=str(tmp_path)))
    state = look(steps, Stock(str(tmp_path)), {})["train dped iphone"]
    step = _step(steps, "train dped iphone")
    journal_read = {"kind": "train dped", "options": "", "iterations": 100, "seconds": 25.0}
    journal_read["machine"] = provenance.machine()
    trained = rates.trainings({"train dped sony": journal_read})
    assert rates.estimate(step, state, 2, trained, {}) == (
        5000.0,
        "100 iterations of train dped sony",
    )
    assert rates.trainings({"x": journal_read | {"machine": "another"}}) == {}
    assert rates.estimate(step, state, 2, {}, {}) is None
    run = _step(steps, "run iphone patches ape_like")
    left = look(steps, Stock(str(tmp_path)), {})[run.name]
    paced = {("enhance", "ape_like"): rates.Rate(2.0, "x")}
    assert rates.estimate(run, left, 2, {}, paced) is None, "scoring is not known"
    paced |= {("score", metric): rates.Rate(1.0, "y") for metric in run.metrics}
    seconds, _ = rates.estimate(run, left, 2, {}, paced) or (0, "")
    assert seconds == pytest.approx(3 * 0.01 * 5 / 2)


def test_a_pace_goes_with_the_settings_that_make_it() -> None:
    steps = plan(Reproduce(wespe="--iterations 9 --width 8 --seed 3", data="x"))
    assert rates.options_of(_step(steps, "train wespe sony [DIV2K]")) == "--width 8"


def test_options_that_mean_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for argv, said in (
        (["--plan", "--go"], "--plan and --go: say one of them"),
        (["--dry-run", "--export", "slurm"], "--dry-run and --export: say one of them"),
        (["--export", "pbs"], "--export pbs: expected one of"),
        (["--only", "nothing*"], "no step is called so"),
        (["--wespe", "--iterations none"], "--iterations none"),
        (["--dped", "'"], "--dped"),
        (["--out", "file"], "is a file"),
        (["--jobs", "-1"], "--jobs"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            call("reproduce", argv)
    assert iterations_of(["--iterations=5"]) == 5


def test_damaged_notes_count_for_nothing(tmp_path: Path) -> None:
    for text in ("", "{", '{"steps": 3}', '{"steps": {"a": 3}}', "[" * 100_000):
        (tmp_path / "reproduce.json").write_text(text, "utf-8")
        assert read_journal(tmp_path) == {}
    (tmp_path / "train.csv").write_text("iteration\nx\n", "utf-8")
    assert last_iteration(tmp_path) == 0


def test_only_takes_what_a_step_needs() -> None:
    steps = narrowing.chosen(plan(Reproduce()), ("run iphone full WESPE [DPED]",))
    assert [step.name for step in steps] == [
        "train wespe iphone [DPED]",
        "run iphone full WESPE [DPED]",
    ]


def test_the_plan_is_a_table(verb: Command, tmp_path: Path) -> None:
    trees.div2k(tmp_path / "data")
    result = verb("reproduce", "--plan", "--data", "data")
    assert result.returncode == 0, result.stderr
    assert "87 missing" in result.stdout
    assert re.search(r"^dped +iphone, blackberry, sony +54 +2, 3, 7 +6.2 GB", result.stdout, re.M)
    assert not re.search("^div2k ", result.stdout, re.M), "it is here"
    ways = result.stdout.partition("hours on an H100: unmeasured")[2].splitlines()[1:7]
    assert [way.split()[1] for way in ways] == ["2", "3", "5", "6", "7", "8"]
    assert ways[0] == (
        "  --tables 2 --cameras iphone: needs dped (6.2 GB); 3 trainings (unmeasured here); "
        "no training for ape_like, tone [DPED], tone [DIV2K]"
    )
    assert len(result.stdout.splitlines()) < 40
    assert "the tables so far: wespe-bench tables all --runs runs/paper" in result.stdout
    assert not (tmp_path / "runs").exists(), "a plan writes nothing"


def test_tables_and_cameras_narrow_the_plan() -> None:
    steps = plan(Reproduce())

    def names(*tables: int, cameras: Sequence[str] = ()) -> list[str]:
        return [step.name for step in narrowing.narrowed(steps, tables, cameras)]

    assert names() == [step.name for step in steps]
    sony = names(2, cameras=["sony"])
    assert len(sony) == 11 and all("sony" in name for name in sony)
    assert [name for name in sony if name.startswith("train")] == [
        *("train wespe sony [DPED]", "train tone sony [DPED]"),
        *("train wespe sony [DIV2K]", "train tone sony [DIV2K]", "train dped sony"),
    ]
    kitti = names(5, 8, cameras=["kitti"])
    assert {"run kitti WESPE [DIV2K]", "train ffs", "score with ffs", "user study"} < set(kitti)
    assert names(6, cameras=["kitti"]) == [
        *("train wespe kitti [DIV2K]", "train tone kitti [DIV2K]", "run kitti Original"),
        *("run kitti ape_like", "run kitti WESPE [DIV2K]", "run kitti tone [DIV2K]"),
    ]
    # Together the tables take every step.
    assert {name for table in (2, 3, 5, 6, 7, 8) for name in names(table)} == set(names())
    for tables, cameras, said in (
        ((4,), (), "--tables 4: takes photos alone"),
        ((9,), (), "--tables 9: unknown; tables with steps: 2, 3"),
        ((2,), ("kitti",), "--tables 2 takes no photos of kitti"),
        ((), ("soni",), "unknown camera 'soni' (did you mean 'sony'?)"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            narrowing.narrowed(steps, tables, cameras)


def test_go_says_what_is_lacking_before_the_first_step(
    verb: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "starlette" else found(name)
    )
    result = verb("reproduce", "--mini", "--go", "--out", "mini")
    assert result.returncode == 2
    assert "package starlette is not installed: pip install 'wespe-bench[study]'" in result.stderr
    assert not (tmp_path / "mini").exists()
    result = verb("reproduce", "--go", "--data", "data", "--out", "all")
    assert result.returncode == 0
    assert result.stderr == "nothing was run: no step is left that can run here\n"
    result = verb("reproduce", "--go", "--official", "nowhere")
    assert result.returncode == 2 and "no such folder: nowhere; --official takes" in result.stderr
