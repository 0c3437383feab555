"""Data set x enhancer -> PNGs: what is kept, what is redone, what fails and how it is reported."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from wespe_bench import enhance, load_dataset, score, store
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.types import Sample


class UnsayableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def unsayable() -> None:
    raise UnsayableError


def surrogate() -> None:
    raise ValueError("\udcff")


def brighter(image: np.ndarray) -> np.ndarray:
    return image / np.float32(255) * 1.5


def test_a_wrong_name_among_several_leaves_nothing_behind(photos: Path, tmp_path: Path) -> None:
    from wespe_bench.enhancing import enhance_runs
    from wespe_bench.runs import Plan

    dataset = load_dataset("folder", input=photos)
    plans = [
        Plan(tmp_path / "runs" / label, label, spec, dataset, {})
        for label, spec in (("identity", "identity"), ("none", "onnx:none.onnx"))
    ]
    with pytest.raises(InputError, match=r"none\.onnx"):
        enhance_runs(plans, jobs=0, quiet=True)
    assert not (tmp_path / "runs").exists()


def test_edited_enhancer_is_run_again(photos: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    dataset = load_dataset("folder", input=photos)
    for shift in (10, 20):
        source.write_text(f"def enhance(image):\n    return image // 2 + {shift}\n")
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
    run = enhance(result, dataset, tmp_path / "run", label="bad", quiet=True)
    assert run.done == 0
    assert len(run.failures) == 6
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


def test_results_that_are_jpegs_are_remarked(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    for number, sample in enumerate(dataset.samples):
        target = tmp_path / "theirs" / f"{sample.id}.{'png' if number else 'JPG'}"
        target.parent.mkdir(exist_ok=True)
        Image.open(sample.path).save(target)
    with pytest.warns(UserWarning, match="1 of 6 results in theirs are JPEG files"):
        run = enhance(f"results:{tmp_path / 'theirs'}", dataset, tmp_path / "run", quiet=True)
    (line,) = json.loads((run.folder / "run.json").read_text())["warnings"]
    assert line.endswith(
        "their entropy and bpp are those of compressed photos, not of the method's"
    )


def test_folder_of_another_run_is_refused(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    enhance("identity", dataset, tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="holds 'identity' on 'photos'"):
        enhance("clahe", dataset, tmp_path / "run", quiet=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="is not empty and is no run folder"):
        enhance("clahe", dataset, tmp_path / "mine", quiet=True)


def test_stretch_imitates_the_first_release(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    run = enhance(brighter, dataset, tmp_path / "run", stretch=True, quiet=True)
    image = read_rgb(run.folder / "images" / "img1.png")
    assert (image.min(), image.max()) == (0, 255)
    plain = enhance(brighter, dataset, tmp_path / "plain", quiet=True)
    assert (read_rgb(plain.folder / "images" / "img1.png") != image).any()


def test_unreadable_photo_fails_alone(photos: Path, tmp_path: Path) -> None:
    (photos / "loop.png").symlink_to(photos / "loop.png")
    (photos / "gone.png").symlink_to(tmp_path / "nowhere.png")
    run = enhance("identity", load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    assert run.done == 6
    assert {failure.sample for failure in run.failures} == {"loop", "gone"}


def test_our_own_results_are_not_taken_for_photos(photos: Path) -> None:
    for _ in range(2):
        dataset = load_dataset("folder", input=photos)
        assert len(dataset) == 6
        enhance("identity", dataset, photos / "runs" / "identity", quiet=True)
        load_dataset("samples", data=photos / "data")


def test_lost_run_json_is_written_again(photos: Path, tmp_path: Path) -> None:
    dataset = load_dataset("folder", input=photos)
    enhance("identity", dataset, tmp_path / "run", quiet=True)
    (tmp_path / "run" / "run.json").unlink()
    again = enhance("identity", dataset, tmp_path / "run", quiet=True)
    assert (again.done, again.kept) == (0, 6)


def test_an_enhancer_that_cannot_work_ends_the_run_at_once(photos: Path, tmp_path: Path) -> None:
    from wespe_bench.enhancing import enhance_runs
    from wespe_bench.runs import Plan

    calls: list[str] = []

    def missing(image: np.ndarray) -> np.ndarray:
        calls.append("missing")
        raise ModuleNotFoundError("No module named 'timm'")

    def negative(image: np.ndarray) -> np.ndarray:
        calls.append("negative")
        return 255 - image

    dataset = load_dataset("folder", input=photos)
    plans = [Plan(tmp_path / f.__name__, f.__name__, f, dataset) for f in (negative, missing)]
    with pytest.raises(InputError, match=r"missing: the enhancer cannot work here: .*'timm'; what"):
        enhance_runs(plans, jobs=0, quiet=True)
    # Found by the first photo of each, not after all photos of the one before.
    assert calls == ["negative", "missing"]
    assert len(store.load(tmp_path / "negative", "enhanced")) == 1


def test_an_enhancer_that_has_worked_fails_one_photo_at_a_time(
    photos: Path, tmp_path: Path
) -> None:
    calls: list[int] = []

    def flaky(image: np.ndarray) -> np.ndarray:
        calls.append(0)
        if len(calls) == 3:
            raise ConnectionError("the service is busy")
        return image

    run = enhance(flaky, load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    assert (run.done, len(run.failures)) == (5, 1)


def test_what_many_photos_share_is_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from wespe_bench.runs import tell

    (photos / "img4.png").write_bytes(b"not a photo")

    def broken(image: np.ndarray) -> np.ndarray:
        raise ValueError("too small")

    run = enhance(broken, load_dataset("folder", input=photos), tmp_path / "run", quiet=True)
    assert len(run.failures) == 6
    assert tell(run.failures) == 3
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "wespe-bench: 6 failed:"
    (shared,) = [line for line in lines if "too small" in line]
    assert "5 photos (img1, img2, img3, ...): the enhancer failed: ValueError" in shared
    (alone,) = [line for line in lines if line != shared]
    assert ": img4: " in alone


@pytest.mark.parametrize("stated", [math.nan, math.inf, b"x", {1, 2}])
def test_what_run_json_cannot_hold_is_refused_by_its_name(
    stated: object, photos: Path, tmp_path: Path
) -> None:
    class Mine:
        about: ClassVar = {"parameters": stated}

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    dataset = load_dataset("folder", input=photos)
    with pytest.raises(InputError, match=r"its about has .* for 'parameters', which run.json"):
        enhance(Mine(), dataset, tmp_path / "run", label="mine", quiet=True)
    Mine.about = {"parameters": np.prod((3, 4)), "note": "small"}
    run = enhance(Mine(), dataset, tmp_path / "run", label="mine", quiet=True)
    found = json.loads((run.folder / "run.json").read_text())
    assert found["about"] == {"parameters": 12, "note": "small"}
