"""A folder of generators: each photo goes to its own phone's, and what is unclear is said."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from reference_models.dped import importer
from tests.conftest import Command
from tests.oracles import bundle
from wespe_bench import enhance, load_dataset, score
from wespe_bench.errors import InputError
from wespe_bench.images import quantize, read_rgb, write_png
from wespe_bench.registry import load_enhancer
from wespe_bench.types import Sample

PHONES = ("iphone", "blackberry", "sony")


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """Three generators that differ in one bias."""
    folder = tmp_path / "official"
    for number, phone in enumerate(PHONES):
        tensors = bundle.tiny()
        tensors["generator/b1"] = tensors["generator/b1"] + number
        bundle.write(tmp_path / f"{phone}_orig", tensors)
        importer.convert(tmp_path / f"{phone}_orig", folder / f"{phone}.safetensors")
    return folder


def _photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)


def test_each_photo_is_enhanced_by_its_phones_generator(
    official: Path, tmp_path: Path, verb: Command
) -> None:
    for number, name in enumerate(("iphone_1", "BlackBerry/2", "a/sony-3")):
        write_png(tmp_path / "photos" / f"{name}.png", _photo(number))
    argv = ("enhance", "Each=dped:official?device=cpu", "--input", "photos", "--out", "out")
    result = verb(*argv, "--jobs", "1")
    assert result.returncode == 0, result.stderr
    for number, (name, phone) in enumerate(
        (("iphone_1", "iphone"), ("BlackBerry/2", "blackberry"), ("a/sony-3", "sony"))
    ):
        alone = load_enhancer(f"dped:{official / phone}.safetensors?device=cpu")
        found = read_rgb(tmp_path / "out" / "images" / f"{name}.png")
        assert (found == quantize(alone(_photo(number)))).all()


def test_the_folder_of_a_data_set_and_camera_say_it_where_ids_do_not(official: Path) -> None:
    enhancer = load_enhancer(f"dped:{official}?device=cpu")
    for sample, phone in (
        (Sample("x/1", Path("photos/sony_full/x/1.png")), "sony"),
        (Sample("iphone/1", Path("sony/iphone/1.png")), "iphone"),
        (Sample("blackberry/test/1", Path("1.png")), "blackberry"),
    ):
        assert enhancer.camera_of(sample) == phone
    unclear = Sample("1", Path("sony/photos/1.png"))  # a folder further up counts for nothing
    with pytest.raises(InputError, match="name no phone"):
        enhancer.camera_of(unclear)
    with pytest.raises(InputError, match="name iphone and sony"):
        enhancer.camera_of(Sample("iphone_sony", Path("x/1.png")))
    stated = load_enhancer(f"dped:{official}?device=cpu&camera=sony")
    assert stated.camera_of(unclear) == "sony"
    assert stated.fingerprint != enhancer.fingerprint
    alone = load_enhancer(f"dped:{official / 'sony.safetensors'}?device=cpu")
    assert (stated(_photo(1)) == alone(_photo(1))).all()
    with pytest.raises(InputError, match=r"say \?camera=iphone"):
        enhancer(_photo(1))


def test_photos_of_no_known_phone_are_refused_before_any_is_enhanced(
    official: Path, tmp_path: Path, verb: Command
) -> None:
    for number, name in enumerate(("iphone_1", "x", "y")):
        write_png(tmp_path / "photos" / f"{name}.png", _photo(number))
    argv = ("enhance", "dped:official", "--input", "photos", "--out", "out")
    result = verb(*argv)
    assert result.returncode == 2
    said = re.sub(r"\s+", " ", result.stderr)
    assert "x: its id and folder name no phone" in said
    assert "(and 1 more photos)" in said
    assert not (tmp_path / "out" / "images").exists()


def test_folders_that_are_not_a_generator_for_each_phone(official: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.safetensors in it"):
        load_enhancer(f"dped:{tmp_path / 'empty'}")
    with pytest.raises(InputError, match="import its bundles first") as said:
        load_enhancer(f"dped:{tmp_path}")
    loop = str(said.value).partition("import its bundles first: ")[2]
    lines = subprocess.check_output(["sh", "-c", loop.replace("do wespe", "do echo wespe")])
    assert lines.decode().splitlines() == [
        f"wespe-bench import dped {tmp_path}/{phone}_orig --out {tmp_path}/{phone}_orig.safetensors"
        for phone in sorted(PHONES)
    ]
    with pytest.raises(InputError, match="no generator for canon, which camera= names"):
        load_enhancer(f"dped:{official}?camera=canon")
    with pytest.raises(InputError, match="nothing after camera=; give a value"):
        load_enhancer(f"dped:{official}?camera=")
    two = Sample("iphone-sony", Path("x/iphone-sony.png"))
    for camera, hint in (("", "; rename it, or say"), ("&camera=sony", "; rename it")):
        with pytest.raises(InputError) as error:
            load_enhancer(f"dped:{official}?device=cpu{camera}").camera_of(two)
        assert hint in str(error.value)
        assert ("?camera=" in str(error.value)) is not bool(camera)
    (official / "sony.safetensors").unlink()
    few = load_enhancer(f"dped:{official}?device=cpu")
    with pytest.raises(InputError, match="has no generator for sony photos"):
        few.camera_of(Sample("sony", Path("x/sony.png")))
    with pytest.raises(InputError, match="no generator for sony, which camera= names"):
        load_enhancer(f"dped:{official}?device=cpu&camera=sony")
    bundle.write(tmp_path / "nameless", bundle.tiny())
    importer.convert(tmp_path / "nameless", official / "other.safetensors", camera="iphone")
    with pytest.raises(InputError, match=r"other\.safetensors are both for iphone"):
        load_enhancer(f"dped:{official}?device=cpu")
    importer.convert(tmp_path / "nameless", official / "other.safetensors")
    with pytest.raises(InputError, match="it is for unknown photos; a folder of"):
        load_enhancer(f"dped:{official}?device=cpu")


def test_a_folder_called_demo_does_not_hide_the_shipped_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_enhancer("dped:demo?device=cpu").checkpoint.name == "demo.safetensors"
    with pytest.raises(InputError, match="nothing after the colon"):
        load_enhancer("dped:?device=cpu")


@pytest.mark.slow
@pytest.mark.shared_data
def test_a_mixed_folder_of_real_pairs(shared: Path, tmp_path: Path) -> None:
    """Each phone's own network; the iPhone's on all three is 2.1 dB lower."""
    for phone in PHONES:
        prefix = shared / "dped/models_orig" / f"{phone}_orig"
        importer.convert(prefix, tmp_path / "official" / f"{phone}.safetensors")
    dataset = load_dataset(
        "folder",
        input=shared / "dped/patches",
        reference=shared / "dped/patches",
        input_suffix="_phone",
        reference_suffix="_dslr",
    )
    run = enhance(f"dped:{tmp_path / 'official'}?device=cpu", dataset, tmp_path / "run")
    # As published per phone (`test_dped_enhancer.PAIRS`), weighted by 6, 3 and 2 pairs.
    assert score(run, ["psnr"])["value"].mean() == pytest.approx(22.163, abs=5e-3)
