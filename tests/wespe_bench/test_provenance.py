"""Fingerprints and hashes: what tells that a result would be another one today."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from wespe_bench import load_dataset, provenance
from wespe_bench.provenance import fingerprint


def test_fingerprint_sees_what_an_enhancer_holds(tmp_path: Path) -> None:
    def power(image: np.ndarray, gamma: float = 1.0) -> np.ndarray:
        return image**gamma

    def closure(gamma: float) -> object:
        return lambda image: image**gamma

    class Network:
        def __init__(self, weights: np.ndarray) -> None:
            self.weights = weights

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    kinds = (
        lambda g: functools.partial(power, gamma=g),
        closure,
        lambda g: Network(np.full(3, g)),
        lambda g: Network(np.full(3, g)).__call__,
    )
    for kind in kinds:
        assert fingerprint(kind(0.5)) == fingerprint(kind(0.5))
        assert fingerprint(kind(0.5)) != fingerprint(kind(0.8))


def test_fingerprint_sees_modules_beside_the_enhancer(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import helper_of_mine\ndef f(image): return image\n")
    code = (
        "from wespe_bench.provenance import fingerprint\n"
        "from wespe_bench import load_enhancer\n"
        "print(fingerprint(load_enhancer('mine.py:f')))"
    )
    prints = []
    for version in (1, 2):
        (tmp_path / "helper_of_mine.py").write_text(f"VERSION = {version}\n")
        result = subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        prints.append(result.stdout)
    assert prints[0] != prints[1]


def test_photo_replaced_under_its_size_and_time(photos: Path, tmp_path: Path) -> None:
    target = photos / "img1.png"
    os.utime(target, (1_600_000_000, 1_600_000_000))
    load_dataset("folder", input=photos)
    data = bytearray(target.read_bytes())
    data[-20] ^= 1  # inside the check sum of the end: unreadable, of the same size
    target.write_bytes(data)
    os.utime(target, (1_600_000_000, 1_600_000_000))
    stale = load_dataset("folder", input=photos).revision
    provenance._hash_cache().save()
    assert load_dataset("folder", input=photos).revision == stale
    provenance.forget()
    assert load_dataset("folder", input=photos).revision != stale
