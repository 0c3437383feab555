"""The verb ``cornia fit``: a CORNIA model from rated photos, or from clean photos alone.

    wespe-bench cornia fit --iqa TID2013.txt --images databases/ --out tid.safetensors
    wespe-bench cornia fit --synthetic photos/ --out mine.safetensors

The second needs no human scores (BLISS: Ye, Kumar, Doermann, CVPR 2014): the clean photos are
distorted by known amounts, several full-reference measures rank the results, the ranks are
fused, and the fused order is what the model learns, on a scale from 0 (pristine) to 100 and above.

The rows of a CSV may come in any order; clean photos are taken in the order of their names, and
under other names they give another, as good, model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from wespe_bench import atomic
from wespe_bench.arguments import command_line, cores
from wespe_bench.engines import load_engine
from wespe_bench.errors import InputError, print_failures
from wespe_bench.option_checks import check_jobs, check_ranges

_MOST_WORDS = 20_000
# With more, libsvm may never be done.
_MOST_COST = 1000
_TERMS = (
    "A model of wespe-bench's own, on a scale of its own: its ranks may be compared with other "
    "models', its numbers may not."
)


@dataclass(frozen=True)
class Fit:
    """Fit a CORNIA model: from rated photos, or from clean photos without any human score.

    Examples:
      wespe-bench cornia fit --synthetic photos/ --out mine.safetensors
      wespe-bench cornia fit --iqa TID2013.txt --images databases/ --out tid.safetensors
    """

    synthetic: str | None = None
    """A folder of clean photos, or a data set's name; they are distorted and ranked."""
    kinds: tuple[str, ...] = ()
    """Which distortions: jpeg jpeg2000 blur noise resample exposure camera (default: all).
    CORNIA hardly sees exposure; without it the other distortions are told apart better."""
    iqa: str | None = None
    """A CSV of rated photos: image,score[,group], or a list of LIVE, TID2013, CSIQ, KADID-10k
    or KonIQ-10k."""
    images: str | None = None
    """Where the photos of --iqa lie (default: beside the CSV)."""
    better: str = ""
    """higher or lower: which scores of --iqa are the better ones."""
    out: Annotated[str, "FILE"] = "cornia.safetensors"
    """The model to write; a card (.md) and a plot (.png) go beside it."""
    words: int = 1000
    """Codewords (the paper's model has 10,000)."""
    samples: int = 200_000
    """Patches that the words are found from."""
    draws: int = 1
    """Times that patches are drawn from each image; more rows of the same labels."""
    cost: float = 0.1
    """C of the nu-SVR. The authors took 1 with 10,000 words; with 1000, 0.1 is steadier."""
    held_out: float = 0.2
    """The share of the photos (or groups) that the model is tested on, not fitted."""
    refit: bool = False
    """After the test, fit the model that is written on everything."""
    seed: int = 0
    """Decides the split, the patches and the words."""
    cache: str | None = None
    """Where features are kept, for the same command to resume (default: OUT.features/)."""
    jobs: int = field(default_factory=cores)
    """Worker processes."""
    engine: str = "local"
    """local, or ray, ray:HOST:PORT, each with ?workers=N: a cluster's workers."""


@dataclass(frozen=True, eq=False, slots=True)
class Data:
    """Everything the regression sees: a row per image, n in all.

    ``features`` (n, 2K), ``labels`` (n,), ``groups`` (n names), ``kinds`` (n names).
    """

    features: np.ndarray
    labels: np.ndarray
    groups: list[str]
    kinds: list[str]


def main(config: Fit) -> int:
    """Fit, test, and write the model with its card and plot."""
    _check(config)
    out = Path(config.out)
    card, errors = fit(config, command=command_line())
    count = f"{card['photos']} photo" + "s" * (card["photos"] != 1)
    print(f"{out}: {card['title']}, {card['words']} words from {count}")
    for name, found in card["held_out"].items():
        if isinstance(found, list):
            interval = f" [{found[1]:.3f}, {found[2]:.3f}]" if len(found) > 1 else ""
            print(f"held out: {name} {found[0]:.3f}{interval}")
    if card["held_out"]:
        print(f"on {card['held_out']['images']} images of {card['held_out']['groups']} groups")
    print(f"score with --metrics cornia:{out}")
    return print_failures("photos could not be used", errors)


def fit(config: Fit, command: str = "") -> tuple[dict[str, Any], list[str]]:
    """Do what ``config`` says; returns the card, and why photos were left out.

    Raises InputError when too few are left, and before any work when something of the user's
    would be replaced.
    """
    from wespe_bench.cornia import codebook as codebooks
    from wespe_bench.cornia import extraction, outputs, regression
    from wespe_bench.cornia.outputs import plain, readable
    from wespe_bench.metrics import models

    engine = partial(load_engine(config.engine), jobs=config.jobs)
    out = Path(config.out)
    cache = Path(config.cache) if config.cache else out.with_suffix(".features")
    outputs.check(out, plot=config.held_out > 0, cache=cache)
    photos, scores, source_info, unread = _synthetic(config) if config.synthetic else _rated(config)
    if not photos:
        raise InputError(unread[0] if unread else "no photo to learn from, only earlier plots")
    groups = [photo.group for photo in photos]
    held = regression.split(groups, config.held_out, config.seed)
    # The words never see what the model is tested on, not even without its labels.
    seen = [photo for photo, away in zip(photos, held, strict=True) if not away]
    some = _spread(seen, 64 if config.synthetic else 2000)
    patches = extraction.sample_patches(some, config.samples, config.seed, engine)
    book = codebooks.learn(patches, config.words, config.seed)
    extracted, errors = extraction.extract(photos, book, config.draws, config.seed, cache, engine)
    photos, held, found, scores = _without_failures(photos, held, extracted, scores)
    data = _assemble(photos, found, scores)
    away = np.repeat(held, [len(one.features) for one in found])
    model = regression.regress(data.features[~away], data.labels[~away], config.cost)
    report: dict[str, Any] = {}
    plot: bytes | None = None
    if away.any():
        predicted = model.predict(data.features[away])
        names = [group for group, out_ in zip(data.groups, away, strict=True) if out_]
        report |= regression.judge(predicted, data.labels[away], names, config.seed)
        report |= {"images": int(away.sum()) // config.draws, "groups": len(set(names))}
        kinds = [kind for kind, out_ in zip(data.kinds, away, strict=True) if out_]
        plot = outputs.scatter(predicted, data.labels[away], kinds, source_info["unit"], report)
    if config.refit:
        model = regression.regress(data.features, data.labels, config.cost)
    count = len(photos) if config.refit else int((~held).sum())
    card = source_info | {
        "words": config.words,
        "photos": count,
        "images": (len(data.labels) if config.refit else int((~away).sum())) // config.draws,
        "draws": config.draws,
        "cost": config.cost,
        "seed": config.seed,
        "refit": config.refit,
        "held_out": report,
        "command": plain(command),
        "versions": _versions(),
        "sources": {plain(photo.path.name): photo.sha256 for photo in photos if len(photos) <= 64},
    }
    # The first one: a scale's name may hold the same word.
    card["summary"] = card["summary"].replace("{photos}", str(count), 1)
    tensors = {
        "words": book.words.astype(np.float32),
        "mean": book.mean,
        "whitening": book.whitening,
        "low": model.low.astype(np.float32),
        "high": model.high.astype(np.float32),
        "weights": model.weights,
        "bias": np.array([model.bias]),
    }
    digest = models.write(out, "cornia", tensors, card)
    atomic.write_text(outputs.card_of(out), readable(out.name, card, digest, _TERMS))
    if plot is not None:
        atomic.write_bytes(outputs.plot_of(out), plot)
    elif outputs.is_plot(outputs.plot_of(out)):  # of the model that was here before
        outputs.plot_of(out).unlink()
    return card, [*unread, *errors.values()]


def _without_failures(
    photos: list[Any], held: np.ndarray, found: list[Any], scores: list[float] | None
) -> tuple[list[Any], np.ndarray, list[Any], list[float] | None]:
    """What is left when photos without features are taken out of all four."""
    there = [number for number, one in enumerate(found) if one is not None]
    if not there or held[there].all():
        raise InputError("no photo is left to learn from; none of them could be used")
    left = None if scores is None else [scores[number] for number in there]
    return [photos[n] for n in there], held[there], [found[n] for n in there], left


def _check(config: Fit) -> None:
    if bool(config.synthetic) == bool(config.iqa):
        raise InputError(
            "give either --synthetic PHOTOS or --iqa CSV; see wespe-bench cornia fit --help"
        )
    if config.synthetic and (config.images or config.better):
        raise InputError("--images and --better go with --iqa")
    if config.iqa and config.kinds:
        raise InputError("--kinds goes with --synthetic")
    ranges: dict[str, tuple[float, float]] = {
        "words": (2, _MOST_WORDS),
        "samples": (1, 10_000_000),
        "draws": (1, 100),
        "cost": (0.000001, _MOST_COST),
        "seed": (0, 2**32 - 1),
    }
    check_ranges(config, ranges)
    if not 0 <= config.held_out < 1:
        raise InputError(f"--held-out {config.held_out}: expected a share, 0 or more and below 1")
    check_jobs(config.jobs)


def _synthetic(config: Fit) -> tuple[list[Any], None, dict[str, Any], list[str]]:
    """The clean photos, no scores, what the card says of them, and why some cannot be read."""
    from wespe_bench.cornia import extraction, outputs, synthetic
    from wespe_bench.cornia.measures import MEASURES
    from wespe_bench.datasets.folder import find_photos
    from wespe_bench.registry import DATASETS, load_dataset

    kinds = synthetic.check_kinds(config.kinds or synthetic.kinds())
    source = config.synthetic or ""
    name = re.split("[:?]", source, maxsplit=1)[0]
    if name in DATASETS and source != "folder" and not Path(source).is_dir():
        samples = load_dataset(source).samples
        paths = {sample.id: sample.reference or sample.path for sample in samples}
    else:
        found = find_photos(Path(source), every=True)
        # The plots of earlier models are no photos.
        paths = {id_: path for id_, path in found.items() if not outputs.is_plot(path)}
    photos, unread = extraction.hashed(
        # Two views of one scene are on one side of the split.
        [(path, id_.removesuffix("_left").removesuffix("_right")) for id_, path in paths.items()],
        kinds,
    )
    photos = list({photo.sha256: photo for photo in photos if photo}.values())
    source_info = {
        "title": "own CORNIA model",
        "unit": "own scale",
        "summary": (
            "own scale: about 0 (pristine) to 100 and above; fitted without human scores on "
            "{photos} photos"
        ),
        "higher_is_better": False,
        "distortions": list(kinds),
        "measures": list(MEASURES),
    }
    return photos, None, source_info, unread


def _rated(config: Fit) -> tuple[list[Any], list[float], dict[str, Any], list[str]]:
    """The rated photos, their scores, what the card says of them, and why some cannot be read.

    In an order that follows from the photos, so that the list's own makes no difference.
    """
    from wespe_bench.cornia import extraction, iqa

    images = Path(config.images) if config.images else None
    ratings = iqa.read_list(Path(config.iqa or ""), images, config.better)
    found, unread = extraction.hashed([(one.path, one.group) for one in ratings.photos])
    rows = [(photo, one.score) for photo, one in zip(found, ratings.photos, strict=True) if photo]
    rows.sort(key=lambda row: (row[0].sha256, row[0].group, row[1]))
    source_info = {
        "title": "own CORNIA model",
        "unit": ratings.scale,
        "summary": f"fitted on {{photos}} photos with human scores, {ratings.scale}",
        "higher_is_better": ratings.higher_is_better,
    }
    return [photo for photo, _ in rows], [score for _, score in rows], source_info, unread


def _spread(photos: list[Any], most: int) -> list[Any]:
    """At most ``most`` of the photos, evenly over the list."""
    step = max(1, -(-len(photos) // most))
    return photos[::step]


def _assemble(photos: list[Any], found: list[Any], scores: list[float] | None) -> Data:
    """One row per image; without scores, labels are fused from the measures."""
    from wespe_bench.cornia.measures import fuse

    features = np.concatenate([one.features for one in found])
    kinds = [kind for one in found for kind in one.kinds]
    groups = [photo.group for photo, one in zip(photos, found, strict=True) for _ in one.kinds]
    if scores is not None:
        rows = [len(one.kinds) for one in found]
        return Data(features, np.repeat(scores, rows), groups, kinds)
    distorted = np.array([kind != "pristine" for kind in kinds])
    labels = np.zeros(len(kinds))
    labels[distorted] = fuse(np.concatenate([one.measures for one in found])[distorted])
    return Data(features, labels, groups, kinds)


def _versions() -> dict[str, str]:
    from wespe_bench import provenance

    wanted = ("wespe_bench", "numpy", "scipy", "scikit-learn", "pillow")
    return {name: version for name, version in provenance.versions().items() if name in wanted}
