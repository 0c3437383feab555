"""Other people's modules: their own, whatever others are loaded, and run from what was hashed."""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from pathlib import Path

import numpy as np
import pytest

from wespe_bench import load_enhancer
from wespe_bench.foreign import Namespace

IMAGE = np.full((2, 2, 3), 100, np.uint8)

CLASHING = {
    "module": ("from utils import SHIFT\ndef f(image): return image + SHIFT\n", "utils.py"),
    "package": (
        "from parts.curve import SHIFT\ndef f(image): return image + SHIFT\n",
        "parts/curve.py",
    ),
    "import inside the function": (
        "def f(image):\n    from utils import SHIFT\n    return image + SHIFT\n",
        "utils.py",
    ),
    "import inside a sibling's function": (
        "import outer\ndef f(image): return image + outer.shift()\n",
        "inner.py",
    ),
    "folder without __init__": (
        "import bare.curve\ndef f(image): return image + bare.curve.SHIFT\n",
        "bare/curve.py",
    ),
}


def write(folder: Path, source: str, name: str, shift: int) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "model.py").write_text(source)
    (folder / "outer.py").write_text("def shift():\n    import inner\n    return inner.SHIFT\n")
    (folder / name).parent.mkdir(exist_ok=True)
    if name.startswith("parts"):
        (folder / "parts" / "__init__.py").touch()
    (folder / name).write_text(f"SHIFT = {shift}\n")
    return f"{folder / 'model.py'}:f"


@pytest.mark.parametrize("kind", CLASHING)
def test_modules_of_one_name(kind: str, tmp_path: Path) -> None:
    first, second = (
        load_enhancer(write(tmp_path / name, *CLASHING[kind], shift))
        for name, shift in (("a", 1), ("b", 2))
    )
    for _ in range(2):
        assert np.asarray(first(IMAGE))[0, 0, 0] == 101
        assert np.asarray(second(IMAGE))[0, 0, 0] == 102


def test_the_process_keeps_its_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "utils.py").write_text("SHIFT = 9\n")
    monkeypatch.syspath_prepend(own)
    mine = importlib.import_module("utils")
    enhance = load_enhancer(write(tmp_path / "a", *CLASHING["import inside the function"], 1))
    assert np.asarray(enhance(IMAGE))[0, 0, 0] == 101
    assert sys.modules["utils"] is mine and str(tmp_path / "a") not in sys.path
    del sys.modules["utils"]


def test_a_file_replaced_at_its_size_and_time(tmp_path: Path) -> None:
    for name, text in (("model.py", "from utils import SHIFT\nf = lambda x: x + SHIFT\n"),):
        (tmp_path / name).write_text(text)
    for shift in (1, 2):
        for name in ("model.py", "utils.py"):
            file = tmp_path / name
            if name == "utils.py":
                file.write_text(f"SHIFT = {shift}\n")
            os.utime(file, (1_600_000_000, 1_600_000_000))
            if shift == 1:
                py_compile.compile(str(file))
        assert load_enhancer(f"{tmp_path}/model.py:f")(IMAGE)[0, 0, 0] == 100 + shift


def test_files_are_recorded_as_they_ran(tmp_path: Path) -> None:
    write(tmp_path, *CLASHING["package"], 3)
    space = Namespace(tmp_path)
    space.load_file(tmp_path / "model.py")
    assert space.files == {
        str(tmp_path / name): (tmp_path / name).read_bytes()
        for name in ("model.py", "parts/__init__.py", "parts/curve.py")
    }


def test_loaded_each_time(tmp_path: Path) -> None:
    spec = write(tmp_path, *CLASHING["module"], 1)
    enhance = load_enhancer(spec)
    (tmp_path / "utils.py").write_text("SHIFT = 2\n")
    assert np.asarray(load_enhancer(spec)(IMAGE))[0, 0, 0] == 102
    assert np.asarray(enhance(IMAGE))[0, 0, 0] == 101
