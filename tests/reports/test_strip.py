"""The README's strip: sizes, pixels, captions, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.strip import before_after_strip
from wespe_bench.errors import InputError


def flat(colour: tuple[int, int, int], height: int = 300, width: int = 400) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_panels_share_a_height_and_fill_the_width(tmp_path: Path) -> None:
    red, blue = flat((200, 0, 0)), flat((0, 0, 200), width=200)
    out = before_after_strip([[("", red), ("", blue)]], tmp_path / "new" / "s.png", width=608)
    with Image.open(out) as image:
        assert image.size == (608, 300)
        pixels = np.asarray(image)
    assert (pixels[:, :400] == (200, 0, 0, 255)).all()
    assert (pixels[:, 400:408, 3] == 0).all()
    assert (pixels[:, 408:] == (0, 0, 200, 255)).all()


def test_rows_stand_above_each_other(tmp_path: Path) -> None:
    out = before_after_strip(
        [[("", flat((9, 9, 9)))], [("", flat((90, 90, 90)))]], tmp_path / "s.jpg", width=400
    )
    with Image.open(out) as image:
        assert image.size == (400, 608) and image.mode == "RGB"
        assert image.getpixel((5, 304)) == (255, 255, 255)


def test_caption_is_drawn_inside_and_cut_where_it_does_not_fit(tmp_path: Path) -> None:
    plain = before_after_strip([[("", flat((99, 99, 99)))]], tmp_path / "a.png", width=400)
    for text in ("before", "long " * 200, "<b>\n\u202e\udce9"):
        out = before_after_strip([[(text, flat((99, 99, 99)))]], tmp_path / "b.png", width=400)
        with Image.open(plain) as one, Image.open(out) as two:
            changed = np.argwhere((np.asarray(one) != np.asarray(two)).any(axis=2))
        assert len(changed)
        assert changed[:, 0].min() > 200 and changed[:, 1].max() < 400


def test_small_patches_are_shown_as_their_pixels(tmp_path: Path) -> None:
    patch = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    out = before_after_strip([[("", patch)]], tmp_path / "s.png", width=100)
    with Image.open(out) as image:
        shown = np.asarray(image)[5::10, 5::10, :3]
    assert (shown == patch).all()


def test_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    rows = [[("before", flat((1, 2, 3))), ("after", flat((3, 2, 1)))]]
    first = before_after_strip(rows, tmp_path / "a.png").read_bytes()
    assert first == before_after_strip(rows, tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("rows", [[], [[]], [[("a", flat((0, 0, 0)))], []]])
def test_nothing_to_draw_is_refused(
    rows: list[list[tuple[str, np.ndarray]]], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="at least one"):
        before_after_strip(rows, tmp_path / "s.png")


def test_other_endings_and_too_many_panels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png, \.jpg or \.jpeg"):
        before_after_strip([[("a", flat((0, 0, 0)))]], tmp_path / "s.gif")
    with pytest.raises(InputError, match="do not fit"):
        before_after_strip([[("a", flat((0, 0, 0)))] * 9], tmp_path / "s.png", width=70)
    with pytest.raises(ValueError, match="uint8"):
        before_after_strip([[("a", np.zeros((3, 3, 3)))]], tmp_path / "s.png")
