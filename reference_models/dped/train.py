"""DPED's supervised training.

Ignatov et al., "DSLR-Quality Photos on Mobile Devices with Deep Convolutional Networks",
ICCV 2017, as its released code trains: pairs of photos, 50 patches, two Adams at 5e-4. The
discriminator has one logit instead of two.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from reference_models import checkpoints, collapse, patches, vgg
from reference_models.cameras import CAMERAS
from reference_models.dped import recipe
from reference_models.dped.recipe import TrainDped
from reference_models.memory import check_step
from reference_models.seeds import train_seeds
from reference_models.wespe import losses
from reference_models.wespe.networks import (
    Discriminator,
    Generator,
    start_as_identity,
)
from reference_models.wespe.steps import Terms, set_requires_grad, total, update_ema
from wespe_bench.datasets.folder import BY_SUFFIX
from wespe_bench.errors import InputError
from wespe_bench.registry import load_dataset
from wespe_bench.training.acceleration import Call, to_device, to_floats
from wespe_bench.training.session import Session

_TERMS = ("content", "colour", "texture", "tv")

#: The columns of train.csv after "iteration".
_COLUMNS = (
    *(*_TERMS, "loss", "discriminator", "accuracy", "psnr", "psnr_target"),
    *("spread", "correlation", "active", "gradient"),
)


def train(config: TrainDped, *, quiet: bool = False) -> Path:
    """Train DPED, or resume the training in ``config.out``; returns the generator's checkpoint.

    Args:
        config: The options.
        quiet: Show no progress; warnings are shown all the same.

    Raises:
        InputError: Options or photos that cannot be trained on, a loss that is not finite (the
            last state is kept), or a lack of memory or disk.
    """
    recipe.check(config)
    with Session(config, recipe.FREE, quiet=quiet) as session:
        ranks = session.ranks
        pairs, features = _open(session, config)
        torch.manual_seed(config.seed)
        generator = session.place(_generator(config))
        discriminator = session.place(Discriminator(1, config.patch, config.disc_width))
        betas = (config.beta1, config.beta2)
        adam_g = torch.optim.Adam(generator.parameters(), config.lr, betas, fused=True)
        adam_d = torch.optim.Adam(discriminator.parameters(), config.lr_disc, betas, fused=True)
        watch = collapse.Watch()
        parts = {"g": generator, "d": discriminator, "adam_g": adam_g, "adam_d": adam_d, "w": watch}
        enhancer = copy.deepcopy(generator) if config.ema else generator
        parts |= {"average": enhancer} if config.ema else {}
        session.restore(parts, iterations=config.iterations)
        draws = patches.Draws(config, ranks.rank, ranks.world)
        features.set_scale(config.content_scale, pairs.batch(draws.common("scale", 32)))
        compiled = _compile(session, generator, discriminator, features, config)
        preview_batch = pairs.pairs(draws.common("sight", 8))
        if session.finished_without(checkpoints.NAME):
            _preview(session, enhancer, preview_batch)

        for iteration in session.iterations(config.iterations):
            # Generator step: gradients flow through the discriminator, not to it.
            set_requires_grad(discriminator.parameters(), False)
            x, target = pairs.pairs(draws("pairs", iteration))
            y, terms = generator_terms(compiled, x, target, config, ranks.world)
            loss = total(terms)
            norm = session.descend(adam_g, loss, config.clip)
            if config.ema:
                update_ema(enhancer, generator, config.ema, iteration)

            # Discriminator step: other pairs, of which a coin chooses the real or enhanced patch.
            set_requires_grad(discriminator.parameters(), True)
            other, real = pairs.pairs(draws("others", iteration))
            with torch.no_grad():
                fake = compiled["generator"](other)
            truth = to_device(draws("coin", iteration).coins(), session.device)
            logits, wrong = discriminator_step(compiled, fake, real, truth, ranks.world)
            session.descend(adam_d, wrong)

            if session.logs or session.device == "cpu":  # on CUDA the check waits for the device
                session.check_finite(loss, norm, wrong)
            if not session.writes:
                continue
            if iteration == 1:
                session.show_terms(terms)
            looks = iteration % collapse.LOOK_EVERY == 0
            row: dict[str, float] = {}
            if session.logs or looks:
                measured = collapse.measure(x, y, generator, {"": logits}, truth)
                measured |= {"psnr_target": collapse.compare(y, target)[0]}
                row = to_floats(terms | measured | {"discriminator": wrong, "gradient": norm})
                row["loss"] = sum(row[name] for name in _TERMS)
            if session.logs:
                session.log({name: row[name] for name in _COLUMNS}, (*_TERMS, "psnr_target"))
            for sentence in watch.look(iteration, row) if looks else ():
                session.say(f"warning: {sentence}")
            if session.previews:
                _preview(session, enhancer, preview_batch)
                session.save()  # after the preview: a state's files are all there
    return session.out / checkpoints.NAME


def generator_terms(
    compiled: Mapping[str, Call], x: Tensor, target: Tensor, config: TrainDped, world: int = 1
) -> tuple[Tensor, Terms]:
    """The four terms of the generator's loss, weighted; it minimises their sum.

    Args:
        compiled: "generator", "discriminator" and "features" (VGG-19).
        x: A phone's patches, float32 (N, 3, H, W) on [0, 1].
        target: The same places in the references.
        config: The training's options.
        world: Processes over which gradients are averaged. Sums over the batch are multiplied by
            it, so that they stay sums over the whole batch.

    Returns:
        The enhanced patches, and the terms by name.
    """
    y = compiled["generator"](x)
    with torch.no_grad():
        of = compiled["features"](target)
    logits = compiled["discriminator"](losses.grey(y))
    texture = losses.adversarial(logits, saturating=not config.non_saturating)
    return y, {
        "content": config.weight_content * losses.content(compiled["features"](y), of),
        "colour": config.weight_colour * losses.paired_colour(y, target, config.blur),
        "texture": config.weight_texture * texture * world,
        "tv": config.weight_tv * losses.total_variation(y),
    }


def discriminator_step(
    compiled: Mapping[str, Call], fake: Tensor, real: Tensor, truth: Tensor, world: int = 1
) -> tuple[Tensor, Tensor]:
    """The discriminator's logits (N, 1) and the loss that it minimises.

    Args:
        compiled: The networks, as in `generator_terms`.
        fake: Enhanced patches, float32 (N, 3, H, W).
        real: References' patches, float32 (N, 3, H, W) on [0, 1].
        truth: bool (N,): where the discriminator sees the real patch instead of the enhanced one.
        world: As in `generator_terms`.
    """
    shown = torch.where(truth.view(-1, 1, 1, 1), real, fake)
    logits = compiled["discriminator"](losses.grey(shown))
    return logits, losses.discrimination(logits, truth) * world


def _open(session: Session, config: TrainDped) -> tuple[patches.Photos, vgg.Features]:
    """Load pairs and VGG-19 onto the training's device, and open its folder."""
    check_step(config, session.device, session.ranks.world)
    pairs = _pairs(config)
    features = vgg.load(
        config.vgg, config.vgg_file, layer=config.content_layer, download=config.download
    )
    facts = {
        "photos": f"{pairs.name} {pairs.revision}",
        "features": features.describe(),
        "arithmetic": session.precision,
    }
    session.open(Path(config.out or f"runs/dped-{pairs.name}"), facts)
    return pairs.to(session.device, session.channels_last), session.place(features)


def _pairs(config: TrainDped) -> patches.Photos:
    """The pairs to train on. Raises InputError as `patches.load` does."""
    if config.input:
        try:
            dataset = load_dataset("folder", input=config.input, reference=config.reference)
        except InputError as error:  # options of other verbs are part of the name here
            spec = f"folder:{config.input}?reference={config.reference}"
            here = f"--camera '{spec}&input_suffix=_phone&reference_suffix=_dslr'"
            raise InputError(str(error).replace(BY_SUFFIX, here)) from None
        return patches.from_dataset(dataset, False, config.patch, paired=True)
    spec = config.camera
    if spec in CAMERAS:
        spec = f"dped:{spec}?split=train"
    return patches.load(spec, config.patch, data=config.data, paired=True)


def _generator(config: TrainDped) -> Generator:
    network = Generator(
        config.width, config.blocks, padding=config.padding, init_std=config.init_std
    )
    return start_as_identity(network) if config.init == "identity" else network


def _compile(
    session: Session,
    generator: Generator,
    discriminator: Discriminator,
    features: vgg.Features,
    config: TrainDped,
) -> dict[str, Call]:
    """The networks as functions, compiled where the training compiles."""
    shape = (config.batch // session.ranks.world, 3, config.patch, config.patch)
    x = torch.full(shape, 0.5, device=session.device)
    truth = torch.zeros(len(x), dtype=torch.bool, device=session.device)

    def rehearse(compiled: Mapping[str, Call]) -> None:
        set_requires_grad(discriminator.parameters(), False)
        total(generator_terms(compiled, x, x, config)[1]).backward()
        set_requires_grad(discriminator.parameters(), True)
        with torch.no_grad():
            fake = compiled["generator"](x)
        discriminator_step(compiled, fake, x, truth)[1].backward()

    networks = {"generator": generator, "discriminator": discriminator, "features": features}
    return session.compile(networks, rehearse)


def _preview(session: Session, generator: Generator, batch: tuple[Tensor, Tensor]) -> None:
    """Write a strip (inputs, enhanced, references), the curves, and the generator."""
    with torch.no_grad():
        rows = [batch[0], generator(batch[0]), batch[1]]
    session.preview(rows)
    checkpoints.keep(session, generator, "DPED")


def main(config: TrainDped) -> int:
    """``wespe-bench train dped --camera PHONE``; the exit code."""
    if config.seeds:
        return train_seeds(config, train, "dped")
    path = train(config)
    print(f"{path}: enhance with dped:{path}")
    return 0
