"""Every format, depth, orientation and way of naming colours against an independent reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.oracles import photo_files
from tests.oracles.photo_files import File, allowed
from wespe_bench.images import read_rgb


@pytest.mark.parametrize("group", photo_files.GROUPS, ids=lambda group: str(group.__name__))
def test_samples_are_read_as_viewers_show_them(group: Callable[[], Iterator[File]]) -> None:
    wrong = []
    for file in group():
        pixels = read_rgb(file.data, name=file.name)
        assert pixels.shape == file.levels.shape, file.name
        difference = float(np.abs(pixels - file.levels).max())
        if difference > allowed(file):
            wrong.append(f"{file.name}: {difference:.2f} levels")
    assert not wrong
