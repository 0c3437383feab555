"""The verb ``doctor``: its golden values are the oracles', and drift is an error with a line."""

from __future__ import annotations

import hashlib
import importlib
import io
import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab, rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from tests.oracles import entropy as entropy_oracle
from tests.oracles import ms_ssim as ms_ssim_oracle
from tests.oracles import psnr as psnr_oracle
from tests.oracles import ssim as ssim_oracle
from tests.oracles.grey import grey
from wespe_bench import doctor, images
from wespe_bench.cli import call
from wespe_bench.doctor import golden_pair
from wespe_bench.metrics import precompile
from wespe_bench.metrics.ssim import SSIM
from wespe_bench.registry import METRICS, load_metric


def test_golden_values_are_what_the_oracles_give() -> None:
    image, reference = golden_pair()
    grey_pair = [np.array(grey(photo)) for photo in (image, reference)]
    channels = [ssim_oracle.terms(image[..., c], reference[..., c])[0] for c in range(3)]
    psnr, ms_ssim = psnr_oracle.psnr(image, reference), ms_ssim_oracle.ms_ssim(image, reference)
    expected = {
        "psnr": psnr,
        "psnr_pooled": psnr,
        "psnr_dped": psnr,
        "ssim": ssim_oracle.terms(*grey_pair)[0],
        "ssim_rgb": sum(channels) / 3,
        "ms_ssim": ms_ssim,
        "ms_ssim_dped": ms_ssim,
        "psnr_y": peak_signal_noise_ratio(
            *(rgb2ycbcr(photo)[..., 0] for photo in (reference, image)), data_range=255
        ),
        "delta_e": deltaE_ciede2000(rgb2lab(reference), rgb2lab(image)).mean(),
        "entropy": entropy_oracle.entropy(itertools.chain.from_iterable(grey(image))),
        "entropy_rgb": entropy_oracle.entropy(image.ravel().tolist()),
    }
    golden = {name: metric.golden for name in METRICS if (metric := load_metric(name)).golden}
    for name, value in expected.items():
        assert golden[name][1] == pytest.approx(value, abs=1e-10), name
    assert set(golden) - set(expected) == {"bpp", "bpp_pinned", "cornia"}


def change(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    """Replace fields of a metric's record."""
    module = importlib.import_module(f"wespe_bench.metrics.{name}")
    monkeypatch.setattr(module, name.upper(), replace(load_metric(name), **fields))


def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", []) == 0
    out, err = capsys.readouterr()
    assert "drift" not in err
    for word in ("numpy", "device", "JPEG decoder", "weights found", "psnr", "cornia", "tone:demo"):
        assert f" {word}" in out or f"\n{word}" in out
    assert out.endswith("all as it should be\n")


def test_a_drifted_metric_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch, "ssim", golden=("1", SSIM.golden[1] + 1e-9))
    assert call("doctor", []) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("wespe-bench: drift: ssim drifted: 0.7237300995")


def test_damaged_machine_code_is_named_and_is_no_drift(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = precompile.folder()
    assert kept is not None
    shutil.copytree(kept, tmp_path / kept.name)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    where = tmp_path / kept.name
    for name in ("psnr.ready", "old.code"):
        (where / name).write_bytes(b"damaged")

    def compile_again(metrics: object) -> None:
        shutil.copy(kept / "psnr.ready", where)

    monkeypatch.setattr(precompile, "finish", compile_again)
    assert call("doctor", []) == 0
    out, err = capsys.readouterr()
    start = f"wespe-bench: no drift, but a damaged file: {where}"
    assert err.splitlines() == [
        f"{start}/old.code: damaged; delete it",
        f"{start}/psnr.ready: was damaged; it is compiled again",
    ]
    assert "  machine code         kept\n" in out
    assert " !old.code" in out and out.endswith("all numbers are as they should be\n")
    (where / "psnr.ready").unlink()
    monkeypatch.setattr(precompile, "finish", lambda metrics: None)
    assert f"not kept: no room in {where}" in next(doctor.check_compiled()).found


def test_a_metric_that_fails_is_drift(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wespe_bench.metrics.entropy.bits", lambda counts: 1 / 0)
    assert call("doctor", []) == 3
    assert "drift: entropy fails: division by zero" in capsys.readouterr().err


def test_another_version_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch, "bpp", golden=("1+pillow1.0+zlib1.2", 0.0))
    assert call("doctor", []) == 0
    assert "not checked: the golden value is of version 1+pillow1.0" in capsys.readouterr().out


def test_shipped_curves_that_are_others_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from reference_models.tone import enhancer, files

    other = tmp_path / "x.safetensors"
    curves, card, _ = files.read(enhancer.SHIPPED)
    files.write(other, 255 - curves, card)
    monkeypatch.setattr(enhancer, "SHIPPED", other)
    (drifted,) = doctor.check_enhancers()
    assert drifted.drift.startswith("tone:demo drifted: pixels ")
    other.write_bytes(b"")
    (failed,) = doctor.check_enhancers()
    assert "tone:demo fails: " in failed.drift
    monkeypatch.undo()
    (fine,) = doctor.check_enhancers()
    assert not fine.drift


def test_a_drifted_decoder_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = images.read_rgb

    def off_by_one(source: Path) -> np.ndarray:
        return true(source) ^ np.uint8(1)

    monkeypatch.setattr(images, "read_rgb", off_by_one)
    assert call("doctor", []) == 3
    assert "drift: the JPEG decoder drifted: images/china.jpg" in capsys.readouterr().err


def test_another_packaged_photo_is_not_drift(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "PACKAGED_FILE", "0" * 64)
    assert call("doctor", []) == 0
    assert "not checked: this scikit-learn has another" in capsys.readouterr().out


def test_the_packaged_photo_is_what_pillow_decodes() -> None:
    """An independent way to the same pixels: no profile, no orientation, nothing to convert."""
    import sklearn.datasets

    data = (Path(sklearn.datasets.__file__).parent / doctor.PACKAGED).read_bytes()
    assert hashlib.sha256(data).hexdigest() == doctor.PACKAGED_FILE
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == doctor.PACKAGED_PIXELS


def test_weights_are_found_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "generator.safetensors").write_bytes(b"x" * 2_000_000)
    (tmp_path / "notes.txt").write_text("no weights")
    monkeypatch.setenv("WESPE_DATA", str(tmp_path))
    found = {check.name: check.found for check in doctor.weights()}
    assert "2.0 MB" in found["generator.safetensors"]
    assert "notes.txt" not in found
