"""The simulated camera and the packaged photos it works on."""

from __future__ import annotations

import dataclasses
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from wespe_bench import atomic, load_dataset
from wespe_bench.datasets import samples
from wespe_bench.datasets.local_camera import LocalCamera
from wespe_bench.datasets.simulator import Camera, from_linear, to_linear
from wespe_bench.datasets.source import source_name
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.metrics.psnr import psnr

PERFECT = Camera(
    exposure_stops=0,
    exposure_jitter=0,
    white_balance=(1, 1, 1),
    white_balance_jitter=0,
    blur=0,
    resolution=1,
    shot_noise=0,
    read_noise=0,
    contrast=0,
    halo=0,
    jpeg_quality=100,
)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return np.ascontiguousarray(data.coffee()[100:260, 150:390])


def shot(scene: np.ndarray, **changes: object) -> np.ndarray:
    return read_rgb(dataclasses.replace(PERFECT, **changes).photograph(scene, "x"))


def test_srgb_curve_round_trip() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, -1, 1).repeat(3, axis=2)
    np.testing.assert_allclose(from_linear(to_linear(levels)) * 255, levels, atol=1e-9)


def test_a_perfect_camera_changes_next_to_nothing(scene: np.ndarray) -> None:
    # Only JPEG at quality 100 with halved chroma is left.
    assert psnr(shot(scene), scene) > 38


def test_each_fault_does_what_it_says(scene: np.ndarray) -> None:
    perfect = shot(scene).astype(float)
    assert shot(scene, exposure_stops=-1.0).mean() < perfect.mean() - 20
    cold = shot(scene, white_balance=(0.8, 1.0, 1.25)).astype(float) - perfect
    assert cold[..., 0].mean() < -3
    assert cold[..., 2].mean() > 3
    detail = np.abs(np.diff(perfect, axis=1)).mean()
    for softer in ({"blur": 1.5}, {"resolution": 0.4}):
        assert np.abs(np.diff(shot(scene, **softer).astype(float), axis=1)).mean() < 0.9 * detail
    for rougher in ({"shot_noise": 0.004}, {"read_noise": 0.05}, {"halo": 1.5}):
        assert np.abs(np.diff(shot(scene, **rougher).astype(float), axis=1)).mean() > 1.05 * detail
    assert psnr(shot(scene, jpeg_quality=10), scene) < psnr(shot(scene), scene) - 5


def test_shots_follow_from_id_and_seed(scene: np.ndarray) -> None:
    one = Camera().photograph(scene, "a")
    assert Camera().photograph(scene, "a") == one
    assert Camera().photograph(scene, "b") != one
    assert Camera(seed=1).photograph(scene, "a") != one


def test_halves_share_no_photo() -> None:
    assert not set(samples.TEST.values()) & set(samples.FIT.values())
    # The stereo pair is one scene: both views on one side.
    views = [name for name in (*samples.TEST, *samples.FIT) if name.startswith("motorcycle")]
    assert sorted(views) == sorted(name for name in samples.FIT if name.startswith("motorcycle"))


@pytest.mark.parametrize(
    ("name", "count"), [("samples", 5), pytest.param("samples_fit", 10, marks=pytest.mark.slow)]
)
def test_samples(tmp_path: Path, name: str, count: int) -> None:
    dataset = load_dataset(name, data=tmp_path)
    assert len(dataset) == count
    assert dataset.paired
    assert "simulated camera" in dataset.note
    for sample in dataset.samples:
        assert sample.reference is not None
        value = psnr(read_rgb(sample.path), read_rgb(sample.reference))
        assert 10 < value < 30
    again = load_dataset(name, data=tmp_path / "again")
    assert again.revision == dataset.revision
    assert load_dataset(name, data=tmp_path, seed=1).revision != dataset.revision


def test_samples_of_the_local_camera_have_a_name_of_their_own(tmp_path: Path) -> None:
    usual, local = (
        load_dataset(f"samples{camera}", data=tmp_path) for camera in ("", "?camera=local")
    )
    assert (usual.name, local.name) == ("samples", "samples_local")
    assert local.revision != usual.revision
    truth = [read_rgb(sample.reference) for sample in local.samples if sample.reference]
    taken = [LocalCamera().photograph(p, s.id) for p, s in zip(truth, local.samples, strict=True)]
    assert [sample.path.read_bytes() for sample in local.samples] == taken
    assert source_name(local.name) == "samples"
    with pytest.raises(InputError, match=r"camera=locl: expected one of global, local"):
        load_dataset("samples?camera=locl", data=tmp_path)


@pytest.fixture
def one_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, a cache folder beside it, no data folder; one small sample photo."""
    monkeypatch.setattr(samples, "TEST", {"coins": samples.FIT["coins"]})
    monkeypatch.setenv("WESPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("WESPE_DATA")
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    return here


def test_samples_are_kept_in_the_cache_unless_a_folder_is_named(
    one_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert samples.load().samples[0].path.is_relative_to(tmp_path / "cache/samples")
    monkeypatch.setenv("WESPE_DATA", str(tmp_path / "mine"))
    assert samples.load().samples[0].path.is_relative_to(tmp_path / "mine/samples")
    assert samples.load(data="yours").samples[0].path.is_relative_to("yours/samples")
    assert [path.name for path in one_photo.iterdir()] == ["yours"]


def test_samples_made_by_several_at_once_are_whole(one_photo: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: samples.load(), range(4)))
    assert len({dataset.revision for dataset in made}) == 1
    names = sorted(path.name for path in (tmp_path / "cache").rglob("*.*"))
    assert names == [".wespe-bench", "coins.jpg", "coins.png"]


def test_a_cache_that_cannot_be_written_names_the_variable(
    one_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, pytest.raises(InputError) as failure:
        patched.setattr(atomic, "write_bytes", full)
        samples.load()
    assert str(failure.value) == (
        f"cannot write the sample photos to {tmp_path / 'cache'} (No space left on device); "
        "name another folder with --data or WESPE_DATA"
    )
    monkeypatch.setattr("wespe_bench.provenance.cache_folder", lambda: None)
    with pytest.raises(InputError, match="name one with --data or WESPE_DATA"):
        samples.load()
