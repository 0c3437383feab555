"""CORNIA against its oracle and the golden vectors; the same bits however it is run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tests.oracles import cornia as oracle
from tests.wespe_bench.cornia.models import cornia_model, cornia_tensors, write_cornia
from wespe_bench.errors import InputError
from wespe_bench.images import luma, read_rgb
from wespe_bench.metrics import cornia, hosa, models
from wespe_bench.metrics.patches import choose, normalise, take, whiten
from wespe_bench.registry import load_metric


@given(st.integers(1, 5000), st.integers(1, 300), st.binary(max_size=8))
def test_chosen_patches_are_different_and_there(total: int, count: int, key: bytes) -> None:
    chosen = choose(total, count, key)
    assert len(chosen) == len(set(chosen.tolist())) == min(total, count)
    assert chosen.min() >= 0
    assert chosen.max() < total
    assert (chosen == choose(total, count, key)).all()


def test_every_patch_is_as_likely() -> None:
    counts = np.zeros(40)
    for number in range(2000):
        counts[choose(40, 10, str(number).encode())] += 1
    # 500 expected; 5 standard deviations of a binomial.
    assert np.abs(counts - 500).max() < 5 * math.sqrt(2000 * 0.25 * 0.75)


def test_a_big_photo_costs_no_memory_to_choose_from() -> None:
    chosen = choose(2**28, 10_000, b"k")
    assert len(np.unique(chosen)) == 10_000
    assert chosen.max() > 2**27


def test_equals_the_oracle(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (17, 23, 3), np.uint8)
    image[:, :8] = 90  # flat patches too
    model = cornia_model(tmp_path)
    t = cornia_tensors()
    found = oracle.features(image, oracle.all_corners(image), t["words"], t["mean"], t["whitening"])
    patches = cornia.draw(image, b"", 0, 0)
    assert cornia.features(model, patches) == pytest.approx(found, abs=1e-12)
    expected = oracle.score(found, t["low"], t["high"], t["weights"], float(t["bias"][0]))
    result = cornia.cornia(image, model=model)
    assert result["value"] == pytest.approx(expected, abs=1e-11)
    assert result | {"value": 0} == {"value": 0, "spread": 0, "draws": 1, "patches": 11 * 17}


def test_several_draws_are_averaged(photo: np.ndarray, tmp_path: Path) -> None:
    model = cornia_model(tmp_path)
    digest = cornia.digest_of(photo)
    scores = [
        cornia.predict(model, cornia.features(model, cornia.draw(photo, digest, 3, number)))
        for number in range(4)
    ]
    result = cornia.cornia(photo, model=model, draws=4, seed=3)
    assert len(set(scores)) == 4
    assert result["value"] == pytest.approx(np.mean(scores), rel=1e-14)
    assert result["spread"] == pytest.approx(np.std(scores, ddof=1), rel=1e-12)
    assert (result["draws"], result["patches"]) == (4, 10_000)
    assert cornia.cornia(photo, model=model, draws=4, seed=4)["value"] != result["value"]


def test_one_pixel_changes_the_draw(photo: np.ndarray) -> None:
    other = photo.copy()
    other[-1, -1] ^= 1
    first, second = (cornia.draw(image, cornia.digest_of(image), 0, 0) for image in (photo, other))
    assert (first != second).any(axis=1).mean() > 0.9


def test_same_bits_with_any_number_of_threads(photo: np.ndarray, tmp_path: Path) -> None:
    model = cornia_model(tmp_path, words=1500)
    results = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            results.append(cornia.cornia(photo, model=model, draws=2))
            patches = cornia.draw(photo, b"", 0, 0)
            whitened = whiten(patches, model.mean, model.whitening)
            results[-1]["features"] = cornia.encode(whitened, model.words).tobytes()
    assert results[0] == results[1] == results[2]


def test_a_view_of_a_photo_scores_as_its_copy(photo: np.ndarray, tmp_path: Path) -> None:
    model = cornia_model(tmp_path)
    view = photo[::-1, 20:220:2]
    assert cornia.cornia(view, model=model) == cornia.cornia(view.copy(), model=model)


def test_torch_gives_the_same_features(photo: np.ndarray, tmp_path: Path) -> None:
    """The CUDA path, on the processor."""
    model = cornia_model(tmp_path, words=70)
    patches = cornia.draw(photo, b"", 0, 0)
    whitened = whiten(patches, model.mean, model.whitening)
    by_torch = cornia._encode_cuda(whitened, model.words, "cpu")
    assert by_torch == pytest.approx(cornia.encode(whitened, model.words), abs=1e-12)


@pytest.mark.gpu
def test_cuda_gives_the_same_score(photo: np.ndarray, tmp_path: Path) -> None:
    path = write_cornia(tmp_path / "m.safetensors")
    cpu, cuda = (
        load_metric(f"cornia:{path}?device={device}").compute(photo)["value"]
        for device in ("cpu", "cuda")
    )
    assert cuda == pytest.approx(cpu, abs=1e-4)


def test_flat_patches_are_zero_before_whitening() -> None:
    assert (normalise(np.full((2, 49), 200, np.uint8)) == 0).all()


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["img4", "01", "05", "23"])
def test_golden_vectors(shared: Path, name: str, hosa_model: hosa.Model) -> None:
    golden = np.load(shared / "cornia" / "golden_public.npz")
    folder = shared / "hq" / "kodak24"
    path = (
        shared / "cornia" / "hosa" / "img4.bmp"
        if name == "img4"
        else next(folder.glob(f"*{name}.png"))
    )
    image = read_rgb(path)
    assert luma(image).sum() == golden[f"{name}.gray_sum"]
    rows = image.shape[0] - 6
    at = golden[f"{name}.patch_index"]
    patches = take(image, at % rows, at // rows, "column")
    assert (golden[f"{name}.patches5"] == patches[:5].T).all()
    whitened = whiten(patches, hosa_model.mean, hosa_model.whitening)
    assert np.abs(whitened[:5] - golden[f"{name}.whitened5"]).max() < 1e-9
    lengths = np.linalg.norm(hosa_model.centroids, axis=1, keepdims=True)
    features = cornia.encode(whitened, hosa_model.centroids / lengths)
    assert np.abs(features - golden[f"{name}.fv_hosa100"]).max() < 1e-9


def test_specs(tmp_path: Path, photo: np.ndarray) -> None:
    path = write_cornia(tmp_path / "mine.safetensors")
    metric, three = load_metric(f"cornia:{path}"), load_metric(f"cornia:{path}?draws=3")
    assert metric.title == f"own CORNIA model mine ({cornia.read(path).sha256[:6]})"
    assert (metric.name, metric.unit) == (f"cornia:{path}", "own scale")
    assert not metric.higher_is_better
    assert not metric.full_reference
    sha256 = cornia.read(path).sha256
    assert (metric.version, three.version) == (
        f"1+draws5+{sha256[:12]}",
        f"1+draws3+{sha256[:12]}",
    )
    assert three.title == f"own CORNIA model mine ({sha256[:6]}, 3 draws)"
    assert three.compute(photo)["draws"] == 3
    write_cornia(path, seed=5)
    assert load_metric(f"cornia:{path}").version != metric.version


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("cornia:nowhere.safetensors", "nowhere.safetensors: no such file"),
        ("cornia:", "nothing after the colon"),
        ("cornia:{}?draws=0", "draws=0: expected a number from 1"),
        ("cornia:{}?draws=many", "draws=many"),
        ("cornia:{}?drws=3", "did you mean 'draws'"),
        ("cornia:{}?device=gpu", "expected one of cpu, cuda"),
        ("hosa:{}", "a model of 'cornia', not of 'hosa'"),
    ],
)
def test_specs_that_are_wrong(tmp_path: Path, spec: str, complaint: str) -> None:
    path = write_cornia(tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match=complaint):
        load_metric(spec.format(path))


def test_files_that_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for damage, complaint in (
        (lambda data: b"", "not a cornia model"),
        (lambda data: b"hello there", "not a cornia model"),
        (lambda data: data[:-40], "damaged"),
        (lambda data: data[:200], "not a cornia model"),
    ):
        write_cornia(path)
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(InputError, match=complaint):
            cornia.read(path)
    tensors = cornia_tensors()
    card = {"title": "t", "unit": "u", "summary": "s", "higher_is_better": False}
    for change, complaint in (
        ({"words": tensors["words"][:, :48]}, r"words is \(\d+, 48\), not \(K, 49\)"),
        ({"weights": tensors["weights"][:-1]}, r"weights is \(\d+,\), not \(2K,\)"),
        ({"low": np.full_like(tensors["low"], np.nan)}, "low holds values that are not finite"),
        ({"low": tensors["high"] + 1}, "has minima above their maxima"),
        ({"words": tensors["words"] * 3}, "has words that are not of length 1"),
        ({"words": tensors["words"] * 1e200}, "has words that are not of length 1"),
    ):
        models.write(path, "cornia", tensors | change, card)
        with pytest.raises(InputError, match=complaint):
            cornia.read(path)
    del tensors["mean"]
    models.write(path, "cornia", tensors, card)
    with pytest.raises(InputError, match="mean is missing"):
        cornia.read(path)
    for forged, complaint in (
        (
            {"title": "t" * 5_000_000},
            "metadata field 'title' must be one line of at most 500 characters",
        ),
        ({"unit": "\ud800"}, "metadata field 'unit' must be one line"),
        ({"summary": "two\nlines"}, "metadata field 'summary' must be one line"),
        ({"kind": "k\ud800" * 1_000_000}, r"a model of 'k\\ud800k.*\.\.\., not of 'cornia'"),
        ({"format_version": "1" * 1_000_000}, r"model format '1+\.\.\., this version"),
    ):
        models.write(path, "cornia", cornia_tensors(), card | forged)
        with pytest.raises(InputError, match=complaint) as caught:
            cornia.read(path)
        assert len(str(caught.value).encode()) < 500
    models.write(path, "cornia", cornia_tensors(), {"title": "t"})
    with pytest.raises(InputError, match="does not state 'unit'"):
        cornia.read(path)
    models.write(path, "cornia", cornia_tensors(), card | {"format_version": 9})
    with pytest.raises(InputError, match="model format 9"):
        cornia.read(path)


def test_smaller_than_a_patch(tmp_path: Path) -> None:
    model = cornia_model(tmp_path)
    assert cornia.cornia(np.zeros((7, 7, 3), np.uint8), model=model)["patches"] == 1
    for shape in ((6, 40, 3), (40, 6, 3)):
        with pytest.raises(ValueError, match="at least 7 pixels"):
            cornia.cornia(np.zeros(shape, np.uint8), model=model)
