"""The zoo: each network equals a plain reading of its paper, and its authors' own results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reference_models.zoo import network as networks
from reference_models.zoo.network import Network
from tests import needs
from tests.conftest import Command
from tests.oracles import zoo
from wespe_bench import memory
from wespe_bench.errors import InputError
from wespe_bench.images import quantize, read_rgb
from wespe_bench.metrics.psnr import psnr
from wespe_bench.registry import ENHANCER_PREFIXES, load_enhancer, resolve

NAMES = ("zero_dce", "sci", "csrnet", "lut3d")
FORMS = [
    (name, form) for name in NAMES for form in range(len(resolve(ENHANCER_PREFIXES[name]).shapes))
]


def network_of(name: str) -> Network:
    network = resolve(ENHANCER_PREFIXES[name])
    assert isinstance(network, Network)
    return network


def released_files(
    folder: Path, name: str, form: int = 0, **more: Any
) -> tuple[list[Path], zoo.State]:
    """Files as the authors would release them, of random weights, and the weights."""
    state = zoo.random_state(np.random.default_rng(5), dict(network_of(name).shapes[form]))
    tensors: dict[Any, Any] = {key: torch.from_numpy(value) for key, value in state.items()}
    if name == "sci":  # what only its training needs
        tensors["calibrate.in_conv.0.weight"] = torch.ones(16, 3, 3, 3)
        tensors["enhance.blocks.0.1.num_batches_tracked"] = torch.tensor(7)
    files = [folder / f"{name}.pth"]
    if name == "lut3d":
        files = [folder / "LUTs.pth", folder / "classifier.pth"]
        tables = tensors.pop("tables")
        torch.save({str(n): {"LUT": table} for n, table in enumerate(tables)}, files[0], **more)
    torch.save(tensors, files[-1], **more)
    return files, state


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], tuple[Path, zoo.State]]:
    """Each network's imported file and its weights."""
    from reference_models.zoo.importer import convert

    folder = tmp_path_factory.mktemp("zoo")
    found = {}
    for name, form in FORMS:
        files, state = released_files(folder, name, form)
        out = folder / f"{name}{form}.safetensors"
        convert(network_of(name), files, out)
        found[name, form] = out, state
    return found


def photo(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = np.linspace(0, 255, width)[None, :, None] * rng.uniform(0.3, 1, 3)
    return np.clip(smooth + rng.normal(0, 20, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("name", "form"), FORMS)
@pytest.mark.parametrize("size", [(37, 50), (5, 5), (8, 40)])
def test_equals_a_plain_reading_of_the_paper(
    made: dict[tuple[str, int], tuple[Path, zoo.State]], name: str, form: int, size: tuple[int, int]
) -> None:
    path, state = made[name, form]
    image = photo(*size)
    result = load_enhancer(f"{name}:{path}?device=cpu")(image)
    wanted = zoo.NETWORKS[name](image / 255, state)
    assert (result.dtype, result.shape) == (np.float32, image.shape)
    np.testing.assert_allclose(result, wanted, atol=2e-5)
    assert wanted.std() > 1e-3


def test_a_photo_too_small_for_a_kernel(
    made: dict[tuple[str, int], tuple[Path, zoo.State]],
) -> None:
    enhancer = load_enhancer(f"csrnet:{made['csrnet', 0][0]}")
    with pytest.raises(InputError, match="30x4: CSRNet takes sides of 5 pixels or more"):
        enhancer(photo(4, 30))


@pytest.mark.parametrize(("name", "form"), FORMS)
@pytest.mark.parametrize("height", [64, 61, 57])
def test_bands_change_nothing(
    made: dict[tuple[str, int], tuple[Path, zoo.State]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    form: int,
    height: int,
) -> None:
    image = photo(height, 20)
    enhancer = load_enhancer(f"{name}:{made[name, form][0]}?device=cpu")
    whole = enhancer(image)
    for rows in (1, 8, 17):
        monkeypatch.setattr(networks, "BAND_PIXELS", rows * 20)
        assert len(list(networks.bands(height, 20))) > 3
        np.testing.assert_allclose(enhancer(image), whole, atol=2e-6)


def test_memory_is_bounded_in_height(
    made: dict[tuple[str, int], tuple[Path, zoo.State]], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.peak_memory()
    monkeypatch.setattr(networks, "BAND_PIXELS", 1 << 15)
    enhancer = load_enhancer(f"zero_dce:{made['zero_dce', 0][0]}?device=cpu")
    peaks = []
    for height in (4096, 8192):
        image = np.zeros((height, 16, 3), np.uint8)
        enhancer(image)
        before = memory.mark()
        enhancer(image)
        peaks.append(memory.taken(before)[0] - image.size * 4)
    assert peaks[1] < peaks[0] * 1.5


def test_from_a_release_to_a_run(verb: Command, photos: Path, tmp_path: Path) -> None:
    files, _ = released_files(tmp_path, "lut3d")
    result = verb("import", "lut3d", *files, "--out", "lut.safetensors")
    assert result.returncode == 0, result.stderr
    assert "593,516 parameters" in result.stdout
    assert "terms of the weights: none stated" in result.stdout
    page = (tmp_path / "lut.md").read_text("utf-8")
    assert "LUTs.pth `" in page and "classifier.pth `" in page
    words = ["--enhancers", "LUT=lut3d:lut.safetensors", "--input", photos, "--metrics", "bpp"]
    result = verb("run", *words, "--jobs", "0", "--out", "runs")
    assert result.returncode == 0, result.stderr
    (run,) = tmp_path.glob("runs/*/LUT/run.json")
    about = json.loads(run.read_text("utf-8"))["about"]
    assert about["model"] == "Image-adaptive 3D LUT" and about["parameters"] == 593516


def test_parameters_are_the_papers(made: dict[tuple[str, int], tuple[Path, zoo.State]]) -> None:
    counts = {
        name: load_enhancer(f"{name}:{made[name, 0][0]}").about["parameters"] for name in NAMES
    }
    # 79K, 0.0003M, 37K and "less than 600K parameters" are printed.
    assert counts == {"zero_dce": 79416, "sci": 258, "csrnet": 36489, "lut3d": 593516}


def test_torchs_older_files_are_read(tmp_path: Path) -> None:
    from reference_models.zoo.importer import convert

    files, _ = released_files(tmp_path, "sci", _use_new_zipfile_serialization=False)
    convert(network_of("sci"), files, tmp_path / "old.safetensors")
    files, _ = released_files(tmp_path, "sci")
    convert(network_of("sci"), files, tmp_path / "new.safetensors")
    old, new = (load_enhancer(f"sci:{tmp_path / f'{n}.safetensors'}") for n in ("old", "new"))
    np.testing.assert_array_equal(old(photo(9, 9)), new(photo(9, 9)))


def test_denormal_weights_become_zero(tmp_path: Path) -> None:
    from reference_models.zoo.importer import convert

    files, state = released_files(tmp_path, "sci")
    tensors = torch.load(files[0], weights_only=True)
    tensors["enhance.in_conv.0.weight"][0, 0, 0, :2] = torch.tensor([1e-40, 2e-38])
    torch.save(tensors, files[0])
    convert(network_of("sci"), files, tmp_path / "x.safetensors")
    kernel = load_enhancer(f"sci:{tmp_path / 'x.safetensors'}").weights["enhance.in_conv.0.weight"]
    assert kernel[0, 0, 0, :2].tolist() == [0, np.float32(2e-38)]
    wanted = state["enhance.in_conv.0.weight"].ravel()[2:]
    np.testing.assert_array_equal(kernel.cpu().ravel()[2:], wanted)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_multiply_adds_are_those_that_torch_counts(
    made: dict[tuple[str, int], tuple[Path, zoo.State]], name: str, form: int
) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    enhancer = load_enhancer(f"{name}:{made[name, form][0]}?device=cpu")
    with FlopCounterMode(display=False) as counter:
        enhancer(photo(61, 46))
    network = network_of(name)
    found = network.multiply_adds(network.shapes[form], 61, 46)
    assert found * 2 == counter.get_total_flops()
    megapixel = network.multiply_adds(network.shapes[form], 1000, 1000)
    assert enhancer.about["multiply_adds"] == megapixel


def test_bad_files_end_in_one_line(
    made: dict[tuple[str, int], tuple[Path, zoo.State]], tmp_path: Path
) -> None:
    path = made["zero_dce", 0][0]
    good = path.read_bytes()
    cases = {
        "cut": (good[:-100], "damaged"),
        "head": (good[:20], "cut short"),
        "empty": (b"", "cut short"),
        "other": (made["sci", 0][0].read_bytes(), "weights of SCI, not of Zero-DCE"),
        "shape": (good.replace(b"[24,64,3,3]", b"[64,24,3,3]"), "e_conv7.weight is"),
        "nan": (good[:-4] + np.float32(np.nan).tobytes(), "not finite"),
    }
    for name, (content, words) in cases.items():
        assert content != good
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(content)
        with pytest.raises(InputError, match=words) as error:
            load_enhancer(f"zero_dce:{file}")
        assert "\n" not in str(error.value) and str(file) in str(error.value)
    with pytest.raises(
        InputError, match="no such file; make one with `wespe-bench import zero_dce"
    ):
        load_enhancer(f"zero_dce:{tmp_path / 'none'}")
    for options in ("?device=tpu", "?precision=fp16"):
        with pytest.raises(InputError, match="device"):
            load_enhancer(f"zero_dce:{path}{options}")
    shutil.copy(path, tmp_path / "same.safetensors")
    assert (
        load_enhancer(f"zero_dce:{path}").fingerprint
        == load_enhancer(f"zero_dce:{tmp_path / 'same.safetensors'}?device=cpu").fingerprint
    )


# Mean PSNR in dB of the authors' own results on DPED's 11 published pairs.
RELEASES = {
    "ZeroDCE": ("zero_dce", ("zero_dce.pth",), 17.161),
    "SCI": ("sci", ("sci_medium.pt",), 9.672),
    "CSRNet": ("csrnet", ("csrnet.pth",), 16.860),
    "3DLUT": ("lut3d", ("lut3d_LUTs.pth", "lut3d_classifier.pth"), 20.857),
    "3DLUT_unpaired": (
        "lut3d",
        ("lut3d_LUTs_unpaired.pth", "lut3d_classifier_unpaired.pth"),
        19.557,
    ),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_authors_own_results(shared: Path, tmp_path: Path, release: str, device: str) -> None:
    from reference_models.zoo.importer import convert

    name, files, decibels = RELEASES[release]
    released = shared / "enhancers"
    out = tmp_path / "x.safetensors"
    convert(network_of(name), [released / file for file in files], out)
    enhancer = load_enhancer(f"{name}:{out}?device={device}")
    scores = []
    for golden in sorted((released / "golden" / release).glob("*.png")):
        photo = shared / "dped" / "patches" / f"{golden.stem}_phone.png"
        result = quantize(enhancer(read_rgb(photo)))
        assert np.abs(result.astype(int) - read_rgb(golden)).max() <= 1
        scores.append(psnr(result, read_rgb(photo.with_name(f"{golden.stem}_dslr.png"))))
    assert len(scores) == 11
    assert abs(np.mean(scores) - decibels) < 0.01


def test_parameters_are_counted_not_believed(
    made: dict[tuple[str, int], tuple[Path, zoo.State]], tmp_path: Path
) -> None:
    from safetensors.numpy import load

    from wespe_bench import tensors

    data = made["sci", 0][0].read_bytes()
    card = tensors.card_of(data) | {"parameters": 10**9}
    tensors.write(tmp_path / "forged.safetensors", load(data), card)
    assert load_enhancer(f"sci:{tmp_path / 'forged.safetensors'}").about["parameters"] < 1000
