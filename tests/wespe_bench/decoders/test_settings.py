"""What other code in the process has set does not reach the reader, nor the reader's it."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from tests.oracles.photo_colours import scene, upright
from tests.oracles.photo_writers import by_pillow, integers
from wespe_bench.datasets import headers
from wespe_bench.decoders import pillow
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb

PIXELS = integers(scene(), 8)


def test_a_cut_photo_is_refused_whatever_pillow_is_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "BMP"):
        data = by_pillow(PIXELS, kind)
        for cut in (len(data) // 2, len(data) - 40):
            with pytest.raises(InputError, match="damaged"):
                read_rgb(data[:cut], name=kind)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("limit", [10, None])
def test_pixel_limit_is_ours(limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 1)
    data = by_pillow(PIXELS, "PNG", icc_profile=bytes(100))
    np.testing.assert_array_equal(read_rgb(data), PIXELS)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_importing_the_reader_sets_nothing() -> None:
    assert Image.MAX_IMAGE_PIXELS != pillow.MAX_PIXELS


def test_warnings_as_errors_and_numpys_raising_do_not_matter() -> None:
    data = by_pillow(PIXELS, "TIFF", compression="tiff_lzw")
    deep = by_pillow(integers(scene(1), 16), "PNG")
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        read_rgb(data)
        read_rgb(deep)
        with pytest.raises(UserWarning):
            warnings.warn("still an error outside", stacklevel=1)


def test_threads_share_the_settings_and_the_last_gives_them_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    cut = by_pillow(PIXELS, "JPEG")[:-40]
    whole = by_pillow(PIXELS, "PNG")
    refused: list[str] = []

    def read() -> None:
        for _ in range(30):
            np.testing.assert_array_equal(read_rgb(whole), PIXELS)
            try:
                read_rgb(cut, name="cut")
            except InputError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 120
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_headers_have_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(by_pillow(PIXELS, "PNG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert headers.photo_size(tmp_path / "a.png") == PIXELS.shape[1::-1]


def test_the_oracle_turns_as_numpy_transposes() -> None:
    corner = np.zeros((2, 3, 1))
    corner[0, 0] = 1
    found = [np.argwhere(upright(corner, turn)[..., 0])[0].tolist() for turn in range(1, 9)]
    # Where the stored top left corner is seen: EXIF 2.32, table of Orientation.
    assert found == [[0, 0], [0, 2], [1, 2], [1, 0], [0, 0], [0, 1], [2, 1], [2, 0]]
