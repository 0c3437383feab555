"""Small networks as strangers export them: each is refused with the way out, or right."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from torch import Tensor, nn

from reference_models import network_loaders
from wespe_bench import enhance, load_dataset
from wespe_bench.errors import InputError
from wespe_bench.images import write_png
from wespe_bench.provenance import fingerprint
from wespe_bench.registry import load_enhancer


def photo(height: int = 29, width: int = 37) -> np.ndarray:
    """Uint8 (H, W, 3) with dark and bright parts."""
    x = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    x[: height // 3] //= 4
    return x


def export(module: nn.Module, kind: str, path: Path, example: Tensor | None = None) -> str:
    """Save as pt2 or TorchScript, as it is (training mode too); the spec."""
    example = torch.rand(1, 3, 24, 32) if example is None else example
    free = torch.export.Dim.AUTO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "pt2":
            program = torch.export.export(module, (example,), dynamic_shapes=({2: free, 3: free},))
            torch.export.save(program, path)
        else:
            traced: Any = torch.jit.trace(module, example, strict=False, check_trace=False)
            torch.jit.save(traced, str(path))
    return f"{kind}:{path}"


def write_onnx(
    path: Path,
    nodes: list[Any],
    outputs: dict[str, list[Any]],
    constants: dict[str, np.ndarray] | None = None,
    shape: tuple[Any, ...] = (1, 3, "h", "w"),
    kind: int = TensorProto.FLOAT,
) -> str:
    """A model of the input "x", without an exporter; its spec."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [onnx.numpy_helper.from_array(v, n) for n, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return f"onnx:{path}"


def affine(path: Path, scale: float, offset: float = 0.0, **options: Any) -> str:
    """An ONNX model that gives x * scale + offset."""
    return write_onnx(
        path,
        [helper.make_node("Mul", ["x", "s"], ["m"]), helper.make_node("Add", ["m", "o"], ["y"])],
        {"y": list(options.get("shape", (1, 3, "h", "w")))},
        {"s": np.array(scale, np.float32), "o": np.array(offset, np.float32)},
        **options,
    )


# Several outputs ----------------------------------------------------------------------


class Pair(nn.Module):
    """Zero-DCE's habit: an intermediate picture, the picture, the curves."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x * 0.25, x * 0.5, torch.cat([x, x], 1)


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"aux": x * 0.25, "rest": {"image": x * 0.5}}


class Listed(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [x * 0.5]


@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
def test_a_tuple_is_refused_until_one_is_chosen(kind: str, tmp_path: Path) -> None:
    spec = export(Pair(), kind, tmp_path / "net")
    with pytest.raises(InputError, match="net has 3 outputs: 0") as error:
        load_enhancer(spec)(photo())
    sides = "?x?" if kind == "pt2" else "29x37"
    assert f"2 (1x6x{sides}); choose one with output=NUMBER or output=NAME" in str(error.value)
    result = load_enhancer(f"{spec}?output=1")(photo())
    np.testing.assert_allclose(result, photo() / 255 * 0.5, atol=1e-6)
    with pytest.raises(InputError, match="has no output '3'; its outputs: 0 "):
        load_enhancer(f"{spec}?output=3")(photo())
    with pytest.raises(InputError, match=r"gave shape \(1, 6, 29, 37\)"):
        load_enhancer(f"{spec}?output=2")(photo())


def test_what_a_program_states_is_refused_before_any_photo(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 3 outputs"):
        load_enhancer(export(Pair(), "pt2", tmp_path / "net"))


def test_a_dict_gives_names(tmp_path: Path) -> None:
    spec = export(Named(), "pt2", tmp_path / "net")
    with pytest.raises(InputError, match=r"2 outputs: 0 'aux' \(1x3x\?x\?\), 1 'rest.image' \("):
        load_enhancer(spec)
    expected = photo() / 255 * 0.5
    for wanted in ("rest.image", "1"):
        result = load_enhancer(f"{spec}?output={wanted}")(photo())
        np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
def test_a_list_of_one_needs_no_choice(kind: str, tmp_path: Path) -> None:
    result = load_enhancer(export(Listed(), kind, tmp_path / "net"))(photo())
    np.testing.assert_allclose(result, photo() / 255 * 0.5, atol=1e-6)


def test_onnx_names_its_outputs_before_any_photo(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Mul", ["x", "s"], ["half"]),
    ]
    shapes = {"same": [1, 3, "h", "w"], "half": [1, 3, "h", "w"]}
    constants = {"s": np.array(0.5, np.float32)}
    spec = write_onnx(tmp_path / "a.onnx", nodes, shapes, constants)
    with pytest.raises(InputError, match=r"2 outputs: 0 'same' \(1x3xhxw\), 1 'half' \(1x3xhxw\)"):
        load_enhancer(spec)
    for wanted in ("half", "1"):
        result = load_enhancer(f"{spec}?output={wanted}")(photo())
        np.testing.assert_allclose(result, photo() / 255 * 0.5, atol=1e-6)
    half, same = (fingerprint(load_enhancer(f"{spec}?output={o}")) for o in ("half", "same"))
    assert half != same


# Sizes --------------------------------------------------------------------------------


def test_a_fixed_size_is_said_and_scaled_to(tmp_path: Path) -> None:
    spec = affine(tmp_path / "a.onnx", 0.5, shape=(1, 3, 16, 24))
    with pytest.raises(InputError, match=r"takes 24x16 pixels, and a photo has 37x29; say size="):
        load_enhancer(spec)(photo())
    enhancer = load_enhancer(f"{spec}?size=24x16")
    result = enhancer(photo())
    assert result.shape == (29, 37, 3)
    for channel in range(3):
        picture = Image.fromarray((photo()[..., channel] / 255).astype(np.float32))
        small = np.asarray(picture.resize((24, 16), Image.Resampling.BICUBIC)) * np.float32(0.5)
        expected = Image.fromarray(small).resize((37, 29), Image.Resampling.BICUBIC)
        np.testing.assert_allclose(result[..., channel], np.asarray(expected), atol=1e-6)
    with pytest.warns(UserWarning, match="scaled to 24x16, and its results are scaled back"):
        enhancer.check(None)  # type: ignore[attr-defined]
    fitting = photo(16, 24)
    np.testing.assert_allclose(load_enhancer(spec)(fitting), fitting / 255 * 0.5, atol=1e-6)


class Halved(nn.Module):
    """As a U-Net: down and up again, so sides must be multiples of 8."""

    def forward(self, x: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(x, 8)
        return nn.functional.interpolate(small, scale_factor=8.0)


@pytest.mark.parametrize(
    ("pad", "mode"), [("", "reflect"), ("&pad=edge", "edge"), ("&pad=zero", "constant")]
)
def test_padding_to_a_multiple(pad: str, mode: Any, tmp_path: Path) -> None:
    spec = export(Halved(), "torchscript", tmp_path / "net")
    with pytest.raises(InputError, match=r"gave shape .* takes multiple=8 or 32"):
        load_enhancer(spec)(photo())
    result = load_enhancer(f"{spec}?multiple=8{pad}")(photo())
    padded = np.pad(photo() / 255, ((0, 3), (0, 3), (0, 0)), mode=mode)
    means = padded.reshape(4, 8, 5, 8, 3).mean((1, 3))
    expected = means.repeat(8, 0).repeat(8, 1)[:29, :37]
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert load_enhancer(f"{spec}?multiple=8")(photo(1, 1)).shape == (1, 1, 3)


# Numbers ------------------------------------------------------------------------------


def inspected(spec: str, image: np.ndarray) -> str:
    enhancer: Any = load_enhancer(spec)
    return str(enhancer.inspect(image, enhancer(image)))


@pytest.mark.parametrize(
    ("scale", "offset", "options", "complaint"),
    [
        # What the network does with its own range, and what the user says of it.
        (0.8, 0.1, "range=0..1&output_range=0..255", "!constant .*: say output_range=0..1"),
        (0.8, 0.1, "output_range=-1..1", r"middle of -1..1; is output_range=0..1 right\?"),
        (1.6, -0.8, "", r"many numbers below 0; is output_range=-1..1 right\?"),
        (204.0, 20.0, "", "!clipped: say output_range=0..255"),
        (204.0, 20.0, "output_range=-1..1", "!clipped: say output_range=0..255"),
        (0.0, 0.5, "output_range=0..1", "constant picture for a photo that is none$"),
    ],
)
def test_a_wrong_range_is_named(
    scale: float, offset: float, options: str, complaint: str, tmp_path: Path
) -> None:
    spec = f"{affine(tmp_path / 'a.onnx', scale, offset)}?{options}".removesuffix("?")
    if complaint.startswith("!"):
        with pytest.raises(InputError, match=complaint[1:]):
            inspected(spec, photo())
    else:
        assert re.search(complaint, inspected(spec, photo()))


@pytest.mark.parametrize(
    ("scale", "offset", "options"),
    [
        (0.8, 0.1, ""),
        (0.8, 20.0, "range=0..255"),
        (0.8, 0.1, "range=-1..1"),
        (204.0, 20.0, "output_range=0..255"),
        (1.6, -0.8, "output_range=-1..1"),
        (1.9, 0.0, ""),  # overshoots, and is clipped, as enhancers do
        (0.02, 0.0, ""),  # nearly black, and still a picture
    ],
)
def test_a_right_range_is_no_matter(
    scale: float, offset: float, options: str, tmp_path: Path
) -> None:
    spec = f"{affine(tmp_path / 'a.onnx', scale, offset)}?{options}".removesuffix("?")
    assert inspected(spec, photo()) == ""


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_photo_may_give_a_flat_result(value: int, tmp_path: Path) -> None:
    flat = np.full((20, 20, 3), value, np.uint8)
    assert inspected(affine(tmp_path / "a.onnx", 1.0, 0.0), flat) == ""


def test_mean_deviation_and_order_of_channels(tmp_path: Path) -> None:
    """What the network is given, channel by channel, is what it gives back."""
    spec = affine(tmp_path / "a.onnx", 1.0)
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
    given = (photo() / 255 - mean) / std
    result = load_enhancer(f"{spec}?mean=0.4,0.5,0.6&std=0.2,0.25,0.3")(photo())
    np.testing.assert_allclose(result, given, atol=1e-5)
    result = load_enhancer(f"{spec}?bgr&mean=0.4,0.5,0.6&std=0.2,0.25,0.3")(photo())
    np.testing.assert_allclose(result, (photo() / 255 - mean[::-1]) / std[::-1], atol=1e-5)
    result = load_enhancer(f"{spec}?range=0..255&mean=127.5&std=127.5&output_range=-1..1")(photo())
    np.testing.assert_allclose(result, photo() / 255, atol=1e-6)


def test_a_network_of_bgr(tmp_path: Path) -> None:
    """The first channel is doubled: blue where the file is read as BGR."""
    spec = write_onnx(
        tmp_path / "a.onnx",
        [helper.make_node("Mul", ["x", "s"], ["y"])],
        {"y": [1, 3, "h", "w"]},
        {"s": np.array([2, 1, 1], np.float32).reshape(1, 3, 1, 1)},
    )
    np.testing.assert_allclose(load_enhancer(spec)(photo()), photo() / 255 * [2, 1, 1], atol=1e-6)
    result = load_enhancer(f"{spec}?bgr")(photo())
    np.testing.assert_allclose(result, photo() / 255 * [1, 1, 2], atol=1e-6)


def test_whole_numbers_are_asked_for(tmp_path: Path) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    path, shapes = tmp_path / "a.onnx", {"y": [1, 3, "h", "w"]}
    spec = write_onnx(path, nodes, shapes, kind=TensorProto.UINT8)
    with pytest.raises(InputError, match=r"whole numbers of 8 bits: say range=0\.\.255"):
        load_enhancer(spec)
    np.testing.assert_allclose(load_enhancer(f"{spec}?range=0..255")(photo()), photo() / 255)


def test_another_layout_is_guessed(tmp_path: Path) -> None:
    spec = affine(tmp_path / "a.onnx", 1.0, shape=(1, "h", "w", 3))
    last = affine(tmp_path / "b.onnx", 1.0, shape=(1, 16, 16, 3))
    np.testing.assert_allclose(load_enhancer(f"{spec}?layout=nhwc")(photo()), photo() / 255)
    with pytest.raises(InputError, match="takes 4 channels, not 3"):
        load_enhancer(affine(tmp_path / "c.onnx", 1.0, shape=(1, 4, "h", "w")))(photo())
    with pytest.raises(InputError, match=r"where layout=nchw has them; is layout=nhwc right"):
        load_enhancer(last)(photo())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("mean=1,2", "expected a number, or three"),
        ("std=0", "expected numbers above 0"),
        ("std=nan", "expected a number"),
        ("multiple=0", "whole number from 1 to 4096"),
        ("size=big", "WIDTHxHEIGHT"),
        ("size=0x4", "WIDTHxHEIGHT"),
        ("size=16&multiple=8", "exclude each other"),
        ("pad=edge", "goes with multiple"),
        ("device=tpu", "expected one of auto, cpu, cuda"),
        ("bgr=maybe", "expected one of no, yes"),
    ],
)
def test_settings_that_are_none(options: str, complaint: str, tmp_path: Path) -> None:
    spec = affine(tmp_path / "a.onnx", 1.0)
    with pytest.raises(InputError, match=complaint):
        load_enhancer(f"{spec}?{options}")


# Training mode ------------------------------------------------------------------------


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.drop(self.norm(x))
        return y


def warned(spec: str) -> list[str]:
    enhancer: Any = load_enhancer(spec)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        enhancer.check(None)
    return [str(warning.message) for warning in found]


@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
def test_training_mode_is_warned_of(kind: str, tmp_path: Path) -> None:
    lines = warned(export(Normed().train(), kind, tmp_path / "net"))
    assert len(lines) == 2
    assert "was exported in training mode (batch_norm)" in lines[0]
    assert "(dropout)" in lines[1] and "export it after .eval()" in lines[1]
    assert warned(export(Normed().eval(), kind, tmp_path / "net")) == []


@pytest.mark.parametrize("training", [0, 1])
def test_training_mode_of_onnx(training: int, tmp_path: Path) -> None:
    nodes = [
        helper.make_node(
            "BatchNormalization",
            ["x", "one", "zero", "zero", "one"],
            ["n", "m", "v"] if training else ["n"],
            training_mode=training,
        ),
        helper.make_node("Dropout", ["n", "r", "t"] if training else ["n"], ["y"]),
    ]
    constants = {"one": np.ones(3, np.float32), "zero": np.zeros(3, np.float32)}
    constants |= {"r": np.array(0.1, np.float32), "t": np.array(True)} if training else {}
    lines = warned(write_onnx(tmp_path / "a.onnx", nodes, {"y": [1, 3, "h", "w"]}, constants))
    assert [line.split("(")[1].split(")")[0] for line in lines] == (
        ["BatchNormalization", "Dropout"] if training else []
    )


# Devices ------------------------------------------------------------------------------


def test_a_device_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    spec = export(Listed(), "torchscript", tmp_path / "net")
    with pytest.raises(InputError, match="device=cuda: no CUDA device here"):
        load_enhancer(f"{spec}?device=cuda")
    with pytest.raises(InputError, match="onnxruntime has no CUDA; install onnxruntime-gpu"):
        load_enhancer(f"{affine(tmp_path / 'a.onnx', 1.0)}?device=cuda")
    loaded: Any = [load_enhancer(f"{spec}?device={device}") for device in ("auto", "cpu")]
    assert [enhancer.network.device for enhancer in loaded] == ["cpu", "cpu"]
    assert loaded[0].fingerprint == loaded[1].fingerprint


def test_onnx_on_the_cpu_beside_cuda_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_loaders, "_torch_has_cuda", lambda: True)
    spec = affine(tmp_path / "a.onnx", 1.0)
    (line,) = warned(spec)
    assert "runs on the CPU, other networks on CUDA" in line and "onnxruntime-gpu" in line
    assert warned(f"{spec}?device=cpu") == []


# In a run -----------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Enhance three photos with a spec; the run, and its run.json."""
    for number in range(3):
        write_png(tmp_path / "photos" / f"{number}.png", np.roll(photo(), number, axis=1))

    def work(spec: str, **options: Any) -> tuple[Any, dict[str, Any]]:
        dataset = load_dataset("folder", input=str(tmp_path / "photos"))
        done = enhance(spec, dataset, tmp_path / "out", quiet=True, **options)
        return done, json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))

    return work


def test_warnings_stand_in_the_run(
    run: Callable[..., tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    spec = f"{affine(tmp_path / 'a.onnx', 1.6, -0.8, shape=(1, 3, 16, 16))}?size=16"
    line = "a.onnx gives many numbers below 0; is output_range=-1..1 right?"
    scaled = "a.onnx sees photos scaled to 16x16, and its results are scaled back: detail is lost"
    with pytest.warns(UserWarning, match=r"below 0; .* \(3 photos\)$"):
        done, told = run(spec)
    assert (done.done, told["warnings"]) == (3, {scaled: 0, line: 3})
    with pytest.warns(UserWarning, match="scaled to 16x16"):
        done, told = run(spec)
    assert (done.done, done.kept, told["warnings"]) == (0, 3, {scaled: 0, line: 3})
    with pytest.warns(UserWarning, match=r"\(3 photos\)$"):
        done, told = run(spec, force=True)
    assert (done.done, told["warnings"]) == (3, {scaled: 0, line: 3})
    done, told = run(f"{affine(tmp_path / 'a.onnx', 1.0, shape=(1, 3, 16, 16))}?size=16")
    assert told["warnings"] == {scaled: 0}


def test_a_useless_result_is_a_failure_not_a_score(
    run: Callable[..., tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    done, told = run(f"{affine(tmp_path / 'a.onnx', 0.8, 0.1)}?output_range=0..255")
    assert done.done == 0 and "warnings" not in told
    assert {failure.error.partition(": ")[2] for failure in done.failures} == {
        "a.onnx gives a nearly constant picture for a photo that is none: say output_range=0..1"
    }
