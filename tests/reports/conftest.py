"""Runs that boards and cards are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.reports.runs import make_run

RNG = np.random.default_rng(3)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for number, label in enumerate(("identity", "good", "bad")):
        shift = (0.0, 3.0, -3.0)[number]
        make_run(
            tmp_path,
            label,
            {"psnr": RNG.normal(20 + shift, 1, 12), "entropy": RNG.uniform(4, 7.9, 12)},
        )
    return tmp_path
