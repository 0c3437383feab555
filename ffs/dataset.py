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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ffs import crops, labels, manifest, rated
from ffs.manifest import SPLITS, Photo, Ratings
from ffs.photos import FOLDER
from ffs.rated import Rated
from wespe_bench.arguments import JobOptions
from wespe_bench.datasets.splits import rank
from wespe_bench.errors import InputError, print_failures
from wespe_bench.option_checks import check_jobs

#: Below so many test photos the interval of an accuracy is wider than 25 points.
FEW_TESTS = 50
#: What the WESPE paper trained and tested on.
PAPER = {"train": 15200, "validation": 400, "test": 400}


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
            photos, failed = _intact(folder, photos)
            print_failures("photos left out", failed)
            found = build(folder, photos, config, note)
    else:
        rows = rated.read_csv(source)
        if not config.out:
            raise InputError("a CSV's photos are brought to HD: say where to, with --out DIR")
        folder, size = Path(config.out), crops.parse_size(config.size)
        for row in rows:
            if folder.resolve() == row.path.parent.resolve():
                raise InputError(f"--out {folder} holds the photos; choose another folder")
        make_folder(folder)
        with held(folder, f"ffs crawl {os.getpid()}"):
            photos, failed, enlarged = rated.from_csv(rows, folder, size, config.jobs)
            print_failures("photos left out", failed)
            note = f"from {source.name}; HD is {config.size}, {enlarged} photos enlarged to it"
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


def build(folder: Path, photos: Sequence[Rated], config: Build, note: str) -> Ratings:
    """Label and split ``photos``, whose JPEGs are in ``folder``/photos; writes the data set.

    Prints how many photos are left out, by reason. Raises InputError when there are too
    few photos for the splits, or no two that differ in their score.
    """
    chosen, left_out = _chosen(photos, config)
    print_left_out(left_out)  # before anything below can refuse what is left
    sides = divide(chosen, config)
    rule = labels.parse(config.label, config.shrink, config.age)
    label_of, threshold, unlabelled = labels.label(rule, sides)
    print_left_out(unlabelled)
    rows = [
        Photo(
            p.id,
            f"{split}/{p.id}.jpg",
            p.views,
            p.faves,
            p.owner,
            p.uploaded,
            label_of[p.id],
            split,
            p.sha256,
            p.licence,
        )
        for split in SPLITS
        for p in sides[split]
        if p.id in label_of
    ]
    found = manifest.ratings(folder, rows, threshold, config.seed, note, str(rule))
    if not manifest.counts(found.photos)["train"]["high"]:
        raise InputError(
            f"all labels are equal: none of {len(sides['train'])} training photos has more faves "
            f"per view than their median, {threshold:g}; there is nothing to learn"
        )
    for split in ("validation", "test"):
        if not any(row.split == split for row in rows):
            raise InputError(
                f"--label {rule} gives none of the {len(sides[split])} {split} photos a label; "
                f"raise --{split}, or add photos"
            )
    spare = len(chosen) - sum(map(len, sides.values()))
    print_left_out(Counter({"not needed, or of an owner in another split": spare}))
    _link_photos(folder, found)
    manifest.write(found)
    return found


def _chosen(photos: Sequence[Rated], config: Build) -> tuple[list[Rated], Counter[str]]:
    """The photos that pass; of an owner's many, those that the seed draws."""
    chosen: list[Rated] = []
    left_out: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    for photo in sorted(photos, key=lambda p: rank(config.seed, p.id)):
        if photo.views < 1:
            left_out["no views"] += 1
        elif photo.views < config.min_views:
            left_out[f"fewer than {config.min_views} views (--min-views)"] += 1
        elif photo.owner and owners[photo.owner] >= config.per_owner:
            left_out[f"more than {config.per_owner} of one owner (--per-owner)"] += 1
        else:
            owners[photo.owner] += 1
            chosen.append(photo)
    if not chosen:
        reasons = ", ".join(f"{n} {why}" for why, n in left_out.items())
        raise InputError(
            f"no photos are left: {reasons}"
            if reasons
            else "no photos are left: none of them could be read"
        )
    return chosen, left_out


def divide(photos: Sequence[Rated], config: Build) -> dict[str, list[Rated]]:
    """Split -> its photos, drawn by seed, whole owners at a time. Raises InputError."""
    total = len(photos)
    share = min(1.0, total / sum(PAPER.values()))
    few = {name: max(1, round(PAPER[name] * share)) for name in ("validation", "test")}
    validation = config.validation or few["validation"]
    test = config.test or few["test"]
    needed = (config.train or 1) + validation + test
    if needed > total:
        raise InputError(
            f"{config.train or 1} training, {validation} validation and {test} test photos are "
            f"asked for, and there are {total}; ask for fewer, or crawl more"
        )
    try:
        tests, rest = _whole_owners(photos, test, config.seed)
        validations, rest = _whole_owners(rest, validation, config.seed)
        most = config.train or min(len(rest), PAPER["train"])
        if not 0 < most <= len(rest):
            raise _TooFew
    except _TooFew:
        owners = len({_owner(photo) for photo in photos})
        raise InputError(
            f"{total} photos of {owners} owners cannot be split into {config.train or 'the rest'}, "
            f"{validation} and {test} without putting an owner on two sides; ask for fewer, or add "
            "photos of other owners"
        ) from None
    trains = sorted(rest, key=lambda p: rank(config.seed, p.id))[:most]
    return {"train": trains, "validation": validations, "test": tests}


class _TooFew(Exception):  # noqa: N818
    """There are too few photos, or owners."""


def _owner(photo: Rated) -> tuple[str, str]:
    """Whose photo it is; one of an unknown owner's stands for itself."""
    return (photo.owner, "") if photo.owner else ("", photo.id)


def _whole_owners(
    photos: Sequence[Rated], count: int, seed: int
) -> tuple[list[Rated], list[Rated]]:
    """``count`` photos of owners drawn by seed, and the photos of all other owners.

    Where whole owners do not sum up to ``count``, one owner gives some photos; the owner's others
    are in neither split.
    """
    owners: dict[tuple[str, str], list[Rated]] = {}
    for photo in sorted(photos, key=lambda p: rank(seed, p.id)):
        owners.setdefault(_owner(photo), []).append(photo)
    drawn: list[Rated] = []
    left = []
    for name in sorted(owners, key=lambda name: rank(seed, f"owner {name}")):
        if len(drawn) + len(owners[name]) <= count:
            drawn += owners.pop(name)
        else:
            left.append(name)
    if len(drawn) < count:
        if not left:
            raise _TooFew
        drawn += owners.pop(min(left, key=lambda name: len(owners[name])))[: count - len(drawn)]
    return drawn, [photo for mine in owners.values() for photo in mine]


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
    print(f"{len(found.photos)} photos: {sides}; median score {found.threshold:.6g}")
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
    if odd := [photo.id for photo in found.photos if photo.faves > photo.views]:
        print(
            f"wespe-bench: {len(odd)} photos have more faves than views, {odd[0]} the first: "
            "are the columns what they say?",
            file=sys.stderr,
        )
