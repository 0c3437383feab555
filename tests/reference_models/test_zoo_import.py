"""`wespe-bench import` of the zoo's networks: what is none of theirs ends in one line."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Command
from tests.reference_models.test_zoo import NAMES, network_of, photo, released_files
from tests.verbs import one_line
from wespe_bench.errors import InputError
from wespe_bench.registry import load_enhancer


class _RanError(Exception):
    pass


def _run() -> None:
    raise _RanError


class _Hostile:
    def __reduce__(self) -> Any:
        return _run, ()


def test_bad_releases_end_in_one_line(verb: Command, tmp_path: Path) -> None:
    released_files(tmp_path, "zero_dce")
    released_files(tmp_path, "sci")
    released_files(tmp_path, "lut3d")
    good = (tmp_path / "zero_dce.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "page.pth").write_bytes(b"<html>Sign in to go on</html>")
    (tmp_path / "code.pth").write_bytes(pickle.dumps({"e_conv1.weight": _Hostile()}))
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(50_000_000))
    torch.save({"e_conv1.weight": 3}, tmp_path / "numbers.pth")
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    torch.save({"state_dict": {"x": torch.ones(2)}, "epoch": 3}, tmp_path / "whole_run.pth")
    state = torch.load(tmp_path / "zero_dce.pth", weights_only=True)
    state["e_conv3.bias"][2] = torch.nan
    torch.save(state, tmp_path / "nan.pth")
    torch.save({**state, "more": torch.ones(1)}, tmp_path / "more.pth")
    torch.save({name: part.int() for name, part in state.items()}, tmp_path / "whole.pth")
    for name, words in {
        "sci.pth": ["not weights of Zero-DCE", "e_conv1.weight is missing"],
        "cut.pth": ["not weights of Zero-DCE"],
        "empty.pth": ["not weights of Zero-DCE"],
        "page.pth": ["not weights of Zero-DCE"],
        "code.pth": ["not weights of Zero-DCE", "could run code"],
        "bomb.pth": ["would inflate to more than 50 times its size"],
        "numbers.pth": ["not weights of Zero-DCE"],
        "list.pth": ["holds a list"],
        "whole_run.pth": ["not weights of Zero-DCE; expected named tensors, as a state dict has"],
        "nan.pth": ["e_conv3.bias is not finite"],
        "more.pth": ["'more' is none of its tensors"],
        "whole.pth": ["not weights of Zero-DCE"],
        "none.pth": ["none.pth: no such file"],
        ".": ["not weights of Zero-DCE"],
    }.items():
        one_line(verb("import", "zero_dce", name, "--out", "x.safetensors"), *words)
        assert not (tmp_path / "x.safetensors").exists()
    one_line(verb("import", "lut3d", "LUTs.pth"), "1 files; expected 2: the tables and")
    one_line(verb("import", "zero_dce", "zero_dce.pth", "--out", "x.bin"), "ends in .safetensors")


def test_files_that_are_another_networks_are_named(verb: Command, tmp_path: Path) -> None:
    for name in NAMES:
        released_files(tmp_path, name)
    known = {
        "zero_dce.pth": "weights of Zero-DCE (import zero_dce)",
        "sci.pth": "weights of SCI (import sci)",
        "csrnet.pth": "weights of CSRNet (import csrnet)",
        "LUTs.pth": "the tables of Image-adaptive 3D LUT (import lut3d)",
        "classifier.pth": "the classifier of Image-adaptive 3D LUT (import lut3d)",
    }
    for name in ("zero_dce", "sci", "csrnet"):
        for file, words in known.items():
            if file != f"{name}.pth":
                one_line(verb("import", name, file), f"; {file} looks like {words}")
    one_line(
        verb("import", "lut3d", "classifier.pth", "LUTs.pth"),
        "not weights of Image-adaptive 3D LUT; classifier.pth looks like the classifier; "
        "LUTs.pth looks like the tables; give the tables first, then the classifier",
    )
    torch.save({"e_conv1.weight": torch.ones(3)}, tmp_path / "other.pth")
    result = verb("import", "sci", "other.pth")
    one_line(result, "not weights of SCI")
    assert "looks like" not in result.stderr


def test_a_network_saved_inside_dataparallel(tmp_path: Path) -> None:
    from reference_models.zoo.importer import convert

    files, _ = released_files(tmp_path, "sci")
    state = torch.load(files[0], weights_only=True)
    torch.save({f"module.{name}": part for name, part in state.items()}, tmp_path / "data.pth")
    for name, file in (("plain", files[0]), ("parallel", tmp_path / "data.pth")):
        convert(network_of("sci"), [file], tmp_path / f"{name}.safetensors")
    plain, parallel = (
        load_enhancer(f"sci:{tmp_path / f'{name}.safetensors'}") for name in ("plain", "parallel")
    )
    np.testing.assert_array_equal(plain(photo(9, 9)), parallel(photo(9, 9)))
    torch.save({"module.more": torch.ones(1), "x": torch.ones(1)}, tmp_path / "mixed.pth")
    with pytest.raises(InputError, match=r"enhance.in_conv.0.weight is missing"):
        convert(network_of("sci"), [tmp_path / "mixed.pth"], tmp_path / "x.safetensors")


@pytest.mark.shared_data
def test_files_of_two_releases_are_refused(shared: Path, tmp_path: Path, verb: Command) -> None:
    released = shared / "enhancers"
    for tables, classifier in (("", "_unpaired"), ("_unpaired", "")):
        files = (
            released / f"lut3d_LUTs{tables}.pth",
            released / f"lut3d_classifier{classifier}.pth",
        )
        result = verb("import", "lut3d", *files, "--out", tmp_path / "x.safetensors")
        one_line(result, "of two releases that do not belong together")
