"""The one process in which all hostile files are read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.cell import Cell

_IMPORTS = ("pandas", "tests.hostile.warm", "scipy.io", "torch", "tifffile", "cyclopts")


@pytest.fixture(scope="session")
def cell() -> Iterator[Cell]:
    """A cell with the libraries loaded, so that they do not count as what a file takes."""
    with Cell(_IMPORTS) as made:
        yield made
