"""Verbs that no other test starts as a process of its own, each once through the entry point."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import wespe_bench
from tests.conftest import Command
from tests.reports.runs import make_run
from tests.wespe_bench.study.studies import make_study
from tests.wespe_bench.study.test_importing import filled, put


@pytest.mark.parametrize(
    ("words", "printed", "written"),
    [
        ("report runs", "| clahe", "runs/report.html"),
        ("export scores runs --out scores.csv", "8 rows", "scores.csv"),
        ("merge runs --out copy", "2 runs", "copy/photos/clahe/run.json"),
        ("data list", "kitti", ""),
    ],
)
def test_on_runs(command: Command, tmp_path: Path, words: str, printed: str, written: str) -> None:
    for label in ("identity", "clahe"):
        make_run(tmp_path / "runs", label, {"psnr": [20.0, 21.0, 22.0, 23.0]})
    result = command(*words.split())
    assert (result.returncode, result.stderr) == (0, "")
    assert printed in result.stdout
    assert (tmp_path / written).exists()


def test_study_import(command: Command, tmp_path: Path) -> None:
    folder, study = make_study(tmp_path, questions=5)
    result = command("study", "import", folder, put(tmp_path / "votes.json", filled(study)))
    assert (result.returncode, result.stdout.split()[0]) == (0, "5"), result.stderr


def test_python_dash_m(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["wespe_bench", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("wespe_bench", run_name="__main__")
    assert ended.value.code == 0
    assert wespe_bench.__version__ in capsys.readouterr().out
