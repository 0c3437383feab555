"""A study with a running server, shared by the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.wespe_bench.study.studies import Served, make_study, served
from wespe_bench.study.manifest import Study


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    return make_study(tmp_path_factory.mktemp("study"), questions=5, checks=1)


@pytest.fixture(scope="module")
def server(place: tuple[Path, Study]) -> Iterator[Served]:
    with served(place[0]) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened
