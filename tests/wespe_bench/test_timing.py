"""The verb ``time``: counts are those of the definition; a method that fails costs the others none.

No test asserts a time. In most of them the methods are timed in the tests' own process.
"""

from __future__ import annotations

import csv
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.verbs import one_line
from wespe_bench import engines, foreign, timing
from wespe_bench.cli import call
from wespe_bench.errors import InputError


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Methods run in this process, alone; gives the number of threads that each was set to."""
    threads: list[str] = []

    def local(setup: engines.Setup, context: object, items: list[object], *, jobs: int) -> object:
        threads.append(os.environ["OMP_NUM_THREADS"])
        return engines.local(setup, context, items, jobs=0)

    monkeypatch.setattr(timing, "local", local)
    monkeypatch.setattr(timing, "_others", lambda: 0.0)
    monkeypatch.setattr(foreign, "dedicate_process", lambda sources: None)
    return threads


def _task(spec: str, width: int, height: int) -> timing._Task:
    return timing._Task(spec, width, height, timing.LEAST_WARMUP, 2)


def test_multiply_adds_are_the_networks(here: list[str], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "class Net:\n"
        "    about = {'parameters': 3 * 4 * 25 + 4 * 3 * 9}\n"
        "    def __init__(self):\n"
        "        self.a, self.b = torch.ones(4, 3, 5, 5), torch.ones(3, 4, 3, 3)\n"
        "    def __call__(self, image):\n"
        "        x = torch.from_numpy(image).permute(2, 0, 1)[None] / 255\n"
        "        with torch.inference_mode():\n"
        "            x = torch.nn.functional.conv2d(x, self.a, padding=2)\n"
        "            x = torch.nn.functional.conv2d(x, self.b, padding=1)\n"
        "        return x[0].permute(1, 2, 0).numpy()\n"
    )
    found = timing.measure(_task(f"{tmp_path / 'net.py'}:Net", 40, 30))
    assert found["parameters"] == 408
    assert found["multiply_adds"] == 408 * 40 * 30
    assert found["quartile_1"] <= found["median"] <= found["quartile_3"]
    once = timing.measure(replace(_task("identity", 4, 3), repeats=1))
    assert once["quartile_1"] is once["quartile_3"] is None
    assert "one repeat: no spread" in timing._table([{"method": "a", **once}])


def test_the_shipped_generators_are_counted(here: list[str]) -> None:
    from reference_models import checkpoints
    from reference_models.dped.enhancer import SHIPPED

    generator, card, _ = checkpoints.read(SHIPPED["wespe"])
    found = timing.measure(_task("wespe:demo", 24, 20))
    kernels = sum(p.numel() for p in generator.parameters() if p.dim() == 4)
    assert found["parameters"] == card.parameters
    assert found["multiply_adds"] == kernels * 24 * 20
    assert found["device"] in ("cpu", "cuda")


def test_a_function_without_torch_has_no_counts(here: list[str]) -> None:
    found = timing.measure(_task("clahe", 24, 20))
    assert found["parameters"] is None
    assert found["memory"] >= 0 or math.isnan(found["memory"])


def test_table_csv_and_what_fails(here: list[str], verb: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def enhance(image): return image[:3]\n")
    words = ["time", "identity", "Mine=clahe", "bad.py:enhance", "none:x"]
    result = verb(*words, "--size", "20x16", "--threads", "1", "--repeats", "2", "--out", "t.csv")
    assert result.returncode == 3, result.stderr
    assert "| identity " in result.stdout and "| Mine " in result.stdout
    assert "Photo: 20x16 pixels, made. Calls: 3 to warm up, then 2 timed" in result.stdout
    assert "Threads: 1." in result.stdout
    failed = [line for line in result.stderr.splitlines() if "not timed" in line]
    assert len(failed) == 2
    assert "bad.enhance: gave no photo of 20x16" in failed[0]
    assert "no module 'none'" in failed[1]
    assert here == ["1"] * 4
    rows = list(csv.DictReader((tmp_path / "t.csv").open(encoding="utf-8")))
    assert [row["method"] for row in rows] == ["identity", "Mine"]
    assert float(rows[1]["median"]) > 0 and rows[1]["repeats"] == "2"


def test_all_that_fail_are_one_line(here: list[str], verb: Command) -> None:
    one_line(verb("time", "clahee", "--size", "20x16"), "unknown enhancer 'clahee'")
    assert "OMP_NUM_THREADS" not in here


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "1080p"], "--size 1080p: expected WIDTHxHEIGHT"),
        (["--size", "0x5"], "--size 0x5: expected WIDTHxHEIGHT"),
        (["--device", "tpu"], "--device tpu: expected one of auto, cpu, cuda"),
        (["--threads", "0"], "--threads 0"),
        (["identity"], "two methods are called 'identity'"),
        (["--warmup", "2"], "--warmup 2: expected a number from 3"),
        (["--repeats", "0"], "--repeats 0"),
        (["--out", "x.txt"], "ends in .csv"),
    ],
)
def test_wrong_options(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call("time", ["identity", *words])


def test_cuda_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cuda: no CUDA device here"):
        call("time", ["identity", "--device", "cuda"])


def test_a_busy_machine_is_warned_of() -> None:
    rows = [{"method": "a", "others": 0.1}, {"method": "b", "others": 1.26}]
    assert "other programs used 1.3 of" in timing.not_idle(rows)
    assert "beside b" in timing.not_idle(rows)
    assert timing.not_idle(rows[:1]) == ""


def test_the_photo_is_the_same_everywhere() -> None:
    photo = timing.made_photo(31, 17)
    assert (photo.shape, photo.dtype) == ((17, 31, 3), np.uint8)
    assert int(photo.sum()) == 180246
    assert len(np.unique(photo)) > 100


@pytest.mark.slow
def test_each_method_has_a_process_of_its_own(command: Command, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import os, pathlib\n"
        "def enhance(image):\n"
        "    with pathlib.Path('seen').open('a') as f:\n"
        "        f.write(f\"{os.getpid()} {os.environ['OMP_NUM_THREADS']}\"\n"
        "                f\" {os.environ['CUDA_VISIBLE_DEVICES']}.\\n\")\n"
        "    return image\n"
        "def die(image): os._exit(3)\n"
    )
    words = ["--size", "20x16", "--device", "cpu", "--threads", "2", "--repeats", "1"]
    methods = ["A=own.py:enhance", "B=own.py:enhance", "C=own.py:die"]
    result = command("time", *methods, *words)
    assert result.returncode == 3, result.stderr
    assert "not timed: C: its worker process died" in result.stderr
    seen = (tmp_path / "seen").read_text().splitlines()
    assert len(seen) == 2 * 4  # three to warm up, one that is timed
    assert len(set(seen)) == 2
    assert all(line.endswith(" 2 .") for line in seen)
