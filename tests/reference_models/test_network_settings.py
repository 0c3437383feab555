"""Small networks as other people export them: each is refused with the way out, or right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from torch import Tensor, nn

from tests.reference_models.small_networks import Listed, affine, export, photo, write_onnx
from wespe_bench.errors import InputError
from wespe_bench.provenance import fingerprint
from wespe_bench.registry import load_enhancer

# Several outputs ----------------------------------------------------------------------


class Pair(nn.Module):
    """Zero-DCE's habit: an intermediate picture, the picture, the curves."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x * 0.25, x * 0.5, torch.cat([x, x], 1)


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"aux": x * 0.25, "rest": {"image": x * 0.5}}


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
        enhancer.check(None)
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
def test_a_right_range_gives_no_warning(
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
def test_settings_that_are_invalid(options: str, complaint: str, tmp_path: Path) -> None:
    spec = affine(tmp_path / "a.onnx", 1.0)
    with pytest.raises(InputError, match=complaint):
        load_enhancer(f"{spec}?{options}")
