"""Data set x enhancer -> PNGs -> scores: what is kept, what is redone, what is reported."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from wespe_bench import enhance, load_dataset, load_scores, score, store
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.types import Sample

METRICS = ("psnr", "ssim", "entropy", "bpp")


def brighter(image: np.ndarray) -> np.ndarray:
    return image / np.float32(255) * 1.5


class UnsayableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def unsayable() -> None:
    raise UnsayableError


def surrogate() -> None:
    raise ValueError("\udcff")


def rows(scores: pd.DataFrame) -> list[list[object]]:
    columns = ["sample", "metric", "metric_version", "value", "extras", "image_sha256"]
    return scores.sort_values(["sample", "metric"])[columns].values.tolist()


def test_end_to_end(photos: Path, references: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos, reference=references)
    run = enhance(brighter, dataset, tmp_path / "run", quiet=True)
    assert (run.done, run.kept, run.failures) == (6, 0, ())
    scores = score(run, METRICS, quiet=True)
    assert len(scores) == 6 * len(METRICS)
    for sample in dataset.samples:
        image = read_rgb(tmp_path / "run" / "images" / f"{sample.id}.png")
        expected = np.clip(np.rint(read_rgb(sample.path) / 255 * 1.5 * 255), 0, 255)
        assert np.abs(image - expected).max() <= 1  # float32 in the enhancer, float64 here
        (value,) = scores.query("sample == @sample.id and metric == 'psnr'")["value"]
        assert sample.reference is not None
        assert value == pytest.approx(
            peak_signal_noise_ratio(read_rgb(sample.reference), image), abs=1e-12
        )


def test_second_run_does_nothing(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    enhance("clahe", dataset, tmp_path / "run", quiet=True)
    first = rows(score(tmp_path / "run", ["entropy"], quiet=True))
    parts = sorted((tmp_path / "run").rglob("*.parquet"))
    again = enhance("clahe", dataset, tmp_path / "run", quiet=True)
    assert (again.done, again.kept) == (0, 6)
    assert rows(score(tmp_path / "run", ["entropy"], quiet=True)) == first
    assert sorted((tmp_path / "run").rglob("*.parquet")) == parts


def test_changed_photo_is_redone_alone(photos: Path, references: Path, tmp_path: Path) -> None:
    options = {"input": photos, "reference": references}
    enhance("identity", load_dataset("folder", **options), tmp_path / "run", quiet=True)
    before = score(tmp_path / "run", METRICS, quiet=True)
    write_png(photos / "img2.png", np.full((24, 32, 3), 9, np.uint8))
    # The old result speaks of a photo that is gone: in no table any more, and said.
    stale = score(tmp_path / "run", METRICS, quiet=True)
    assert set(stale["sample"]) == {f"img{n}" for n in (1, 3, 4, 5, 6)}
    assert before["revision"].unique() != stale["revision"].unique()
    run = enhance("identity", load_dataset("folder", **options), tmp_path / "run", quiet=True)
    assert (run.done, run.kept) == (1, 5)
    assert set(load_scores(tmp_path / "run")["sample"]) == {f"img{n}" for n in (1, 3, 4, 5, 6)}
    after = score(tmp_path / "run", METRICS, quiet=True)
    assert len(after) == len(before)
    moved = before.merge(after, on=["sample", "metric"]).query("value_x != value_y")
    assert set(moved["sample"]) == {"img2"}


def test_changed_reference_is_rescored_and_back_again(
    photos: Path, references: Path, tmp_path: Path
) -> None:
    dataset = load_dataset("folder", input=photos, reference=references)
    enhance("identity", dataset, tmp_path / "run", quiet=True)
    before = rows(score(tmp_path / "run", ["psnr"], quiet=True))
    kept = (references / "img3.png").read_bytes()
    write_png(references / "img3.png", np.full((24, 32, 3), 200, np.uint8))
    changed = rows(score(tmp_path / "run", ["psnr"], quiet=True))
    assert [a[0] for a, b in zip(before, changed, strict=True) if a != b] == ["img3"]
    (references / "img3.png").write_bytes(kept)
    assert rows(score(tmp_path / "run", ["psnr"], quiet=True)) == before


def test_new_metric_version_is_rescored(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from wespe_bench.metrics import entropy

    enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    score(tmp_path / "run", ["entropy"], quiet=True)
    newer = dataclasses.replace(entropy.ENTROPY, version="2", compute=lambda *a, **k: 1.0)
    monkeypatch.setattr(entropy, "ENTROPY", newer)
    scores = score(tmp_path / "run", ["entropy"], quiet=True)
    assert scores["metric_version"].tolist() == ["2"] * 6
    assert scores["value"].tolist() == [1.0] * 6


def test_edited_enhancer_is_run_again(photos: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    dataset = load_dataset("folder", input=photos)
    for shift in (10, 20):
        source.write_text(f"def enhance(image):\n    return image // 2 + {shift}\n")
        import sys

        for name in [n for n in sys.modules if n.startswith("mine_")]:
            del sys.modules[name]
        run = enhance(f"{source}:enhance", dataset, tmp_path / "run", quiet=True)
        assert (run.done, run.kept) == (6, 0)
        image = read_rgb(tmp_path / "run" / "images" / "img1.png")
        np.testing.assert_array_equal(image, read_rgb(photos / "img1.png") // 2 + shift)


def test_bad_photo_among_good_ones(photos: Path, references: Path, tmp_path: Path) -> None:
    (photos / "img4.png").write_bytes(b"not a photo")
    dataset = load_dataset("folder", input=photos, reference=references)
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    assert run.done == 5
    (failure,) = run.failures
    assert failure.sample == "img4"
    assert "img4.png: not a photo" in failure.error
    assert len(score(run, ["psnr"], quiet=True)) == 5
    assert store.load_failures(run.folder)["sample"].tolist() == ["img4"]
    # Mended, it is done, and is a failure no more.
    write_png(photos / "img4.png", np.zeros((24, 32, 3), np.uint8))
    dataset = load_dataset("folder", input=photos, reference=references)
    again = enhance("identity", dataset, tmp_path / "run", quiet=True)
    assert (again.done, again.kept, again.failures) == (1, 5, ())
    assert store.load_failures(run.folder).empty
    assert len(score(run, ["psnr"], quiet=True)) == 6


def test_reference_of_another_size(photos: Path, references: Path, tmp_path: Path) -> None:
    write_png(references / "img5.png", np.zeros((24, 31, 3), np.uint8))
    dataset = load_dataset("folder", input=photos, reference=references)
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    scores = score(run, METRICS, quiet=True)
    # The reference spoils the metrics that need it, and only for its own photo.
    assert len(scores) == 6 * len(METRICS) - 2
    failures = store.load_failures(run.folder)
    assert set(failures["sample"]) == {"img5"}
    assert set(failures["metric"]) == {"psnr", "ssim"}
    assert "32x24 but its reference is 31x24" in failures["error"].iloc[0]
    # What could not be scored need not be enhanced again.
    again = enhance("identity", dataset, tmp_path / "run", quiet=True)
    assert (again.done, again.kept) == (0, 6)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda image: image[:-1], "returned 32x23x3 for a photo of 32x24x3"),
        (lambda image: image[..., 0], r"expected shape \(H, W, 3\)"),
        (lambda image: np.broadcast_to(np.float32(0), (10**6, 10**6, 3)), "1000000x1000000x3"),
        (lambda image: image * 1.1, "floats up to .*; return floats on \\[0, 1\\]"),
        (lambda image: sys.exit("usage: tool"), "SystemExit: usage: tool"),
        (lambda image: unsayable(), "failed: UnsayableError"),
        (lambda image: surrogate(), "failed"),
        (lambda image: image.astype(np.int32), "expected uint8, or floating point"),
        (lambda image: np.full(image.shape, np.nan), "NaN"),
        (lambda image: None, "expected a numpy array"),
        (lambda image: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_bad_results_are_named(photos: Path, tmp_path: Path, result: object, words: str) -> None:
    dataset = load_dataset("folder", input=photos)
    run = enhance(result, dataset, tmp_path / "run", label="bad", quiet=True)  # type: ignore[arg-type]
    assert run.done == 0
    assert len(run.failures) == 6
    import re

    assert all(re.search(words, failure.error) for failure in run.failures)


def test_enhancer_may_work_in_place(photos: Path, tmp_path: Path) -> None:
    def invert(image: np.ndarray) -> np.ndarray:
        np.subtract(255, image, out=image)
        return image

    run = enhance(invert, load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    image = read_rgb(run.folder / "images" / "img1.png")
    np.testing.assert_array_equal(image, 255 - read_rgb(photos / "img1.png"))


def test_batch_equals_one_by_one(photos: Path, tmp_path: Path) -> None:
    class Batched:
        fingerprint = "batched"
        calls = 0

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return 255 - image

        def batch(self, images: np.ndarray) -> np.ndarray:
            Batched.calls += 1
            return 255 - images

    rng = np.random.default_rng(0)
    for number in range(200):
        size = (10, 10, 3) if number % 3 else (10, 12, 3)
        write_png(tmp_path / "many" / f"{number}.png", rng.integers(0, 256, size, np.uint8))
    dataset = load_dataset("folder", input=tmp_path / "many")
    run = enhance(Batched(), dataset, tmp_path / "run", quiet=True)
    assert run.done == 200
    assert 0 < Batched.calls < 200
    for sample in dataset.samples:
        image = read_rgb(run.folder / "images" / f"{sample.id}.png")
        np.testing.assert_array_equal(image, 255 - read_rgb(sample.path))


def test_enhancer_that_asks_for_the_sample(photos: Path, tmp_path: Path) -> None:
    class Knowing:
        fingerprint = "knowing"

        def __call__(self, image: np.ndarray) -> np.ndarray:
            raise AssertionError

        def for_sample(self, sample: Sample, image: np.ndarray) -> np.ndarray:
            return np.full_like(image, int(sample.id.removeprefix("img")))

    run = enhance(Knowing(), load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    assert read_rgb(run.folder / "images" / "img4.png").max() == 4


def test_identical_photos_score_infinity(photos: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(photos, tmp_path / "same")
    dataset = load_dataset("folder", input=photos, reference=tmp_path / "same")
    scores = score(enhance("identity", dataset, tmp_path / "run", quiet=True), ["psnr"], quiet=True)
    assert (scores["value"] == math.inf).all()


def test_results_folder(photos: Path, references: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    run = enhance(f"results:{references}", dataset, tmp_path / "run", quiet=True)
    assert json.loads((run.folder / "run.json").read_text())["label"] == "references"
    for sample in dataset.samples:
        np.testing.assert_array_equal(
            read_rgb(run.folder / "images" / f"{sample.id}.png"),
            read_rgb(references / f"{sample.id}.png"),
        )
    # A replaced result is read again, the others are kept; a missing one is named.
    write_png(references / "img2.png", np.zeros((24, 32, 3), np.uint8))
    (references / "img3.png").unlink()
    again = enhance(f"results:{references}", dataset, tmp_path / "run", quiet=True)
    assert (again.done, again.kept) == (1, 4)
    assert [f.sample for f in again.failures] == ["img3"]
    assert "has no result named img3.*" in again.failures[0].error


def test_folder_of_another_run_is_refused(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    enhance("identity", dataset, tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="holds 'identity' on 'photos'"):
        enhance("clahe", dataset, tmp_path / "run", quiet=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="is not empty and is no run folder"):
        enhance("clahe", dataset, tmp_path / "mine", quiet=True)


def test_edited_result_is_not_scored(photos: Path, tmp_path: Path) -> None:
    run = enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    write_png(run.folder / "images" / "img1.png", np.zeros((24, 32, 3), np.uint8))
    assert set(score(run, ["entropy"], quiet=True)["sample"]) == {f"img{n}" for n in range(2, 7)}


def test_stretch_imitates_the_first_release(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    run = enhance(brighter, dataset, tmp_path / "run", stretch=True, quiet=True)
    image = read_rgb(run.folder / "images" / "img1.png")
    assert (image.min(), image.max()) == (0, 255)
    plain = enhance(brighter, dataset, tmp_path / "plain", quiet=True)
    assert (read_rgb(plain.folder / "images" / "img1.png") != image).any()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)), shards=st.integers(1, 3))
def test_order_and_shards_do_not_matter(
    photos: Path,
    references: Path,
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    shards: int,
) -> None:
    import dataclasses

    dataset = load_dataset("folder", input=photos, reference=references)
    folder = tmp_path_factory.mktemp("runs")
    straight = rows(
        score(enhance("unsharp", dataset, folder / "a", quiet=True), METRICS, quiet=True)
    )
    shuffled = dataclasses.replace(dataset, samples=tuple(dataset.samples[i] for i in order))
    for index in range(1, shards + 1):
        enhance("unsharp", shuffled, folder / "b", shard=(index, shards), quiet=True)
        score(folder / "b", METRICS, shard=(index, shards), quiet=True)
    assert rows(load_scores(folder / "b")) == straight


def test_metric_batches_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wespe_bench import scoring

    rng = np.random.default_rng(4)
    for number in range(70):
        side = 20 if number % 4 else 23
        for folder in ("in", "ref"):
            image = rng.integers(0, 256, (20, side, 3), np.uint8)
            write_png(tmp_path / folder / f"{number}.png", image)
    dataset = load_dataset("folder", input=tmp_path / "in", reference=tmp_path / "ref")
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    names = ("psnr", "ssim", "ms_ssim", "ssim_rgb", "entropy")
    monkeypatch.setattr("wespe_bench.engines.chunk_of", lambda files: 16)
    batched = rows(score(run, names, quiet=True))
    monkeypatch.setattr("wespe_bench.engines.chunk_of", lambda files: 1)
    scoring.score_runs([run.folder], names, jobs=0, force=True, quiet=True)
    assert rows(load_scores(run.folder)) == batched
    assert len(batched) == 70 * len(names)


def test_results_of_an_earlier_enhancer_are_in_no_table(photos: Path, tmp_path: Path) -> None:
    class Graded:
        def __init__(self, level: int, fails_on: str = "") -> None:
            self.level, self.fails_on = level, fails_on

        def __call__(self, image: np.ndarray) -> np.ndarray:
            raise AssertionError

        def for_sample(self, sample: Sample, image: np.ndarray) -> np.ndarray:
            if sample.id == self.fails_on:
                raise ValueError("boom")
            return np.full_like(image, self.level)

    dataset = load_dataset("folder", input=photos)
    enhance(Graded(0), dataset, tmp_path / "run", quiet=True)
    assert len(score(tmp_path / "run", ["entropy"], quiet=True)) == 6
    # Another setting is another enhancer, although no line of code has changed.
    run = enhance(Graded(9, "img2"), dataset, tmp_path / "run", quiet=True)
    assert (run.done, run.kept) == (5, 0)
    scores = score(run, ["entropy"], quiet=True)
    assert "img2" not in set(scores["sample"])
    assert len(scores) == 5
    # Half of the work done by a third one: the rest waits, and is not taken from before.
    enhance(Graded(7), dataset, tmp_path / "run", shard=(1, 2), quiet=True)
    assert len(score(run, ["entropy"], quiet=True)) == 3


def test_fingerprint_sees_what_an_enhancer_holds(tmp_path: Path) -> None:
    import functools

    from wespe_bench.provenance import fingerprint

    def power(image: np.ndarray, gamma: float = 1.0) -> np.ndarray:
        return image**gamma

    def closure(gamma: float) -> object:
        return lambda image: image**gamma

    class Network:
        def __init__(self, weights: np.ndarray) -> None:
            self.weights = weights

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    kinds = (
        lambda g: functools.partial(power, gamma=g),
        closure,
        lambda g: Network(np.full(3, g)),
        lambda g: Network(np.full(3, g)).__call__,
    )
    for kind in kinds:
        assert fingerprint(kind(0.5)) == fingerprint(kind(0.5))
        assert fingerprint(kind(0.5)) != fingerprint(kind(0.8))


def test_fingerprint_sees_modules_beside_the_enhancer(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "mine.py").write_text("import helper_of_mine\ndef f(image): return image\n")
    code = (
        "from wespe_bench.provenance import fingerprint\n"
        "from wespe_bench import load_enhancer\n"
        "print(fingerprint(load_enhancer('mine.py:f')))"
    )
    prints = []
    for version in (1, 2):
        (tmp_path / "helper_of_mine.py").write_text(f"VERSION = {version}\n")
        result = subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        prints.append(result.stdout)
    assert prints[0] != prints[1]


def test_unreadable_photo_fails_alone(photos: Path, tmp_path: Path) -> None:
    (photos / "loop.png").symlink_to(photos / "loop.png")
    (photos / "gone.png").symlink_to(tmp_path / "nowhere.png")
    run = enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    assert run.done == 6
    assert {failure.sample for failure in run.failures} == {"loop", "gone"}


def test_our_own_results_are_nobodys_photos(photos: Path) -> None:
    for _ in range(2):
        dataset = load_dataset("folder", input=photos)
        assert len(dataset) == 6
        enhance("identity", dataset, photos / "runs" / "identity", quiet=True)
        load_dataset("samples", data=photos / "data")


def test_lost_run_json_is_written_anew(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    enhance("identity", dataset, tmp_path / "run", quiet=True)
    (tmp_path / "run" / "run.json").unlink()
    again = enhance("identity", dataset, tmp_path / "run", quiet=True)
    assert (again.done, again.kept) == (0, 6)


def test_photo_replaced_under_its_size_and_time(photos: Path, tmp_path: Path) -> None:
    import os

    from wespe_bench import provenance

    target = photos / "img1.png"
    os.utime(target, (1_600_000_000, 1_600_000_000))
    load_dataset("folder", input=photos)
    data = bytearray(target.read_bytes())
    data[-20] ^= 1  # inside the check sum of the end: unreadable, of the same size
    target.write_bytes(data)
    os.utime(target, (1_600_000_000, 1_600_000_000))
    stale = load_dataset("folder", input=photos).revision
    provenance._hash_cache().save()
    assert load_dataset("folder", input=photos).revision == stale
    provenance.forget()
    assert load_dataset("folder", input=photos).revision != stale
