"""A training step on CUDA without a card: torch's fake tensors know devices and layouts.

Drawing, both losses, clipping, Adam and the average. Not the backward passes, for which torch asks
the driver, nor bf16: without a driver autocast is off.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from reference_models import patches, vgg
from reference_models.wespe.recipe import TrainWespe
from reference_models.wespe.steps import (
    CompiledNetworks,
    Wespe,
    discriminator_step,
    generator_terms,
    set_requires_grad,
    total,
    update_ema,
)
from wespe_bench.training import acceleration

CONFIG = TrainWespe(width=8, patch=32, batch=4, disc_width=6, ema=0.9, clip=1.0)


class Copies(TorchDispatchMode):
    """Counts copies between the processor and the card, and waits for single values."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "item", "nonzero", "is_nonzero"):
            self.found[f"waits: {name}"] += 1
        if name in ("_to_copy", "copy_") and isinstance(args[0], Tensor):
            source = args[1] if name == "copy_" else args[0]
            if source.device.type != result.device.type:
                kept = (kwargs or {}).get("non_blocking", False) or True in args[2:]
                way = f"{source.device.type} to {result.device.type}"
                self.found[way if kept else f"{way}, waits"] += 1
        return result


def _move(network: nn.Module) -> None:
    """Replace weights by fake ones on the card, channels-last; ``to`` cannot swap in fake ones."""
    for module in network.modules():
        for kept in (module._parameters, module._buffers):
            for name, value in kept.items():
                if value is not None:
                    fake = torch.empty(value.shape, device="cuda")
                    if fake.ndim == 4:
                        fake = fake.to(memory_format=torch.channels_last)
                    kept[name] = nn.Parameter(fake) if kept is module._parameters else fake


def _fill_gradients(parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = torch.empty_like(parameter)


@pytest.fixture
def photos() -> patches.Photos:
    rng = np.random.default_rng(0)
    sizes = np.array([[40, 50], [64, 33]])
    ends = np.cumsum(3 * sizes.prod(axis=1))
    pixels = torch.from_numpy(rng.integers(0, 256, ends[-1], dtype=np.uint8))
    return patches.Photos("two", "1", pixels, np.array([0, ends[0]]), sizes)


@pytest.fixture(autouse=True)
def _no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pinning and the card's free memory need a driver; nothing else here does."""
    monkeypatch.setattr(acceleration, "pinned", lambda tensor: tensor)
    monkeypatch.setattr(patches, "pinned", lambda tensor: tensor)
    monkeypatch.setattr(patches, "_free_on_gpu", lambda: 2**30)


@pytest.mark.parametrize("disc_batch", ["both", "mixed"])
def test_step_stays_on_the_card(photos: patches.Photos, disc_batch: str) -> None:
    config = dataclasses.replace(CONFIG, disc_batch=disc_batch)
    draws = patches.Draws(config)
    networks, features = Wespe(config), vgg.load(layer="relu2_1")
    average = copy.deepcopy(networks.generator)
    with FakeTensorMode(allow_non_fake_inputs=True):
        source = photos.to("cuda", channels_last=True)
        for network in (networks, average, features):
            _move(network)
        adam_g = torch.optim.Adam(networks.generators(), fused=True)
        adam_d = torch.optim.Adam(networks.discriminators(), fused=True)
        parts = dict(networks.named_children()) | {"features": features}
        calls = acceleration.compile_networks(parts, lambda _: None, "off", device="cuda")
        compiled = CompiledNetworks(**calls)
        for iteration in (1, 2):  # optimisers make their moments in the first
            with Copies() as copies:
                set_requires_grad(networks.discriminators(), False)
                x = source.batch(draws("x", iteration))
                assert x.is_contiguous(memory_format=torch.channels_last)
                y, terms = generator_terms(compiled, x, config)
                loss = total(terms)
                _fill_gradients(networks.generators())
                torch.nn.utils.clip_grad_norm_(networks.generators(), config.clip)
                adam_g.step()
                update_ema(average, networks.generator, config.ema, iteration)
                set_requires_grad(networks.discriminators(), True)
                with torch.no_grad():
                    fake = compiled.generator(source.batch(draws("fake", iteration)))
                real = source.batch(draws("real", iteration))
                coins = draws("coin", iteration).coins()
                step = discriminator_step(compiled, fake, real, coins, config)
                _fill_gradients(networks.discriminators())
                adam_d.step()
        for value in (y, loss, *terms.values(), step.loss, step.colour, step.real):
            assert value.device.type == "cuda"
        assert y.dtype == step.loss.dtype == torch.float32
    draws_and_coins = 3 + (disc_batch == "mixed")
    assert copies.found == {"cpu to cuda": draws_and_coins}


def test_photos_too_large_for_the_card_stay_here(
    photos: patches.Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "_free_on_gpu", lambda: 1000)
    draw = patches.Draws(CONFIG)("x", 1)
    with FakeTensorMode(allow_non_fake_inputs=True):
        with pytest.warns(UserWarning, match="two: 0.0 GB of pixels, more than half of the GPU"):
            there = photos.to("cuda")
        assert there.pixels.device.type == "cpu"
        with Copies() as copies:
            batch = there.batch(draw)
        assert batch.device.type == "cuda" and batch.shape == (4, 3, 32, 32)
    assert copies.found == {"cpu to cuda": 1}


def test_batches_are_equal_in_both_layouts(photos: patches.Photos) -> None:
    draw = patches.Draws(dataclasses.replace(CONFIG, turn=True))("x", 3)
    ours, theirs = photos.batch(draw), photos.to("cpu", channels_last=True).batch(draw)
    assert torch.equal(ours, theirs)
    assert ours.is_contiguous()
    assert theirs.is_contiguous(memory_format=torch.channels_last)
