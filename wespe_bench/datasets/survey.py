"""A data set before it is loaded: which folders make it up, and what is expected of them.

An adapter says where its photos lie (`Part`); listing, pairing, splitting, manifests and
revisions are the same for all of them, and so is what ``data check`` looks at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wespe_bench import provenance
from wespe_bench.datasets import halved, headers, manifest, miniature, splits
from wespe_bench.datasets.folder import find_photos, natural_key, some
from wespe_bench.datasets.splits import Photo
from wespe_bench.errors import InputError, did_you_mean
from wespe_bench.paths import is_dir, to_path
from wespe_bench.sample_list import SampleList
from wespe_bench.types import Dataset, Sample


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of photos.

    ``label`` is what tables call it; parts with one label are counted together. An id is
    ``prefix``, then the path below ``folder`` without extension and without ``suffix``. Its pair is
    the photo below ``reference``, which may be a folder in ``folder``, with the same id, or with
    the one that ``pair`` makes of it. ``side`` is "train" or "test" where the release decides.
    ``size`` (width, height) and ``expected``, the number of photos of all parts with this label,
    are the release's, ``copies`` the numbers in well-known copies of it; ``smallest`` is the least
    useful length (pixels) of a photo's shorter side. ``beside`` is where another camera's frames of
    the same moments are, if they are there; ``scenes`` says that each subfolder is a city or scene
    that no other part has, ``numbered`` that ids count without gaps. ``group`` is what must not be
    parted: one name for the whole folder, `CAPTURE` (shots taken within seconds), `FOLDER` (each
    subfolder), or empty: each photo alone.
    """

    label: str
    folder: Path
    prefix: str = ""
    suffix: str = ""
    reference: Path | None = None
    side: str = ""
    size: tuple[int, int] | None = None
    expected: int | None = None
    copies: tuple[int, ...] = ()
    smallest: int = 1
    group: str = ""
    pair: Callable[[str], str] | None = None
    beside: Path | None = None
    scenes: bool = False
    numbered: bool = False

    @property
    def recording(self) -> bool:
        """Whether its photos are the frames of one recording."""
        return self.group not in ("", CAPTURE, FOLDER)

    def paired_with(self, id_: str) -> str:
        """The id below ``reference`` of a photo's pair."""
        return self.pair(id_) if self.pair else id_


#: As a part's ``group``: photos taken within seconds of each other belong together.
CAPTURE = "*capture"

#: The same for those of one subfolder.
FOLDER = "*folder"


@dataclass(frozen=True, slots=True)
class Survey:
    """The parts of a data set, the paper's counts, and what a table has to say of it."""

    name: str
    root: Path
    parts: tuple[Part, ...]
    train: int | None = None
    test: int | None = None
    split: str = "all"
    note: str = ""
    halve: bool = False
    data: Path | str | None = None

    @property
    def paired(self) -> bool:
        return all(part.reference is not None for part in self.parts)


def photos(survey: Survey, wanted: set[str] | None = None) -> list[Photo]:
    """Every photo of the survey, part by part in natural order.

    Photos without their pair are an error, unless ``wanted`` (a manifest's ids) leaves them
    out. Raises InputError as `find_photos` does, and for two photos with one id.
    """
    found: dict[str, Photo] = {}
    for part in survey.parts:
        listed = find_photos(part.folder, part.suffix, survey.root, leave=part.reference)
        pairs = {}
        if part.reference is not None:
            pairs = find_photos(part.reference, part.suffix, survey.root)
            pairs = {i: pairs[r] for i in listed if (r := part.paired_with(i)) in pairs}
            _check_pairs(survey, part, listed.keys() - pairs.keys(), wanted)
        groups = groups_of(part, listed)
        for id_ in sorted(listed, key=natural_key):
            full = part.prefix + id_
            if full in found:
                raise InputError(
                    f"{found[full].path} and {listed[id_]} have one id, {full!r}; remove one"
                )
            found[full] = Photo(full, listed[id_], pairs.get(id_), groups.get(id_, ""), part.side)
    return list(found.values())


def groups_of(part: Part, listed: Mapping[str, Path]) -> dict[str, str]:
    """Id -> the name of what it must not be parted from, for the photos listed in a part."""
    if part.group == CAPTURE:
        return headers.group(listed)
    if part.group == FOLDER:
        return {id_: f"folder {id_.rpartition('/')[0]}" for id_ in listed}
    return dict.fromkeys(listed, part.group)


def _check_pairs(survey: Survey, part: Part, alone: set[str], wanted: set[str] | None) -> None:
    missing = sorted(
        (id_ for id_ in alone if wanted is None or part.prefix + id_ in wanted), key=natural_key
    )
    if missing:
        raise InputError(
            f"{len(missing)} photos of {part.folder} have no pair in {part.reference}: "
            f"{some(missing)}; wespe-bench data check names them all"
        )


def divided(survey: Survey, seed: int = 0, train: str = "", test: str = "") -> splits.Split:
    """The survey's photos split by ``seed``; the paper's counts where none are given.

    Counts are numbers of photos, or shares below 1 of all of them. A tenth is the test where
    neither the paper nor the release says which photos are.
    """
    listed = photos(survey)
    open_ = sum(1 for photo in listed if not photo.side)
    wanted = splits.counts(len(listed), survey.train, survey.test)
    if survey.test is None and open_:
        test = test or str(splits.TEST_SHARE)
    if len(listed) > open_:  # a side of the release that is smaller is taken whole
        have = {side: sum(p.side == side for p in listed) for side in ("train", "test")}
        pairs = zip(("train", "test"), (survey.train, survey.test), strict=True)
        wanted = tuple(None if n is None or n > have[side] else n for side, n in pairs)
    chosen = (
        _count("train", train, len(listed)) if train else wanted[0],
        _count("test", test, len(listed)) if test else wanted[1],
    )
    try:
        return splits.divide(listed, *chosen, seed)
    except InputError as error:
        raise InputError(f"{survey.name} in {survey.root}: {error}") from None


def load(
    survey: Survey,
    *,
    split: str = "",
    seed: int | str = 0,
    train: str = "",
    test: str = "",
    manifest_file: Path | str | None = None,
) -> Dataset:
    """The samples of one side of a survey, as a data set with its revision.

    ``split`` is "train", "test" or "all" (default: the survey's). With ``manifest_file`` the
    side is what the manifest says, checked file by file. Raises InputError.
    """
    split = split or survey.split
    if split not in ("train", "test", "all"):
        raise InputError(f"{survey.name}: split={split}: expected one of train, test, all")
    note = "; ".join(filter(None, (miniature.note_of(survey.root), survey.note)))
    if manifest_file:
        if seed not in (0, "0", "") or train or test:
            raise InputError("a manifest says what the split is; leave out seed, train and test")
        pinned = manifest.read(to_path(manifest_file))
        listed = photos(survey, {row.id for row in pinned.rows})
        chosen: Sequence[Photo] = manifest.choose(pinned, listed, split, survey.root)
        by = f"split by {Path(manifest_file).name}"
        note = f"{note}, {by}" if note else by
    elif split == "all":
        chosen = photos(survey)
    else:
        divided_ = divided(survey, whole("seed", seed), train, test)
        chosen = divided_.test if split == "test" else divided_.train
        if not chosen:
            raise InputError(f"{survey.name} has no {split} photos; see split=")
        if not all(part.side for part in survey.parts):
            drawn = f"split drawn by seed {whole('seed', seed)}"
            note = f"{note}, {drawn}" if note else drawn
    samples = SampleList.of(Sample(photo.id, photo.path, photo.reference) for photo in chosen)
    if survey.halve:
        samples = SampleList.of(halved.prepare(samples, survey.data))
    name = survey.name if split == "all" else f"{survey.name}_{split}"
    # Runs on two manifests of one data set must not meet in one folder.
    return Dataset(
        name=f"{name}_{Path(manifest_file).stem}" if manifest_file else name,
        revision=provenance.revision(provenance.hash_samples(samples)),
        paired=survey.paired,
        samples=samples,
        note=note,
    )


def one_of(option: str, value: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """``value`` if it is known. Raises InputError with a guess."""
    if value not in known:
        raise InputError(
            f"{option}={value}: expected one of {', '.join(known)}{did_you_mean(value, known)}"
        )
    return value


def whole(option: str, value: int | str) -> int:
    """An option's value as an integer. Raises InputError."""
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{option}={value}: expected a whole number") from None


def _count(option: str, value: str, total: int) -> int:
    """A number of photos, or a share of ``total``, as a number of photos."""
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if 0 < number < 1:
        return max(1, round(number * total))
    if not 0 <= number < 10**9 or number != int(number):
        raise InputError(
            f"{option}={value}: expected a number of photos, or a share between 0 and 1"
        )
    return int(number)


def no_argument(name: str, argument: str) -> None:
    """Raise InputError for ``NAME:something`` where nothing follows the name."""
    if argument:
        raise InputError(
            f"{name}:{argument}: {name} takes no argument; set its location with --data"
        )


def folder_of(name: str, argument: str) -> Path:
    """The folder in ``NAME:FOLDER``. Raises InputError when there is none."""
    folder = to_path(argument).expanduser()
    if not is_dir(folder):
        raise InputError(f"{name}: no such folder: {folder}")
    return folder


def warn_absent(name: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts whose folder is there; a warning names the others."""
    here = tuple(part for part in parts if part.folder.is_dir())
    gone = [str(part.folder) for part in parts if not part.folder.is_dir()]
    if gone and here:
        warnings.warn(f"{name}: not there, and so not counted: {some(gone)}", stacklevel=3)
    return here
