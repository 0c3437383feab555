import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference_models import checkpoints
from reference_models.dped import importer
from tests.oracles import bundle, generator
from wespe_bench.errors import InputError


@given(st.binary(max_size=3000))
def test_crc32c(data):
    assert importer.crc32c(data) == bundle.crc32c(data)


def test_reads_the_fixture():
    tensors = importer.read_bundle(bundle.FIXTURE)
    expected = bundle.tiny()
    del expected["global_step"]  # not float32
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(tensors[name], tensor)


def test_converts_the_fixture(tmp_path, capsys):
    out = tmp_path / "tiny.safetensors"
    assert importer.main([f"{bundle.FIXTURE}.index", "--out", str(out)]) == 0
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
    state = importer.generator_state(importer.read_bundle(tmp_path / "x"), "inverse")
    np.testing.assert_array_equal(state["first.bias"], 2 * tensors["generator/b1"])


def test_without_norm(tmp_path):
    tensors = {k: v for k, v in bundle.tiny().items() if "Variable" not in k}
    bundle.write(tmp_path / "x", tensors)
    assert importer.convert(tmp_path / "x", tmp_path / "x.safetensors").norm == "none"
    checkpoints.read(tmp_path / "x.safetensors")


def _copy(folder: Path) -> tuple[Path, Path]:
    index, data = folder / "x.index", folder / "x.data-00000-of-00001"
    index.write_bytes(Path(f"{bundle.FIXTURE}.index").read_bytes())
    data.write_bytes(Path(f"{bundle.FIXTURE}.data-00000-of-00001").read_bytes())
    return index, data


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        importer.read_bundle(tmp_path / "x")
    index, data = _copy(tmp_path)
    whole = data.read_bytes()
    data.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="cut short"):
        importer.read_bundle(tmp_path / "x")
    data.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(InputError, match="checksum"):
        importer.read_bundle(tmp_path / "x")
    data.unlink()
    with pytest.raises(InputError, match="no such file"):
        importer.read_bundle(tmp_path / "x")
    content = index.read_bytes()
    for bad in (b"", b"x" * 100, content[:-1], bytes([content[0] ^ 64]) + content[1:]):
        index.write_bytes(bad)
        with pytest.raises(InputError, match="not an intact TensorFlow bundle"):
            importer.read_bundle(tmp_path / "x")
    with pytest.raises(InputError, match=r"ends in \.safetensors"):
        importer.convert(tmp_path / "x", tmp_path / "x.pt")


def test_a_thousand_mutations(tmp_path):
    """Whatever is done to a bundle, it is read as it was, read as another, or refused."""
    dice = random.Random(0)
    index, data = _copy(tmp_path)
    originals = {index: index.read_bytes(), data: data.read_bytes()}
    refused = 0
    for _ in range(1000):
        path = index if dice.random() < 0.8 else data
        content = bytearray(originals[path])
        if path == index and dice.random() < 0.6:
            content = bytearray(_resealed(dice))  # a right checksum leads deeper
        else:
            for _ in range(dice.choice([1, 1, 3, 10])):
                _mutate(content, dice)
        path.write_bytes(content)
        try:
            importer.convert(tmp_path / "x", tmp_path / "out.safetensors")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
        path.write_bytes(originals[path])
    assert 500 < refused <= 1000


def _mutate(content: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(content) or 1)
    match dice.randrange(4):
        case 0 if content:
            content[at] ^= 1 << dice.randrange(8)
        case 1 if content:
            content[at] = dice.choice([0, 1, 127, 128, 255])
        case 2:
            del content[at : at + dice.randrange(1, 40)]
        case _:
            content[at:at] = dice.randbytes(dice.randrange(1, 20))


def _resealed(dice: random.Random) -> bytes:
    """An index with right checksums and one entry, key or block spoilt."""
    tensors = {k: v for k, v in bundle.tiny().items() if v.size < 100}
    entries = [(b"", bundle.field(1, 1))]
    entries += [(k.encode(), bundle.entry(v, 0, v.tobytes())) for k, v in sorted(tensors.items())]
    number = dice.randrange(len(entries))
    parts = [bytearray(part) for part in entries[number]]
    _mutate(parts[dice.randrange(2)], dice)
    entries[number] = (bytes(parts[0]), bytes(parts[1]))
    if dice.random() < 0.5:
        return bundle.table(entries)
    block = bytearray(bundle.sealed(entries)[:-5])
    _mutate(block, dice)
    block += b"\0"
    data = bytes(block) + bundle.masked(bundle.crc32c(bytes(block))).to_bytes(4, "little")
    handle = bundle.varint(0) + bundle.varint(len(block) - 1)
    index = bundle.sealed([(b"z", handle)])
    footer = bundle.varint(0) * 2 + bundle.varint(len(data)) + bundle.varint(len(index) - 5)
    return data + index + footer.ljust(40, b"\0") + importer._MAGIC


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
