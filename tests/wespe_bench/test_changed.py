"""Ways to change what an enhancer or a metric answers, and what a resume does in each."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wespe_bench import enhance, load_dataset, load_scores, score
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.run import Run
from wespe_bench.types import Dataset

#: What a resume does: nothing, since nothing changed; all again, since the fingerprint changed; all
#: again, since a photo came out otherwise; nothing, but tables mark the method.
KEPT, REDONE, DISPROVED, MARKED = "kept", "redone", "disproved", "marked"

BESIDE = "import pathlib\nHERE = pathlib.Path(__file__).parent\n"

# name -> (what a resume does, files; {} is 1 and then 2). The enhancer is f of mine.py.
FILES: dict[str, tuple[str, dict[str, str]]] = {
    "nothing": (KEPT, {"mine.py": "def f(image): return image // 2\n"}),
    "its file": (REDONE, {"mine.py": "def f(image): return image // 2 + {}\n"}),
    "module": (
        REDONE,
        {
            "mine.py": "import shift\ndef f(image): return image // 2 + shift.BY\n",
            "shift.py": "BY = {}",
        },
    ),
    "package": (
        REDONE,
        {
            "mine.py": "from net.model import f\n",
            "net/__init__.py": "",
            "net/model.py": "from .by import BY\ndef f(image): return image // 2 + BY\n",
            "net/by.py": "BY = {}",
        },
    ),
    "library": (
        REDONE,
        {
            "mine.py": "import shifting\ndef f(image): return shifting.shift(image)\n",
            "lib/shifting.py": "def shift(image): return image // 2 + {}\n",
        },
    ),
    "inner import": (
        REDONE,
        {
            "mine.py": "def f(image):\n    import shift\n    return image // 2 + shift.BY\n",
            "shift.py": "BY = {}",
        },
    ),
    "weights beside, read on import": (
        REDONE,
        {
            "mine.py": f"{BESIDE}BY = int((HERE / 'w.txt').read_text())\n"
            "def f(image): return image // 2 + BY\n",
            "w.txt": "{}",
        },
    ),
    "weights beside, read when called": (
        DISPROVED,
        {
            "mine.py": f"{BESIDE}def f(image): return image // 2 + np.load(HERE / 'w.npy')[0]\n"
            "import numpy as np\n",
            "w.npy": "{}",
        },
    ),
    "data file": (
        DISPROVED,
        {
            "mine.py": f"{BESIDE}import json\ndef f(image):\n"
            "    return image // 2 + json.loads((HERE / 'curve.json').read_text())\n",
            "curve.json": "{}",
        },
    ),
    "environment variable": (
        DISPROVED,
        {"mine.py": "import os\ndef f(image): return image // 2 + int(os.environ['MINE_BY'])\n"},
    ),
    "module found only when called": (
        DISPROVED,
        {
            "mine.py": "import importlib\n"
            "def f(image): return image // 2 + importlib.import_module('sh' + 'ift').BY\n",
            "shift.py": "BY = {}",
        },
    ),
    "library version": (
        REDONE,
        {
            "mine.py": "import shifting\ndef f(image): return shifting.shift(image)\n",
            "lib/site-packages/shifting.py": "def shift(image): return image // 2\n",
            "lib/site-packages/shifting-1.dist-info/METADATA": "Metadata-Version: 2.1\n"
            "Name: shifting\nVersion: {}.0\n",
        },
    ),
    "library of the same version": (
        DISPROVED,
        {
            "mine.py": "import shifting\ndef f(image): return shifting.shift(image)\n",
            "lib/site-packages/shifting.py": "def shift(image): return image // 2 + {}\n",
            "lib/site-packages/shifting-1.dist-info/METADATA": "Metadata-Version: 2.1\n"
            "Name: shifting\nVersion: 1.0\n",
        },
    ),
    "randomness": (
        MARKED,
        {
            "mine.py": "import numpy as np\n"
            "def f(image): return image // 2 + np.random.default_rng().integers(0, 99, image.shape)"
            ".astype('uint8')\n"
        },
    ),
}

CELLS: dict[str, list[str]] = {
    "closure": ["def make(by): return lambda image: image // 2 + by", "f = make({})"],
    "class": [
        "class F:\n    by = {}\n    def __call__(self, im): return im // 2 + self.by",
        "f = F()",
    ],
    "cell": ["def shift(image): return image // 2 + {}", "def f(image): return shift(image)"],
}


@pytest.fixture
def dataset(photos: Path) -> Dataset:
    return load_dataset("folder", input=photos)


def resumed(run: Callable[[], object], folder: Path) -> str:
    """What the second of two runs did; ``run`` gives its count of new and of kept results."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = enhance_counts(run)
    said = " ".join(str(warning.message) for warning in caught)
    if result == (0, 6):
        return MARKED if Run(folder).label.endswith(" (varies)") and "each time" in said else KEPT
    assert result == (6, 0)
    return DISPROVED if "6 photos are done again" in said else REDONE


def enhance_counts(run: Callable[[], object]) -> tuple[int, int]:
    made = run()
    return made.done, made.kept


#: Of these one is enough outside of CI: each is a run and a resume.
ALIKE = (
    *("package", "library", "inner import", "weights beside, read on import", "data file"),
    *("environment variable", "library of the same version"),
)


@pytest.mark.parametrize(
    "change", [pytest.param(c, marks=pytest.mark.slow) if c in ALIKE else c for c in FILES]
)
def test_of_an_enhancer_in_files(
    change: str, tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, files = FILES[change]
    for folder in ("lib", "lib/site-packages"):
        monkeypatch.syspath_prepend(tmp_path / folder)

    def run() -> object:
        return enhance(f"{tmp_path}/mine.py:f", dataset, tmp_path / "run", quiet=True)

    for state in (1, 2):
        monkeypatch.setenv("MINE_BY", str(state))
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".npy":
                np.save(path, np.array([state], np.uint8))
            else:
                path.write_text(text.format(state))
            # As installers do; installed packages may run from bytecode of the same date.
            os.utime(path, (1_600_000_000 + state, 1_600_000_000 + state))
        if state == 1:
            assert enhance_counts(run) == (6, 0)
    assert resumed(run, tmp_path / "run") == expected
    if expected not in (KEPT, MARKED) and change != "library version":
        sample = dataset.samples[-1]
        made = read_rgb(tmp_path / "run" / "images" / f"{sample.id}.png")
        np.testing.assert_array_equal(made, read_rgb(sample.path) // 2 + 2)
    # Whatever was done, it is kept from now on.
    assert resumed(run, tmp_path / "run") in (KEPT, MARKED)


@pytest.mark.parametrize("change", CELLS)
def test_of_an_enhancer_in_a_notebook(change: str, tmp_path: Path, dataset: Dataset) -> None:
    for state, expected in ((1, None), (1, KEPT), (2, REDONE)):
        names: dict[str, object] = {"__name__": "__main__"}
        for cell in CELLS[change]:
            exec(compile(cell.format(state), "<ipython-input-1>", "exec"), names)

        def run(f: object = names["f"]) -> object:
            return enhance(f, dataset, tmp_path / "run", label="f", quiet=True)

        assert expected is None or resumed(run, tmp_path / "run") == expected
        if expected is None:
            run()


def test_a_disproved_run_that_was_killed_keeps_nothing_old(
    tmp_path: Path, dataset: Dataset
) -> None:
    """Half of the photos done again, the rest are not taken for current ones."""
    weights, calls = tmp_path / "by.txt", tmp_path / "calls"

    def f(image: np.ndarray) -> np.ndarray:
        with calls.open("a") as file:
            file.write(".")
        if calls.stat().st_size == 10:  # six photos, one asked again twice, one done again
            raise KeyboardInterrupt
        return image // 2 + int(weights.read_text())

    weights.write_text("1")
    enhance(f, dataset, tmp_path / "run", quiet=True)
    weights.write_text("2")
    with pytest.warns(match="6 photos are done again"), pytest.raises(KeyboardInterrupt):
        enhance(f, dataset, tmp_path / "run", quiet=True)
    assert len(Run(tmp_path / "run").results) == 1
    run = enhance(f, dataset, tmp_path / "run", quiet=True)
    assert (run.done, run.kept) == (5, 1)
    for sample in dataset.samples:
        image = read_rgb(tmp_path / "run" / "images" / f"{sample.id}.png")
        np.testing.assert_array_equal(image, read_rgb(sample.path) // 2 + 2)


def test_a_batch_may_differ_by_a_level_from_a_photo_alone(tmp_path: Path, dataset: Dataset) -> None:
    def f(image: np.ndarray) -> np.ndarray:
        return image // 2

    f.batch = lambda images: [image // 2 + 1 for image in images]
    enhance(f, dataset, tmp_path / "run", quiet=True)
    run = enhance(f, dataset, tmp_path / "run", quiet=True)
    assert run.kept == 6


NOISE = (
    "import numpy\n"
    "def f(image): return numpy.random.default_rng().integers(0, 256, image.shape, 'uint8')\n"
)


def test_a_mark_goes_with_another_enhancer(tmp_path: Path, dataset: Dataset) -> None:
    source = tmp_path / "mine.py"
    source.write_text(NOISE)

    def run() -> object:
        return enhance(f"{source}:f", dataset, tmp_path / "run", label="Mine", quiet=True)

    run()
    assert resumed(run, tmp_path / "run") == MARKED
    assert Run(tmp_path / "run").label == "Mine (varies)"
    source.write_text("def f(image): return image // 2\n")
    assert resumed(run, tmp_path / "run") == REDONE
    assert Run(tmp_path / "run").label == "Mine"


METRIC = (
    "import os, random\nfrom wespe_bench.types import Metric\n"
    "def compute(image, reference=None, *, sample_id='', seed=0): return {}\n"
    "MEAN = Metric('mean', '{}', '', True, False, compute)\n"
)


def test_a_metric(tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    source = tmp_path / "met.py"

    def scored(value: str, version: int, by: int) -> tuple[float, str]:
        source.write_text(METRIC.format(value, version))
        monkeypatch.setenv("MINE_BY", str(by))
        row = score(run, [f"{source}:MEAN"], quiet=True).iloc[0]
        return row["value"], row["metric_version"]

    by = "float(image.mean() * int(os.environ['MINE_BY']))"
    first, version = scored(by, 1, 2)
    assert scored(by, 1, 2) == (first, version)
    # Its code is in its version, so a change of code needs no other.
    other, other_version = scored(f"2 * {by}", 1, 2)
    assert other == 2 * first and other_version != version and version.startswith("1+")
    # What its code reads is not.
    with pytest.raises(InputError, match=r"run: img\d.*is kept, from the same code.*raise its ver"):
        scored(f"2 * {by}", 1, 3)
    assert load_scores(run.folder)["value"].iloc[0] == other
    assert scored(f"2 * {by}", 2, 3)[0] == pytest.approx(1.5 * other)
    with pytest.warns(match="gives another value for .* each time"):
        scored("random.random()", 1, 1)
        scored("random.random()", 1, 1)
    content = json.loads((run.folder / "run.json").read_text())
    assert content["metrics"]["mean"]["version"].startswith("1+")
