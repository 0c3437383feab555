"""PNGs -> scores: what is computed, what is computed again, and what no table shows."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from wespe_bench import enhance, images, load_dataset, load_scores, score, scoring, store
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.registry import load_metric
from wespe_bench.suites import RunSuite, run_suite
from wespe_bench.types import Metric, Sample

METRICS = ("psnr", "ssim", "entropy", "bpp")


def brighter(image: np.ndarray) -> np.ndarray:
    return image / np.float32(255) * 1.5


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
    # The old result is of a photo that has changed: no table shows it, and a note says so.
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


def test_references_that_other_decoders_read_are_scored_again(
    photos: Path, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = load_dataset("folder", input=photos, reference=references)
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    before = score(run, ["psnr", "entropy"], quiet=True)
    read_photo = images.read_photo

    def brighter_by_a_level(source: bytes, *, name: str = "") -> images.Photo:
        photo = read_photo(source, name=name)
        return dataclasses.replace(photo, pixels=np.minimum(photo.pixels, 254) + np.uint8(1))

    monkeypatch.setattr(images, "read_photo", brighter_by_a_level)
    monkeypatch.setattr(images, "reader_version", lambda: "another")
    parts = len(list((run.folder / "scores").iterdir()))
    after = score(run, ["psnr", "entropy"], quiet=True)
    moved = before.merge(after, on=["sample", "metric"]).query("value_x != value_y")
    assert sorted(zip(moved["sample"], moved["metric"], strict=True)) == [
        (f"img{n}", "psnr") for n in range(1, 7)
    ]
    written = [parts for _, parts in sorted(store.store_files.numbered(run.folder / "scores"))][
        parts:
    ]
    assert {row for path in written for row in pd.read_parquet(path)["metric"]} == {"psnr"}
    # From now on they are kept.
    monkeypatch.setattr(images, "read_photo", read_photo)
    assert rows(score(run, ["psnr", "entropy"], quiet=True)) == rows(after)
    # What the decoders make of the photos themselves is part of the enhancer's fingerprint.
    assert enhance("identity", dataset, tmp_path / "run", quiet=True).done == 6


def test_new_metric_version_is_rescored(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wespe_bench.metrics import entropy

    enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    score(tmp_path / "run", ["entropy"], quiet=True)
    newer = dataclasses.replace(entropy.ENTROPY, version="2", compute=lambda *a, **k: 1.0)
    monkeypatch.setattr(entropy, "ENTROPY", newer)
    scores = score(tmp_path / "run", ["entropy"], quiet=True)
    assert scores["metric_version"].tolist() == ["2"] * 6
    assert scores["value"].tolist() == [1.0] * 6


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


def test_identical_photos_score_infinity(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "same")
    dataset = load_dataset("folder", input=photos, reference=tmp_path / "same")
    said = r"^photos: 6 of 6 references are their photo, byte for byte \(img1, \.\.\.\)"
    with pytest.warns(UserWarning, match=said):
        run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    assert (score(run, ["psnr"], quiet=True)["value"] == math.inf).all()


def test_edited_result_is_not_scored(photos: Path, tmp_path: Path) -> None:
    run = enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    write_png(run.folder / "images" / "img1.png", np.zeros((24, 32, 3), np.uint8))
    assert set(score(run, ["entropy"], quiet=True)["sample"]) == {f"img{n}" for n in range(2, 7)}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)), shards=st.integers(1, 3))
def test_order_and_shards_do_not_matter(
    photos: Path,
    references: Path,
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    shards: int,
) -> None:
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
    rng = np.random.default_rng(4)
    for number in range(70):
        side = 20 if number % 4 else 23
        for folder in ("in", "ref"):
            image = rng.integers(0, 256, (20, side, 3), np.uint8)
            write_png(tmp_path / folder / f"{number}.png", image)
    dataset = load_dataset("folder", input=tmp_path / "in", reference=tmp_path / "ref")
    run = enhance("identity", dataset, tmp_path / "run", quiet=True)
    names = ("psnr", "ssim", "ms_ssim", "ssim_rgb", "entropy")
    monkeypatch.setattr("wespe_bench.engines.chunk_of", lambda files, count: 16)
    batched = rows(score(run, names, quiet=True))
    monkeypatch.setattr("wespe_bench.engines.chunk_of", lambda files, count: 1)
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


def _failing(image: np.ndarray, **_: object) -> float:
    raise ModuleNotFoundError("No module named 'lpips'")


def _prepare() -> None:
    raise InputError("its weights are not downloaded")


CANNOT = Metric("cannot", "1", "", True, False, _failing)
UNPREPARED = Metric("unprepared", "1", "", True, False, _failing, prepare=_prepare)


@pytest.mark.parametrize("jobs", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("CANNOT", "the metric cannot cannot work here: .*'lpips'; what is done is kept"),
        ("UNPREPARED", "^its weights are not downloaded$"),
    ],
)
def test_a_metric_that_cannot_work_fails_once(
    photos: Path, tmp_path: Path, metric: str, reason: str, jobs: int
) -> None:
    run = enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match=reason):
        score(run, [f"{__name__}:{metric}"], jobs=jobs, quiet=True)
    assert store.load_failures(run.folder).empty
    assert store.load(run.folder, "scores").empty


def test_run_prepares_its_metrics_before_it_enhances(photos: Path, tmp_path: Path) -> None:
    config = RunSuite(
        enhancers=("identity",),
        input=str(photos),
        metrics=(f"{__name__}:UNPREPARED",),
        out=str(tmp_path / "out"),
        jobs=0,
    )
    with pytest.raises(InputError, match="not downloaded"):
        run_suite(config)
    assert not (tmp_path / "out").exists()


NO_DIRECTION = Metric("nodir", "1", "", None, False, _failing)


def test_a_metric_says_which_way_is_better() -> None:
    with pytest.raises(InputError, match="higher_is_better must be True or False"):
        load_metric(f"{__name__}:NO_DIRECTION")
