import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_models import banded, checkpoints, memory, stores, sweep
from reference_models.dped import importer
from reference_models.wespe.networks import Generator
from tests import needs
from wespe_bench.errors import InputError
from wespe_bench.images import quantize, read_rgb

TOLERANCE = 2e-6


@pytest.fixture(autouse=True)
def _one_thread():
    """Small maps gain nothing from two threads, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _generator(width=6, blocks=2, norm="instance", padding="zero", seed=0) -> Generator:
    torch.manual_seed(seed)
    generator = Generator(width, blocks, norm, padding).eval()
    for name, p in generator.named_parameters():
        fan = p.shape[1:].numel() if p.ndim > 1 else 0
        if fan:
            torch.nn.init.normal_(p, std=fan**-0.5)
        elif "norm" in name and name.endswith("weight"):
            torch.nn.init.normal_(p, 0.95, 0.05)
        else:
            torch.nn.init.normal_(p, 0.05, 0.1)
    with torch.no_grad():
        generator.last.weight.mul_(0.3)  # within the bend of tanh, as in a trained network
    return generator


def _photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise on a slope, so that rows and tiles differ in their statistics."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 150, height)[:, None, None] + np.linspace(0, 50, width)[None, :, None]
    return (slope + rng.integers(0, 56, (height, width, 3))).astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    rows=st.integers(1, 90),
    blocks=st.integers(0, 3),
    norm=st.sampled_from(["instance", "none"]),
    padding=st.sampled_from(["zero", "reflect"]),
    store=st.sampled_from(["memory", "file"]),
)
def test_banded_equals_whole(height, width, rows, blocks, norm, padding, store):
    if padding == "reflect":
        height, width = max(height, 5), max(width, 5)
    generator = _generator(blocks=blocks, norm=norm, padding=padding)
    image = _photo(height, width)
    expected = banded.whole(generator, image)
    result = banded.banded(generator, image, rows=rows, store=store)
    assert np.abs(result - expected).max() <= TOLERANCE


def test_at_full_width():
    generator = _generator(width=64, blocks=4)
    image = _photo(67, 53)
    expected = banded.whole(generator, image)
    assert expected.std() > 0.05
    results = [
        banded.banded(generator, image, rows=rows, store=store)
        for rows, store in [(1, "memory"), (7, "file"), (64, "memory"), (200, "file")]
    ]
    for result in results:
        assert np.abs(result - expected).max() <= TOLERANCE


def test_whole_is_the_network():
    generator = _generator()
    image = _photo(20, 30)
    x = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = generator(x)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(banded.whole(generator, image), expected, rtol=0, atol=1e-6)


def test_tiles_would_be_wrong():
    """What the module is for: the top half alone gets other statistics."""
    generator = _generator()
    image = _photo(64, 40)
    tile = banded.whole(generator, image[:32])[:20]
    assert np.abs(tile - banded.whole(generator, image)[:20]).max() > 0.02


@pytest.mark.parametrize(("precision", "bound"), [("fp16", 1.5e-3), ("bf16", 1.2e-2)])
@pytest.mark.parametrize("store", ["memory", "file"])
def test_half_precision_stores(precision, bound, store):
    generator = _generator(width=16, blocks=4)
    image = _photo(61, 47)
    expected = banded.whole(generator, image)
    result = banded.banded(generator, image, rows=9, precision=precision, store=store)
    difference = np.abs(result - expected).max()
    assert 1e-5 < difference < bound  # the stores were used, and cost no more than that


def test_generator_is_left_alone():
    generator = _generator()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    banded.banded(generator, _photo(9, 9), precision="bf16")
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert tensor.is_contiguous()


# The plan ---------------------------------------------------------------------------------

GB = 10**9


@pytest.fixture
def machine(monkeypatch):
    """Set the machine's free memory; the process itself takes 0.4 GB."""

    def have(available: float) -> None:
        free = type("Memory", (), {"available": int(available * GB)})
        monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
        monkeypatch.setattr(memory, "_group_limit", lambda: 1 << 62)
        taken = type("Taken", (), {"rss": int(0.4 * GB)})
        monkeypatch.setattr(psutil.Process, "memory_info", lambda self: taken)

    return have


def test_the_plan_follows_the_memory(machine):
    generator = Generator()
    machine(16)
    assert banded.plan(100, 100, generator).mode == "whole"
    assert banded.plan(3000, 4000, generator).store == "memory"
    assert banded.plan(3000, 4000, generator, max_memory=2 * GB).store == "file"
    assert banded.plan(3000, 4000, generator, max_memory=2 * GB).bytes <= 1.6 * GB
    machine(4)
    assert banded.plan(3000, 4000, generator).store == "file"
    assert banded.plan(3000, 4000, generator, precision="fp16").store == "file"
    assert banded.plan(1536, 2048, generator).store == "memory"
    machine(0.5)
    assert banded.plan(3000, 4000, generator).rows < banded.default_rows(4000, 64)


def test_a_photo_that_cannot_fit(machine):
    machine(16)
    with pytest.raises(InputError, match=r"needs at least 0\.\d\d GB .* left by max_memory"):
        banded.plan(3000, 4000, Generator(), max_memory=GB // 2)


def test_the_size_alone_decides_the_way(machine):
    """Memory moves the stores only: the same photo gives the same PNG everywhere."""
    for available in (64, 8, 2):
        machine(available)
        plan = banded.plan(3000, 4000, Generator())
        assert (plan.mode, plan.rows) == ("banded", banded.default_rows(4000, 64))


def test_infer_takes_the_way_of_its_plan(monkeypatch):
    generator = _generator()
    image = _photo(40, 30)
    monkeypatch.setattr(banded, "WHOLE_PIXELS", 100)
    monkeypatch.setattr(banded, "whole", None)
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    expected = banded.banded(generator, image)
    np.testing.assert_array_equal(banded.infer(generator, image), expected)


# The temporary file -----------------------------------------------------------------------


def test_the_file_goes_whatever_happens(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = []
    original = tempfile.TemporaryFile

    def temporary(**options):
        opened.append(original(**options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", temporary)
    banded.banded(_generator(), _photo(20, 20), rows=4, store="file")

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(sweep._Statistics, "add", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        banded.banded(_generator(), _photo(20, 20), rows=4, store="file")
    assert len(opened) == 4
    assert all(file.closed for file in opened)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported(monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(stores.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InputError, match="TMPDIR"):
        banded.banded(_generator(), _photo(50, 50), store="file")


def test_a_disk_that_fills_up_is_reported(monkeypatch):
    needs.platform(Path("/dev/full").exists(), "it has no /dev/full")

    def full(**_: object) -> IO[bytes]:
        return Path("/dev/full").open("r+b", buffering=0)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match=r"No space left.*TMPDIR"):
        banded.banded(_generator(), _photo(20, 20), store="file")


# Big --------------------------------------------------------------------------------------


def test_one_piece_refuses_what_torch_cannot_index():
    image = np.broadcast_to(np.zeros(3, np.uint8), (6000, 6000, 3))
    with pytest.raises(ValueError, match="use banded"):
        banded.whole(Generator(), image)


@pytest.mark.long
@pytest.mark.parametrize("store", ["memory", "file"])
def test_beyond_32_bit_indices(store):
    """A map of 2.2e9 elements: its far end equals the same region computed by itself."""
    generator = _generator(width=64, blocks=0, norm="none")
    image = np.tile(_photo(59, 61), (100, 100, 1))[:5850, :5880]
    assert image.shape[0] * image.shape[1] * 64 > 2**31
    result = banded.banded(generator, image, precision="fp16", store=store)
    # Without norms the network sees 21 px around each: 9x9, 3x3, 3x3, 9x9.
    corner = banded.banded(generator, image[-100:, -120:], precision="fp16")
    np.testing.assert_allclose(result[-80:, -100:], corner[-80:, -100:], atol=1e-5)
    first = banded.banded(generator, image[:100, :120], precision="fp16")
    np.testing.assert_allclose(result[:80, :100], first[:80, :100], atol=1e-5)


@pytest.mark.slow
@pytest.mark.shared_data
def test_a_real_photo(shared, tmp_path):
    importer.convert(shared / "dped/models_orig/iphone_orig", tmp_path / "x.safetensors")
    generator, _, _ = checkpoints.read(tmp_path / "x.safetensors")
    image = read_rgb(shared / "dped/iphone_full/phone_0.png")[492:876, 656:1168]
    assert image.shape == (384, 512, 3)
    expected = banded.whole(generator, image)
    result = banded.banded(generator, image, rows=100)
    assert np.abs(result - expected).max() <= TOLERANCE
    levels = quantize(result).astype(int) - quantize(expected)
    assert np.abs(levels).max() <= 1
    assert np.mean(levels != 0) < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("store", ["device", "memory", "file"])
def test_on_cuda(store):
    generator = _generator(width=64, blocks=4)
    image = _photo(133, 97)
    expected = banded.whole(generator, image)
    whole = banded.whole(generator, image, device="cuda")
    assert np.abs(whole - expected).max() <= 2e-5
    result = banded.banded(generator, image, device="cuda", rows=16, store=store)
    assert np.abs(result - whole).max() <= 2e-5
    for precision in ("fp16", "bf16"):
        half = banded.banded(
            generator, image, device="cuda", precision=precision, rows=16, store=store
        )
        assert np.abs(half - expected).max() <= 5e-2


PEAK = """
import numpy, pathlib, psutil, re, torch
from reference_models import banded
from reference_models.wespe.networks import Generator
torch.set_num_threads(1)
generator = Generator(blocks=1).eval()
image = numpy.zeros((400, 1200, 3), numpy.uint8)
banded.banded(generator, image[:60], store="memory")
for store in ("file", "memory"):
    planned = banded.plan(400, 1200, generator).bytes
    if store == "file":
        planned -= 2 * image.size // 3 * 64 * 4
    before = psutil.Process().memory_info().rss
    # What importing torch once took at its peak is not ours: the high-water mark is reset.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    banded.banded(generator, image, store=store)
    status = pathlib.Path("/proc/self/status").read_text()
    print(store, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024 - before, planned)
"""


@pytest.fixture(scope="module")
def peaks():
    """By where the stores go, the bytes a photo took and those that were planned."""
    needs.peak_memory()
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    rows = map(str.split, done.stdout.splitlines())
    return {store: (int(used), int(planned)) for store, used, planned in rows}


@pytest.mark.slow
@pytest.mark.parametrize("store", ["memory", "file"])
def test_no_more_memory_than_planned(store, peaks):
    """The estimate that decides where the stores go is no promise to be broken."""
    used, planned = peaks[store]
    assert 0 < used < planned
