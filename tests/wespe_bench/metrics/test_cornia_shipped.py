"""The model that ships: what its card says is so, and it orders real distorted photos."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import cornia as oracle
from wespe_bench.cornia import synthetic
from wespe_bench.cornia.outputs import readable
from wespe_bench.cornia.regression import srocc
from wespe_bench.datasets.samples import FIT, TEST
from wespe_bench.doctor import golden_pair
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.metrics import cornia, hosa
from wespe_bench.registry import load_metric

FOLDER = Path(cornia.__file__).parent


def test_card_and_record_agree_with_the_file() -> None:
    model = cornia.shipped()
    record = load_metric("cornia")
    card = model.card
    assert len(model.words) == card["words"] == 1000
    assert (FOLDER / cornia.SHIPPED).stat().st_size < 2**20
    assert record.title == card["title"] == "own CORNIA model"
    assert (record.unit, record.higher_is_better) == (card["unit"], card["higher_is_better"])
    # The file itself, whose hash is in the version, calls the scale "to 100"; scores go beyond.
    assert b"own scale from 0 (pristine) to 100;" in (FOLDER / cornia.SHIPPED).read_bytes()
    assert record.summary == card["summary"]
    assert record.summary.startswith("own scale: about 0 (pristine) to 100 and above; ")
    assert load_metric(f"cornia:{FOLDER / cornia.SHIPPED}").summary == record.summary
    assert f"on {card['photos']} photos" in record.summary
    assert record.version == f"1+draws5+{model.sha256[:12]}"
    known = {key: card[key] for key in card if key not in ("kind", "format_version")}
    text = readable(cornia.SHIPPED, known, model.sha256, "")
    assert set(text.splitlines()) <= set((FOLDER / "cornia.md").read_text().splitlines())
    # Only the half that may be fitted on was seen.
    names = {Path(name).stem for name in card["sources"]}
    assert names == set(FIT)
    assert not names & set(TEST)
    assert card["photos"] == len(FIT)
    assert card["images"] == len(FIT) * (1 + 5 * len(card["distortions"]))
    assert np.linalg.norm(model.words, axis=1) == pytest.approx(np.ones(1000), abs=1e-6)


@pytest.mark.long
def test_the_recorded_command_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wespe_bench.cli import main

    shipped = cornia.shipped()
    command = shlex.split(shipped.card["command"])
    assert command[0] == "wespe-bench"
    monkeypatch.chdir(tmp_path)
    assert main(command[1:]) == 0
    again = cornia.read(tmp_path / cornia.SHIPPED)
    if again.card["versions"] == shipped.card["versions"]:
        assert again.sha256 == shipped.sha256
    image = golden_pair()[0]
    value = cornia.cornia(image, model=again)["value"]
    assert value == pytest.approx(cornia.cornia(image)["value"], abs=3)


def test_golden_value_is_the_oracles() -> None:
    image = golden_pair()[0]
    model = cornia.shipped()
    found = oracle.features(
        image, oracle.all_corners(image), model.words, model.mean, model.whitening
    )
    expected = oracle.score(found, model.low, model.high, model.weights, model.bias)
    assert load_metric("cornia").golden == (
        load_metric("cornia").version,
        pytest.approx(expected, abs=1e-9),
    )


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cornia.shipped.cache_clear()
    monkeypatch.setattr(cornia, "SHIPPED_SHA256", "0" * 64)
    with pytest.raises(InputError, match="install wespe-bench again"):
        cornia.shipped()
    cornia.shipped.cache_clear()


def test_stronger_distortions_of_an_unseen_photo_score_worse() -> None:
    import skimage

    image = read_rgb(Path(skimage.__file__).parent / TEST["astronaut"][1])
    pristine = cornia.cornia(image)["value"]
    for kind in ("blur", "noise", "jpeg"):
        mild, strong = (
            cornia.cornia(synthetic.distort(image, kind, level))["value"] for level in (2, 4)
        )
        assert pristine < mild < strong, kind


@pytest.mark.slow
@pytest.mark.shared_data
def test_every_one_of_ten_photos_is_ordered(shared: Path) -> None:
    """Strength 0, 2 and 4 of 5; at steps of 1 the mildest blur is not seen (see the README)."""
    for path in sorted((shared / "hq" / "kodak24").glob("*.png"))[:10]:
        image = read_rgb(path)
        pristine = cornia.cornia(image)["value"]
        for kind in ("blur", "noise", "jpeg"):
            mild, strong = (
                cornia.cornia(synthetic.distort(image, kind, level))["value"] for level in (2, 4)
            )
            assert pristine < mild < strong, (path.name, kind)


@pytest.mark.shared_data
def test_a_tid2013_image_scores_worse_than_its_reference(shared: Path) -> None:
    reference, noisy = (
        cornia.cornia(read_rgb(shared / "iqa" / name)) for name in ("I01.BMP", "i01_01_5.bmp")
    )
    assert noisy["value"] > reference["value"] + 3 * max(noisy["spread"], reference["spread"])


@pytest.mark.long
@pytest.mark.shared_data
def test_rank_correlation_with_hosa_stays_above_its_floor(
    shared: Path, hosa_model: hosa.Model
) -> None:
    """Ten unseen photos, 36 versions each; 0.818 when the model was made."""
    ours, theirs = [], []
    for path in sorted((shared / "hq" / "kodak24").glob("*.png"))[:10]:
        clean = synthetic.read_clean(path)
        for version in synthetic.versions(clean, 0, synthetic.kinds()):
            ours.append(cornia.cornia(version.image)["value"])
            theirs.append(hosa.hosa(version.image, model=hosa_model))
    assert srocc(np.array(ours), np.array(theirs)) > 0.80
