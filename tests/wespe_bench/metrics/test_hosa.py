"""HOSA against its oracle and the release's own scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.oracles import cornia as oracle
from tests.wespe_bench.cornia.models import hosa_tensors, write_hosa
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.metrics import hosa
from wespe_bench.registry import load_metric


def test_equals_the_oracle(tmp_path: Path) -> None:
    """Few patches, many centroids: some have none, some one, some several."""
    image = np.random.default_rng(2).integers(0, 256, (14, 16, 3), np.uint8)
    model = hosa.read(write_hosa(tmp_path / "m.safetensors"))
    t = hosa_tensors()
    names = ("centroids", "variances", "skewnesses", "mean", "whitening")
    expected = oracle.hosa_features(image, *(t[name] for name in names))
    patches = hosa.grid(image)
    assert len(patches) == 4 * 6
    nearest = hosa.assign(hosa.whiten(patches, model.mean, model.whitening), model.centroids)[0]
    counts = np.bincount(nearest.ravel(), minlength=hosa.WORDS)
    assert {0, 1, 2} <= set(counts.tolist())
    assert hosa.features(model, patches) == pytest.approx(expected, abs=1e-9)
    value = float(expected @ t["weights"] + t["bias"][0])
    assert hosa.hosa(image, model=model) == pytest.approx(value, abs=1e-8)


def test_grid_follows_the_full_size() -> None:
    rng = np.random.default_rng(3)
    for height, width, rows, columns in (
        (99, 99, 89, 89),
        (200, 100, 190, 90),
        (200, 210, 95, 100),
    ):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        assert len(hosa.grid(image)) == rows * columns


def test_flat_photo_has_a_score(tmp_path: Path) -> None:
    model = hosa.read(write_hosa(tmp_path / "m.safetensors"))
    assert np.isfinite(hosa.hosa(np.full((40, 30, 3), 7, np.uint8), model=model))


def test_same_bits_with_any_number_of_threads(photo: np.ndarray, tmp_path: Path) -> None:
    model = hosa.read(write_hosa(tmp_path / "m.safetensors"))
    values = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            values.add(hosa.hosa(photo[:200, :200], model=model))
    assert len(values) == 1


def test_smallest_photo(tmp_path: Path) -> None:
    model = hosa.read(write_hosa(tmp_path / "m.safetensors"))
    hosa.hosa(np.zeros((11, 11, 3), np.uint8), model=model)
    for shape in ((10, 30, 3), (30, 10, 3)):
        with pytest.raises(ValueError, match="at least 11 pixels"):
            hosa.hosa(np.zeros(shape, np.uint8), model=model)


def test_the_name_alone_means_what_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WESPE_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"no model at .*import hosa FOLDER"):
        load_metric("hosa")
    write_hosa(tmp_path / "models" / "hosa.safetensors")
    metric = load_metric("hosa")
    assert (metric.name, metric.title, metric.unit) == ("hosa", "HOSA (test)", "LIVE DMOS")
    assert metric.version == f"1+{hosa.read(hosa.imported()).sha256[:12]}"
    assert not metric.higher_is_better
    other = load_metric(f"hosa:{write_hosa(tmp_path / 'other.safetensors', seed=1)}")
    assert other.title.startswith("HOSA (test) other (")
    with pytest.raises(InputError, match="no such file"):
        load_metric("hosa:elsewhere.safetensors")


def test_an_imported_model_is_found_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WESPE_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "mine"))
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    with pytest.raises(
        InputError, match=r"/mine/wespe-bench/models/hosa\.\S+ or \S*/a/data/models/"
    ):
        load_metric("hosa")
    # Where earlier versions kept it, it is found as long as there is no other.
    write_hosa(tmp_path / "a" / "data" / "models" / hosa.NAME, seed=1)
    here = load_metric("hosa").version
    write_hosa(tmp_path / "mine" / "wespe-bench" / "models" / hosa.NAME)
    mine = load_metric("hosa").version
    monkeypatch.chdir(tmp_path)
    assert load_metric("hosa").version == mine != here


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "expected"),
    [("img4", 69.7332264446), ("01", None), ("05", None), ("23", None)],
)
def test_scores_of_the_release(
    shared: Path, hosa_model: hosa.Model, name: str, expected: float | None
) -> None:
    golden = np.load(shared / "cornia" / "golden_public.npz")
    folder = shared / "hq" / "kodak24"
    path = (
        shared / "cornia" / "hosa" / "img4.bmp"
        if name == "img4"
        else next(folder.glob(f"*{name}.png"))
    )
    value = hosa.hosa(read_rgb(path), model=hosa_model)
    assert value == pytest.approx(float(golden[f"{name}.hosa_score"]), abs=1e-6)
    assert expected is None or value == pytest.approx(expected, abs=1e-9)
