"""What a notebook shows of a run and a data set."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wespe_bench import enhance, load_enhancer, load_metric, metric, score
from wespe_bench.datasets import folder
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.runs import Run
from wespe_bench.strip import HEAD, SIDE


@pytest.fixture
def run(tmp_path: Path, photos: Path, references: Path) -> Run:
    dataset = folder.load(photos, references, name="a <b>")
    return enhance(lambda image: 255 - image, dataset, tmp_path / "run", label="Négatif <i>")


def test_a_strip_has_the_pixels_of_each_photo(run: Run, photos: Path, references: Path) -> None:
    shown = np.asarray(run.show(2))
    assert shown.shape == (HEAD + 2 * SIDE, 3 * SIDE, 3)
    for line, name in enumerate(("img1.png", "img2.png")):
        photo = read_rgb(photos / name)
        pictures = (photo, 255 - photo, read_rgb(references / name))
        for column, picture in enumerate(pictures):
            there = shown[HEAD + SIDE * line :, SIDE * column :][: SIDE - 2, : SIDE - 2]
            assert abs(float(there[:170, :230].mean()) - float(picture.mean())) < 2
    (photos / "img1.png").unlink()  # grey, where a file is gone
    assert (np.asarray(run.show(1))[HEAD : HEAD + 100, :100] == 211).all()


def test_a_notebook_shows_names_as_text_and_the_strip(run: Run) -> None:
    html = run._repr_html_()
    assert html.startswith("<p>Négatif &lt;i&gt; on a &lt;b&gt;</p>")
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (3 * SIDE, HEAD + 4 * SIDE)
    with pytest.raises(InputError, match="no photos to show"):
        run.show(0)


def test_scores_of_a_run(run: Run) -> None:
    assert score(run, ["psnr"], quiet=True).equals(run.scores())


def test_metrics_are_scored_as_objects_too(run: Run) -> None:
    metrics = [metric("psnr"), load_metric("entropy"), load_metric("psnr", shave=2)]
    scores = score(run, metrics, quiet=True)
    assert set(scores["metric"]) == {"psnr", "entropy", "psnr?shave=2"}
    mine = replace(load_metric("entropy"), name="mine")
    for odd in (mine, replace(mine, name="entropy", compute=lambda image, **_: 1.0)):
        with pytest.raises(InputError, match=r"another process could import.*'file.py:METRIC'"):
            score(run, [odd], quiet=True)
    with pytest.raises(InputError, match="expected a metric or its name, got int"):
        score(run, [3], quiet=True)


def test_pairs_are_decoded_one_at_a_time(photos: Path, references: Path) -> None:
    dataset = folder.load(photos, references)
    for sample, (photo, reference) in zip(dataset, dataset.pairs(), strict=True):
        assert sample.reference is not None and reference is not None
        assert np.array_equal(photo, np.asarray(Image.open(sample.path)))
        assert np.array_equal(reference, np.asarray(Image.open(sample.reference)))
    pairs = folder.load(photos).pairs()
    dataset[1].path.write_bytes(b"no photo")  # not looked at before it is asked for
    assert next(pairs)[1] is None
    with pytest.raises(InputError, match=dataset[1].path.name):
        next(pairs)


def test_options_are_what_follows_the_question_mark() -> None:
    assert load_metric("psnr", shave=4).name == "psnr?shave=4"
    assert load_enhancer("dped:demo", device="cpu").about == load_enhancer("dped:demo").about
    for name, options, line in (
        ("clahe", {"tiles": 4}, "'clahe' takes no options, and tiles is given"),
        ("math:sqrt", {"x": 1}, "'math:sqrt' takes no options"),
        ("dped:demo", {"devise": "cpu"}, "did you mean 'device'"),
    ):
        with pytest.raises(InputError, match=line):
            load_enhancer(name, **options)
    with pytest.raises(InputError, match="psnr does not take 'tiles=4'"):
        load_metric("psnr", tiles=4)


def test_a_data_set_is_a_sequence(photos: Path) -> None:
    dataset = folder.load(photos)
    assert [sample.id for sample in dataset] == [f"img{n}" for n in range(1, 7)]
    assert dataset[0].id == "img1" and dataset[-1].id == "img6"
    assert dataset[1:3] == dataset.samples[1:3]
