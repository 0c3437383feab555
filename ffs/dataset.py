"""The verb ``ffs build``: photos with views and faves -> a labelled, split data set.

A photo's Flickr Faves Score is its faves per view. The threshold is the median score of the
training split; above it a photo is "high", else "low", ties too (`ffs.labels` has other rules).
All of one owner's photos are in one split, so that no split knows another's style.

    DIR/{train,validation,test}/ID.jpg   the photos (hard links to DIR/photos)
    DIR/ffs.csv, DIR/ffs.json            the manifest (`ffs.manifest`)

So the folder is what the data set ``ffs`` reads, too.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from ffs import crops, division, labels, licences, manifest, rated
from ffs.division import P
from ffs.labels import Rule
from ffs.manifest import SPLITS, Photo, Ratings
from ffs.photos import FOLDER
from ffs.rated import Rated
from wespe_bench.arguments import JobOptions
from wespe_bench.datasets import miniature
from wespe_bench.errors import InputError, print_failures, short
from wespe_bench.option_checks import check_jobs

#: Below so many test photos the interval of an accuracy is wider than 25 points.
FEW_TESTS = 50


@dataclass(frozen=True)
class Build(JobOptions):
    """Label and split photos with views and faves: the data set a rater is trained on.

    From a crawl, or from any CSV of path,views,faves[,owner,uploaded,licence]; photos of a CSV are
    brought to HD first.

    Example:
      wespe-bench ffs build data/ffs
      wespe-bench ffs build mine.csv --out data/mine --min-views 1
    """

    source: str
    """The folder of a crawl, or a CSV."""
    out: str | None = None
    """The folder to write; only for a CSV, a crawl's data set lies in its own folder."""
    train: int | None = None
    """Photos to train on (default: the paper's 15200, or all the rest where there are fewer)."""
    validation: int | None = None
    """Photos to stop training by (default: the paper's 400, the same share of fewer)."""
    test: int | None = None
    """Photos to test on (default: the paper's 400, the same share of fewer)."""
    seed: int = 0
    """Of the split."""
    min_views: int = 50
    """Leave out photos with fewer views."""
    per_owner: int = 3
    """At most so many photos of one owner."""
    label: str = "median"
    """What is high: above the median (the paper's), within-owner, within-year, or quantiles:0.3
    (the top and the bottom 0.3 of the training photos; those between are left out)."""
    shrink: bool = False
    """Draw faves per view of photos with few views to the mean (beta-binomial)."""
    age: bool = False
    """Take out what faves per view owe to time on line."""
    size: str = "1280x720"
    """Width and height that a CSV's photos are cropped and resized to, 224 or more each."""


def main(config: Build) -> int:
    """The verb ``ffs build``."""
    from wespe_bench.journal import make_folder
    from wespe_bench.lock import held

    check_jobs(config.jobs)
    _check(config)
    source, enlarged = Path(config.source), 0
    failed: list[str] = []
    if source.is_dir():
        if config.out and Path(config.out).resolve() != source.resolve():
            raise InputError("--out goes with a CSV; a crawl's data set lies in its own folder")
        folder = source
        with held(folder, f"ffs crawl {os.getpid()}"):
            photos, note = rated.from_crawl(folder)
            plan(photos, config)  # what refuses them does so before their files are read
            photos, failed = _intact(folder, photos)
            print_failures("photos left out", failed)
            found = build(folder, photos, config, note)
    else:
        rows = rated.read_csv(source)
        if not config.out:
            raise InputError("a CSV's photos are brought to HD: say where to, with --out DIR")
        plan(rows, config)  # what refuses them does so before they are brought to HD
        folder, size = Path(config.out), crops.parse_size(config.size)
        for row in rows:
            if folder.resolve() == row.path.parent.resolve():
                raise InputError(f"--out {folder} holds the photos; choose another folder")
        make_folder(folder)
        with held(folder, f"ffs crawl {os.getpid()}"):
            photos, failed, enlarged = rated.from_csv(rows, folder, size, config.jobs)
            print_failures("photos left out", failed)
            note = f"from {source.name}; HD is {config.size}, {enlarged} photos enlarged to it"
            note = "; ".join(filter(None, (miniature.note_of(source.parent), note)))
            found = build(folder, photos, config, note)
    _print_summary(found)
    _warn(found)
    if enlarged:
        print(f"{enlarged} photos are smaller than {config.size} and were enlarged")
    return 3 if failed else 0


def _check(config: Build) -> None:
    for name in SPLITS:
        count = getattr(config, name)
        if count is not None and count < 1:
            raise InputError(f"--{name} {count}: expected a number of photos from 1")
    labels.parse(config.label)
    if config.min_views < 1:
        raise InputError(f"--min-views {config.min_views}: a score needs at least 1 view")
    if config.per_owner < 1:
        raise InputError(f"--per-owner {config.per_owner}: expected a number from 1")


def _intact(folder: Path, photos: Sequence[Rated]) -> tuple[list[Rated], list[str]]:
    """The photos whose files are what they were, and a line for each of the others."""
    from wespe_bench import provenance

    fine, failed = [], []
    for photo in photos:
        path = folder / FOLDER / f"{photo.id}.jpg"
        if provenance.content_of(path) == photo.sha256:
            fine.append(photo)
        else:
            why = "changed; delete it, and" if path.exists() else "missing;"
            failed.append(f"{path}: {why} ffs crawl --rebuild fetches it again")
    return fine, failed


@dataclass(frozen=True, slots=True)
class Plan(Generic[P]):
    """Which photos are in which split, under which labels; the rest are left out, by reason."""

    sides: Mapping[str, Sequence[P]]
    label_of: Mapping[str, str]
    threshold: float
    rule: Rule
    left_out: Counter[str]


def plan(photos: Sequence[P], config: Build) -> Plan[P]:
    """Choose, split and label ``photos``; reads and writes no file.

    Raises InputError when there are too few photos for the splits, no two that differ in their
    score, or not what the rule of labels needs; what is left out is printed before.
    """
    rule = labels.parse(config.label, config.shrink, config.age)
    chosen, left_out = division.choose(photos, config)
    try:
        labels.check(rule, chosen)
        sides = division.divide(chosen, config)
        label_of, threshold, unlabelled = labels.label(rule, sides)
        left_out += unlabelled
        train = [label_of[photo.id] for photo in sides["train"] if photo.id in label_of]
        if "high" not in train:
            raise InputError(
                f"all labels are equal: none of {len(sides['train'])} training photos has more "
                f"faves per view than their median, {threshold:g}; there is nothing to learn"
            )
        for split in ("validation", "test"):
            if not any(photo.id in label_of for photo in sides[split]):
                raise InputError(
                    f"--label {rule} gives none of the {len(sides[split])} {split} photos a "
                    f"label; raise --{split}, or add photos"
                )
    except InputError:
        print_left_out(left_out)
        raise
    spare = len(chosen) - sum(map(len, sides.values()))
    left_out["not needed, or of an owner in another split"] += spare
    return Plan(sides, label_of, threshold, rule, left_out)


def build(folder: Path, photos: Sequence[Rated], config: Build, note: str) -> Ratings:
    """Label and split ``photos``, whose JPEGs are in ``folder``/photos; writes the data set.

    Prints how many photos are left out, by reason. Raises InputError as `plan`.
    """
    made = plan(photos, config)
    print_left_out(made.left_out)
    rows = [
        Photo(
            p.id,
            f"{split}/{p.id}.jpg",
            p.views,
            p.faves,
            p.owner,
            p.uploaded,
            made.label_of[p.id],
            split,
            p.sha256,
            p.licence,
        )
        for split in SPLITS
        for p in made.sides[split]
        if p.id in made.label_of
    ]
    found = manifest.ratings(folder, rows, made.threshold, config.seed, note, str(made.rule))
    _link_photos(folder, found)
    manifest.write(found)
    return found


def _link_photos(folder: Path, found: Ratings) -> None:
    """Split folders with the photos of ``found`` and no others; hard links where they can be."""
    (folder / manifest.HEAD).unlink(missing_ok=True)  # until it is written, there is no data set
    wanted = {photo.path: photo for photo in found.photos}
    for split in SPLITS:
        for path in sorted((folder / split).rglob("*.jpg")):
            if path.relative_to(folder).as_posix() not in wanted:
                path.unlink()
    for path_, photo in wanted.items():
        source, target = folder / FOLDER / f"{photo.id}.jpg", folder / path_
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if target.samefile(source):
                continue
            target.unlink()
        try:
            os.link(source, target)
        except OSError:  # a file system without links
            shutil.copyfile(source, target)


def print_left_out(reasons: Counter[str]) -> None:
    """Print how many photos are left out, by reason."""
    if shown := [f"{n} {why}" for why, n in reasons.items() if n]:
        print(f"left out: {', '.join(shown)}")


def _print_summary(found: Ratings) -> None:
    counts = manifest.counts(found.photos)
    sides = ", ".join(
        f"{split} {sum(counts[split].values())} ({counts[split]['high']} high)" for split in SPLITS
    )
    print(f"{len(found.photos)} photos: {sides}; median {found.threshold:.6g} faves per view")
    print(f"revision {found.revision[:16]} -> {found.folder}")


def _warn(found: Ratings) -> None:
    """Print what makes a rater of this data set hard to judge, on standard error."""
    from ffs.evaluation import interval

    tests = len(found.of("test"))
    if tests < FEW_TESTS:
        low, high = interval(round(0.7 * tests), tests)
        print(
            f"wespe-bench: a test of {tests} photos says little: 70% right has a 95% interval of "
            f"{low:.0%} to {high:.0%}; add photos, or raise --test",
            file=sys.stderr,
        )
    if not any(photo.owner for photo in found.photos):
        print(
            "wespe-bench: no photo names its owner: photos of one owner may be in training and in "
            "the test, which then looks too good; add a column owner",
            file=sys.stderr,
        )
    strange = [p.licence for p in found.photos if p.licence and not licences.known(p.licence)]
    if strange:
        print(
            f"wespe-bench: {len(strange)} photos have a licence that is not known, "
            f"{short(strange[0])} the first: --license-only and export leave them out; known are "
            f"{', '.join(licences.KINDS)}, addresses of these, and Flickr's ids",
            file=sys.stderr,
        )
    if odd := [photo.id for photo in found.photos if photo.faves > photo.views]:
        print(
            f"wespe-bench: {len(odd)} photos have more faves than views, {odd[0]} the first: "
            "are the columns what they say?",
            file=sys.stderr,
        )
