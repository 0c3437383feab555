"""What a run says of its photos' colours, and what it keeps when photos are read differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracles.photo_colours import profile, scene
from tests.oracles.photo_writers import by_pillow, exif, gama, integers, with_chunks
from wespe_bench import cli, enhance, images, load_dataset, store
from wespe_bench.scoring import score_runs

PIXELS = integers(scene(), 8)


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    """Four photos: one plain, two in Adobe RGB by EXIF, one with a broken profile."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    adobe = by_pillow(PIXELS, "JPEG", exif=exif(1, adobe=True))
    broken = by_pillow(PIXELS, "PNG", icc_profile=profile("Adobe RGB")[:200])
    for name, data in (
        ("plain.png", by_pillow(PIXELS, "PNG")),
        ("a.jpg", adobe),
        ("b.jpg", adobe),
        ("c.png", broken),
    ):
        (folder / name).write_bytes(data)
    return folder


def test_a_run_says_how_many_photos_were_converted_from_what(
    coloured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    for name in ("plain", "a", "b", "c"):
        data = by_pillow(PIXELS, "PNG")
        data = with_chunks(data, gama(1.8)) if name == "c" else data
        (truth / f"{name}.png").write_bytes(data)
    command = ["run", "--input", str(coloured), "--reference", str(truth), "--jobs", "0"]
    command += ["--enhancers", "identity", "grey_world", "--metrics", "psnr"]
    command += ["--out", str(tmp_path / "out")]
    assert cli.main(command) == 0
    photos = (
        "photos of mixed: 2 converted from Adobe RGB (EXIF); "
        "1 read as sRGB: broken (ICC profile) cannot be used"
    )
    said = capsys.readouterr().out
    assert photos in said
    assert "references of mixed: 1 converted from gamma 1.8 (gAMA)" in said
    # A run that is resumed says it of what it kept, and only once more.
    assert cli.main(command) == 0
    assert photos in capsys.readouterr().out


def test_another_reader_makes_results_stale(
    coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = load_dataset("folder", input=coloured)
    out = tmp_path / "run"
    assert enhance("identity", dataset, out, quiet=True).done == 4
    score_runs([out], ["entropy"], jobs=0, quiet=True)
    assert enhance("identity", dataset, out, quiet=True).kept == 4
    monkeypatch.setattr(images, "READER", images.READER + 1)
    assert enhance("identity", dataset, out, quiet=True).done == 4
    assert sum(store.read_run(out)["colours"].values()) == 3
    # The same bytes came out, so what was scored stands.
    assert score_runs([out], ["entropy"], jobs=0, quiet=True)[0].kept == 4
