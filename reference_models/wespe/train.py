"""The verb ``train wespe``: the whole training, one loop.

Ignatov et al., "WESPE", CVPRW 2018: Adam, 20,000 iterations, 30 patches of 100 x 100 px.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import time
from pathlib import Path
from typing import Any

import torch

from reference_models import checkpoints, collapse, patches, vgg
from reference_models.memory import check_step
from reference_models.parallel import alone, check_batch, join, leave
from reference_models.wespe import recipe
from reference_models.wespe.networks import Generator, follow
from reference_models.wespe.recipe import TrainWespe
from reference_models.wespe.steps import (
    Calls,
    Judgement,
    Wespe,
    generator_terms,
    judge,
    switch,
    warmup_terms,
    weighted,
)
from wespe_bench import provenance
from wespe_bench.errors import InputError
from wespe_bench.progress import bar
from wespe_bench.training import acceleration, curves, resume
from wespe_bench.training.interrupting import deferred


def train(config: TrainWespe, *, quiet: bool = False) -> Path:
    """Train, or go on with the training in ``config.out``; returns the generator's checkpoint.

    Raises InputError for settings or photos that will not do, for a loss that is not finite
    (the last good state is kept), and when disk or memory does not suffice.
    """
    recipe.check(config)
    device = acceleration.choose_device(config.device)
    precision = acceleration.choose_precision(config.precision, device)
    ranks = join(device)
    check_batch(config.batch, ranks)
    if device == "cpu":
        check_step(config.batch // ranks.world, config.patch, config.width, config.blocks)
    source, target, features = _materials(config)
    out = Path(config.out or f"runs/wespe-{source.name.replace(':', '-')}")
    facts = {
        "photos": f"{source.name} {source.revision}",
        "targets": f"{target.name} {target.revision}",
        "features": features.describe(),
        "arithmetic": precision,
    }
    settings = resume.settings_of(config, recipe.FREE, **facts)
    lower = ", ".join(
        f"--{name} (now {getattr(config, name)})" for name in ("batch", "patch", "width")
    )
    with acceleration.out_of_memory(lower), alone(out, ranks), contextlib.ExitStack() as ending:
        torch.manual_seed(config.seed)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        networks = Wespe(config).to(device=device, memory_format=layout)  # type: ignore[call-overload]
        features = features.to(device=device, memory_format=layout)  # type: ignore[call-overload]
        average = copy.deepcopy(networks.generator)
        betas = (config.beta1, config.beta2)
        adam_g = torch.optim.Adam(networks.generators(), config.lr, betas, fused=True)
        adam_d = torch.optim.Adam(networks.discriminators(), config.lr_disc, betas, fused=True)
        watch = collapse.Watch()
        parts = {"networks": networks, "average": average, "g": adam_g, "d": adam_d, "watch": watch}
        begun = resume.restore(out, settings, parts)
        resume.check_length(out, begun, config.iterations)
        source, target = source.to(device), target.to(device)
        calls = Calls.of(networks, features, config.compile, precision, device)

        def draw(name: str, iteration: int, count: int = config.batch, share: bool = True) -> Any:
            of = (ranks.rank, ranks.world) if share else (0, 1)
            return patches.Draw(name, iteration, count, config.patch, config.seed, config.turn, *of)

        features.scale = config.content_scale or features.unit_scale(
            source.batch(draw("scale", 0, 32, share=False))
        )
        if ranks.writes:
            resume.announce(out, settings, config)
            journal = curves.Journal(out, begun)
            sight = [photos.batch(draw("sight", 0, 8, share=False)) for photos in (source, target)]
        saved_at = time.monotonic()
        silent = quiet or not ranks.writes
        progress = ending.enter_context(
            bar(config.iterations, f"train {out.name}", "it", quiet=silent)
        )
        progress.update(begun)

        def say(sentence: str) -> None:
            progress.write(f"wespe-bench: {sentence}", file=sys.stderr)

        def keep(iteration: int) -> None:
            best = average if config.ema else networks.generator
            resume.check_weights(out, iteration, parts)
            _show(out, iteration, best, calls, config, sight)
            path = out / "generators" / f"{iteration:06d}.safetensors"
            for name in (path, out / "generator.safetensors"):
                _write(name, best, settings, iteration, out, source.name)

        lacks = not (out / "generator.safetensors").is_file()
        if ranks.writes and begun == config.iterations and lacks:
            keep(begun)
        interrupted = ending.enter_context(deferred(ranks.world == 1))
        for iteration in range(begun + 1, config.iterations + 1):
            acceleration.begin_iteration(config.compile)
            last = iteration == config.iterations
            logs = iteration == 1 or last or iteration % config.log_every == 0

            # Generator step: G and F; gradients flow through the discriminators, not to them.
            switch(networks.discriminators(), False)
            x = source.batch(draw("x", iteration))
            if iteration <= config.warmup:
                y, terms = warmup_terms(calls, x)
            else:
                y, terms = generator_terms(calls, x, config, ranks.world)
            terms = weighted(terms, config)
            loss = torch.stack(list(terms.values())).sum()
            adam_g.param_groups[0]["lr"] = (
                config.lr_warmup if config.lr_warmup and iteration <= config.warmup else config.lr
            )
            adam_g.zero_grad()
            loss.backward()
            ranks.average(networks.generators())
            norm = _clip(networks.generators(), config.clip)
            adam_g.step()
            if config.ema:
                follow(average, networks.generator, config.ema, iteration)

            # Discriminator step: patches drawn anew, the target's independently of the source's.
            # Also during the warm-up: what they then tell G is not noise.
            switch(networks.discriminators(), True)
            if config.reuse_fake:
                fake = y.detach()
            else:
                with torch.no_grad():
                    fake = calls.generator(source.batch(draw("fake", iteration)))
            real = target.batch(draw("real", iteration))
            coin = draw("coin", iteration).rng()
            judgement = judge(calls, fake, real, config, coin, ranks.world)
            adam_d.zero_grad()
            judgement.loss.backward()
            ranks.average(networks.discriminators())
            _clip(networks.discriminators(), config.clip)
            adam_d.step()

            progress.update()
            if logs or device == "cpu":
                resume.check_finite(out, iteration, loss, norm, judgement.loss)
            if not ranks.writes:
                continue
            if iteration == config.warmup + 1 and not quiet:
                shares = ", ".join(f"{name} {term.item():.3g}" for name, term in terms.items())
                say(f"weighted terms at iteration {iteration}: {shares}")
            if logs:
                row, signs = _measure(iteration, terms, judgement, x, y, networks.generator, norm)
                journal.write(row)
                told = ("warmup",) if iteration <= config.warmup else _TOLD
                shown = {name: f"{row[name]:.3g}" for name in (*told, "psnr")}
                progress.set_postfix(shown, refresh=False)
            if iteration > config.warmup and iteration % collapse.LOOK_EVERY == 0:
                if not logs:
                    _, signs = _measure(iteration, terms, judgement, x, y, networks.generator, norm)
                for sentence in watch.look(iteration, signs):
                    say(f"warning: {sentence}")
                    if config.on_collapse == "stop":
                        raise InputError(f"stopped: {sentence}")
            shows = last or iteration % config.preview_every == 0
            if shows:
                keep(iteration)  # before the state: what it counts as done is there
            minutes = (time.monotonic() - saved_at) / 60
            ends = interrupted()
            if shows or ends or minutes >= config.checkpoint_minutes:
                resume.save(out, iteration, settings, parts)
                saved_at = time.monotonic()
            if ends:
                raise KeyboardInterrupt
    if ranks.writes:
        journal.close()
    leave()
    return out / "generator.safetensors"


def _materials(config: TrainWespe) -> tuple[patches.Photos, patches.Photos, vgg.Features]:
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
    return source, target, features


def _clip(parameters: list[torch.nn.Parameter], most: float) -> torch.Tensor:
    """Bound the norm of all gradients together; the norm before."""
    return torch.nn.utils.clip_grad_norm_(parameters, most or float("inf"))


#: The columns of train.csv between "iteration" and the signs.
_TERMS = ("warmup", "content", "colour", "texture", "tv", "identity", "low")

#: Those the progress bar shows after the warm-up.
_TOLD = ("content", "colour", "texture", "tv")


def _measure(
    iteration: int,
    terms: dict[str, torch.Tensor],
    judgement: Judgement,
    x: torch.Tensor,
    y: torch.Tensor,
    generator: Generator,
    norm: torch.Tensor,
) -> tuple[dict[str, float], collapse.Signs]:
    """A row of train.csv (weighted terms, signs) and the signs alone."""
    psnr, spread, correlation = collapse.compare(y, x)
    accuracy, contrast = judgement.signs()
    signs = collapse.Signs(
        psnr, spread, correlation, generator.active_share(x[:4]), accuracy, contrast
    )
    row = {"iteration": float(iteration)}
    row |= {name: terms[name].item() if name in terms else 0.0 for name in _TERMS}
    row["loss"] = sum(row[name] for name in _TERMS)
    row["discriminators"] = judgement.loss.item()
    row |= {"accuracy_colour": accuracy[0], "accuracy_texture": accuracy[1]}
    row |= {"psnr": psnr, "spread": spread, "correlation": correlation, "active": signs.active}
    row["gradient"] = norm.item()
    return row, signs


def _show(
    out: Path,
    iteration: int,
    generator: Generator,
    calls: Calls,
    config: TrainWespe,
    sight: list[torch.Tensor],
) -> None:
    """A strip (inputs, enhanced, F of those, photos of the target) and the curves."""
    x, target = sight
    with torch.no_grad():
        y = generator(x)
        rows = [x, y, target]
        if config.content_on != "enhanced" or config.warmup:
            rows.insert(2, calls.inverse(y))
    curves.strip(out / "strips" / f"{iteration:06d}.png", rows)
    curves.draw(out)


def _write(
    path: Path,
    generator: Generator,
    settings: dict[str, Any],
    iteration: int,
    out: Path,
    camera: str,
) -> None:
    """The generator with its model card."""
    told = dict(settings)
    training = {
        "iterations": iteration,
        "photos": told.pop("photos"),
        "targets": told.pop("targets"),
        "features": told.pop("features"),
        "arithmetic": told.pop("arithmetic"),
        "versions": provenance.versions(),
        "settings": told,
        "curve": curves.summary(curves.read(out)),
    }
    checkpoints.write_trained(path, generator, "WESPE", camera, training)
