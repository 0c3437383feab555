"""Who learns what in either step, and that the terms are the losses on the right photos."""

import dataclasses

import numpy as np
import pytest
import torch

from reference_models import vgg
from reference_models.wespe import losses
from reference_models.wespe.recipe import TrainWespe
from reference_models.wespe.steps import (
    CompiledNetworks,
    Wespe,
    discriminator_step,
    generator_terms,
    set_requires_grad,
    total,
    warmup_terms,
)
from wespe_bench import vgg_files

CONFIG = TrainWespe(width=6, blocks=1, patch=24, disc_width=4, batch=3, init_std=0.1)
COINS = np.array([True, False, True])


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Wespe(CONFIG)


@pytest.fixture
def calls(networks):
    layers = vgg_files.random_layers((4, 4, 4, 4, 4))
    features = vgg.Features(layers, "relu2_2", back_end="random")
    return CompiledNetworks(**dict(networks.named_children()), features=features)


@pytest.fixture
def x():
    return torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(1))


def _touched(network):
    return {p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters()}


def test_the_generator_step_moves_g_and_f_and_no_discriminator(networks, calls, x):
    set_requires_grad(networks.discriminators(), False)
    _, terms = generator_terms(calls, x, CONFIG)
    total(terms).backward()
    assert _touched(networks.generator) == _touched(networks.inverse) == {True}
    assert _touched(networks.colour) == _touched(networks.texture) == {False}


@pytest.mark.parametrize("disc_batch", ["both", "mixed"])
def test_the_discriminator_step_moves_both_discriminators_and_no_generator(
    networks, calls, x, disc_batch
):
    config = dataclasses.replace(CONFIG, disc_batch=disc_batch)
    fake = calls.generator(x)  # not even when somebody forgot to cut the graph
    discriminator_step(calls, fake, x.flip(3), COINS, config).loss.backward()
    assert _touched(networks.colour) == _touched(networks.texture) == {True}
    assert _touched(networks.generator) == _touched(networks.inverse) == {False}


def test_f_learns_from_the_content_alone(networks, calls, x):
    """Each other term must not reach F; on the enhanced photo even content does not."""
    _, terms = generator_terms(calls, x, dataclasses.replace(CONFIG, weight_low=1.0))
    for name in ("colour", "texture", "tv", "low"):
        networks.zero_grad()
        terms[name].backward(retain_graph=True)
        assert _touched(networks.generator) == {True}
        assert _touched(networks.inverse) == {False}
    networks.zero_grad()
    terms["content"].backward()
    assert _touched(networks.generator) == _touched(networks.inverse) == {True}
    networks.zero_grad()
    config = dataclasses.replace(CONFIG, content_on="enhanced")
    generator_terms(calls, x, config)[1]["content"].backward()
    assert _touched(networks.generator) == {True}
    assert _touched(networks.inverse) == {False}


def test_the_terms(networks, calls, x):
    config = dataclasses.replace(CONFIG, weight_identity=0.1, weight_low=0.2)
    y, terms = generator_terms(calls, x, config)
    torch.testing.assert_close(y, networks.generator(x))
    content = losses.content(calls.features(networks.inverse(y)), calls.features(x))
    colour = losses.adversarial(networks.colour(losses.blur(y)))
    texture = losses.adversarial(networks.texture(losses.grey(y)))
    variation = losses.total_variation(y)
    expected = content + 5e-3 * colour + 5e-3 * texture + 10 * variation  # equation 6
    expected = expected + 0.1 * losses.identity(y, x) + 0.2 * losses.low_frequency(y, x)
    torch.testing.assert_close(total(terms), expected)
    both = generator_terms(calls, x, dataclasses.replace(config, content_on="both"))[1]
    direct = losses.content(calls.features(y), calls.features(x))
    torch.testing.assert_close(both["content"], (content + direct) / 2)


def test_the_warmup_is_the_identity(networks, calls, x):
    y, terms = warmup_terms(calls, x)
    expected = (y - x).abs().mean() + (networks.inverse(x) - x).abs().mean()
    torch.testing.assert_close(terms["warmup"], expected)


def test_the_discriminator_step(networks, calls, x):
    fake, real = x, x.flip(3)
    both = discriminator_step(calls, fake, real, COINS, CONFIG)
    expected = torch.zeros(())
    for network, view in ((networks.colour, losses.blur), (networks.texture, losses.grey)):
        expected = expected + torch.nn.functional.softplus(-network(view(real))).sum()
        expected = expected + torch.nn.functional.softplus(network(view(fake))).sum()
    torch.testing.assert_close(both.loss, expected)
    assert both.real.tolist() == [True] * 3 + [False] * 3
    config = dataclasses.replace(CONFIG, disc_batch="mixed")
    mixed = discriminator_step(calls, fake, real, COINS, config)
    assert mixed.real.tolist() == COINS.tolist()
    shown = torch.stack([real[0], fake[1], real[2]])
    torch.testing.assert_close(mixed.colour, networks.colour(losses.blur(shown)))
