"""The real DPED pairs and iPhone photos, through the real entry point."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tests.conftest import Command
from wespe_bench.images import luma, read_rgb, write_png

pytestmark = pytest.mark.shared_data


@pytest.mark.slow
def test_the_eleven_pairs(verb: Command, shared: Path, tmp_path: Path) -> None:
    pairs = shared / "dped" / "patches"
    arguments = ["--input", pairs, "--reference", pairs, "--name", "dped_pairs"]
    arguments += ["--input-suffix", "_phone", "--reference-suffix", "_dslr"]
    result = verb("run", "--suite", "classical", *arguments, "--out", "out")
    assert result.returncode == 0, result.stderr
    assert "11 photos x 6 enhancers: 66 results new; 66 scored" in result.stdout
    assert verb("export", "scores", "out").returncode == 0
    frame = pd.read_csv(tmp_path / "out" / "scores.csv", dtype={"sample": str})
    assert len(frame) == 6 * 11 * 5
    identity = frame[frame["label"] == "identity"].set_index(["sample", "metric"])["value"]
    # SPEC and shared/README: the unprocessed pairs' mean, known to three decimals.
    assert identity.xs("psnr", level="metric").mean() == pytest.approx(18.116, abs=5e-4)
    for sample in {name for name, _ in identity.index}:
        phone = read_rgb(pairs / f"{sample}_phone.png")
        dslr = read_rgb(pairs / f"{sample}_dslr.png")
        assert identity[sample, "psnr"] == pytest.approx(
            peak_signal_noise_ratio(dslr, phone), abs=1e-12
        )
        expected = structural_similarity(
            luma(dslr),
            luma(phone),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        assert identity[sample, "ssim"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
def test_two_iphone_photos_without_reference(verb: Command, shared: Path, tmp_path: Path) -> None:
    for name in ("phone_0.png", "phone_4.png"):
        photo = read_rgb(shared / "dped" / "iphone_full" / name)
        write_png(tmp_path / "photos" / name, photo[-700:, -900:])
    result = verb("run", "--enhancers", "identity", "unsharp", "--input", "photos", "--out", "out")
    assert result.returncode == 0, result.stderr
    report = (tmp_path / "out" / "report.md").read_text()
    assert "PNG bpp" in report
    assert "PSNR" not in report  # no reference, so no column that would need one
