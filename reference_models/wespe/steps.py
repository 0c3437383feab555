"""WESPE's four networks, and the losses of its two steps.

Generator step: y = G(x) has to fool both discriminators, with its blurred colours and its grey
texture, has to be smooth, and F(y) has to show what x shows. Discriminator step: tell real from
enhanced patches. Neither step pairs an x with a photo of the target.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

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
from reference_models.wespe.tone_start import Tones, start_as_curves
from wespe_bench.training.acceleration import Call, to_device

#: By name, the terms of a loss: float32 scalars.
Terms = dict[str, Tensor]

#: Networks by name, and what runs all their graphs, to functions by the same names.
Compile = Callable[[Mapping[str, nn.Module], Callable[[Mapping[str, Call]], None]], dict[str, Call]]


def _same(x: Tensor) -> Tensor:
    return x


class Wespe(nn.Module):
    """G, F, D_c and D_t as ``generator``, ``inverse``, ``colour`` and ``texture``."""

    def __init__(self, config: TrainWespe, tones: Tones | None = None) -> None:
        """``tones`` is what G and F start as where ``config.init`` is a tone match."""
        super().__init__()

        def generator(curves: np.ndarray | None) -> Generator:
            network = Generator(
                config.width, config.blocks, padding=config.padding, init_std=config.init_std
            )
            if curves is not None:
                return start_as_curves(network, curves)
            return start_as_identity(network) if config.init == "identity" else network

        self.generator = generator(tones.forth if tones else None)
        self.inverse = generator(tones.back if tones else None)
        self.colour = Discriminator(3, config.patch, config.disc_width, norm=config.colour_norm)
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
class CompiledNetworks:
    """The networks as functions from float32 to float32, compiled where the training compiles.

    ``start`` is what G starts as: the identity, or a tone match.
    """

    generator: Call
    inverse: Call
    colour: Call
    texture: Call
    features: Call
    start: Call = _same

    @staticmethod
    def of(
        networks: Wespe,
        features: Features,
        config: TrainWespe,
        compile: Compile,
        world: int = 1,
        tones: Tones | None = None,
    ) -> CompiledNetworks:
        """Compile the networks.

        Args:
            networks: G, F, D_c and D_t.
            features: VGG-19, on the same device.
            config: The training's options.
            compile: `Session.compile`, or another way to compile networks after a rehearsal.
            world: Processes that share a batch.
            tones: What G and F start as, as in `Wespe`.
        """
        start: Mapping[str, Call] = {"start": tones} if tones else {}
        grey = torch.full((config.batch // world, 3, config.patch, config.patch), 0.5)
        x = grey.to(next(networks.parameters()).device)

        def rehearse(calls: Mapping[str, Call]) -> None:
            compiled = CompiledNetworks(**calls, **start)
            set_requires_grad(networks.discriminators(), False)
            if config.warmup:
                total(warmup_terms(compiled, x)[1]).backward()
            total(generator_terms(compiled, x, config)[1]).backward()
            set_requires_grad(networks.discriminators(), True)
            with torch.no_grad():
                fake = compiled.generator(x)
            coins = np.zeros(len(x), bool)
            step = discriminator_step(compiled, fake, x, coins, config)
            step.loss.backward()

        parts = dict(networks.named_children()) | {"features": features}
        return CompiledNetworks(**compile(parts, rehearse), **start)


def warmup_terms(compiled: CompiledNetworks, x: Tensor) -> tuple[Tensor, Terms]:
    """The loss of the first iterations: how far G and F are from what they start as.

    Args:
        compiled: The networks.
        x: Input patches, float32 (N, 3, H, W) on [0, 1].

    Returns:
        G(x), and the one term "warmup".
    """
    y, start = compiled.generator(x), compiled.start(x)
    return y, {"warmup": losses.identity(y, start) + losses.identity(compiled.inverse(start), x)}


def generator_terms(
    compiled: CompiledNetworks, x: Tensor, config: TrainWespe, world: int = 1
) -> tuple[Tensor, Terms]:
    """The terms of equation 6 and of the anchors, weighted; G and F minimise their sum.

    Args:
        compiled: The networks.
        x: Input patches, float32 (N, 3, H, W) on [0, 1].
        config: The training's options.
        world: Processes over which gradients are averaged. Sums over the batch are multiplied by
            it, so that they stay sums over the whole batch.

    Returns:
        G(x), and the terms by name.
    """
    y = compiled.generator(x)
    zero = y.new_zeros(())
    start = compiled.start(x)
    share = world if config.adversarial == "sum" else 1
    blurred, grey = losses.blur(y, config.blur), losses.grey(y)
    terms = {
        "content": _content(compiled, x, y, start, config),
        "colour": losses.adversarial(compiled.colour(blurred), config.adversarial) * share,
        "texture": losses.adversarial(compiled.texture(grey), config.adversarial) * share,
        "tv": losses.total_variation(y, config.tv),
        "identity": losses.identity(y, start) if config.weight_identity else zero,
        "low": losses.low_frequency(y, start) if config.weight_low else zero,
    }
    return y, {name: term * getattr(config, f"weight_{name}") for name, term in terms.items()}


def _content(
    compiled: CompiledNetworks, x: Tensor, y: Tensor, start: Tensor, config: TrainWespe
) -> Tensor:
    """Equation 1: F(G(x)) shows what x shows, or G(x) itself what G's start shows, or both."""
    pairs = [] if config.content_on == "enhanced" else [(compiled.inverse(y), x)]
    pairs += [] if config.content_on == "reconstruction" else [(y, start)]
    found, of = [], None
    for shown, wanted in pairs:
        if of is None or wanted is not x:
            with torch.no_grad():
                of = compiled.features(wanted)
        found.append(losses.content(compiled.features(shown), of, config.content))
    return torch.stack(found).mean()


def total(terms: Terms) -> Tensor:
    """The sum of the terms."""
    return torch.stack(list(terms.values())).sum()


@dataclasses.dataclass(frozen=True, slots=True)
class DiscriminatorStep:
    """The discriminators' loss, their logits (N, 1), and which patches were real, bool (N,)."""

    loss: Tensor
    colour: Tensor
    texture: Tensor
    real: Tensor


def discriminator_step(
    compiled: CompiledNetworks,
    fake: Tensor,
    real: Tensor,
    coins: np.ndarray,
    config: TrainWespe,
    world: int = 1,
) -> DiscriminatorStep:
    """The loss that D_c and D_t minimise.

    Args:
        compiled: The networks.
        fake: Enhanced patches, float32 (N, 3, H, W).
        real: The target's patches, float32 (N, 3, H, W) on [0, 1].
        coins: bool (N,). With ``disc_batch`` "mixed" (as in DPED) they choose, patch by patch, the
            real (True) or the enhanced one; "both" takes all of both.
        config: The training's options.
        world: As in `generator_terms`.
    """
    if config.disc_batch == "mixed":
        truth = to_device(coins, real.device)
        shown = torch.where(truth.view(-1, 1, 1, 1), real, fake)
    else:
        truth = torch.arange(2 * len(real), device=real.device) < len(real)
        shown = torch.cat([real, fake])
    shown = shown.detach()
    colour = compiled.colour(losses.blur(shown, config.blur))
    texture = compiled.texture(losses.grey(shown))
    share = world if config.adversarial == "sum" else 1
    loss = sum(
        (
            losses.discrimination(logits, truth, config.adversarial) * share
            for logits in (colour, texture)
        ),
        start=shown.new_zeros(()),
    )
    return DiscriminatorStep(loss, colour, texture, truth)


def set_requires_grad(parameters: Iterable[nn.Parameter], wanted: bool) -> None:
    """Compute gradients for these parameters, or only through them."""
    for parameter in parameters:
        parameter.requires_grad_(wanted)


def update_ema(average: nn.Module, generator: nn.Module, decay: float, iteration: int) -> None:
    """Update the exponential moving average of a generator's weights, in place.

    Args:
        average: The average, with the generator's architecture.
        generator: The generator that is trained.
        decay: Weight of the old average, below 1; less in the first iterations.
        iteration: The current iteration, from 1 on.
    """
    decay = min(decay, (1 + iteration) / (10 + iteration))
    with torch.no_grad():
        means: list[Tensor] = list(average.parameters())
        now: list[Tensor] = list(generator.parameters())
        torch._foreach_lerp_(means, now, 1 - decay)  # one kernel on CUDA, not forty
