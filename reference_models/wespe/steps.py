"""WESPE's four networks, and what one iteration asks of them.

The generator step: y = G(x), judged by its blurred colours, its grey texture and its
roughness, and F(y) has to show what x shows. The discriminator step: real or enhanced, on
patches drawn anew. Neither pairs an x with a target.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from reference_models.vgg import Features
from reference_models.wespe import losses
from reference_models.wespe.networks import (
    Discriminator,
    Generator,
    spectral_norm,
    start_as_identity,
)
from reference_models.wespe.recipe import TrainWespe
from wespe_bench.training import acceleration


class Wespe(nn.Module):
    """G, F, D_c and D_t: ``generator``, ``inverse``, ``colour``, ``texture``."""

    def __init__(self, config: TrainWespe) -> None:
        super().__init__()

        def generator() -> Generator:
            network = Generator(
                config.width, config.blocks, padding=config.padding, init_std=config.init_std
            )
            return start_as_identity(network) if config.init == "identity" else network

        self.generator, self.inverse = generator(), generator()
        self.colour = Discriminator(3, config.patch, config.disc_width)
        self.texture = Discriminator(1, config.patch, config.disc_width)
        if config.spectral_norm:
            spectral_norm(self.colour)
            spectral_norm(self.texture)

    def generators(self) -> list[nn.Parameter]:
        """G's and F's parameters."""
        return [*self.generator.parameters(), *self.inverse.parameters()]

    def discriminators(self) -> list[nn.Parameter]:
        """D_c's and D_t's parameters."""
        return [*self.colour.parameters(), *self.texture.parameters()]


@dataclasses.dataclass(frozen=True, slots=True)
class Calls:
    """The networks as they are called: compiled or not, their convolutions in ``precision``.

    Each takes and gives float32.
    """

    generator: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]
    colour: Callable[[Tensor], Tensor]
    texture: Callable[[Tensor], Tensor]
    features: Callable[[Tensor], Tensor]

    @staticmethod
    def of(
        networks: Wespe,
        features: Features,
        compile: str = "off",
        precision: str = "fp32",
        device: str = "cpu",
    ) -> Calls:
        """The calls of these networks."""
        parts = (networks.generator, networks.inverse, networks.colour, networks.texture, features)
        return Calls(*(acceleration.call(part, compile, precision, device) for part in parts))


Terms = dict[str, Tensor]


def warmup_terms(calls: Calls, x: Tensor) -> tuple[Tensor, Terms]:
    """G(x), and how far G and F are from the identity: the loss of the first iterations."""
    y = calls.generator(x)
    return y, {"warmup": losses.identity(y, x) + losses.identity(calls.inverse(x), x)}


def generator_terms(
    calls: Calls, x: Tensor, config: TrainWespe, world: int = 1
) -> tuple[Tensor, Terms]:
    """G(x), and the terms of equation 6 and of the anchors, not yet weighted.

    ``world``: the number of processes over which gradients are averaged; sums over the batch
    are multiplied by it, so that they stay sums over the whole batch.
    """
    y = calls.generator(x)
    zero = y.new_zeros(())
    with torch.no_grad():
        of = calls.features(x)
    # What has to show the same as x: F(G(x)), by equation 1, or G(x) itself.
    shown = [] if config.content_on == "reconstruction" else [y]
    shown += [] if config.content_on == "enhanced" else [calls.inverse(y)]
    content = torch.stack([losses.content(calls.features(z), of, config.content) for z in shown])
    share = world if config.adversarial == "sum" else 1
    blurred, grey = losses.blur(y, config.blur), losses.grey(y)
    terms = {
        "content": content.mean(),
        "colour": losses.adversarial(calls.colour(blurred), config.adversarial) * share,
        "texture": losses.adversarial(calls.texture(grey), config.adversarial) * share,
        "tv": losses.total_variation(y, config.tv),
        "identity": losses.identity(y, x) if config.weight_identity else zero,
        "low": losses.low_frequency(y, x) if config.weight_low else zero,
    }
    return y, terms


def weighted(terms: Terms, config: TrainWespe) -> Terms:
    """The terms, each times its weight; their sum is what G and F minimise."""
    return {
        name: value * (1.0 if name == "warmup" else getattr(config, f"weight_{name}"))
        for name, value in terms.items()
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """The discriminators' loss, and their logits (N, 1) with what was true (N,), bool."""

    loss: Tensor
    colour: Tensor
    texture: Tensor
    real: Tensor

    def signs(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Accuracy and standard deviation of the logits, of D_c and D_t."""
        both = [logits.detach().float().squeeze(1) for logits in (self.colour, self.texture)]
        right = [((logits > 0) == self.real).float().mean() for logits in both]
        spread = [logits.std(correction=0) for logits in both]
        return (float(right[0]), float(right[1])), (float(spread[0]), float(spread[1]))


def judge(
    calls: Calls,
    fake: Tensor,
    real: Tensor,
    config: TrainWespe,
    rng: np.random.Generator,
    world: int = 1,
) -> Judgement:
    """The discriminators on enhanced patches ``fake`` and patches of the target ``real``.

    "both" shows them all of both; "mixed" (DPED) one of the two in each place, by ``rng``.
    """
    count = len(real)
    if config.disc_batch == "mixed":
        truth = torch.from_numpy(rng.random(count) < 0.5).to(real.device)
        shown = torch.where(truth.view(-1, 1, 1, 1), real, fake)
    else:
        truth = torch.arange(2 * count, device=real.device) < count
        shown = torch.cat([real, fake])
    shown = shown.detach()
    colour = calls.colour(losses.blur(shown, config.blur))
    texture = calls.texture(losses.grey(shown))
    share = world if config.adversarial == "sum" else 1
    loss = sum(
        (
            losses.discrimination(logits, truth, config.adversarial) * share
            for logits in (colour, texture)
        ),
        start=shown.new_zeros(()),
    )
    return Judgement(loss, colour, texture, truth)


def switch(parameters: Iterator[nn.Parameter] | list[nn.Parameter], on: bool) -> None:
    """Let gradients flow to these parameters, or through them only."""
    for parameter in parameters:
        parameter.requires_grad_(on)
