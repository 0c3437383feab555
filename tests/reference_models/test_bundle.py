import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_models.dped import importer
from reference_models.dped.bundle import crc32c, read_bundle
from tests.oracles import bundle
from wespe_bench.errors import InputError


@given(st.binary(max_size=3000))
def test_crc32c(data):
    assert crc32c(data) == bundle.crc32c(data)


def test_reads_the_fixture():
    tensors = read_bundle(bundle.FIXTURE)
    expected = bundle.tiny()
    del expected["global_step"]  # not float32
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(tensors[name], tensor)


def _copy(folder: Path) -> tuple[Path, Path]:
    index, data = folder / "x.index", folder / "x.data-00000-of-00001"
    index.write_bytes(Path(f"{bundle.FIXTURE}.index").read_bytes())
    data.write_bytes(Path(f"{bundle.FIXTURE}.data-00000-of-00001").read_bytes())
    return index, data


def test_what_is_wrong_is_reported(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bundle(tmp_path / "x")
    index, data = _copy(tmp_path)
    whole = data.read_bytes()
    data.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="truncated"):
        read_bundle(tmp_path / "x")
    data.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(InputError, match="checksum"):
        read_bundle(tmp_path / "x")
    data.unlink()
    with pytest.raises(InputError, match="no such file"):
        read_bundle(tmp_path / "x")
    content = index.read_bytes()
    for bad in (b"", b"x" * 100, content[:-1], bytes([content[0] ^ 64]) + content[1:]):
        index.write_bytes(bad)
        with pytest.raises(InputError, match="not an intact TensorFlow bundle"):
            read_bundle(tmp_path / "x")


@pytest.mark.slow
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
    return data + index + footer.ljust(40, b"\0") + bundle.MAGIC
