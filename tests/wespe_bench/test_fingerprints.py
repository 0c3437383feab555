"""Fingerprints: another one for each way in which an enhancer may answer differently."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wespe_bench import fingerprints, load_enhancer
from wespe_bench.fingerprints import fingerprint, version_of

# What changes between two states of an enhancer's files: {} is 0.8 and then 0.5.
FILES = {
    "its own module": {"mine.py": "def f(im): return (im / 255) ** {}\n"},
    "a module beside it": {
        "mine.py": "from curve import G\ndef f(im): return (im / 255) ** G\n",
        "curve.py": "G = {}\n",
    },
    "a package": {
        "mine.py": "import net.model\nf = net.model.enhance\n",
        "net/__init__.py": "",
        "net/model.py": "from .layers import curve\ndef enhance(im): return curve(im / 255)\n",
        "net/layers.py": "def curve(x): return x ** {}\n",
    },
    "a folder without __init__": {
        "mine.py": "import bare.curve\ndef f(im): return (im / 255) ** bare.curve.G\n",
        "bare/curve.py": "G = {}\n",
    },
    "an import inside a function": {
        "mine.py": "def f(im):\n    from inner import G\n    return (im / 255) ** G\n",
        "inner.py": "from innermost import G\n",
        "innermost.py": "G = {}\n",
    },
    "a relative import inside a method": {
        "mine.py": "from net.model import F as f\n",
        "net/__init__.py": "",
        "net/model.py": "class F:\n    def __call__(self, im):\n        from .layers import curve\n"
        "        return curve(im / 255)\n",
        "net/layers.py": "def curve(x): return x ** {}\n",
    },
    "a library folder on the path": {
        "mine.py": "import library_of_mine\ndef f(im): return library_of_mine.curve(im / 255)\n",
        "lib/library_of_mine.py": "def curve(x): return x ** {}\n",
    },
    "weights loaded on import": {
        "mine.py": "import json, pathlib\n"
        "G = json.loads((pathlib.Path(__file__).parent / 'w.json').read_text())\n"
        "def f(im): return (im / 255) ** G\n",
        "w.json": "{}",
    },
}

CELLS = {
    "a called function": ["def curve(x): return x ** {}", "def f(im): return curve(im / 255)"],
    "a function in a function": ["def f(im):\n    g = lambda x: x ** {}\n    return g(im / 255)"],
    "a class": ["class F:\n    def __call__(self, im): return (im / 255) ** {}", "f = F()"],
    "a class attribute": [
        "class F:\n    g = {}\n    def __call__(self, im): return (im / 255) ** self.g",
        "f = F()",
    ],
    "a base class": [
        "class B:\n    def g(self): return {}",
        "class F(B):\n    def __call__(self, im): return (im / 255) ** self.g()",
        "f = F()",
    ],
    "a property": [
        "class F:\n    @property\n    def g(self): return {}\n"
        "    def __call__(self, im): return (im / 255) ** self.g",
        "f = F()",
    ],
    "a global": ["G = {}", "def f(im): return (im / 255) ** G"],
    "a global of a function inside": ["G = {}", "def f(im): return (lambda: (im / 255) ** G)()"],
    "a closure": ["def make(g):\n    return lambda im: (im / 255) ** g", "f = make({})"],
    "a default": ["def f(im, g={}): return (im / 255) ** g"],
    "deep content": ["G = [[[[[[[[[{}]]]]]]]]]", "def f(im): return G"],
    "a partial": ["import functools", "f = functools.partial(pow, {})"],
    "a decorator's inside": [
        "import functools",
        "def twice(g):\n    @functools.wraps(g)\n    def inner(im): return g(im) ** {}\n"
        "    return inner",
        "@twice\ndef f(im): return im / 255",
    ],
    "a cached function": [
        "import functools",
        "@functools.cache\ndef g(): return {}",
        "def f(im): return (im / 255) ** g()",
    ],
    "a set": ["def f(im): return im.mean() in {{{}, 'a', 'b', 'c', None}}"],
    "a namespace's attribute": [
        "import types",
        "G = types.SimpleNamespace(g={})",
        "def f(im): return (im / 255) ** G.g",
    ],
    "a compiled pattern": ["import re", "P = re.compile('{}')", "def f(im): return P"],
}


def in_a_process(code: str, folder: Path) -> str:
    """What the code prints, run in ``folder`` with no bytecode written; hashes are salted."""
    result = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(folder / "lib"), "PYTHONHASHSEED": "random"},
    )
    return result.stdout


@pytest.mark.parametrize("changed", FILES)
def test_of_an_enhancer_in_a_file(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "lib")
    prints, answers = [], []
    for power in (0.8, 0.8, 0.5):
        for name, text in FILES[changed].items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text.format(power))
        enhance = load_enhancer(f"{tmp_path}/mine.py:f")
        prints.append(fingerprint(enhance))
        answers.append(np.asarray(enhance(np.full((1, 1, 3), 51, np.uint8)))[0, 0, 0])
        sys.modules.pop("library_of_mine", None)
    assert prints[0] == prints[1] != prints[2]
    assert answers == pytest.approx([0.2**power for power in (0.8, 0.8, 0.5)])


def test_of_notebook_cells_in_three_processes(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from wespe_bench.provenance import fingerprint\n"
        "found = {}\n"
        f"for name, cells in {CELLS!r}.items():\n"
        "    names = {'__name__': '__main__'}\n"
        "    for number, cell in enumerate(cells):\n"
        "        cell = cell.format(POWER)\n"
        "        exec(compile(cell, f'/tmp/ipykernel_1/{number}.py', 'exec'), names)\n"
        "    found[name] = fingerprint(names['f'])\n"
        "print(json.dumps(found))"
    )
    first, again, other = (
        json.loads(in_a_process(f"POWER = {power}\n{code}", tmp_path)) for power in (0.8, 0.8, 0.5)
    )
    assert first == again
    assert not [name for name in CELLS if first[name] == other[name]]


def held(value: Any) -> str:
    return fingerprint(lambda image: value)


def test_of_values_that_are_not_code() -> None:
    import torch

    network = torch.nn.Conv2d(1, 1, 1, bias=False)
    for first, second in (
        (np.arange(3), np.arange(3) * 1.0),
        (np.array([1, "a"], object), np.array([1, "b"], object)),
        (torch.zeros(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
        (torch.tensor([1.0, 1.0 + 1e-12], dtype=torch.float64), torch.ones(2, dtype=torch.float64)),
        (torch.nn.Sequential(torch.nn.ReLU()), torch.nn.Sequential(torch.nn.ELU())),
        (torch.nn.LeakyReLU(0.1), torch.nn.LeakyReLU(0.2)),
    ):
        assert held(first) == held(first) != held(second)
    before = held(network)
    with torch.no_grad():
        network.weight += 1
    assert held(network) != before
    assert f"+torch{version_of('torch')}" in held(network)


def test_random_generators_and_loggers_do_not_count() -> None:
    """They differ in every process, and a seed stands in the code."""
    import logging
    import random
    import threading

    for make in (np.random.default_rng, random.Random, threading.Lock):
        assert held(make()) == held(make())
    log = logging.getLogger("of.mine")
    before = held(log)
    logging.getLogger("of.another")
    assert held(log) == before


def test_what_refers_to_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    chain: list[Any] = []
    for _ in range(5000):
        chain = [chain]
    assert fingerprint(lambda: loop) and fingerprint(lambda: chain)


def test_stated_by_its_author() -> None:
    class Stated:
        fingerprint = "mine:1"

    assert fingerprint(Stated()) == "mine:1"
    called = functools.partial(int)
    called.fingerprint = lambda: "called:2"
    assert fingerprint(called) == "called:2"


def test_versions_of_what_is_imported(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import skimage.color, json\ndef f(im):\n    import png\n    return im\n"
    )
    versions = fingerprints.describe(load_enhancer(f"{tmp_path}/mine.py:f")).versions
    assert list(versions) == ["numpy", "pillow", "pypng", "scikit-image"]
    assert versions["numpy"] == np.__version__
