import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from reference_models import banded
from reference_models.wespe.networks import Generator
from wespe_bench.errors import InputError
from wespe_bench.onnx_file import external_files
from wespe_bench.registry import load_enhancer

KINDS = {"pt2": "pt2", "torchscript": "ts", "onnx": "onnx"}


def _save(module: nn.Module, kind: str, path, example=None) -> None:
    """Export with free height and width.

    To ONNX by torch's new exporter for a generator, and by its old one, which takes a
    hundredth of the time, for the small networks below.
    """
    module = module.eval()
    example = torch.rand(1, 3, 24, 32) if example is None else example
    free = tuple(
        {axis: torch.export.Dim.AUTO for axis in range(1, 4) if example.shape[axis] != 3}
        for _ in range(1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "pt2":
            torch.export.save(torch.export.export(module, (example,), dynamic_shapes=free), path)
        elif kind == "torchscript":
            torch.jit.save(torch.jit.trace(module, example), path)
        elif isinstance(module, Generator):
            torch.onnx.export(
                module, (example,), path, dynamo=True, dynamic_shapes=free, verbose=False
            )
        else:
            names = {axis: f"axis{axis}" for axis in free[0]}
            torch.onnx.export(
                *(module, (example,), path),
                dynamo=False,
                input_names=["image"],
                dynamic_axes={"image": names},
            )


def _photo(height=29, width=37):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Affine(nn.Module):
    """0.5 x + offset: an enhancer whose right answer is known for every range."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.tensor(offset), requires_grad=False)

    def forward(self, x):
        return x * 0.5 + self.offset


class Shrunk(nn.Module):
    def forward(self, x):
        return x[:, :, 1:, 1:] * 1.0


class Undefined(nn.Module):
    def forward(self, x):
        return x / (x - x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", ["zero", pytest.param("reflect", marks=pytest.mark.slow)])
def test_an_exported_generator_gives_the_same(tmp_path, kind, padding):
    torch.manual_seed(0)
    generator = Generator(width=6, blocks=1, padding=padding, init_std=0.1).eval()
    path = tmp_path / f"network.{KINDS[kind]}"
    _save(generator, kind, path)
    enhancer = load_enhancer(f"{kind}:{path}")
    for image in (_photo(), _photo(16, 16), _photo(61, 20)):
        result = enhancer(image)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, banded.whole(generator, image), rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("numbers", "one"), [("0..1", 1.0), ("0..255", 255.0), ("-1..1", 2.0)])
def test_ranges(tmp_path, kind, numbers, one):
    """The network adds a tenth of the range to half of its input."""
    path = tmp_path / f"network.{KINDS[kind]}"
    _save(Affine(0.1 * one), kind, path)
    image = _photo()
    x = image / 255 * one - (1 if numbers == "-1..1" else 0)
    expected = (0.5 * x + 0.1 * one + (1 if numbers == "-1..1" else 0)) / one
    result = load_enhancer(f"{kind}:{path}?range={numbers}")(image)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_another_range_at_the_end(tmp_path):
    path = tmp_path / "network.onnx"
    _save(Affine(0.0), "onnx", path)
    image = _photo()
    result = load_enhancer(f"onnx:{path}?range=0..255&output_range=0..1")(image)
    np.testing.assert_allclose(result, image * 0.5, rtol=1e-6)  # far outside: not clamped


@pytest.mark.parametrize("kind", KINDS)
def test_nhwc(tmp_path, kind):
    path = tmp_path / f"network.{KINDS[kind]}"

    class LastAxis(nn.Module):
        def forward(self, x):
            return x * torch.tensor([1.0, 0.5, 0.25])

    _save(LastAxis(), kind, path, torch.rand(1, 24, 32, 3))
    image = _photo()
    result = load_enhancer(f"{kind}:{path}?layout=nhwc")(image)
    np.testing.assert_allclose(result, image / 255 * [1, 0.5, 0.25], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_shape_and_nan_are_named(tmp_path, kind):
    path = tmp_path / f"network.{KINDS[kind]}"
    _save(Shrunk(), kind, path)
    with pytest.raises(InputError, match=r"gave shape \(1, 3, 28, 36\) for .* \(1, 3, 29, 37\)"):
        load_enhancer(f"{kind}:{path}")(_photo())
    _save(Undefined(), kind, path)
    with pytest.raises(InputError, match="NaN or infinity in 3219 of 3219 values"):
        load_enhancer(f"{kind}:{path}")(_photo())


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_the_network_refuses(tmp_path, kind):
    path = tmp_path / f"network.{KINDS[kind]}"
    _save(nn.Conv2d(3, 3, 3, padding=1), kind, path)
    stated = "is layout=nchw right"  # TorchScript states no shape
    complaint = "fails on an input of shape" if kind == "torchscript" else stated
    with pytest.raises(InputError, match=complaint) as error:
        load_enhancer(f"{kind}:{path}?layout=nhwc")(_photo())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_cannot_be_loaded(tmp_path, kind):
    with pytest.raises(InputError, match="no such file"):
        load_enhancer(f"{kind}:{tmp_path}/none")
    (tmp_path / "text").write_text("not a network")
    with pytest.raises(InputError, match=f"cannot be loaded as {kind}") as error:
        load_enhancer(f"{kind}:{tmp_path}/text")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="expected one of"):
        load_enhancer(f"{kind}:{tmp_path}/text?range=0..2")


def test_a_pickled_object_in_a_pt2_is_not_loaded(tmp_path):
    path = tmp_path / "network.pt2"
    _save(Affine(0.0), "pt2", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("network/data/constants/opaque_obj_0", pickle.dumps(print))
    with pytest.raises(InputError, match=r"pickled object \(opaque_obj_0\)"):
        load_enhancer(f"pt2:{path}")


def test_fingerprint_follows_file_and_options(tmp_path):
    path = tmp_path / "network.onnx"
    _save(Affine(0.0), "onnx", path)
    first = load_enhancer(f"onnx:{path}").fingerprint
    assert load_enhancer(f"onnx:{path}").fingerprint == first
    assert load_enhancer(f"onnx:{path}?range=-1..1").fingerprint != first
    _save(Affine(0.5), "onnx", path)
    assert load_enhancer(f"onnx:{path}").fingerprint != first


@pytest.mark.parametrize("name", ["weights.bin", "a/b.onnx_data"])
def test_fingerprint_follows_the_weights_that_onnx_keeps_outside(tmp_path, name):
    import onnx

    (tmp_path / "a").mkdir()
    prints = []
    for shift in (0.0, 0.0, 0.5):
        path = tmp_path / "network.onnx"
        _save(Affine(shift), "onnx", path)
        model = onnx.load(path)
        (tmp_path / name).unlink(missing_ok=True)
        onnx.save(
            *(model, path),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=name,
            size_threshold=0,
        )
        data = path.read_bytes()
        assert external_files(path, data) == [tmp_path / name]
        assert external_files(path, data[:-1]) == []
        prints.append(load_enhancer(f"onnx:{path}").fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_without_onnxruntime(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"pip install 'wespe-bench\[onnx\]'"):
        load_enhancer(f"onnx:{tmp_path}/x.onnx")
