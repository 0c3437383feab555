"""The verb ``train tone``: unpaired global tone matching, the baseline of WESPE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reference_models import photo_sets
from reference_models.photo_sets import PhotoStream
from reference_models.tone import files, match
from wespe_bench import progress, provenance
from wespe_bench.errors import InputError, writing
from wespe_bench.option_checks import check_choices, check_out


@dataclass(frozen=True)
class TrainTone:
    """Fit WESPE's baseline: one tone curve per channel, from the photos WESPE takes, unpaired.

    Examples:
      wespe-bench train tone --source phone/ --target dslr/ --out runs/tone
      wespe-bench train tone --source samples_fit --target photos/ --model histogram

    Seconds: it counts the values of all pixels. OUT/tone.safetensors is the enhancer tone:FILE.
    """

    source: str = ""
    """Photos to enhance: a folder, a packed folder, or a data set's name (NAME:reference for its
    references)."""
    target: str = ""
    """Photos whose colours and brightness the enhanced ones shall have, not paired."""
    model: str = "mean_std"
    """mean_std (mean and deviation per channel), mean (a gain per channel), histogram; or, which
    leaves colours alone, gain (one for all channels) or gamma (one exponent)."""
    out: str = ""
    """The folder to write (default: runs/tone-SOURCE)."""
    data: str | None = None
    """Folder of the data sets (default: $WESPE_DATA, else data/)."""


def train(config: TrainTone, *, quiet: bool = False) -> Path:
    """Fit the curves and write them; returns the tone file.

    Args:
        config: The options.
        quiet: Show no progress.

    Raises:
        InputError: Photos that are missing or cannot be fitted, a folder that holds another fit, or
            a full disk.
    """
    check_choices(config, {"model": match.MODELS})
    for option in ("source", "target"):
        if not getattr(config, option):
            raise InputError(f"missing --{option}: a folder of photos, or a data set's name")
    source = photo_sets.stream(config.source, config.data)
    target = photo_sets.stream(config.target, config.data)
    out = Path(config.out or f"runs/tone-{source.name.replace(':', '-')}")
    check_out(out, files.NAME)
    _check_same_fit(out / files.NAME, config.model, source.revision, target.revision)
    if source.revision == target.revision:
        raise InputError(
            f"--source {config.source} and --target {config.target} hold the same photos: "
            "there would be nothing to match"
        )
    before, wanted = (_counted(photos, quiet) for photos in (source, target))
    try:
        curves = match.fit(config.model, before, wanted)
    except ValueError as error:
        named = f"--source {config.source}, --target {config.target}"
        raise InputError(f"{named}: {error}; there is no tone to match") from None
    settings = {"source": config.source, "target": config.target, "model": config.model}
    training = {
        "photos": f"{source.name} {source.revision}",
        "targets": f"{target.name} {target.revision}",
        "source counted": _facts(source, before),
        "target counted": _facts(target, wanted),
        "versions": provenance.versions(),
        "settings": settings,
    }
    card = files.Card(f"tone {config.model}", source.name, "fitted by wespe-bench", training)
    with writing(out):
        files.write(out / files.NAME, curves, card)
    return out / files.NAME


def _check_same_fit(path: Path, model: str, source: str, target: str) -> None:
    """Raise InputError where ``path`` holds a fit of another model, or of other photos."""
    if not path.exists():
        return
    try:
        card = files.read(path)[1]
    except InputError as error:
        raise InputError(f"{error}; delete it, or choose another --out") from None
    now = (("model", f"tone {model}", card.model), ("source", source, _revision(card, "photos")))
    for what, new, old in (*now, ("target", target, _revision(card, "targets"))):
        if new != old:
            raise InputError(
                f"{path.parent} holds a fit with another {what} (was {old[:30]}, is {new[:30]}); "
                "choose another --out, or delete it"
            )


def _revision(card: files.Card, name: str) -> str:
    return str(card.training.get(name, "")).rpartition(" ")[2]


def _counted(photos: PhotoStream, quiet: bool) -> np.ndarray:
    """The photos' values, int64 (3, 256)."""
    total = np.zeros((3, 256), np.int64)
    with progress.bar(len(photos), photos.name, quiet=quiet, delay=1) as bar:
        for photo in photos:
            total += match.count_values(photo)
            bar.update()
    return total


def _facts(photos: PhotoStream, counts: np.ndarray) -> dict[str, Any]:
    """How many photos and pixels, and each channel's mean and standard deviation."""
    moments = [match.moments(row) for row in counts]
    return {
        "photos": len(photos),
        "pixels": int(counts[0].sum()),
        "mean": [round(mean, 3) for mean, _ in moments],
        "deviation": [round(deviation, 3) for _, deviation in moments],
    }


def main(config: TrainTone) -> int:
    """``wespe-bench train tone --source PHOTOS --target PHOTOS``; the exit code."""
    path = train(config)
    print(f"{path}: enhance with tone:{path}")
    return 0
