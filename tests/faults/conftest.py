"""The photos that the fault tests run over, and what comes of them undisturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.drivers import csv, fill, finish
from tests.shared_folders import made_once


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Sixty photos with references, and an enhancer slow enough to be killed in the act."""
    fill(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The exported rows of the photos of `place` when nothing disturbs the run."""

    def calm(folder: Path) -> None:
        fill(folder)
        finish(folder, "calm")
        csv("calm", folder)

    return (made_once(tmp_path_factory, "calm", calm) / "calm" / "scores.csv").read_bytes()
