"""A served study of six pairs of coded photos, for the browser of tests/browser.py."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext

from tests.conftest import entry_point
from tests.wespe_bench.study import studies
from tests.wespe_bench.study.page.photos import build_study
from wespe_bench.study.manifest import Study
from wespe_bench.study.votes import load_votes

PAIRS = 6
SIZE = (1500, 1000)


@dataclass(frozen=True, slots=True)
class Served:
    """A served study. ``votes()``: the rows of votes.csv that came since, in a rater's order."""

    url: str
    folder: Path
    before: frozenset[str]

    def votes(self) -> list[dict[str, Any]]:
        rows = load_votes(self.folder).to_dict("records")
        return [row for row in rows if row["rater"] not in self.before]

    def close(self) -> None:
        """End the study."""
        command = [*entry_point(), "study", "close", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


def since_now(url: str, folder: Path) -> Served:
    return Served(url, folder, frozenset(load_votes(folder)["rater"]))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    return build_study(tmp_path_factory.mktemp("coded"), [SIZE] * PAIRS)


@pytest.fixture(scope="session")
def running(built: tuple[Path, Study]) -> Iterator[studies.Served]:
    with studies.served(built[0]) as running:
        yield running


@pytest.fixture
def served(built: tuple[Path, Study], running: studies.Served) -> Served:
    """The server that the tests share; each has raters of its own."""
    return since_now(running.root, built[0])


@pytest.fixture
def served_alone(tmp_path: Path, built: tuple[Path, Study]) -> Iterator[Served]:
    """A server of one's own, to end its study; what voted elsewhere is not there."""
    folder = tmp_path / "alone"
    shutil.copytree(built[0], folder, ignore=shutil.ignore_patterns("votes.sqlite*"))
    with studies.served(folder) as running:
        yield since_now(running.root, folder)


@pytest.fixture
def requests(context: BrowserContext) -> list[str]:
    """What was asked of the server, as its log would have it: "GET /tiles/..."."""
    asked: list[str] = []
    context.on("request", lambda one: asked.append(f"{one.method} {urlsplit(one.url).path}"))
    return asked


def out_folder(tmp_path: Path) -> Path:
    """Where screenshots go: ``$WESPE_BENCH_SCREENSHOTS``, or a folder that is thrown away."""
    return Path(os.environ.get("WESPE_BENCH_SCREENSHOTS") or tmp_path)
