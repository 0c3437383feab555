"""The verb ``train dped``: DPED's supervised training, one loop.

Ignatov et al., "DSLR-Quality Photos on Mobile Devices with Deep Convolutional Networks",
ICCV 2017, as its released code trains: pairs, 50 patches, two Adams at 5e-4; the generator
step, then a discriminator step on other pairs in which each patch is real or enhanced by the
toss of a coin. The discriminator has one logit instead of two.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reference_models import checkpoints, collapse, patches, vgg
from reference_models.dped.recipe import FREE, TrainDped, check, photos_of
from reference_models.memory import check_step
from reference_models.parallel import alone, check_batch, join, leave
from reference_models.wespe import losses
from reference_models.wespe.networks import Discriminator, Generator, start_as_identity
from reference_models.wespe.steps import switch
from wespe_bench import provenance
from wespe_bench.progress import bar
from wespe_bench.training import acceleration, curves, resume
from wespe_bench.training.interrupting import deferred


def train(config: TrainDped, *, quiet: bool = False) -> Path:
    """Train, or go on with the training in ``config.out``; returns the generator's checkpoint.

    Raises InputError for settings or photos that will not do, for a loss that is not finite
    (the last good state is kept), and when disk or memory does not suffice.
    """
    check(config)
    device = acceleration.choose_device(config.device)
    precision = acceleration.choose_precision(config.precision, device)
    ranks = join(device)
    check_batch(config.batch, ranks)
    if device == "cpu":
        check_step(config.batch // ranks.world, config.patch, config.width, config.blocks)
    pairs = photos_of(config)
    features = vgg.load(
        config.vgg, config.vgg_file, layer=config.content_layer, download=config.download
    )
    out = Path(config.out or f"runs/dped-{pairs.name}")
    facts = {
        "photos": f"{pairs.name} {pairs.revision}",
        "features": features.describe(),
        "arithmetic": precision,
    }
    settings = resume.settings_of(config, FREE, **facts)
    lower = ", ".join(
        f"--{name} (now {getattr(config, name)})" for name in ("batch", "patch", "width")
    )
    with acceleration.out_of_memory(lower), alone(out, ranks), contextlib.ExitStack() as ending:
        torch.manual_seed(config.seed)
        generator = Generator(
            config.width, config.blocks, padding=config.padding, init_std=config.init_std
        )
        if config.init == "identity":
            start_as_identity(generator)
        generator = generator.to(device)
        discriminator = Discriminator(1, config.patch, config.disc_width).to(device)
        features = features.to(device)
        betas = (config.beta1, config.beta2)
        adam_g = torch.optim.Adam(generator.parameters(), config.lr, betas, fused=True)
        adam_d = torch.optim.Adam(discriminator.parameters(), config.lr_disc, betas, fused=True)
        watch = collapse.Watch()
        parts = {"g": generator, "d": discriminator, "adam_g": adam_g, "adam_d": adam_d, "w": watch}
        begun = resume.restore(out, settings, parts)
        resume.check_length(out, begun, config.iterations)
        pairs = pairs.to(device)
        how = (config.compile, precision, device)
        enhance, judge = acceleration.call(generator, *how), acceleration.call(discriminator, *how)
        see = acceleration.call(features, *how)

        def draw(name: str, iteration: int, count: int = config.batch, share: bool = True) -> Any:
            of = (ranks.rank, ranks.world) if share else (0, 1)
            return patches.Draw(name, iteration, count, config.patch, config.seed, config.turn, *of)

        features.scale = config.content_scale or features.unit_scale(
            pairs.batch(draw("scale", 0, 32, share=False))
        )
        if ranks.writes:
            resume.announce(out, settings, config)
            journal = curves.Journal(out, begun)
            sight = pairs.pairs(draw("sight", 0, 8, share=False))
        saved_at = time.monotonic()
        silent = quiet or not ranks.writes
        progress = ending.enter_context(
            bar(config.iterations, f"train {out.name}", "it", quiet=silent)
        )
        progress.update(begun)

        def say(sentence: str) -> None:
            progress.write(f"wespe-bench: {sentence}", file=sys.stderr)

        def keep(iteration: int) -> None:
            resume.check_weights(out, iteration, parts)
            with torch.no_grad():
                strip = [sight[0], generator(sight[0]), sight[1]]
            curves.strip(out / "strips" / f"{iteration:06d}.png", strip)
            curves.draw(out)
            for name in (f"generators/{iteration:06d}", "generator"):
                _write(out / f"{name}.safetensors", generator, settings, iteration, out)

        lacks = not (out / "generator.safetensors").is_file()
        if ranks.writes and begun == config.iterations and lacks:
            keep(begun)
        interrupted = ending.enter_context(deferred(ranks.world == 1))
        for iteration in range(begun + 1, config.iterations + 1):
            acceleration.begin_iteration(config.compile)
            last = iteration == config.iterations
            logs = iteration == 1 or last or iteration % config.log_every == 0

            # Generator step: gradients flow through the discriminator, not to it.
            switch(discriminator.parameters(), False)
            x, target = pairs.pairs(draw("pairs", iteration))
            y = enhance(x)
            terms = _terms(y, target, see, judge, config, ranks.world)
            loss = torch.stack(list(terms.values())).sum()
            adam_g.zero_grad()
            loss.backward()
            ranks.average(generator.parameters())
            norm = nn.utils.clip_grad_norm_(generator.parameters(), config.clip or float("inf"))
            adam_g.step()

            # Discriminator step: other pairs, each patch real or enhanced by a coin.
            switch(discriminator.parameters(), True)
            other, real = pairs.pairs(draw("others", iteration))
            with torch.no_grad():
                fake = enhance(other)
            tossed = draw("coin", iteration).rng().random(config.batch) < 0.5
            truth = torch.from_numpy(tossed[ranks.rank :: ranks.world]).to(device)
            shown = torch.where(truth.view(-1, 1, 1, 1), real, fake)
            logits = judge(losses.grey(shown))
            wrong = losses.discrimination(logits, truth) * ranks.world
            adam_d.zero_grad()
            wrong.backward()
            ranks.average(discriminator.parameters())
            adam_d.step()

            progress.update()
            if logs or device == "cpu":
                resume.check_finite(out, iteration, loss, norm, wrong)
            if not ranks.writes:
                continue
            if iteration == 1 and not quiet:
                shares = ", ".join(f"{name} {term.item():.3g}" for name, term in terms.items())
                say(f"weighted terms at iteration 1: {shares}")
            looks = iteration % collapse.LOOK_EVERY == 0
            if logs or looks:
                signs = _signs(x, y, generator, logits, truth)
            if logs:
                row = _row(iteration, terms, wrong, signs, y, target, norm)
                journal.write(row)
                names = ("content", "colour", "texture", "tv", "psnr_target")
                told = {name: f"{row[name]:.3g}" for name in names}
                progress.set_postfix(told, refresh=False)
            for sentence in watch.look(iteration, signs) if looks else []:
                say(f"warning: {sentence}")
            shows = last or iteration % config.preview_every == 0
            if shows:
                keep(iteration)  # before the state: what it counts as done is there
            ends = interrupted()
            if shows or ends or (time.monotonic() - saved_at) / 60 >= config.checkpoint_minutes:
                resume.save(out, iteration, settings, parts)
                saved_at = time.monotonic()
            if ends:
                raise KeyboardInterrupt
    if ranks.writes:
        journal.close()
    leave()
    return out / "generator.safetensors"


def _terms(
    y: Tensor, target: Tensor, see: Any, judge: Any, config: TrainDped, world: int
) -> dict[str, Tensor]:
    """The loss's four terms, weighted; sums over the batch are sums over the whole batch."""
    with torch.no_grad():
        of = see(target)
    doubt = losses.adversarial(judge(losses.grey(y)), saturating=not config.non_saturating)
    return {
        "content": config.weight_content * losses.content(see(y), of),
        "colour": config.weight_colour * losses.paired_colour(y, target, config.blur),
        "texture": config.weight_texture * doubt * world,
        "tv": config.weight_tv * losses.total_variation(y),
    }


def _signs(
    x: Tensor, y: Tensor, generator: Generator, logits: Tensor, truth: Tensor
) -> collapse.Signs:
    flat = logits.detach().squeeze(1)
    accuracy = float(((flat > 0) == truth).float().mean())
    active = generator.active_share(x[:4])
    spread = float(flat.std(correction=0))
    return collapse.Signs(*collapse.compare(y, x), active, (accuracy,), (spread,))


def _row(
    iteration: int,
    terms: dict[str, Tensor],
    wrong: Tensor,
    signs: collapse.Signs,
    y: Tensor,
    target: Tensor,
    norm: Tensor,
) -> dict[str, float]:
    row = {"iteration": float(iteration)} | {name: term.item() for name, term in terms.items()}
    row["loss"] = float(np.sum(list(row.values())[1:]))
    row |= {"discriminator": wrong.item(), "accuracy": signs.accuracy[0], "psnr": signs.psnr}
    row["psnr_target"] = collapse.compare(y, target)[0]
    row |= {"spread": signs.spread, "correlation": signs.correlation, "active": signs.active}
    return row | {"gradient": norm.item()}


def _write(
    path: Path, generator: Generator, settings: dict[str, Any], iteration: int, out: Path
) -> None:
    told = dict(settings)
    training = {
        "iterations": iteration,
        "photos": told.pop("photos"),
        "features": told.pop("features"),
        "arithmetic": told.pop("arithmetic"),
        "versions": provenance.versions(),
        "settings": told,
        "curve": curves.summary(curves.read(out)),
    }
    checkpoints.write_trained(path, generator, "DPED", settings["photos"].split()[0], training)
