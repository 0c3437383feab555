"""FFS as a metric: the same bits however it is asked, and no stand-in under a rater's name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ffs import checkpoints, network, scorer
from ffs.crops import SIDE
from tests.conftest import Command
from tests.ffs.conftest import Verb
from tests.ffs.rated import make, write_rater
from wespe_bench import load_scores
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.registry import load_metric


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (300, 700, 3), np.uint8)


def test_value_is_the_mean_over_the_stored_crops(tmp_path: Path, image: np.ndarray) -> None:
    path = write_rater(tmp_path / "a.safetensors")
    metric = load_metric(f"ffs:{path}")
    found = metric.compute(image, sample_id="some/photo")
    assert isinstance(found, dict)
    rater, _, sha256 = checkpoints.read(path)
    crops = [
        image[t : t + SIDE, x : x + SIDE]
        for t, x in ((int(found[f"top{n}"]), int(found[f"left{n}"])) for n in range(1, 6))
    ]
    x = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    expected = torch.sigmoid(rater(x)).tolist()  # in one batch, by the plain forward
    assert [found[f"p{n}"] for n in range(1, 6)] == pytest.approx(expected, abs=1e-6)
    assert found["value"] == pytest.approx(sum(expected) / 5, abs=1e-6)
    assert len(set(expected)) == 5
    assert metric.version == f"1+crops5+{sha256[:12]}"
    assert metric.higher_is_better
    assert not metric.full_reference


def test_same_bits_whatever_the_threads(tmp_path: Path, image: np.ndarray) -> None:
    import numba

    rater, _, _ = checkpoints.read(write_rater(tmp_path / "a.safetensors", width=8))
    before, values = torch.get_num_threads(), set()
    try:
        for torchs, ours in ((1, 1), (2, 1), (2, 2)):
            # numba first: where it starts its threads it also sets OpenMP's number, as torch does.
            numba.set_num_threads(min(ours, numba.config.NUMBA_NUM_THREADS))
            torch.set_num_threads(torchs)
            found = scorer.ffs(image, rater=rater, preparation="hd", sample_id="a")
            values.add(tuple(found.values()))
            assert torch.get_num_threads() == torchs
    finally:
        torch.set_num_threads(before)
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert len(values) == 1


@pytest.mark.slow
def test_alone_in_a_run_and_with_other_jobs(command: Command, tmp_path: Path, verb: Verb) -> None:
    """Two workers of the real entry point, and this process alone: bit for bit."""
    make(tmp_path / "photos", counts=(3, 1, 1))
    path = write_rater(tmp_path / "a.safetensors")
    enhanced = verb("enhance", "identity", "--input", "photos", "--out", "run", "--jobs", "0")
    assert enhanced[0] == 0, enhanced
    result = command("score", "run", "--metrics", f"ffs:{path}", "--jobs", "2")
    assert result.returncode == 0, result.stderr
    scores = load_scores(tmp_path / "run").sort_values("sample")
    assert {"top1", "left5", "p3"} <= json.loads(scores["extras"].iloc[0]).keys()
    code, output, _ = verb("ffs", "score", "photos", "--rater", path, "--jobs", "0")
    assert (code, "5 photos" in output) == (0, True)
    rows = list(csv.DictReader((tmp_path / "ffs.csv").open()))
    expected = list(zip(scores["sample"], scores["value"], strict=True))
    assert [(row["photo"], float(row["ffs"])) for row in rows] == expected
    metric = load_metric(f"ffs:{path}")
    for id_, value in reversed(expected):  # one photo, in no batch
        (photo,) = (tmp_path / "photos").rglob(f"{Path(id_).name}.*")
        alone = metric.compute(read_rgb(photo), sample_id=id_, seed=0)
        assert isinstance(alone, dict)
        assert alone["value"] == value


def test_ffs_score_keeps_rows_that_are_up_to_date(tmp_path: Path, verb: Verb) -> None:
    make(tmp_path / "photos", counts=(2, 1, 1))
    first = write_rater(tmp_path / "a.safetensors")
    options = ("ffs", "score", "photos", "--rater", first, "--jobs", "0")
    assert verb(*options)[0] == 0
    text = (tmp_path / "ffs.csv").read_text().splitlines()
    text[1] = text[1].replace(text[1].split(",")[1], "0.125", 1)  # is not computed again
    (tmp_path / "ffs.csv").write_text("\n".join(text) + "\n")
    (tmp_path / "photos/zero.png").write_bytes(b"no photo")
    code, _, err = verb(*options)
    assert code == 3
    assert "photos/zero.png: not a photo" in err
    assert (tmp_path / "ffs.csv").read_text().splitlines() == text
    (tmp_path / "mine.csv").write_text("name,price\n")
    code, _, err = verb(*options, "--out", "mine.csv")
    assert code == 2
    assert "mine.csv: holds something else" in err
    assert (tmp_path / "mine.csv").read_text() == "name,price\n"


def test_ffs_alone_is_the_rater_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WESPE_DATA", str(tmp_path))
    for name in ("ffs", "ffs.scorer:FFS"):
        with pytest.raises(InputError, match=r"no rater at .*ffs train.*ffs-standin"):
            load_metric(name)
    write_rater(tmp_path / "models" / "ffs.safetensors")
    assert load_metric("ffs") is load_metric("ffs.scorer:FFS")
    assert load_metric("ffs").name == "ffs"


def test_a_stand_in_never_goes_by_a_raters_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WESPE_DATA", str(tmp_path))
    output = {"kind": "stand-in", "title": "FFS stand-in (simulated)"}
    path = write_rater(tmp_path / "models" / "ffs.safetensors", **output)
    for name in (f"ffs:{path}", "ffs"):
        with pytest.raises(InputError, match=r"is a stand-in, not a rater.*simulated faves"):
            load_metric(name)
    metric = load_metric(f"ffs-standin:{path}")
    assert metric.name == f"ffs-standin:{path}"
    assert "+standin+" in metric.version
    assert "simulated" in metric.title
    assert "simulated" in metric.summary
    rater = write_rater(tmp_path / "rater.safetensors")
    with pytest.raises(InputError, match="is a rater, not a stand-in"):
        load_metric(f"ffs-standin:{rater}")


def test_what_cannot_be_scored(tmp_path: Path, image: np.ndarray) -> None:
    metric = load_metric(f"ffs:{write_rater(tmp_path / 'a.safetensors')}")
    with pytest.raises(ValueError, match="need 224 pixels"):
        metric.compute(image[:100])
    with pytest.raises(ValueError, match="one photo alone"):
        metric.compute(image, image)
    with pytest.raises(InputError, match="device=tpu: expected one of cpu, cuda"):
        load_metric(f"ffs:{tmp_path / 'a.safetensors'}?device=tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA device"):
            load_metric(f"ffs:{tmp_path / 'a.safetensors'}?device=cuda")


_TEST = {"n": 9, "accuracy": 0.5, "wilson": [0.2, 0.8]}
_RULES = {"best": "size", "won": 1, "lost": 2, "p": 0.5}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "a\nb"}, "'title' must be one line"),
        ({"title": "a\x1b[2J"}, "'title' must be one line"),
        ({"title": 7}, "does not state 'title'"),
        ({"test": _TEST | {"n": "9\x1b[2J"}}, "'test' must be one line"),
        ({"test": _TEST | {"baselines": _RULES | {"best": "a\nb"}}}, "'test' must be one line"),
        ({"test": _TEST | {"wilson": [0.2]}}, "its card is damaged (ValueError: "),
        ({"test": [7]}, "its card is damaged (TypeError: "),
        ({"training": [7]}, "its card is damaged (AttributeError: "),
        ({"test": _TEST | {"accuracy": 10**400}}, "its card is damaged (OverflowError: "),
        ({"temperature": 10**400}, "a temperature that is not above 0"),
        ({"temperature": "2"}, "its card is damaged (TypeError: "),
    ],
    ids=repr,
)
def test_a_card_that_tables_cannot_show(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    path = write_rater(tmp_path / "a.safetensors", **changes)
    with pytest.raises(InputError) as failure:
        load_metric(f"ffs:{path}")
    assert str(failure.value).startswith(f"{path}: ") and said in str(failure.value)
    assert str(failure.value).isprintable()


@pytest.mark.gpu
def test_cuda_within_1e_5(tmp_path: Path, image: np.ndarray) -> None:
    path = write_rater(tmp_path / "a.safetensors", width=16)
    cpu, cuda = (load_metric(f"ffs:{path}{end}") for end in ("", "?device=cuda"))
    assert cuda.version == f"{cpu.version}+cuda"
    a, b = (m.compute(image, sample_id="a") for m in (cpu, cuda))
    assert isinstance(a, dict)
    assert isinstance(b, dict)
    assert a["value"] == pytest.approx(b["value"], abs=1e-5)


def test_bf16_touches_the_convolutions_only(tmp_path: Path) -> None:
    """The autocast of CUDA, tried on a CPU: logits stay float32."""
    from wespe_bench.training import acceleration

    rater, _, _ = checkpoints.read(write_rater(tmp_path / "a.safetensors"))
    x = network.to_input(np.full((1, SIDE, SIDE, 3), 99, np.uint8))
    with torch.no_grad():
        exact = rater(x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = rater(x)
        functions = acceleration.compile_networks(
            {"rater": rater}, lambda _: None, precision="bf16"
        )
        called = functions["rater"](x)
    assert rough.dtype == called.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0.05)
    torch.testing.assert_close(rough, called)
