"""The photos that the fault tests run over, and what comes of them undisturbed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import entry_point
from tests.faults.drivers import enhance, fill, score


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Sixty photos with references, and an enhancer slow enough to be killed in the act."""
    fill(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The exported rows of the photos of `place` when nothing disturbs the run."""
    folder = tmp_path_factory.mktemp("calm")
    fill(folder)
    for arguments in (enhance("calm"), score("calm"), ["export", "scores", "calm"]):
        subprocess.run([*entry_point(), *arguments], cwd=folder, check=True, capture_output=True)
    return (folder / "calm" / "scores.csv").read_bytes()
