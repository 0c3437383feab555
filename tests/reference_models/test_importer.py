import numpy as np
import pytest
import torch

from reference_models import checkpoints
from reference_models.dped import importer
from reference_models.dped.bundle import read_bundle
from tests.oracles import bundle, generator
from wespe_bench.cli import call
from wespe_bench.errors import InputError


def test_converts_the_fixture(tmp_path, capsys):
    out = tmp_path / "tiny.safetensors"
    assert call("import dped", [f"{bundle.FIXTURE}.index", "--out", str(out)]) == 0
    assert "camera iphone" in capsys.readouterr().out
    network, card, sha256 = checkpoints.read(out)
    assert (card.width, card.blocks, card.norm, card.camera) == (3, 4, "instance", "iphone")
    assert card.parameters == sum(p.numel() for p in network.parameters())
    assert sorted(card.sources) == ["tiny_iphone.data-00000-of-00001", "tiny_iphone.index"]
    assert sha256 in out.with_suffix(".md").read_text()
    image = np.random.default_rng(1).random((12, 15, 3)).astype(np.float32)
    state = {name.partition("/")[2]: tensor for name, tensor in bundle.tiny().items()}
    with torch.no_grad():
        y = network(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    assert np.abs(y.numpy() - generator.forward(image, state)).max() < 1e-5


def test_same_bundle_same_bytes(tmp_path):
    for name in ("a", "b"):
        importer.convert(bundle.FIXTURE, tmp_path / f"{name}.safetensors")
    a, b = (tmp_path / f"{name}.safetensors" for name in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_camera_can_be_named(tmp_path):
    card = importer.convert(bundle.FIXTURE, tmp_path / "x.safetensors", camera="htc_m9")
    assert card.camera == "htc_m9"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.pop("generator/W1"), "no variable W1"),
        (lambda t: t.pop("generator/b7"), "generator/b7 is missing"),
        (lambda t: t.pop("generator/W12"), "11 convolutions"),
        (lambda t: t.pop("generator/Variable_10"), "Variable_10 is missing"),
        (lambda t: t.update({"inverse/W1": t["generator/W1"]}), "several generators"),
        (lambda t: t.update({"generator/b2": np.zeros(4, np.float32)}), "expected \\(3,\\)"),
        (lambda t: t.update({"generator/b2": np.full(3, np.nan, np.float32)}), "not finite"),
        (lambda t: t.update({"generator/W1": np.zeros((9, 9), np.float32)}), "W1 has shape"),
    ],
)
def test_a_bundle_of_something_else(tmp_path, change, complaint):
    tensors = bundle.tiny()
    change(tensors)
    bundle.write(tmp_path / "x", tensors)
    with pytest.raises(InputError, match=complaint):
        importer.convert(tmp_path / "x", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_scope_chooses(tmp_path):
    tensors = bundle.tiny()
    tensors.update(
        {f"inverse/{k.partition('/')[2]}": 2 * v for k, v in tensors.items() if "/" in k}
    )
    bundle.write(tmp_path / "x", tensors)
    state = importer.generator_state(read_bundle(tmp_path / "x"), "inverse")
    np.testing.assert_array_equal(state["first.bias"], 2 * tensors["generator/b1"])


def test_without_norm(tmp_path):
    tensors = {k: v for k, v in bundle.tiny().items() if "Variable" not in k}
    bundle.write(tmp_path / "x", tensors)
    assert importer.convert(tmp_path / "x", tmp_path / "x.safetensors").norm == "none"
    checkpoints.read(tmp_path / "x.safetensors")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.safetensors"):
        importer.convert(bundle.FIXTURE, tmp_path / "x.pt")


@pytest.mark.shared_data
@pytest.mark.parametrize("camera", ["iphone", "blackberry", "sony"])
def test_the_released_generators(shared, tmp_path, camera):
    prefix = shared / "dped/models_orig" / f"{camera}_orig"
    card = importer.convert(prefix, tmp_path / "x.safetensors")
    assert (card.parameters, card.camera, card.blocks) == (401_475, camera, 4)
    network, _, _ = checkpoints.read(tmp_path / "x.safetensors")
    for block in network.blocks:
        # Scales near 1, shifts near 0: a swap of the two would show here.
        assert 0.5 < block.norm1.weight.mean() < 1.2
        assert -0.5 < block.norm1.bias.mean() < 0.2
