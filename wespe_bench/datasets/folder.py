"""Any folder of photos, optionally with a folder of references paired by name.

A photo's id is its path below the folder without extension, its accents composed (NFC), so that
names from macOS and Linux pair. Its reference is the file with the same id, once the two suffixes
are taken off: with ``input_suffix="_phone"`` and ``reference_suffix="_dslr"``, ``07_phone.png``
and ``07_dslr.jpg`` are the pair ``07``, and both folders may be one and the same. In place of a
folder may stand one photo.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path

from wespe_bench import provenance
from wespe_bench.datasets import tree
from wespe_bench.errors import InputError
from wespe_bench.images import EXTENSIONS
from wespe_bench.paths import is_dir, is_file, to_path
from wespe_bench.types import Dataset, Sample

#: What tells photos from references by the ends of their names, where a verb has it.
BY_SUFFIX = "--input-suffix _phone --reference-suffix _dslr"


def load(
    input: Path | str,
    reference: Path | str | None = None,
    *,
    input_suffix: str = "",
    reference_suffix: str = "",
    name: str = "",
    note: str = "",
) -> Dataset:
    """The photos below ``input``, paired with those below ``reference`` when it is given.

    ``name`` defaults to the folder's. What is left out is named in a warning, references without
    a photo too. Raises InputError when a folder is missing or holds no photo, when two files share
    an id, and when a photo lacks its reference.
    """
    folder = to_path(input)
    if is_file(folder):
        return _one_photo(folder, reference, input_suffix, name, note)
    listed = _look(folder, input_suffix)
    references: dict[str, Path] = {}
    if reference is not None:
        pairs = to_path(reference)
        if folder.resolve() == pairs.resolve():
            if input_suffix == reference_suffix:
                raise InputError(
                    f"{input} would be its own reference; give two folders, or two suffixes "
                    f"({BY_SUFFIX})"
                )
            others = _look(folder, reference_suffix)
            _warn(folder, listed.kinds, [path for path in listed.other if path in others.other])
        else:
            others = _look(pairs, reference_suffix)
            _warn(folder, listed.kinds, listed.other)
            _warn(pairs, others.kinds, others.other)
        references = others.photos
        _check_pairs(listed.photos, references, pairs)
    else:
        _warn(folder, listed.kinds, listed.other)
    return _dataset(listed.photos, references, reference is not None, name, folder, note)


def _one_photo(
    photo: Path, reference: Path | str | None, suffix: str, name: str, note: str
) -> Dataset:
    """The data set of one photo; its reference is a file, or the one of its name in a folder."""
    if tree.kind_of(photo.name)[0] != tree.PHOTO:
        raise InputError(f"{photo}: {tree.kind_of(photo.name)[0]}; give a photo, or a folder")
    id_ = composed(photo.stem)
    id_ = id_.removesuffix(composed(suffix)) or id_
    references: dict[str, Path] = {}
    if reference is not None:
        pairs = to_path(reference)
        references = {id_: pairs} if is_file(pairs) else find_photos(pairs)
        if id_ not in references:
            raise InputError(f"{photo} has no reference of its name in {pairs}; name the file")
    return _dataset({id_: photo}, references, reference is not None, name or id_, photo, note)


def _dataset(
    photos: dict[str, Path],
    references: dict[str, Path],
    paired: bool,
    name: str,
    folder: Path,
    note: str,
) -> Dataset:
    samples = tuple(
        Sample(id_, photos[id_], references.get(id_)) for id_ in sorted(photos, key=natural_key)
    )
    return Dataset(
        name=name or folder.resolve().name or "folder",
        revision=provenance.revision(provenance.hash_samples(samples)),
        paired=paired,
        samples=samples,
        note=note,
    )


def composed(id_: str) -> str:
    """An id with its accents composed (NFC): macOS stores e and an accent, others one letter.

    >>> len("Cafe\\u0301"), len(composed("Cafe\\u0301"))
    (5, 4)
    """
    return unicodedata.normalize("NFC", id_)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts "img2" before "img10".

    >>> sorted(["img10", "img2"], key=natural_key)
    ['img2', 'img10']
    """
    parts = re.split(r"(\d+)", text)
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts]


def find_photos(
    folder: Path,
    suffix: str = "",
    within: Path | None = None,
    *,
    every: bool = False,
    leave: Path | None = None,
) -> dict[str, Path]:
    """Id -> path of every photo below ``folder`` whose id ends in ``suffix`` (taken off).

    Hidden files are skipped, and so are run folders and `tree.MARKER` folders. Links to folders
    are followed inside of ``within`` (default: ``folder``); what lies elsewhere, or is no file,
    is left out with a warning; with ``every`` that names all that is not taken. The folder
    ``leave`` in it is not looked into. Raises
    InputError: no such folder, no photo in it, an unreadable subfolder, an unusable name, two
    files with one id.
    """
    listed = _look(folder, suffix, within, leave)
    if every:
        _warn(folder, listed.kinds, listed.other)
    else:
        kinds = {k: v for k, v in listed.kinds.items() if k not in _EXPECTED}
        _warn(folder, kinds, [])
    return listed.photos


# What any folder may hold beside its photos.
_EXPECTED = (tree.OTHER, tree.HIDDEN, tree.OURS)


@dataclass(frozen=True, slots=True)
class _Listing:
    """Photos by id; paths of those without the suffix; and what else is there, by its kind."""

    photos: dict[str, Path]
    other: list[str]
    kinds: dict[str, list[str]]


def _look(
    folder: Path, suffix: str = "", within: Path | None = None, leave: Path | None = None
) -> _Listing:
    if not is_dir(folder):
        what = f"{folder} is a file" if is_file(folder) else f"no such folder: {folder}"
        raise InputError(what)
    suffix = composed(suffix)
    found: dict[str, Path] = {}
    folded: dict[str, str] = {}
    other: list[str] = []
    kinds: dict[str, list[str]] = {}
    for thing in tree.walk(folder, within, leave):
        # A link to nothing fails on its own when its turn comes.
        if thing.kind not in (tree.PHOTO, tree.DANGLING):
            _refuse(thing)
            kinds.setdefault(thing.kind, []).append(thing.path)
            continue
        id_ = composed(thing.id)
        if suffix and not (id_.endswith(suffix) and len(id_.rpartition("/")[2]) > len(suffix)):
            other.append(thing.path)
            continue
        id_ = id_[: len(id_) - len(suffix)]
        # Results are files named by id, and some file systems fold case and accents.
        same = folded.setdefault(tree.folded(id_), id_)
        if same in found:
            how = (
                "" if same != id_ or found[same].stem == id_ else " but for how accents are written"
            )
            raise InputError(
                f"{found[same]} and {thing.path} have one id, {id_!r}{how}; rename or remove one "
                "of them"
            )
        found[id_] = to_path(thing.path)
    _check_nested(found)
    if not found:
        wanted = f" ending in {suffix!r}" if suffix else ""
        some_end = f"; {len(other)} photos there end otherwise"
        hint = some_end if other else f" ({', '.join(EXTENSIONS)})"
        raise InputError(f"no photos{wanted} in {folder}{hint}")
    return _Listing(found, other, kinds)


def _check_nested(found: dict[str, Path]) -> None:
    for id_ in found:
        for parent_id in Path(id_).parents:
            if parent_id.suffix == ".png" and parent_id.with_suffix("").as_posix() in found:
                raise InputError(
                    f"{found[id_]} lies in a folder named like the result of "
                    f"{found[parent_id.with_suffix('').as_posix()]}; rename one of them"
                )


def _warn(folder: Path, kinds: dict[str, list[str]], other: list[str]) -> None:
    """Name, in one line, what is below a folder and not taken."""
    parts = kinds | ({"another suffix": other} if other else {})
    if parts:
        skipped_text = "; ".join(
            f"{len(paths)} ({kind}): {some([_below(path, folder) for path in paths])}"
            for kind, paths in parts.items()
        )
        warnings.warn(f"{folder}: left out {skipped_text}", stacklevel=4)


def _below(path: str, folder: Path) -> str:
    return path.removeprefix(str(folder)).lstrip("/")


def _refuse(thing: tree.Found) -> None:
    if thing.kind == tree.UNREADABLE:
        raise InputError(f"{thing.path}: cannot be listed; is it yours to read?")
    if thing.kind in (tree.UNUSABLE, tree.KEY):
        raise InputError(f"{thing.path!r}: a {thing.kind}; rename it")


def _check_pairs(photos: dict[str, Path], references: dict[str, Path], folder: Path) -> None:
    alone = sorted(photos.keys() - references.keys(), key=natural_key)
    if alone:
        raise InputError(
            f"{len(alone)} of {len(photos)} photos have no reference in {folder}: {some(alone)}; "
            f"pairs need the same name, or two suffixes ({BY_SUFFIX})"
        )
    unused = sorted(references.keys() - photos.keys(), key=natural_key)
    if unused:
        warnings.warn(
            f"{len(unused)} references in {folder} have no photo and are not used: {some(unused)}",
            stacklevel=3,
        )


def some(names: list[str]) -> str:
    """Names for a message: the first three, and how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
