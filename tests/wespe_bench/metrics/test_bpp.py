"""Bits per pixel against the files that Pillow writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL
from PIL import Image, features

from wespe_bench.metrics.bpp import BPP, bpp


def test_is_the_size_of_the_file_on_disk(photo: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png", compress_level=6)
    size = (tmp_path / "photo.png").stat().st_size
    assert bpp(photo) == 8 * size / (photo.shape[0] * photo.shape[1])


def test_noise_costs_more_than_a_flat_photo() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert bpp(np.zeros_like(noise)) < 1 < 24 < bpp(noise)


def test_version_names_the_encoder() -> None:
    library = "zlib_ng" if features.check_feature("zlib_ng") else "zlib"
    build = (features.version_feature if library == "zlib_ng" else features.version_codec)(library)
    assert PIL.__version__ in BPP.version
    assert build is not None and build in BPP.version
