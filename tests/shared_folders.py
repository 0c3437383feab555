"""Folders that cost seconds to make: made by one worker of pytest-xdist, read by all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

#: Seconds a worker waits for another one's folder.
PATIENCE = 300.0


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name`` of this test session, filled by ``make``; to be read, never changed.

    The first caller makes it, the others wait. Where ``make`` fails, it fails for all.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # a worker's own folder lies in that of the whole test run
    folder, failure = root / name, root / f"{name}.failed"
    try:
        folder.mkdir()
    except FileExistsError:
        _await(root / f"{name}.made", failure)
        return folder
    try:
        make(folder)
    except BaseException as error:
        failure.write_text(repr(error), "utf-8")
        raise
    (root / f"{name}.made").touch()
    return folder


def _await(made: Path, failure: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not made.exists():
        if failure.exists():
            pytest.fail(f"{failure.stem} could not be made: {failure.read_text('utf-8')}")
        if time.monotonic() > end:
            pytest.fail(f"{made.stem} was not made within {PATIENCE:.0f} s")
        time.sleep(0.05)
