"""Other people's enhancers and metrics in one run: each gives what it gives alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wespe_bench import enhance, lasting, load_dataset, load_scores, score, store
from wespe_bench.enhancing import enhance_runs
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.runs import Plan
from wespe_bench.scoring import score_runs
from wespe_bench.types import Dataset

# What the first does to its process must not reach the second.
RUDE = """
import os, pathlib, warnings
import numpy as np
import utils
from parts.shift import SHIFT
if utils.RUDE:
    os.chdir("/")
    np.seterr(all="raise")
    np.float32 = np.float64
    warnings.simplefilter("error")
    os.environ["SHIFT"] = "100"
def f(image):
    from inner import BASE
    tiny = np.array([1e-30], np.float32) * np.float32(1e-30)  # underflows
    return image // 2 + BASE + SHIFT + int(os.environ.get("SHIFT", 0)) + np.uint8(tiny[0])
"""
METRIC = """
from utils import RUDE
from parts.shift import SHIFT
from wespe_bench.types import Metric
def compute(image, reference=None, *, sample_id="", seed=0):
    return float(image.mean()) + SHIFT
METRIC = Metric("{}", "1", "", True, False, compute)
"""


def write(folder: Path, shift: int, rude: bool) -> Path:
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "__init__.py").touch()
    (folder / "parts" / "shift.py").write_text(f"SHIFT = {shift}\n")
    (folder / "inner.py").write_text("BASE = 1\n")
    (folder / "utils.py").write_text(f"RUDE = {rude}\n")
    (folder / "model.py").write_text(RUDE)
    (folder / "metric.py").write_text(METRIC.format(folder.name))
    return folder


@pytest.fixture
def dataset(photos: Path) -> Dataset:
    return load_dataset("folder", input=photos)


@pytest.mark.parametrize(
    ("engine", "jobs", "order"),
    [
        ("local", 0, "ab"),
        ("local", 2, "ba"),
        pytest.param("local", 0, "ba", marks=pytest.mark.slow),
        pytest.param("local", 2, "ab", marks=pytest.mark.slow),
        pytest.param("ray", 2, "ab", marks=pytest.mark.slow),
    ],
)
def test_two_with_modules_of_one_name(
    engine: str, jobs: int, order: str, tmp_path: Path, dataset: Dataset
) -> None:
    for name, shift in (("a", 10), ("b", 20)):
        write(tmp_path / name, shift, rude=name == "a")
    plans = [Plan(tmp_path / "runs" / n, n, f"{tmp_path / n}/model.py:f", dataset) for n in order]
    # One of ours beside them, which shares a process with nobody else's code.
    plans.append(Plan(tmp_path / "runs" / "identity", "identity", "identity", dataset))
    folder, errors = Path.cwd(), np.geterr()
    metrics = [f"{tmp_path / n}/metric.py:METRIC" for n in order]
    how: dict[str, Any] = {"jobs": jobs, "engine": engine, "quiet": True}
    with lasting.command_line():  # one Ray
        runs = enhance_runs(plans, **how)
        scored = score_runs([run.folder for run in runs], metrics, **how)
    assert [(r.done, len(r.failures)) for r in (*runs, *scored)] == [(6, 0)] * 6
    for sample in dataset.samples:
        image = read_rgb(sample.path)
        expected = {"a": image // 2 + 111, "b": image // 2 + 21, "identity": image}
        for plan in plans:
            made = read_rgb(plan.folder / "images" / f"{sample.id}.png")
            np.testing.assert_array_equal(made, expected[plan.label])
    for plan in plans:
        rows = load_scores(plan.folder).set_index(["metric", "sample"])["value"]
        for sample in dataset.samples:
            mean = read_rgb(plan.folder / "images" / f"{sample.id}.png").mean()
            assert rows["a", sample.id] == mean + 10 and rows["b", sample.id] == mean + 20
    assert (Path.cwd(), np.geterr(), os.environ.get("SHIFT")) == (folder, errors, None)
    assert "parts" not in sys.modules and "model" not in sys.modules


def test_a_function_of_this_process_keeps_its_settings_to_itself(
    tmp_path: Path, dataset: Dataset
) -> None:
    import torch

    def rude(image: np.ndarray) -> np.ndarray:
        os.chdir("/")
        np.seterr(all="raise")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(1)
        return image

    def state() -> tuple[object, ...]:
        defaults = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
        return Path.cwd(), np.geterr(), defaults

    before = state()
    enhance(rude, dataset, tmp_path / "run", quiet=True)
    assert state() == before


REPLACING = {
    "opening": "open_ = Image.open\nImage.open = lambda *a, **k: open_(*a, **k).convert('L')",
    "a decoder": "Image.register_open('JPEG', *Image.OPEN['PNG'])",
    "writing": "Image.Image.tobytes = lambda self, *a: bytes(3 * self.width * self.height)",
    "rounding": "np.rint = np.floor",
}


@pytest.mark.parametrize("what", REPLACING)
@pytest.mark.parametrize("late", [False, True], ids=["on import", "when called"])
def test_one_that_replaces_functions_of_a_library(
    what: str, late: bool, tmp_path: Path, dataset: Dataset
) -> None:
    code = "import numpy as np\nfrom PIL import Image\nImage.init()\n"
    if late:
        code += f"def replace():\n    {REPLACING[what].replace(chr(10), chr(10) + '    ')}\n"
    else:
        code += f"{REPLACING[what]}\ndef replace(): pass\n"
    (tmp_path / "mine.py").write_text(code + "def f(image):\n    replace()\n    return image\n")
    with pytest.raises(InputError, match=r"mine.py:f replaces functions of Pillow or NumPy"):
        enhance(f"{tmp_path}/mine.py:f", dataset, tmp_path / "run", quiet=True)
    assert not store.load(tmp_path / "run", "enhanced").size
    (tmp_path / "metric.py").write_text(
        code + "from wespe_bench.types import Metric\n"
        "def compute(image, reference=None, *, sample_id='', seed=0):\n    replace()\n"
        "    return 1.0\n"
        "ONE = Metric('one', '1', '', True, False, compute)\n"
    )
    run = enhance("identity", dataset, tmp_path / "ours", quiet=True)
    with pytest.raises(InputError, match=r"metric.py:ONE replaces functions of Pillow or NumPy"):
        score_runs([run.folder], [f"{tmp_path}/metric.py:ONE"], jobs=0, quiet=True)


def test_what_was_hashed_is_what_runs(tmp_path: Path, dataset: Dataset) -> None:
    """Files edited while the first photos are under way: the workers start with the old ones."""
    (tmp_path / "mine.py").write_text(
        "import pathlib, shift_of_mine\n"
        "def f(image):\n"
        "    from inner_of_mine import SHIFT\n"
        "    return image // 2 + SHIFT + shift_of_mine.SHIFT\n"
        # Loaded once to be described, it changes its own modules for those who load it next.
        "for name in ('shift', 'inner'):\n"
        "    pathlib.Path(__file__).with_name(f'{name}_of_mine.py').write_text('SHIFT = 50')\n"
    )
    for name in ("shift", "inner"):
        (tmp_path / f"{name}_of_mine.py").write_text("SHIFT = 5\n")
    plan = Plan(tmp_path / "run", "mine", f"{tmp_path}/mine.py:f", dataset)
    (run,) = enhance_runs([plan], jobs=1, quiet=True)
    first = dataset.samples[0]
    made = read_rgb(run.folder / "images" / f"{first.id}.png")
    # The inner one was hashed after the change, the outer one before.
    np.testing.assert_array_equal(made, read_rgb(first.path) // 2 + 55)


def test_versions_of_what_it_imports_are_kept(tmp_path: Path, dataset: Dataset) -> None:
    import json

    (tmp_path / "mine.py").write_text("def f(image):\n    import png\n    return image\n")
    run = enhance(f"{tmp_path}/mine.py:f", dataset, tmp_path / "run", quiet=True)
    versions = json.loads((run.folder / "run.json").read_text())["versions"]
    assert "pypng" in versions and versions["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import not_there_at_all\n", "mine.py fails on import: ModuleNotFoundError"),
        ("raise SystemExit('usage')\n", "mine.py fails on import: SystemExit: usage"),
        ("def g(image): return image\n", "no 'f' there"),
        ("f = 3\n", "is a int, not a function"),
        ("import os; os._exit(1)\n", "its worker process died 3 times"),
        ("class f:\n    def __init__(self): raise ValueError('no')\n", "fails when it is created"),
    ],
)
def test_one_that_cannot_be_loaded(
    source: str, words: str, tmp_path: Path, dataset: Dataset
) -> None:
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(InputError, match=words):
        enhance(f"{tmp_path}/mine.py:f", dataset, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_metrics_of_one_name(tmp_path: Path, dataset: Dataset) -> None:
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    for name in ("one", "two", "psnr"):
        write(tmp_path / name, 1, rude=False)
    (tmp_path / "two" / "metric.py").write_text(METRIC.format("one"))
    specs = [f"{tmp_path / name}/metric.py:METRIC" for name in ("one", "two", "psnr")]
    with pytest.raises(InputError, match="is called 'one', as is"):
        score(run, specs[:2], quiet=True)
    with pytest.raises(InputError, match="is called 'psnr', as is one of ours"):
        score(run, specs[2:], quiet=True)


def test_another_metric_of_one_version_is_scored_again(tmp_path: Path, dataset: Dataset) -> None:
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    source = tmp_path / "mine" / "parts" / "shift.py"
    spec = f"{write(source.parents[1], 1, rude=False)}/metric.py:METRIC"
    first, again = (score(run, [spec], quiet=True) for _ in range(2))
    source.write_text("SHIFT = 3\n")
    other = score(run, [spec], quiet=True)
    assert (first["value"] == again["value"]).all()
    np.testing.assert_allclose(other["value"], first["value"] + 2)
    assert set(other["metric_version"]) != set(first["metric_version"])


@pytest.mark.slow
def test_a_script_without_a_guard(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "mine.py").write_text("def f(image): return image[..., ::-1]\n")
    (tmp_path / "reports.py").write_text("raise RuntimeError('not ours')\n")
    script = tmp_path / "script.py"
    script.write_text(
        "from wespe_bench import enhance, load_dataset, score\n"
        f"photos = load_dataset('folder', input={str(photos)!r})\n"
        "print('begun')\n"
        "for spec, jobs in (('mine.py:f', 2), ('mine.py:f', 0), ('identity', 2)):\n"
        "    run = enhance(spec, photos, out=f'runs/{jobs}{spec[0]}', label='Mine', jobs=jobs)\n"
        "    print(len(score(run, ['entropy'], jobs=jobs)))\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["begun", "6", "6", "6"], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_modules_of_the_user_with_names_of_ours(tmp_path: Path, photos: Path) -> None:
    for name in ("reports.py", "ffs/__init__.py", "reference_models.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("def curve(x): return x ** 0.8\n")
    (tmp_path / "mine.py").write_text(
        "import ffs, reference_models, reports\n"
        "def f(image):\n"
        "    return ffs.curve(reports.curve(reference_models.curve(image / 255)))\n"
    )
    # As with python -m and in a notebook, the current folder comes first.
    code = (
        "import sys; sys.path.insert(0, '')\n"
        "from wespe_bench.cli import main\n"
        f"run = ['run', '--input', {str(photos)!r}, '--enhancers', 'mine.py:f', 'identity']\n"
        "sys.exit(main([*run, '--metrics', 'entropy', '--jobs', '0', '--out', 'out']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "| mine.f |" in done.stdout


def test_a_module_of_the_user_in_our_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    from wespe_bench.foreign import check_own_packages

    theirs = ModuleType("reports")
    theirs.__file__ = "/home/me/reports.py"
    monkeypatch.setitem(sys.modules, "reports", theirs)
    with pytest.raises(InputError, match=r"/home/me/reports.py as 'reports'.*rename it"):
        check_own_packages()
