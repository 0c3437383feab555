"""``data make``: a paired data set from clean photos, the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from wespe_bench import load_dataset
from wespe_bench.datasets.simulator import Camera
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb, write_png
from wespe_bench.journal import Journal
from wespe_bench.prepare.make import make
from wespe_bench.provenance import sha256_bytes


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_pairs_and_manifest(command: Command, photos: Path, tmp_path: Path) -> None:
    write_png(photos / "sub" / "Ünï.png", np.full((20, 20, 3), 99, np.uint8))
    arguments = ["data", "make", "--input", photos, "--seed", "3", "--jpeg-quality", "70"]
    result = command(*arguments, "--out", "out", "--jobs", "2")
    assert result.returncode == 0, result.stderr
    assert "7 pairs made -> out" in result.stdout
    camera = Camera(seed=3, jpeg_quality=70)
    clean = read_rgb(photos / "sub" / "Ünï.png")
    taken = (tmp_path / "out" / "input" / "sub" / "Ünï.jpg").read_bytes()
    assert taken == camera.photograph(clean, "sub/Ünï")
    np.testing.assert_array_equal(
        read_rgb(tmp_path / "out" / "reference" / "sub" / "Ünï.png"), clean
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["camera"] == camera.describe()
    assert manifest["dataset"]["revision"] == load_dataset("folder", input=photos).revision
    assert [row["sample"] for row in manifest["samples"]][-1] == "sub/Ünï"
    pairs = load_dataset(
        "folder", input=tmp_path / "out" / "input", reference=tmp_path / "out" / "reference"
    )
    assert len(pairs) == 7
    # In one process, elsewhere: the same files. Another seed: others.
    assert command(*arguments, "--out", "again", "--jobs", "0").returncode == 0
    assert content(tmp_path / "again") == content(tmp_path / "out")
    result = command(*arguments, "--seed", "4", "--out", "out")
    assert result.returncode == 2
    assert "out was made with other settings or another seed" in result.stderr


def test_resumed_and_kept_up_to_date(photos: Path, tmp_path: Path) -> None:
    out, camera = tmp_path / "out", Camera(seed=1)
    assert make(load_dataset("folder", input=photos), out, camera) == (6, 0, [])
    whole = content(out)
    # Killed before the manifest: pairs without a row are made again, to the same bytes.
    rows = json.loads((out / "manifest.json").read_text())["samples"]
    (out / "manifest.json").unlink()
    from wespe_bench import provenance
    from wespe_bench.journal import Journal

    key = provenance.sha256_bytes(camera.describe().encode())[:12]
    Journal(out / f"journal-{key}").add(rows[:4])
    (out / "input" / "img2.jpg").write_bytes(b"half")
    assert make(load_dataset("folder", input=photos), out, camera) == (3, 3, [])
    assert content(out) == whole
    # A photo leaves, one changes, one breaks: no stale pair stays.
    (photos / "img1.png").unlink()
    write_png(photos / "img2.png", np.zeros((24, 32, 3), np.uint8))
    (photos / "img3.png").write_bytes(b"no photo")
    done, kept, failures = make(load_dataset("folder", input=photos), out, camera)
    assert (done, kept, [failure.sample for failure in failures]) == (1, 3, ["img3"])
    names = sorted(p.stem for p in (out / "input").iterdir())
    assert names == sorted(p.stem for p in (out / "reference").iterdir())
    assert names == ["img2", "img4", "img5", "img6"]


def test_less_noise_is_less_noise(photos: Path, tmp_path: Path) -> None:
    from wespe_bench.prepare.make import Make, camera_of

    assert camera_of(Make()) == Camera()
    quiet, loud = (camera_of(Make(noise=factor)) for factor in (0.0, 2.0))
    assert (quiet.shot_noise, quiet.read_noise) == (0, 0)
    assert loud.shot_noise == 4 * Camera().shot_noise
    assert loud.read_noise == 2 * Camera().read_noise


def test_the_camera_is_chosen_by_name(photos: Path, tmp_path: Path) -> None:
    from wespe_bench.datasets.local_camera import LocalCamera
    from wespe_bench.prepare.make import Make, camera_of

    camera = camera_of(Make(camera="local", seed=2, blur=1.0))
    assert camera == LocalCamera(seed=2, blur=1.0)
    make(load_dataset("folder", input=photos), tmp_path / "out", camera)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["camera"].startswith("simulated camera v2 {")


def test_broken_photos_are_named_and_the_others_made(
    verb: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "img4.png").write_bytes((photos / "img4.png").read_bytes()[:200])
    result = verb("data", "make", "--input", photos, "--out", "out")
    assert result.returncode == 3
    assert "5 pairs made -> out" in result.stdout
    assert "make out: img4: " in result.stderr
    assert "Traceback" not in result.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert list(manifest["left_out"]) == ["img4"]


def test_another_data_set_is_refused(photos: Path, references: Path, tmp_path: Path) -> None:
    out, camera = tmp_path / "out", Camera()
    make(load_dataset("folder", input=photos), out, camera)
    whole = content(out)
    with pytest.raises(InputError, match="out holds another data set; choose another --out"):
        make(load_dataset("folder", input=references), out, camera)
    # As it was killed before the manifest, too.
    journal = Journal(out / f"journal-{sha256_bytes(camera.describe().encode())[:12]}")
    journal.add(json.loads((out / "manifest.json").read_text())["samples"])
    (out / "manifest.json").unlink()
    with pytest.raises(InputError, match="holds another data set"):
        make(load_dataset("folder", input=references, name="photos"), out, camera)
    assert content(out).items() >= {k: v for k, v in whole.items() if k != "manifest.json"}.items()


def test_a_folder_named_like_a_jpeg(photos: Path, tmp_path: Path) -> None:
    write_png(photos / "img1.jpg" / "y.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(InputError, match=r"img1\.jpg/y\.png lies in a folder named like the JPEG"):
        make(load_dataset("folder", input=photos), tmp_path / "out", Camera())
    assert not (tmp_path / "out").exists()


def test_named_sets_are_not_written_into(photos: Path) -> None:
    for name in ("made", "a/b"):
        with pytest.raises(InputError, match="lies inside"):
            make(load_dataset(f"camera:{photos}"), photos / name, Camera())
    assert len(list(photos.iterdir())) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to photograph"),
        (["--input", "photos", "--out", "photos/made"], "lies inside photos"),
        (["--input", "photos", "--out", "mine"], "mine holds input, not made here"),
        (["--input", "photos", "--resolution", "0"], "--resolution 0.0"),
        (["--input", "photos", "--blur", "nan"], "--blur nan"),
        (["--input", "photos", "--jpeg-quality", "101"], "--jpeg-quality 101"),
        (["--input", "photos", "--noise", "-1"], "--noise -1.0"),
        (["--input", "photos", "--camera", "x"], "--camera x: expected one of global, local"),
        (["--input", "photos", "--camera", "local", "--resolution", "1"], "has no such setting"),
    ],
)
def test_mistakes_get_one_line(
    verb: Command, photos: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    write_png(tmp_path / "mine" / "input" / "a.png", np.zeros((4, 4, 3), np.uint8))
    result = verb("data", "make", *arguments)
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert words in line
