"""Unpaired global tone matching: its definition, its files, its verb, its enhancer."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference_models import demo, photo_sets
from reference_models.tone import files, match
from reference_models.tone.enhancer import SHIPPED, ToneEnhancer
from reference_models.tone.train import TrainTone, train
from tests.conftest import Command
from tests.oracles import tone as oracle
from wespe_bench import tensors
from wespe_bench.errors import InputError
from wespe_bench.images import write_png
from wespe_bench.registry import load_enhancer


def _photos(seed: int, count: int, low: int = 0, high: int = 256) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 12, (count, 2))
    return [rng.integers(low, high, (*size, 3)).astype(np.uint8) for size in sizes]


def _counts(photos: list[np.ndarray]) -> np.ndarray:
    return np.sum([match.count_values(photo) for photo in photos], axis=0)


def _folder(path: Path, photos: list[np.ndarray]) -> Path:
    for number, photo in enumerate(photos):
        write_png(path / f"{number}.png", photo)
    return path


@pytest.mark.parametrize("model", match.MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_curves_are_those_of_the_definition(model: str, seed: int) -> None:
    source, target = _photos(seed, 3, 10 * seed, 140), _photos(seed + 50, 2, 40, 256 - 20 * seed)
    curves = match.fit(model, _counts(source), _counts(target))
    for channel in range(3):
        exact = np.clip(oracle.curve(model, source, target, channel), 0, 255)
        # Rounded to the nearest; a tie may fall either way in the last bits.
        assert np.abs(curves[channel] - exact).max() <= 0.5 + 1e-9


def test_a_hand_made_example() -> None:
    source = np.zeros((3, 256), np.int64)
    target = source.copy()
    source[:, [10, 30]], target[:, [100, 140]] = (3, 1), (1, 1)  # means 15, 120; 8.66, 20
    assert match.moments(source[0]) == (15.0, pytest.approx(75**0.5))
    assert match.fit("mean", source, target)[0, [0, 10, 30, 255]].tolist() == [0, 80, 240, 255]
    found = match.fit("mean_std", source, target)[1]
    assert found[[10, 15, 30]].tolist() == [108, 120, 155]
    # Of the source three quarters are at or below 10, of the target only half below 140.
    assert match.fit("histogram", source, target)[2, [0, 10, 30]].tolist() == [0, 140, 140]


_COUNTS = arrays(np.int64, (3, 256), elements=st.sampled_from([0, 0, 0, 1, 2, 50, 10**13])).map(
    lambda counts: counts + (np.arange(256) % 85 == 7)  # three values at least in each channel
)


@given(_COUNTS, _COUNTS, st.sampled_from(match.MODELS))
def test_curves_rise_and_equal_sets_are_left_as_they_are(
    source: np.ndarray, target: np.ndarray, model: str
) -> None:
    curves = match.fit(model, source, target)
    assert curves.dtype == np.uint8
    assert (np.diff(curves.astype(int), axis=1) >= 0).all()
    assert (match.fit(model, source, source) == np.arange(256)).all()
    assert (match.fit(model, 3 * source, 7 * target) == curves).all(), "shares count, not numbers"


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_counts_and_application_are_those_of_plain_loops(photo: np.ndarray) -> None:
    counts = match.count_values(photo)
    curves = np.random.default_rng(int(counts[0] @ np.arange(256))).integers(0, 256, (3, 256))
    curves = curves.astype(np.uint8)
    result = match.apply(curves, photo)
    for y, x, channel in np.ndindex(photo.shape):
        assert result[y, x, channel] == curves[channel, photo[y, x, channel]]
        assert (
            counts[channel, photo[y, x, channel]]
            == (photo[..., channel] == photo[y, x, channel]).sum()
        )
    assert counts.sum() == photo.size


def test_photos_taller_than_a_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    (photo,) = _photos(1, 1)
    curves = match.fit("mean", _counts([photo]), _counts(_photos(2, 2)))
    whole = match.apply(curves, photo)
    monkeypatch.setattr(match, "_STRIP", 2 * photo.shape[1])
    assert (match.apply(curves, photo) == whole).all()
    turned = np.ascontiguousarray(photo.transpose(1, 0, 2)).transpose(1, 0, 2)
    assert (match.apply(curves, turned) == whole).all()


def test_the_verb_writes_an_enhancer_that_matches(tmp_path: Path, verb: Command) -> None:
    source, target = _photos(1, 4, 0, 120), _photos(2, 3, 60, 200)
    _folder(tmp_path / "phone", source)
    _folder(tmp_path / "dslr", target)
    for model in match.MODELS:
        argv = ("train", "tone", "--source", "phone", "--target", "dslr", "--out", model)
        result = verb(*argv, "--model", model)
        assert result.returncode == 0, result.stderr
        spec = f"tone:{tmp_path / model}/tone.safetensors"
        assert (
            result.stdout
            == f"{model}/tone.safetensors: enhance with tone:{model}/tone.safetensors\n"
        )
        curves = match.fit(model, _counts(source), _counts(target))
        enhancer = load_enhancer(spec)
        assert (enhancer(source[0]) == match.apply(curves, source[0])).all()
        card = files.read(tmp_path / model / "tone.safetensors")[1]
        assert card.model == f"tone {model}"
        assert card.training["source counted"]["pixels"] == sum(p[..., 0].size for p in source)
        page = (tmp_path / model / "tone.md").read_text("utf-8")
        assert f"train tone --source phone --target dslr --model {model}`" in page
    shown = verb("run", "--enhancers", f"T={spec}", "--input", "phone", "--out", "runs")
    assert shown.returncode == 0, shown.stderr
    about = json.loads((tmp_path / "runs/phone/T/run.json").read_text("utf-8"))["about"]
    assert about["model"] == "tone gamma"
    assert about["photos"] == card.training["photos"]


def test_packs_references_and_any_order_give_the_same_curves(tmp_path: Path, verb: Command) -> None:
    truth = _photos(3, 5, 30, 250)
    phone = [(photo // 2).astype(np.uint8) for photo in truth]
    _folder(tmp_path / "phone", phone)
    _folder(tmp_path / "truth", truth)
    packed = ("data", "pack", "--input", "phone", "--reference", "truth", "--out", "packed")
    assert verb(*packed, "--jobs", "0").returncode == 0
    expected = match.fit("mean_std", _counts(phone[::-1]), _counts(truth))
    revisions = set()
    for source, target in (("phone", "truth"), ("packed", "packed:reference")):
        argv = ("--source", source, "--target", target, "--out", f"of-{source}")
        assert verb("train", "tone", *argv).returncode == 0
        curves, card, _ = files.read(tmp_path / f"of-{source}" / "tone.safetensors")
        assert (curves == expected).all()
        revisions.add(card.training["photos"].split()[-1])
    assert len(revisions) == 1, "the same photos, packed or not"
    backwards = photo_sets.stream(str(tmp_path / "packed:reference"))
    assert [photo.tolist() for photo in backwards] == [photo.tolist() for photo in truth]


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("", "good", "missing --source"),
        ("phone", "", "missing --target"),
        ("phone", "phone", "hold the same photos"),
        ("phone", "nowhere", "nowhere: no such folder, nor a data set"),
        ("empty", "good", "empty"),
        (
            "black",
            "good",
            "--source black, --target good: all pixels of the source have the same red",
        ),
        ("phone", "black", "all pixels of the target have the same red value"),
        ("phone:reference", "good", "not paired: it has no references"),
        ("broken", "good", "damaged"),
    ],
)
def test_photos_that_cannot_be_matched(
    tmp_path: Path, verb: Command, source: str, target: str, said: str
) -> None:
    _folder(tmp_path / "phone", _photos(1, 2))
    _folder(tmp_path / "good", _photos(2, 2))
    _folder(tmp_path / "black", [np.zeros((5, 6, 3), np.uint8)])
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    whole = (tmp_path / "phone" / "0.png").read_bytes()
    (tmp_path / "broken" / "x.png").write_bytes(whole[: len(whole) // 2])
    result = verb("train", "tone", "--source", source, "--target", target, "--out", "out")
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_folders_of_other_work_and_models_that_are_not_known(tmp_path: Path) -> None:
    phone, good = _folder(tmp_path / "p", _photos(1, 2)), _folder(tmp_path / "g", _photos(2, 2))
    config = TrainTone(source=str(phone), target=str(good), out=str(good))
    with pytest.raises(InputError, match="not made here; choose another --out"):
        train(config, quiet=True)
    with pytest.raises(InputError, match="--model tint: expected one of mean_std, mean"):
        train(TrainTone(source=str(phone), target=str(good), model="tint"))
    with pytest.raises(ValueError, match="no model 'tint'"):
        match.fit("tint", _counts(_photos(1, 2)), _counts(_photos(2, 2)))


def test_files_that_are_no_tone_files(tmp_path: Path) -> None:
    generator = Path(demo.__file__).parent / "wespe" / "demo.safetensors"
    whole = SHIPPED.read_bytes()
    cut, short, later = (tmp_path / f"{name}.safetensors" for name in ("cut", "short", "later"))
    cut.write_bytes(whole[:-1])
    short.write_bytes(whole[:20])
    card = files.Card("tone mean", "", "", {"settings": {}}, format_version=2)
    files.write(later, np.zeros((3, 256), np.uint8), card)
    (tmp_path / "float").mkdir()
    odd = tmp_path / "float" / "x.safetensors"
    files.write(odd, np.zeros((3, 256)), files.Card("tone mean", "", "", {"settings": {}}))
    for path, said in (
        (generator, "a WESPE generator, not a tone file; use wespe:"),
        (tmp_path / "absent", "absent"),
        (cut, "damaged"),
        (short, "not a tone file, or cut short"),
        (later, "tone format 2, this version reads 1"),
        (odd, "curves is"),
    ):
        with pytest.raises(InputError, match=said):
            load_enhancer(f"tone:{path}")
    with pytest.raises(InputError, match="not a generator checkpoint"):
        load_enhancer("wespe:" + str(SHIPPED))
    with pytest.raises(InputError, match="no option 'x=1'; tone: takes no options"):
        load_enhancer("tone:demo?x=1")


def test_what_it_cannot_enhance(tmp_path: Path) -> None:
    enhancer = ToneEnhancer(SHIPPED)
    for wrong in (np.zeros((3, 3, 3)), np.zeros((3, 3), np.uint8)):
        with pytest.raises(ValueError, match="expected"):
            enhancer(wrong)
    assert enhancer.fingerprint.startswith("tone:")


@pytest.mark.slow
def test_the_shipped_curves_are_those_of_the_recorded_command(
    tmp_path: Path, command: Command
) -> None:
    result = command("train", "tone", *demo.TONE, "--out", "out")
    assert result.returncode == 0, result.stderr
    made, card, _ = files.read(tmp_path / "out" / "tone.safetensors")
    shipped, kept, digest = files.read(SHIPPED)
    assert (made == shipped).all()
    for name, value in kept.training.items():
        assert name == "versions" or card.training[name] == value
    assert (
        (card.model, card.camera) == (kept.model, kept.camera) == ("tone mean_std", "samples_fit")
    )
    assert digest in SHIPPED.with_suffix(".md").read_text("utf-8")


def test_the_shipped_curves_saw_what_the_shipped_wespe_saw() -> None:
    from reference_models import checkpoints
    from reference_models.dped.enhancer import SHIPPED as NETWORKS

    network = checkpoints.read(NETWORKS["wespe"])[1].training
    curves = files.read(SHIPPED)[1].training
    assert [curves[name] for name in ("photos", "targets")] == [
        network[name] for name in ("photos", "targets")
    ]


def test_another_fit_is_not_replaced_and_the_same_is_made_again(tmp_path: Path) -> None:
    phone, good = _folder(tmp_path / "p", _photos(1, 2)), _folder(tmp_path / "g", _photos(2, 2))
    config = TrainTone(source=str(phone), target=str(good), out=str(tmp_path / "out"))
    before = train(config, quiet=True).read_bytes()
    assert train(config, quiet=True).read_bytes() == before
    for other, said in (
        (replace(config, model="mean"), r"another model \(was tone mean_std, is tone mean\)"),
        (replace(config, source=str(_folder(tmp_path / "q", _photos(3, 2)))), "another source"),
        (replace(config, target=str(_folder(tmp_path / "h", _photos(4, 2)))), "another target"),
    ):
        with pytest.raises(InputError, match=said):
            train(other, quiet=True)
        assert (tmp_path / "out" / files.NAME).read_bytes() == before
    (tmp_path / "out" / files.NAME).write_bytes(b"x")
    with pytest.raises(InputError, match=r"cut short.*delete it, or choose another --out"):
        train(config, quiet=True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"camera": "x" * 10**6}, "'camera' must be one line of at most 500 characters"),
        ({"camera": "a\nb"}, "'camera' must be one line"),
        ({"note": 7}, "its card does not state 'note'"),
        ({"format_version": "9" * 10**6}, "tone format '9999"),
        ({"training": {"photos": "x" * 10**6}}, "'photos' must be a text of at most 500"),
        ({"training": {"targets": math.nan}}, "'targets' must be a text"),
        ({"training": {"iterations": math.inf}}, "inf is not a count of iterations"),
        ({"training": []}, "its card's training is no object"),
        ({"model": "x" * 10**6}, "not a tone file"),
    ],
)
def test_cards_that_fit_no_table_get_one_short_line(
    changed: dict[str, object], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    good = {"model": "tone mean", "camera": "", "note": "", "training": {}, "format_version": 1}
    tensors.write(path, {"curves": np.zeros((3, 256), np.uint8)}, good | changed)
    with pytest.raises(InputError, match=said) as error:
        files.read(path)
    assert len(str(error.value)) < 400 + len(str(path))


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1)])
def test_curves_of_types_that_numpy_lacks_say_so(kind: str, size: int, tmp_path: Path) -> None:
    card = json.dumps(
        {"model": "tone mean", "camera": "", "note": "", "training": {}, "format_version": 1}
    )
    curves = {"dtype": kind, "shape": [3, 256], "data_offsets": [0, 768 * size]}
    head = json.dumps({"__metadata__": {"card": card}, "curves": curves}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(768 * size))
    with pytest.raises(InputError, match=f"its numbers are of type '{kind}', which cannot be read"):
        files.read(path)
