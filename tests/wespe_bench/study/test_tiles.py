from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wespe_bench.images import read_rgb
from wespe_bench.study import tiles


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(4, 16), st.integers(0, 99))
def test_tiles_join_to_the_picture(width: int, height: int, tile: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    with TemporaryDirectory() as root:
        folder = Path(root, "p")
        tiles.write(folder, image, tile)
        assert tiles.size(folder, tile) == (width, height)
        assert [path.name for path in Path(root).iterdir()] == ["p"]
        found = tiles.levels(width, height, tile)
        assert len(list(folder.rglob("*.png"))) == sum(
            level.columns * level.rows for level in found
        )
        for number, level in enumerate(found):
            rows = [
                np.concatenate(
                    [read_rgb(folder / f"{number}/{c}_{r}.png") for c in range(level.columns)], 1
                )
                for r in range(level.rows)
            ]
            joined = np.concatenate(rows)
            assert joined.shape == (level.height, level.width, 3)
            if number == 0:
                assert (joined == image).all()
            if number == 1 and width % 2 == 0 and height % 2 == 0:
                mean = image.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
                assert abs(joined - mean).max() <= 0.5
        assert max(found[-1].width, found[-1].height) <= tile


def test_a_second_writer_changes_nothing(tmp_path: Path) -> None:
    tiles.write(tmp_path / "p", np.zeros((3, 3, 3), np.uint8), 512)
    tiles.write(tmp_path / "p", np.full((3, 3, 3), 9, np.uint8), 512)
    assert not read_rgb(tmp_path / "p/0/0_0.png").any()
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".a.4194999.part" / "0").mkdir(parents=True)
    (tmp_path / ".b.1.part").mkdir()
    tiles.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".b.1.part"]
