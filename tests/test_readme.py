"""The README is true: its table, its picture, its commands."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from docs.readme import ROOT, SENTENCE, TABLE, renewed, sentence_of, shown, table_of
from reports.compare import one_sentence
from tests.conftest import Command
from wespe_bench import atomic
from wespe_bench.suites import COMPARED

README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_first_command_prints_and_leaves_what_it_should(demo_run: Path) -> None:
    stdout = (demo_run.parents[1] / "stdout").read_text("utf-8")
    assert "runs/demo/report.html" in stdout
    assert all((demo_run / page).stat().st_size for page in ("report.md", "report.html"))
    assert one_sentence(demo_run, *COMPARED) in stdout


@pytest.mark.slow
def test_the_first_command_goes_on_to_live_trainings(demo_run: Path) -> None:
    stdout = (demo_run.parents[1] / "stdout").read_text("utf-8")
    for name in ("wespe", "dped"):
        assert f"8 steps of {name} in " in stdout
        assert (demo_run / "live" / name / "generator.safetensors").is_file()


@pytest.mark.slow
def test_table_and_sentence_are_what_the_demo_prints(
    demo_run: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--rewrite-golden"):
        atomic.write_text(ROOT / "README.md", renewed(README, demo_run))
        return
    advice = "uv run pytest --rewrite-golden rewrites the README's table and sentence"
    assert table_of(demo_run) == shown(README, TABLE), advice
    assert sentence_of(demo_run) == shown(README, SENTENCE), advice


def test_python_lines_run(tmp_path: Path, command: Command) -> None:
    import subprocess

    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"ms_ssim +0\.\d+", result.stdout)
    assert re.search(r"psnr +\d+\.\d+", result.stdout)


def test_a_pack_is_read_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wespe_bench import cli
    from wespe_bench.images import write_png

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for side in ("phone", "dslr"):
        (tmp_path / "patches" / side).mkdir(parents=True)
        for n in range(4):
            patch = rng.integers(0, 256, (100, 100, 3), np.uint8)
            write_png(tmp_path / "patches" / side / f"{n}.png", patch)
    page = (ROOT / "docs/how-to/data.md").read_text("utf-8")
    (line,) = re.findall(r"^wespe-bench (data pack .*)$", page, flags=re.MULTILINE)
    assert cli.main([*line.split(), "--jobs", "0"]) == 0
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, np.ndarray] = {}
    exec(code, names)
    assert names["inputs"].shape == names["references"].shape == (30, 100, 100, 3)
    assert names["inputs"].dtype == np.uint8


@pytest.mark.slow
def test_own_enhancer_in_two_lines(demo_run: Path, tmp_path: Path, verb: Command) -> None:
    """After the demo, as the README has it: what the demo did is kept."""
    shutil.copytree(demo_run, tmp_path / "runs" / "demo")
    echo = re.search(r'^echo "(def enhance.*)" > mine\.py$', README, flags=re.MULTILINE)
    line = re.search(r"^uv run wespe-bench (run --suite demo .*)$", README, flags=re.MULTILINE)
    assert echo
    assert line
    (tmp_path / "mine.py").write_text(echo[1] + "\n")
    result = verb(*line[1].split())
    assert result.returncode == 0, result.stderr
    assert "| Mine" in result.stdout
    assert "5 results new, 45 there already" in result.stdout
