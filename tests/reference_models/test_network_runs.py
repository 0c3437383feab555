"""Networks of other people in a run: training mode, devices, warnings and failures."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper
from torch import Tensor, nn

from reference_models import network_loaders
from tests.reference_models.small_networks import Listed, affine, export, photo, write_onnx
from wespe_bench import enhance, load_dataset
from wespe_bench.errors import InputError
from wespe_bench.images import write_png
from wespe_bench.registry import load_enhancer

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
        done, metadata = run(spec)
    assert (done.done, metadata["warnings"]) == (3, {scaled: 0, line: 3})
    with pytest.warns(UserWarning, match="scaled to 16x16"):
        done, metadata = run(spec)
    assert (done.done, done.kept, metadata["warnings"]) == (0, 3, {scaled: 0, line: 3})
    with pytest.warns(UserWarning, match=r"\(3 photos\)$"):
        done, metadata = run(spec, force=True)
    assert (done.done, metadata["warnings"]) == (3, {scaled: 0, line: 3})
    done, metadata = run(f"{affine(tmp_path / 'a.onnx', 1.0, shape=(1, 3, 16, 16))}?size=16")
    assert metadata["warnings"] == {scaled: 0}


def test_a_useless_result_is_a_failure_not_a_score(
    run: Callable[..., tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    done, metadata = run(f"{affine(tmp_path / 'a.onnx', 0.8, 0.1)}?output_range=0..255")
    assert done.done == 0 and "warnings" not in metadata
    assert {failure.error.partition(": ")[2] for failure in done.failures} == {
        "a.onnx gives a nearly constant picture for a photo that is none: say output_range=0..1"
    }
