"""WESPE's training.

Ignatov et al., "WESPE", CVPRW 2018: Adam, 20,000 iterations, 30 patches of 100 x 100 px.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor

from reference_models import checkpoints, collapse, patches, vgg
from reference_models.memory import check_step
from reference_models.seeds import train_seeds
from reference_models.tone import match
from reference_models.wespe import recipe
from reference_models.wespe.networks import Generator
from reference_models.wespe.recipe import TrainWespe
from reference_models.wespe.steps import (
    CompiledNetworks,
    DiscriminatorStep,
    Terms,
    Wespe,
    discriminator_step,
    generator_terms,
    set_requires_grad,
    total,
    update_ema,
    warmup_terms,
)
from reference_models.wespe.tone_start import Tones
from wespe_bench.errors import InputError
from wespe_bench.training.acceleration import to_floats
from wespe_bench.training.session import Session

#: The terms in train.csv; the warm-up's is 0 after it, the others are 0 during it.
_TERMS = ("warmup", "content", "colour", "texture", "tv", "identity", "low")

#: The columns of train.csv after "iteration".
_COLUMNS = (
    *(*_TERMS, "loss", "discriminators", "accuracy_colour", "accuracy_texture"),
    *("psnr", "spread", "correlation", "active", "gradient"),
)


def train(config: TrainWespe, *, quiet: bool = False) -> Path:
    """Train WESPE, or resume the training in ``config.out``; returns the generator's checkpoint.

    Args:
        config: The options.
        quiet: Show no progress; warnings are shown all the same.

    Raises:
        InputError: Options or photos that cannot be trained on, a loss that is not finite (the
            last state is kept), or a lack of memory or disk.
    """
    recipe.check(config)
    with Session(config, recipe.FREE, quiet=quiet) as session:
        world = session.ranks.world
        source, target, features = _open(session, config)
        torch.manual_seed(config.seed)
        tones = _tones(source, target, config)
        networks = session.place(Wespe(config, tones))
        average = copy.deepcopy(networks.generator)
        betas = (config.beta1, config.beta2)
        adam_g = torch.optim.Adam(networks.generators(), config.lr, betas, fused=True)
        adam_d = torch.optim.Adam(networks.discriminators(), config.lr_disc, betas, fused=True)
        watch = collapse.Watch(config.preset)
        parts = {"networks": networks, "average": average, "g": adam_g, "d": adam_d, "watch": watch}
        session.restore(parts, iterations=config.iterations)
        draws = patches.Draws(config, session.ranks.rank, world)
        features.set_scale(config.content_scale, source.batch(draws.common("scale", 32)))
        compiled = CompiledNetworks.of(networks, features, config, session.compile, world, tones)
        sides = [photos.batch(draws.common("sight", 8)) for photos in (source, target)]
        enhancer = average if config.ema else networks.generator
        if session.finished_without(checkpoints.NAME):
            _preview(session, enhancer, networks, sides, config)

        for iteration in session.iterations(config.iterations):
            # Generator step: G and F; gradients flow through the discriminators, not to them.
            set_requires_grad(networks.discriminators(), False)
            x = source.batch(draws("x", iteration))
            if iteration <= config.warmup:
                y, terms = warmup_terms(compiled, x)
            else:
                y, terms = generator_terms(compiled, x, config, world)
            loss = total(terms)
            adam_g.param_groups[0]["lr"], adam_d.param_groups[0]["lr"] = rates(config, iteration)
            norm = session.descend(adam_g, loss, config.clip)
            if config.ema:
                update_ema(average, networks.generator, config.ema, iteration)

            # Discriminator step, on new draws of source and target, independent of each other.
            # Also during the warm-up, so that D's first gradients for G are not noise.
            set_requires_grad(networks.discriminators(), True)
            fake = y.detach()
            if not config.reuse_fake:
                with torch.no_grad():
                    fake = compiled.generator(source.batch(draws("fake", iteration)))
            real = target.batch(draws("real", iteration))
            coins = draws("coin", iteration).coins()
            step = discriminator_step(compiled, fake, real, coins, config, world)
            session.descend(adam_d, step.loss, config.clip)

            if session.logs or session.device == "cpu":  # on CUDA the check waits for the device
                session.check_finite(loss, norm, step.loss)
            if not session.writes:
                continue
            if iteration == config.warmup + 1:
                session.show_terms(terms)
            looks = iteration > config.warmup and iteration % collapse.LOOK_EVERY == 0
            row: dict[str, float] = {}
            if session.logs or looks:
                row = _measure(networks.generator, x, y, terms, step, norm)
            if session.logs:
                shown = ("warmup",) if iteration <= config.warmup else _TERMS[1:5]
                session.log({name: row[name] for name in _COLUMNS}, (*shown, "psnr"))
            for sentence in watch.look(iteration, row) if looks else ():
                session.say(f"warning: {sentence}")
                if config.on_collapse == "stop":
                    raise InputError(f"stopped: {sentence}")
            if session.previews:
                _preview(session, enhancer, networks, sides, config)
                session.save()  # after the preview: a state's files are all there
    return session.out / checkpoints.NAME


def _open(
    session: Session, config: TrainWespe
) -> tuple[patches.Photos, patches.Photos, vgg.Features]:
    """Load source, target and VGG-19 onto the training's device, and open its folder."""
    check_step(config, session.device, session.ranks.world)
    source = patches.load(config.source, config.patch, data=config.data)
    target = patches.load(config.target, config.patch, data=config.data)
    if source.revision == target.revision:
        raise InputError(
            f"--source {config.source} and --target {config.target} hold the same photos: "
            "there would be nothing to learn"
        )
    features = vgg.load(
        config.vgg, config.vgg_file, layer=config.content_layer, download=config.download
    )
    facts = {
        "photos": f"{source.name} {source.revision}",
        "targets": f"{target.name} {target.revision}",
        "features": features.describe(),
        "arithmetic": session.precision,
    }
    session.open(Path(config.out or f"runs/wespe-{source.name.replace(':', '-')}"), facts)
    features = session.place(features)
    source, target = (p.to(session.device, session.channels_last) for p in (source, target))
    return source, target, features


def _tones(source: patches.Photos, target: patches.Photos, config: TrainWespe) -> Tones | None:
    """What G and F start as, where that is a tone match."""
    if config.init not in match.MODELS:
        return None
    try:
        return Tones.between(source, target, config.init)
    except ValueError as error:
        raise InputError(
            f"--source {config.source}, --target {config.target}: {error}; use --init identity"
        ) from None


def rates(config: TrainWespe, iteration: int) -> tuple[float, float]:
    """The learning rates of G and F, and of the discriminators, at an iteration."""
    share = 0.5 ** (iteration / config.lr_halving) if config.lr_halving else 1.0
    warm = bool(config.lr_warmup) and iteration <= config.warmup
    return (config.lr_warmup if warm else config.lr) * share, config.lr_disc * share


def _measure(
    generator: Generator,
    x: Tensor,
    y: Tensor,
    terms: Terms,
    step: DiscriminatorStep,
    norm: Tensor,
) -> dict[str, float]:
    """The columns of train.csv, and what `collapse.measure` found besides."""
    logits = {"_colour": step.colour, "_texture": step.texture}
    measured = collapse.measure(x, y, generator, logits, step.real)
    measured |= {"discriminators": step.loss, "gradient": norm}
    row = dict.fromkeys(_TERMS, 0.0) | to_floats(terms | measured)
    return row | {"loss": sum(row[name] for name in _TERMS)}


def _preview(
    session: Session,
    enhancer: Generator,
    networks: Wespe,
    batch: list[Tensor],
    config: TrainWespe,
) -> None:
    """Write a strip (inputs, enhanced, F of those, target), the curves, and the generator."""
    x, target = batch
    with torch.no_grad():
        y = enhancer(x)
        trained = config.content_on != "enhanced" or config.warmup
        rows = [x, y, *([networks.inverse(y)] if trained else []), target]
    session.preview(rows)
    checkpoints.keep(session, enhancer, "WESPE")


def main(config: TrainWespe) -> int:
    """``wespe-bench train wespe --source PHOTOS --target PHOTOS``; the exit code."""
    if config.seeds:
        return train_seeds(config, train, "wespe")
    path = train(config)
    print(f"{path}: enhance with wespe:{path}")
    return 0
