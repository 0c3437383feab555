"""The packed reader: round trip, random batches, damage."""

from __future__ import annotations

import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wespe_bench import load_dataset
from wespe_bench.datasets.packed import Packed
from wespe_bench.errors import InputError
from wespe_bench.images import write_png
from wespe_bench.prepare.pack import pack

photo = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


def packed(folder: Path, photos: list[np.ndarray], kind: str = "auto") -> Packed:
    """The photos as PNGs with their negatives as references, packed, opened."""
    for number, pixels in enumerate(photos):
        write_png(folder / "in" / f"{number}.png", pixels)
        write_png(folder / "ref" / f"{number}.png", 255 - pixels)
    dataset = load_dataset("folder", input=folder / "in", reference=folder / "ref")
    assert pack(dataset, folder / "out", kind=kind) == (len(photos), 0, [])
    return Packed.open(folder / "out")


@given(st.lists(photo, min_size=1, max_size=6), st.sampled_from(["auto", "photos"]))
@settings(max_examples=25)
def test_round_trip(photos: list[np.ndarray], kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if len({pixels.shape for pixels in photos}) > 1:
            kind = "photos"
        found = packed(Path(folder), photos, kind)
        assert found.ids == tuple(map(str, range(len(photos))))
        assert found.paired
        for number, pixels in enumerate(photos):
            np.testing.assert_array_equal(found.photo(number), pixels)
            np.testing.assert_array_equal(found.reference(number), 255 - pixels)
            assert not found.photo(number).flags.writeable


@given(
    st.lists(photo, min_size=1, max_size=5),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore:.*are not drawn")
def test_every_crop_is_a_part_of_a_photo_and_of_its_reference(
    photos: list[np.ndarray], height: int, width: int, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = packed(Path(folder), photos, "photos")
        large = [p for p in photos if p.shape[0] >= height and p.shape[1] >= width]
        if not large:
            with pytest.raises(InputError, match="no photo is as large"):
                found.batch(1, np.random.default_rng(seed), (height, width))
            return
        inputs, references = found.pairs(7, np.random.default_rng(seed), (height, width))
        assert inputs.shape == (7, height, width, 3)
        np.testing.assert_array_equal(references, 255 - inputs)
        parts = {
            p[y : y + height, x : x + width].tobytes()
            for p in large
            for y in range(p.shape[0] - height + 1)
            for x in range(p.shape[1] - width + 1)
        }
        assert {crop.tobytes() for crop in inputs} <= parts
        same = found.batch(7, np.random.default_rng(seed), (height, width))
        np.testing.assert_array_equal(same, inputs)


def numbered(count: int, height: int, width: int) -> list[np.ndarray]:
    """Photos whose every pixel says which photo, row and column it is."""
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    return [np.stack([np.full_like(y, number), y, x], axis=2) for number in range(count)]


def test_photos_and_places_are_equally_likely(tmp_path: Path) -> None:
    found = packed(tmp_path, numbered(4, 5, 6))
    assert found.head["kind"] == "patches"
    corners = found.batch(24_000, np.random.default_rng(5), (3, 4))[:, 0, 0]
    _, counts = np.unique(corners, axis=0, return_counts=True)
    # 4 photos x 3 rows x 3 columns, 667 draws each: chi-square with 35 degrees of freedom
    # exceeds 66.6 once in a thousand seeds, and this seed is fixed.
    expected = 24_000 / 36
    assert len(counts) == 36
    assert ((counts - expected) ** 2 / expected).sum() < 66.6


def test_without_a_size_whole_photos_are_drawn(tmp_path: Path) -> None:
    photos = numbered(3, 4, 5)
    found = packed(tmp_path, photos)
    for crop in found.batch(20, np.random.default_rng(0)):
        np.testing.assert_array_equal(crop, photos[crop[0, 0, 0]])
    other = packed(tmp_path / "mixed", [photos[0], photos[1][:3]], "photos")
    with pytest.raises(InputError, match="sizes differ; give a size"):
        other.batch(1, np.random.default_rng(0))
    with pytest.warns(UserWarning, match="1 of 2 photos are smaller than 5x4"):
        drawn = other.batch(9, np.random.default_rng(0), (4, 5))
    assert (drawn[:, 0, 0, 0] == 0).all()


def test_numpy_alone_reads_patches_and_pickling_sends_the_path(tmp_path: Path) -> None:
    photos = numbered(3, 4, 5)
    found = packed(tmp_path, photos)
    array = np.load(found.folder / found.head["files"]["input"], mmap_mode="r")
    assert array.shape == (3, 4, 5, 3)
    np.testing.assert_array_equal(array, np.stack(photos))
    data = pickle.dumps(found)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data).photo(2), photos[2])


def test_what_is_no_packed_set_is_refused(tmp_path: Path) -> None:
    found = packed(tmp_path, numbered(3, 4, 5))
    out = found.folder
    with pytest.raises(InputError, match=r"not a packed set \(no pack.json\)"):
        Packed.open(tmp_path)
    head = json.loads((out / "pack.json").read_text())
    for change, words in (
        ({"schema": 2}, "newer wespe-bench"),
        ({"index": "../index"}, "damaged"),
        ({"files": {}}, "damaged"),
        ({"index_sha256": "0" * 64}, "index-.*damaged"),
    ):
        (out / "pack.json").write_text(json.dumps(head | change))
        with pytest.raises(InputError, match=words):
            Packed.open(out)
    (out / "pack.json").write_text("{")
    with pytest.raises(InputError, match="damaged; delete it"):
        Packed.open(out)
    (out / "pack.json").write_text(json.dumps(head))
    pixels = out / head["files"]["input"]
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"damaged or missing.*pack again"):
        Packed.open(out)
    unpaired = load_dataset("folder", input=tmp_path / "in")
    pack(unpaired, tmp_path / "alone")
    with pytest.raises(InputError, match="without references"):
        Packed.open(tmp_path / "alone").pairs(1, np.random.default_rng(0))
