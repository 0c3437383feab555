"""The manifest comes back as it was written; HD preparation takes the middle, and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ffs import crops, manifest
from ffs.manifest import Photo

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PHOTO = st.builds(
    Photo,
    id=st.from_regex(r"[=+'a-z0-9é]{1,8}", fullmatch=True),
    path=st.from_regex(r"train/[=+'a-z0-9é]{1,8}\.jpg", fullmatch=True),
    views=st.integers(1, 10**9),
    faves=st.integers(0, 10**9),
    owner=TEXT,
    uploaded=st.sampled_from(["", "2016-05-31"]),
    label=st.just("low"),
    split=st.sampled_from(manifest.SPLITS),
    sha256=st.from_regex("[0-9a-f]{64}", fullmatch=True),
    licence=st.sampled_from(["", "cc-by", "11"]),
)


@settings(max_examples=25)
@example([Photo("0", "train/0.jpg", 1, 0, "\r", "", "low", "train", "0" * 64)], 0.0, 0, "")
@given(st.lists(PHOTO, max_size=8, unique_by=lambda p: p.id), st.floats(0, 10), st.integers(), TEXT)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    photos: list[Photo],
    threshold: float,
    seed: int,
    note: str,
) -> None:
    folder = tmp_path_factory.mktemp("set")
    photos = [replace(p, label=manifest.label_of(p.score, threshold)) for p in photos]
    written = manifest.ratings(folder, photos, threshold, seed, note)
    manifest.write(written)
    assert manifest.read(folder) == manifest.read(str(folder / "ffs.json")) == written
    assert manifest.ratings(folder, reversed(photos), threshold, seed, note) == written
    table = (folder / "ffs.csv").read_text("utf-8")
    cells = [cell.strip('"') for line in table.splitlines()[1:] for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")] or "\n" in table[:-1]
    counts = json.loads((folder / "ffs.json").read_text("utf-8"))["counts"]
    assert sum(n for labels in counts.values() for n in labels.values()) == len(photos)


@given(PHOTO, PHOTO)
def test_any_changed_field_changes_the_revision(one: Photo, two: Photo) -> None:
    assert (manifest.revision([one]) == manifest.revision([two])) == (one == two)


SIZE = st.tuples(st.integers(16, 400), st.integers(16, 400))


@given(st.integers(1, 6000), st.integers(1, 6000), SIZE)
def test_the_window_is_the_largest_in_the_middle(
    width: int, height: int, size: tuple[int, int]
) -> None:
    left, top, right, bottom = crops.window(width, height, size)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left, bottom - top)[width * size[1] > height * size[0]] in (width, height)
    assert left in ((width - right), (width - right) - 1)
    assert top in ((height - bottom), (height - bottom) - 1)
    exact = Fraction(size[0], size[1])
    # Half a pixel of rounding, and never less than one pixel.
    assert abs((right - left) - exact * (bottom - top)) <= max(1, exact) * Fraction(1, 2) or 1 in (
        right - left,
        bottom - top,
    )


def test_hd_keeps_what_is_hd_and_takes_the_middle_of_the_rest() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (224, 398, 3), np.uint8)
    assert crops.prepare_hd(image, (398, 224)) is image
    tall = np.zeros((900, 400, 3), np.uint8)
    tall[337:562] = 200  # the central 400x225, and not a row more
    assert (crops.prepare_hd(tall, (320, 180)) == 200).all()
    with pytest.raises(ValueError, match="uint8"):
        crops.prepare_hd(image.astype(float), (320, 180))
