"""Who learns what in either step, and that the terms are the losses on the right photos."""

import dataclasses

import numpy as np
import pytest
import torch

from reference_models import vgg
from reference_models.wespe import losses
from reference_models.wespe.recipe import TrainWespe
from reference_models.wespe.steps import (
    Calls,
    Wespe,
    generator_terms,
    judge,
    switch,
    warmup_terms,
    weighted,
)
from wespe_bench import vgg_files

CONFIG = TrainWespe(width=6, blocks=1, patch=24, disc_width=4, batch=3, init_std=0.1)


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Wespe(CONFIG)


@pytest.fixture
def calls(networks):
    layers = vgg_files.random_layers((4, 4, 4, 4, 4))
    return Calls.of(networks, vgg.Features(layers, "relu2_2", back_end="random"))


@pytest.fixture
def x():
    return torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(1))


def _touched(network):
    return {p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters()}


def test_the_generator_step_moves_g_and_f_and_no_discriminator(networks, calls, x):
    switch(networks.discriminators(), False)
    _, terms = generator_terms(calls, x, CONFIG)
    sum(weighted(terms, CONFIG).values()).backward()
    assert _touched(networks.generator) == _touched(networks.inverse) == {True}
    assert _touched(networks.colour) == _touched(networks.texture) == {False}


@pytest.mark.parametrize("disc_batch", ["both", "mixed"])
def test_the_discriminator_step_moves_both_discriminators_and_no_generator(
    networks, calls, x, disc_batch
):
    config = dataclasses.replace(CONFIG, disc_batch=disc_batch)
    fake = calls.generator(x)  # not even when somebody forgot to cut the graph
    judge(calls, fake, x.flip(3), config, np.random.default_rng(3)).loss.backward()
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
    expected = losses.total(content, colour, texture, variation, (1, 5e-3, 5e-3, 10))
    expected = expected + 0.1 * losses.identity(y, x) + 0.2 * losses.low_frequency(y, x)
    torch.testing.assert_close(sum(weighted(terms, config).values()), expected)
    both = generator_terms(calls, x, dataclasses.replace(config, content_on="both"))[1]
    direct = losses.content(calls.features(y), calls.features(x))
    torch.testing.assert_close(both["content"], (content + direct) / 2)


def test_the_warmup_is_the_identity(networks, calls, x):
    y, terms = warmup_terms(calls, x)
    expected = (y - x).abs().mean() + (networks.inverse(x) - x).abs().mean()
    torch.testing.assert_close(weighted(terms, CONFIG)["warmup"], expected)


def test_the_judgement(networks, calls, x):
    fake, real = x, x.flip(3)
    both = judge(calls, fake, real, CONFIG, np.random.default_rng(0))
    expected = torch.zeros(())
    for network, view in ((networks.colour, losses.blur), (networks.texture, losses.grey)):
        expected = expected + torch.nn.functional.softplus(-network(view(real))).sum()
        expected = expected + torch.nn.functional.softplus(network(view(fake))).sum()
    torch.testing.assert_close(both.loss, expected)
    assert both.real.tolist() == [True] * 3 + [False] * 3
    config = dataclasses.replace(CONFIG, disc_batch="mixed")
    mixed = judge(calls, fake, real, config, np.random.default_rng(0))
    coin = np.random.default_rng(0).random(3) < 0.5
    assert mixed.real.tolist() == coin.tolist()
    shown = torch.where(torch.from_numpy(coin).view(-1, 1, 1, 1), real, fake)
    torch.testing.assert_close(mixed.colour, networks.colour(losses.blur(shown)))


def test_accuracy_and_contrast():
    from reference_models.wespe.steps import Judgement

    logits = torch.tensor([[2.0], [-1.0], [-1.0], [2.0]])
    real = torch.tensor([True, True, False, False])
    accuracy, contrast = Judgement(torch.zeros(()), logits, -logits + 5, real).signs()
    assert accuracy == (0.5, 0.5)
    assert contrast == pytest.approx((1.5, 1.5))
