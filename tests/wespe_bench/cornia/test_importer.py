"""``import cornia`` and ``import hosa``: synthetic files of the authors' layout, and wrong ones."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from tests.conftest import Command
from tests.oracles import cornia as oracle
from wespe_bench import matlab as mat
from wespe_bench.cornia import importer
from wespe_bench.errors import InputError
from wespe_bench.metrics import cornia
from wespe_bench.registry import load_metric

WORDS, VECTORS = 5, 9


def release(seed: int = 0) -> dict[str, dict[str, Any]]:
    """Three files as CORNIA's authors lay them out, with few words and random numbers."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 1, 2 * WORDS)
    svm = {
        "Parameters": np.array([[4.0], [0.0], [3.0], [0.1], [0.0]]),
        "nr_class": 2.0,
        "totalSV": float(VECTORS),
        "rho": -31.5,
        "Label": np.empty((0, 0)),
        "ProbA": np.empty((0, 0)),
        "ProbB": np.empty((0, 0)),
        "nSV": np.empty((0, 0)),
        "sv_coef": rng.uniform(-1, 1, (VECTORS, 1)),
        "SVs": csc_matrix(rng.uniform(-1, 1, (VECTORS, 2 * WORDS))),
    }
    return {
        "CSIQ_codebook_BS7.mat": {"codebook0": rng.standard_normal((49, WORDS))},
        "CSIQ_whitening_param.mat": {
            "M": rng.normal(0, 0.1, (1, 49)),
            "P": np.eye(49) + rng.normal(0, 0.1, (49, 49)),
        },
        "LIVE_soft_svm_model.mat": {
            "soft_model": svm,
            "soft_scale_param": np.stack([low, low + rng.uniform(1, 9, 2 * WORDS)], axis=1),
        },
    }


def write(folder: Path, files: dict[str, dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, variables in files.items():
        savemat(folder / name, variables, do_compression=True)
    return folder


def test_imported_model_scores_as_libsvm_would(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = release()
    write(tmp_path / "release", files)
    result = command("import", "cornia", "release", "--out", "live.safetensors")
    assert result.returncode == 0, result.stderr
    assert "live.safetensors: CORNIA (not as released), 5 words" in result.stdout
    (warning,) = result.stderr.splitlines()
    assert "not the released CSIQ_codebook_BS7.mat, CSIQ_whitening_param.mat" in warning

    image = np.random.default_rng(4).integers(0, 256, (12, 15, 3), np.uint8)
    book = files["CSIQ_codebook_BS7.mat"]["codebook0"].T
    white, svm = files["CSIQ_whitening_param.mat"], files["LIVE_soft_svm_model.mat"]
    found = oracle.features(
        image,
        oracle.all_corners(image),
        book / np.sqrt((book**2).sum(axis=1, keepdims=True)),
        white["M"][0],
        white["P"],
    )
    low, high = svm["soft_scale_param"].T
    scaled = 2 * (found - low) / (high - low) - 1
    model = svm["soft_model"]
    kernels = model["SVs"].toarray() @ scaled
    expected = float(model["sv_coef"][:, 0] @ kernels - model["rho"])
    metric = load_metric(f"cornia:{tmp_path / 'live.safetensors'}")
    assert metric.compute(image)["value"] == pytest.approx(expected, abs=1e-10)
    assert (metric.unit, metric.higher_is_better) == ("LIVE DMOS", False)
    sha256 = cornia.read(tmp_path / "live.safetensors").sha256
    assert metric.title == f"CORNIA (not as released) live ({sha256[:6]})"
    assert sha256 in (tmp_path / "live.md").read_text()


def test_the_released_files_are_recognised_by_their_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    folder = write(tmp_path / "release", release())
    from wespe_bench.provenance import sha256_file

    known = {name: sha256_file(folder / name)[:12] for name in importer.CORNIA_FILES}
    monkeypatch.setattr(importer, "CORNIA_FILES", known)
    card = importer.convert_cornia(folder, tmp_path / "x.safetensors")
    assert card["title"] == "CORNIA (authors')"
    assert not recwarn.list


def test_same_files_same_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path / "release", release())
    for name in "ab":
        with pytest.warns(UserWarning, match="not the released"):
            importer.convert_cornia(folder, tmp_path / f"{name}.safetensors")
    a, b = (tmp_path / f"{name}.safetensors" for name in "ab")
    assert a.read_bytes() == b.read_bytes()


CODEBOOK, WHITENING, SVM = importer.CORNIA_FILES


RANGES = release()[SVM]["soft_scale_param"]


def _with(file: str, **change: Any) -> dict[str, Any]:
    """The release with other variables in one file; None takes a variable away."""
    files = release()
    variables = files[file] | change
    files[file] = {name: value for name, value in variables.items() if value is not None}
    return files


def _svm(**change: Any) -> dict[str, Any]:
    files = release()
    files[SVM]["soft_model"] |= change
    return files


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (_with(CODEBOOK, codebook0=None), r"no variable 'codebook0' \(there: none\)"),
        (_with(CODEBOOK, codebook0=np.ones((5, 49))), "codebook0 is 5x49, expected 49xn"),
        (_with(CODEBOOK, codebook0=np.zeros((49, 5))), "word of zeros"),
        (_with(CODEBOOK, codebook0="text"), "not a matrix of real numbers"),
        (_with(CODEBOOK, codebook0=np.full((49, 5), np.nan)), "not finite"),
        (_with(CODEBOOK, codebook0=np.ones((49, 6))), "scale_param is 10x2, expected 12x2"),
        (_with(WHITENING, M=np.ones((49, 1))), "M is 49x1, expected 1x49"),
        (_with(WHITENING, P=None), r"no variable 'P' \(there: M\)"),
        (_with(SVM, soft_model=np.eye(3)), "expected a struct with the field 'Parameters'"),
        (_with(SVM, soft_model={"rho": 1.0}), "the struct has no field 'Parameters'"),
        (_with(SVM, soft_scale_param=RANGES[:, ::-1]), "minima above their maxima"),
        (_svm(Parameters=np.array([[4.0], [2.0], [3.0], [0.1], [0.0]])), "type 4 with kernel 2"),
        (_svm(Parameters=np.array([[0.0], [0.0], [3.0], [0.1], [0.0]])), "type 0 with kernel 0"),
        (_svm(SVs=csc_matrix(np.ones((VECTORS, 3)))), r"SVs is 9x3, expected 9x10"),
        (_svm(sv_coef=np.ones((0, 1))), r"sv_coef is 0x1, expected nx1"),
        (_svm(rho=np.ones((1, 2))), "rho is 1x2, expected 1x1"),
        (
            _svm(sv_coef=np.full((VECTORS, 1), 1e308)),
            r"a photo's score is (nan|-?inf|-?[\d.]+e\+308);",
        ),
        (
            _svm(rho=1e308, sv_coef=np.full((VECTORS, 1), 1e305)),
            r"a photo's score is (nan|-?inf|-?[\d.]+e\+308);",
        ),
        (_with(CODEBOOK, codebook0=np.full((49, 5), 1e200)), "a word too long"),
        (_with(CODEBOOK, codebook0=np.full((49, 5), 1e-200)), "a word of zeros"),
        (
            _with(WHITENING, M=np.full((1, 49), 1e308)),
            r"a photo's score is (nan|-?inf|-?[\d.]+e\+308);",
        ),
        (_with(CODEBOOK, codebook0=csc_matrix((2_000_000, 500))), "codebook0 is 2000000x500"),
    ],
)
def test_another_layout(tmp_path: Path, files: dict[str, Any], complaint: str) -> None:
    folder = write(tmp_path / "release", files)
    with pytest.raises(InputError, match=complaint) as caught:
        importer.convert_cornia(folder, tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:66c4\n", "large-file pointer"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(600), "with the option -v7"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "HDF5"),
        (b"", "not a MATLAB .mat file"),
        (b"<html>404</html>", "not a MATLAB .mat file"),
        (b"MATLAB 5.0 MAT-file, Platform: PCWIN64" + bytes(40), "damaged, or cut short"),
        (None, "no such file"),
    ],
)
def test_no_mat_file(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    folder = write(tmp_path / "release", release())
    path = folder / SVM
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        importer.convert_cornia(folder, tmp_path / "x.safetensors")


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "path", "number"),
    [
        ("hosa_live_model.mat", ("hosa_live_model", "bias"), 1e308),
        ("codebook_hosa.mat", ("codebook_hosa", "centroid_cb"), 1e3),
    ],
)
def test_hosa_with_numbers_of_no_use(
    shared: Path, tmp_path: Path, file: str, path: tuple[str, str], number: float
) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    for name in importer.HOSA_FILES:
        (folder / name).write_bytes((shared / "cornia" / "hosa" / name).read_bytes())
    values = mat.read(folder / file)[path[0]]
    fields = {name: values.reshape(-1)[0][name] for name in values.dtype.names}
    fields[path[1]] = np.full_like(fields[path[1]], number, dtype=np.float64)
    savemat(folder / file, {path[0]: fields})
    with (
        pytest.warns(UserWarning, match="not the released"),
        pytest.raises(InputError, match=r"a photo's score is (nan|-?inf|-?[\d.]+e\+30\d);"),
    ):
        importer.convert_hosa(folder, tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_sparse_indices_that_lead_outside(tmp_path: Path) -> None:
    files = release()
    vectors = files[SVM]["soft_model"]["SVs"]
    vectors.indices[3] = 2**30
    folder = write(tmp_path / "release", files)
    with pytest.raises(InputError, match=f"{SVM}: soft_model.SVs is damaged"):
        importer.convert_cornia(folder, tmp_path / "x.safetensors")


@pytest.mark.parametrize("deflated", [True, False])
def test_cells_nested_very_deep(tmp_path: Path, deflated: bool) -> None:
    """In a file of their own making: `savemat` cannot write them."""
    folder = write(tmp_path / "release", release())
    flags = struct.pack("<IIII", 6, 8, 1, 0)  # a cell
    rest = struct.pack("<IIii", 5, 8, 1, 1) + struct.pack("<II", 1, 0)
    inside = b""
    for _ in range(20_000):
        inside = struct.pack("<II", 14, len(flags + rest + inside)) + flags + rest + inside
    name = struct.pack("<II", 1, 10) + b"soft_model".ljust(16, b"\0")
    body = flags + struct.pack("<IIii", 5, 8, 1, 1) + name + inside
    element = struct.pack("<II", 14, len(body)) + body
    if deflated:
        small = zlib.compress(element)
        element = struct.pack("<II", 15, len(small)) + small
    path = folder / SVM
    path.write_bytes(path.read_bytes()[:128] + element)
    with pytest.raises(InputError, match=r"damaged .arrays in arrays, 100 deep"):
        importer.convert_cornia(folder, tmp_path / "x.safetensors")


def test_other_variables_are_not_read(tmp_path: Path) -> None:
    files = release()
    files[CODEBOOK]["other"] = np.ones(3)
    folder = write(tmp_path / "release", files)
    found = mat.read(folder / CODEBOOK, ["codebook0"])
    assert list(found) == ["codebook0"]
    path = folder / CODEBOOK
    # Says that its numbers take 3 GB.
    numbers = struct.pack("<II", 9, 2**31 + 2**30)
    body = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 49, 2**23)
    body += struct.pack("<II", 1, 9) + b"codebook0".ljust(16, b"\0") + numbers
    small = zlib.compress(struct.pack("<II", 14, 2**32 - 8) + body)
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(small)) + small)
    with pytest.raises(InputError, match=r"damaged .an array of 3221225472 bytes"):
        mat.read(path, ["codebook0"])


def test_the_users_notes_stay(verb: Command, tmp_path: Path) -> None:
    write(tmp_path / "release", release())
    (tmp_path / "README.md").write_text("# My notes\n")
    result = verb("import", "cornia", "release", "--out", "README.safetensors")
    assert result.returncode == 2
    assert "its card would replace README.md" in result.stderr
    assert (tmp_path / "README.md").read_text() == "# My notes\n"
    for _ in range(2):  # its own card may be replaced
        assert verb("import", "cornia", "release", "--out", "x.safetensors").returncode == 0


def test_a_file_that_is_cut_anywhere_gives_one_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "release", release())
    whole = (folder / SVM).read_bytes()
    for length in range(0, len(whole) - 1, 97):
        (folder / SVM).write_bytes(whole[:length])
        with pytest.raises(InputError, match=SVM):
            importer.convert_cornia(folder, tmp_path / "x.safetensors")


def test_mistakes_get_one_line(verb: Command, tmp_path: Path) -> None:
    write(tmp_path / "release", release())
    for arguments, words in (
        (["cornia", "nowhere"], "no such folder: nowhere"),
        (["hosa", "nowhere"], "no such folder: nowhere"),
        (["cornia", "release", "--out", "x.mat"], "ends in .safetensors"),
        (["hosa", "release"], "codebook_hosa.mat: no such file"),
    ):
        result = verb("import", *arguments)
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert words in line


@pytest.mark.shared_data
def test_hosa_of_the_release(command: Command, verb: Command, shared: Path, tmp_path: Path) -> None:
    import os

    env = os.environ | {"WESPE_DATA": str(tmp_path / "data")}
    result = command("import", "hosa", shared / "cornia" / "hosa", env=env)
    assert result.returncode == 0, result.stderr
    assert "HOSA (authors'); score with --metrics hosa\n" in result.stdout
    assert not result.stderr
    result = verb("list", "metrics", env=env)
    assert "  hosa[:...] " in result.stdout


@pytest.mark.shared_data
def test_whitening_of_the_release(shared: Path, tmp_path: Path) -> None:
    """The one file of CORNIA's release at hand is recognised as theirs and read."""
    files = release()
    folder = write(tmp_path / "release", files)
    original = shared / "cornia" / "original_release" / WHITENING
    (folder / WHITENING).write_bytes(original.read_bytes())
    with pytest.warns(UserWarning, match=r"not the released CSIQ_codebook_BS7.mat, LIVE_soft"):
        importer.convert_cornia(folder, tmp_path / "x.safetensors")
    matrix = cornia.read(tmp_path / "x.safetensors").whitening
    assert np.abs(matrix - matrix.T).max() < 1e-15
    # SPEC 4.5: the direction that the mean takes away shows the 0.1 of the recipe.
    assert (1 / np.linalg.eigvalsh(matrix) ** 2).min() == pytest.approx(0.1, abs=1e-6)
