"""Machine code of the metrics: compiled in one process, said once, and only a cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wespe_bench.cli import call
from wespe_bench.metrics import precompile
from wespe_bench.registry import METRICS

PROGRAM = """
import numpy as np
{before}
from wespe_bench.metrics.psnr import psnr
photo = np.zeros((8, 8, 3), np.uint8)
print(psnr(photo, photo), psnr(photo, photo + 1))
"""
RIGHT = "inf 48.1308036086791\n"
SAID = "wespe-bench: compiling the metrics, once for this installation\n"


def run(cache: Path, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"WESPE_CACHE": str(cache), "NUMBA_CACHE_DIR": ""},
        capture_output=True,
        text=True,
        check=True,
    )


def compile_in(cache: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    return run(cache, PROGRAM.format(before=before))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which psnr was compiled ahead, asked for twice."""
    cache = tmp_path_factory.mktemp("compiled")
    done = run(
        cache,
        "from wespe_bench.metrics.precompile import finish, is_ready, start\n"
        "print(is_ready(['psnr']), is_ready(['bpp', 'mine.py:MEAN']))\n"
        "start(['psnr', 'bpp']); start(['bpp', 'psnr']); finish(['psnr']); finish(['psnr'])\n"
        "print(is_ready(['psnr']), is_ready(['psnr', 'entropy']))",
    )
    assert done.stdout == "False True\nTrue False\n"
    assert done.stderr == SAID
    return cache


@pytest.fixture
def cache(compiled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compiled, tmp_path / "cache"))


def names(cache: Path) -> list[str]:
    (folder,) = cache.iterdir()
    return sorted(path.name.partition("-")[0] for path in folder.iterdir())


def test_only_what_is_asked_for_is_compiled_and_then_used_by_all(cache: Path) -> None:
    assert names(cache) == ["kernels.squared_errors", "psnr.ready"]
    done = compile_in(cache)
    assert (done.stdout, done.stderr) == (RIGHT, "")


@pytest.mark.slow
def test_a_process_that_finds_nothing_says_so_and_keeps_what_it_compiles(tmp_path: Path) -> None:
    for said in (SAID, ""):
        done = compile_in(tmp_path / "cache")
        assert (done.stdout, done.stderr) == (RIGHT, said)


@pytest.mark.parametrize("suffix", ["code", "ready"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "folder", "gone"])
def test_damage_is_noticed(
    cache: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, damage: str
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(cache))
    (path,) = cache.rglob(f"*.{suffix}")
    assert precompile.is_ready(["psnr"])
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes({"flip": flipped(data), "cut": data[:-1], "empty": b""}[damage])
    assert not precompile.is_ready(["psnr"])


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


@pytest.mark.slow
def test_damaged_code_is_compiled_again(cache: Path) -> None:
    (path,) = cache.rglob("*.code")
    path.write_bytes(flipped(path.read_bytes()))
    for said in (SAID, ""):
        done = compile_in(cache)
        assert (done.stdout, done.stderr) == (RIGHT, said)


@pytest.mark.slow
def test_a_full_disk_costs_only_time(tmp_path: Path) -> None:
    full = (
        "import errno; from wespe_bench import atomic\n"
        "def write_bytes(path, data): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "atomic.write_bytes = write_bytes"
    )
    assert compile_in(tmp_path, full).stdout == RIGHT


@pytest.mark.slow
def test_where_nothing_can_be_kept_one_command_compiles_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(
        tmp_path / "file" / "cache",
        "import os; from wespe_bench.metrics import precompile\n"
        "precompile.finish(['psnr'])\n"
        "print(os.environ['NUMBA_CACHE_DIR'], precompile.is_ready(['psnr']))\n"
        + PROGRAM.format(before=""),
    )
    folder, rest = done.stdout.split(" ", 1)
    assert rest == "True\n" + RIGHT
    assert not Path(folder).exists()
    assert done.stderr == (
        "wespe-bench: compiling the metrics, for this command only; "
        "set WESPE_CACHE to a writable folder with room to keep them\n"
    )


def test_other_source_is_another_folder_and_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = precompile._version.__wrapped__
    source = shutil.copytree(Path(precompile.__file__).parent, tmp_path / "metrics")
    monkeypatch.setattr(precompile, "__file__", str(source / "precompile.py"))
    assert version() == precompile._version()
    with open(source / "kernels.py", "a") as file:
        file.write("\n")
    assert version() != precompile._version()

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    where = precompile.folder()
    assert where is not None
    others = [where.with_name(f"compiled-metrics-{number}") for number in range(12)]
    for number, other in enumerate([where, *others, where.with_name("somebody's")]):
        other.mkdir(parents=True)
        os.utime(other, (number, number))
    precompile.remove_old(where)
    left = {path.name for path in where.parent.iterdir()}
    assert left == {where.name, "somebody's", *(other.name for other in others[4:])}


def test_every_loop_that_scoring_needs_is_compiled_ahead(tmp_path: Path) -> None:
    """Photos alone and in batches, small, and large enough for several threads."""
    assert precompile.is_ready(METRICS)  # the tests' own cache, see conftest.py
    program = (
        "import numpy as np; from wespe_bench.registry import METRICS, load_metric\n"
        "from numba.core import event\n"
        "with event.install_recorder('numba:compile') as found:\n"
        "  for side in (20, 420):\n"
        "    photos = np.random.default_rng(1).integers(0, 256, (2, 2, side, side, 3), np.uint8)\n"
        "    for name in METRICS:\n"
        "      metric = load_metric(name)\n"
        "      if name != 'cornia':\n"
        "        metric.compute(*photos[:, 0][: 1 + metric.full_reference])\n"
        "      if metric.batch is not None: metric.batch(*photos)\n"
        "print(len(found.buffer))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_metric_without_loops_imports_no_compiler() -> None:
    """What `_WITHOUT_LOOPS` says: nothing is compiled for these."""
    program = (
        "import json, sys, numpy as np; from wespe_bench.registry import load_metric\n"
        "for name in json.loads(sys.argv[1]):\n"
        "  metric = load_metric(name)\n"
        "  metric.compute(*[np.zeros((16, 16, 3), np.uint8)] * (1 + metric.full_reference))\n"
        "print('wespe_bench.metrics.compiled' in sys.modules)"
    )
    listed = json.dumps(sorted(precompile._WITHOUT_LOOPS))
    done = subprocess.run([sys.executable, "-c", program, listed], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_run_compiles_what_its_photos_need_and_score_what_is_left(
    photos: Path, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    asked: list[set[str]] = []
    for name in ("start", "finish"):
        monkeypatch.setattr(precompile, name, lambda metrics: asked.append(set(metrics)))
    command = ["--enhancers", "identity", "--metrics", "psnr", "entropy", "--jobs", "0"]
    alone = ["--input", str(photos), "--out", str(tmp_path / "alone")]
    assert call("run", [*command, *alone]) == 0
    assert asked == [{"entropy"}] * 2
    assert call("run", [*command, *alone, "--reference", str(references), "--force"]) == 0
    assert asked[2:] == [{"psnr", "entropy"}] * 2
    assert call("run", [*command, *alone, "--reference", str(references)]) == 0
    assert asked[5:] == [set()]
