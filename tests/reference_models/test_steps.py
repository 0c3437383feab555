"""Who learns what in either step, and that the terms are the losses on the right photos."""

import dataclasses

import numpy as np
import pytest
import torch

from reference_models import vgg
from reference_models.tone import match
from reference_models.wespe import losses
from reference_models.wespe.recipe import PRESETS, TrainWespe
from reference_models.wespe.steps import (
    CompiledNetworks,
    Wespe,
    discriminator_step,
    generator_terms,
    set_requires_grad,
    total,
    warmup_terms,
)
from reference_models.wespe.tone_start import Tones
from reference_models.wespe.train import rates
from wespe_bench import vgg_files

SMALL = {"width": 6, "blocks": 1, "patch": 24, "disc_width": 4, "batch": 3, "init_std": 0.1}
CONFIG = TrainWespe(**SMALL)
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


def _of_preset(name):
    """A preset's small networks, as functions, and its options."""
    torch.manual_seed(0)
    config = dataclasses.replace(PRESETS[name], **SMALL)
    darker = np.tile(np.arange(256) // 2, (3, 1)).astype(np.uint8)
    lighter = np.minimum(np.tile(np.arange(256) * 2, (3, 1)), 255).astype(np.uint8)
    tones = Tones(lighter, darker) if config.init in match.MODELS else None
    networks = Wespe(config, tones)
    features = vgg.Features(vgg_files.random_layers((4,) * 5), "relu2_2", back_end="random")
    start = {"start": tones} if tones else {}
    return (
        networks,
        CompiledNetworks(**dict(networks.named_children()), features=features, **start),
        config,
    )


def test_the_default_preset_trains_f(x):
    networks, calls, config = _of_preset("paper")
    assert next(iter(PRESETS)) == "paper"
    y, terms = generator_terms(calls, x / 2, config)
    total(terms).backward()
    assert _touched(networks.generator) == _touched(networks.inverse) == {True}
    start = calls.start(x / 2)
    assert (start - x / 2).abs().mean() > 0.2
    torch.testing.assert_close(terms["low"], config.weight_low * losses.low_frequency(y, start))


def _gradient_norm(networks, term):
    networks.zero_grad()
    term.backward(retain_graph=True)
    found = [p.grad.flatten() for p in networks.generator.parameters() if p.grad is not None]
    return torch.linalg.vector_norm(torch.cat(found))


@pytest.mark.parametrize(("preset", "factor"), [("paper", 1.0), ("enhanced", 30 / 4)])
def test_the_balance_of_the_default_preset_does_not_depend_on_the_batch(x, preset, factor):
    """The same two patches, 2 and 15 times: sums over the batch grow, means do not."""
    networks, calls, config = _of_preset(preset)
    ratios = []
    for batch in (4, 30):
        _, terms = generator_terms(calls, x[:2].repeat(batch // 2, 1, 1, 1) / 2, config)
        content, *adversarial = (
            _gradient_norm(networks, terms[name]) for name in ("content", "colour", "texture")
        )
        ratios.append(torch.stack(adversarial) / content)
    torch.testing.assert_close(ratios[1], ratios[0] * factor, rtol=1e-3, atol=0)


def test_rates_halve():
    config = TrainWespe(lr=4e-4, lr_warmup=1e-3, lr_disc=2e-4, warmup=10, lr_halving=100)
    assert rates(config, 200) == pytest.approx((1e-4, 5e-5))
    assert rates(config, 10)[0] == pytest.approx(1e-3 * 0.5**0.1)
    assert rates(dataclasses.replace(config, lr_halving=0), 200) == (4e-4, 2e-4)


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
