from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.wespe_bench.study.studies import SIZE, make_run, make_study
from wespe_bench import store
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.provenance import sha256_bytes
from wespe_bench.run import Run, open_runs
from wespe_bench.study import database, manifest
from wespe_bench.study.build import build, damaged
from wespe_bench.study.register import Register
from wespe_bench.study.sampling import Pair, choose
from wespe_bench.study.static import write_static


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("place") / "runs"
    for dataset in ("iphone", "kitti"):
        make_run(root, dataset, "WESPE", 5, 100)
        make_run(root, dataset, "APE", 5, 50)
    return root


def picked(runs: Path, rivals: tuple[str, ...] = ("original", "APE"), **options: int) -> list[Pair]:
    return choose(open_runs(runs).found, "WESPE", rivals, **{"images": 3, **options})


def test_build_and_static_by_command(command: Command, runs: Path, tmp_path: Path) -> None:
    arguments = ["study", "build", "--runs", runs, "--method", "WESPE", "--rivals", "original"]
    arguments += ["APE", "--images", "3", "--checks", "2", "--static", "--jobs", "1"]
    result = command(*arguments)
    assert result.returncode == 0, result.stderr
    assert "14 questions" in result.stdout
    study = manifest.read(tmp_path / "study")
    assert sum(question.check == "second" for question in study.questions) == 2
    by_method = {p.method: name for name, p in study.pictures.items()}
    assert set(by_method) == {"original", "APE", "WESPE", "damaged"}
    # What is shown is what is scored, to the pixel.
    for name, picture in study.pictures.items():
        shown = read_rgb(tmp_path / f"study/tiles/{name}/0/0_0.png")
        if picture.method in ("APE", "WESPE"):
            assert (shown == (50 if picture.method == "APE" else 100)).all()
        if picture.method == "original":
            number = int(picture.sample.split("/")[1])
            photo = read_rgb(runs / "photos" / picture.dataset / f"{number}.png")
            assert (shown == photo).all()
    # Nothing that a rater gets names a method, a data set or a file.
    static = tmp_path / "study" / "static"
    text = (static / "study-data.js").read_text()
    options = json.loads(text.removeprefix("window.STUDY = ").removesuffix(";\n"))
    assert options["revision"] == study.revision
    assert {q["id"] for q in options["questions"]} == {q.id for q in study.questions}
    assert not any(w in text for w in ("WESPE", "APE", "iphone", "kitti", "check", "damaged"))
    names = {path.name for path in static.rglob("*")}
    assert not names & {"study.json", "secret.json", "votes.sqlite"}
    assert {path.name for path in (static / "tiles").iterdir()} == set(study.pictures)
    assert (tmp_path / "study/secret.json").stat().st_mode & 0o077 == 0
    assert not [name for name in names if name.endswith((".tmp", ".part"))]


def test_photos_are_drawn_by_seed_and_not_by_rivals(runs: Path) -> None:
    one, two = picked(runs), picked(runs, ("APE",))
    photos = [[(p.second.dataset, p.second.sample) for p in pairs] for pairs in (one, two)]
    assert photos[0][::2] == photos[1]
    assert len(set(photos[1])) == 6
    others = {tuple(p.second.sample for p in picked(runs, seed=seed)) for seed in range(5)}
    assert len(others) > 1
    assert picked(runs, seed=3) == picked(runs, seed=3)


def test_resumes_and_keeps_its_ids(runs: Path, tmp_path: Path) -> None:
    out, pairs = tmp_path / "study", picked(runs)
    first = build(pairs, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("0_0.png")}
    lost = next(iter(first.pictures))
    (out / "tiles" / lost / "0" / "0_0.png").unlink()
    (out / "tiles" / lost / "0").rmdir()
    (out / "tiles" / lost).rmdir()
    (out / "study.json").unlink()  # as a kill before the end leaves it
    assert build(pairs, out) == first == manifest.read(out)
    for path, time in times.items():
        assert (path.stat().st_mtime_ns == time) == (lost not in path.parts)
    # Other pictures: those of before go, the rest stays.
    again = build(pairs[:2], out)
    assert {path.name for path in (out / "tiles").iterdir()} == set(again.pictures)
    # Ids follow from a secret: another study of the same pairs has others.
    assert not set(build(pairs, tmp_path / "other").pictures) & set(first.pictures)


@pytest.mark.parametrize(
    ("method", "rivals", "options", "said"),
    [
        ("WESPA", ("original",), {}, "no run of 'WESPA'; methods there: APE, WESPE"),
        ("WESPE", ("APA",), {}, "no run of 'APA'"),
        ("WESPE", ("orginal",), {}, "did you mean 'original'"),
        ("WESPE", ("WESPE",), {}, "not the --method itself"),
        ("WESPE", ("APE", "APE"), {}, "each once"),
        ("original", ("APE",), {}, "are no methods"),
        ("WESPE", ("damaged",), {}, "are no methods"),
        ("WESPE", ("APE",), {"images": 9}, "iphone: 5 photos"),
        ("WESPE", ("APE",), {"checks": 99}, "--checks 99"),
    ],
)
def test_options_out_of_range(
    runs: Path, method: str, rivals: tuple[str, ...], options: dict[str, int], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        choose(open_runs(runs).found, method, rivals, **{"images": 2, **options})


def test_runs_that_do_not_fit(runs: Path, tmp_path: Path) -> None:
    again = make_run(tmp_path / "again", "kitti", "APE", 5, 50)
    with pytest.raises(InputError, match="two runs of 'APE' on kitti"):
        choose([*open_runs(runs).found, Run(again)], "WESPE", ["APE"], images=2)
    only = make_run(tmp_path / "more", "sony", "WESPE", 5, 100)
    with pytest.raises(InputError, match="sony: no run of 'APE'"):
        choose([*open_runs(runs / "iphone").found, Run(only)], "WESPE", ["APE"], images=2)
    # The same ids, other photos.
    shifted = make_run(tmp_path / "other", "iphone", "APE", 5, 50)
    rows = store.records(store.load_samples(shifted))
    store.write_samples(shifted, [row | {"sha256": "0" * 64} for row in rows])
    with pytest.raises(InputError, match="is another photo"):
        choose([Run(runs / "iphone" / "WESPE"), Run(shifted)], "WESPE", ["APE"], images=2)


def test_changed_missing_or_unequal_pictures(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    pairs = picked(tmp_path / "runs", ("APE",))
    path = tmp_path / "wide.png"
    sha256 = sha256_bytes(write_png(path, np.zeros((SIZE[0], SIZE[1] + 1, 3), np.uint8)))
    wide = replace(pairs[0].first, path=path, sha256=sha256)
    with pytest.raises(InputError, match="a pair has one size"):
        build([Pair(wide, pairs[0].second)], tmp_path / "sizes")
    write_png(pairs[0].first.path, np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(InputError, match="changed since its run"):
        build(pairs, tmp_path / "study")
    pairs[0].first.path.unlink()
    with pytest.raises(InputError, match=r"No such file.*the same command resumes"):
        build(pairs, tmp_path / "study")


def test_a_study_with_votes_is_not_changed(tmp_path: Path, runs: Path) -> None:
    pairs = picked(runs)
    out = tmp_path / "study"
    study = build(pairs, out, title="Which?")
    connection = database.connect(out, study)
    with database.transaction(connection):
        Register(connection, study).begin("x" * 22)
    connection.close()
    assert build(pairs, out, title="Which?") == study
    for other in ({"seed": 1, "title": "Which?"}, {"title": "What?"}):
        with pytest.raises(InputError, match="has votes of another study"):
            build(pairs, out, **other)
    with pytest.raises(InputError, match="has votes of another study"):
        build(pairs[:-1], out, title="Which?")
    assert manifest.read(out) == study
    # Lost or edited, it comes back from the same pairs, and from no others.
    (out / "study.json").write_text("{}")
    with pytest.raises(InputError, match="edited after voting began"):
        build(pairs[:-1], out, title="Which?")
    assert build(pairs, out, title="Which?") == study == manifest.read(out)


def test_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"holds thesis\.tex, not made here"):
        make_study(tmp_path)


def test_bad_arguments_are_one_line(verb: Command, tmp_path: Path) -> None:
    for arguments in (["--images", "0", "--runs", ".", "--method", "m"], ["--runs", "nowhere"]):
        result = verb("study", "build", *arguments)
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith("wespe-bench: error: ")
    assert not (tmp_path / "study").exists()


def test_the_damaged_copy_is_worse(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    worse = damaged(image)
    assert worse.shape == image.shape and worse.dtype == np.uint8
    assert worse.std() < image.std() / 3


def test_static_page(tmp_path: Path) -> None:
    folder, study = make_study(tmp_path)
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<head><!-- study-data --></head>")
    (page / "main.js").write_text("1")
    for _ in range(2):
        out = write_static(folder, study, page)
    assert '<script src="study-data.js"></script>' in (out / "index.html").read_text()
    assert (out / "page" / "main.js").read_text() == "1"
    assert not (out / "page" / "index.html").exists()
