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
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from wespe_bench import provenance
from wespe_bench.compact import Packed, in_order, texts
from wespe_bench.datasets import tree
from wespe_bench.errors import InputError
from wespe_bench.images import EXTENSIONS
from wespe_bench.paths import is_dir, is_file, to_path
from wespe_bench.sample_list import SampleList
from wespe_bench.types import Dataset

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
    references: dict[str, str] = {}
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
        references = dict(zip(others.ids, others.paths, strict=True))
        _check_pairs(set(listed.ids), references, pairs)
    else:
        _warn(folder, listed.kinds, listed.other)
    return _dataset(listed.ids, listed.paths, references, reference, name, folder, note)


def _one_photo(
    photo: Path, reference: Path | str | None, suffix: str, name: str, note: str
) -> Dataset:
    """The data set of one photo; its reference is a file, or the one of its name in a folder."""
    if tree.kind_of(photo.name)[0] != tree.PHOTO:
        raise InputError(f"{photo}: {tree.kind_of(photo.name)[0]}; give a photo, or a folder")
    id_ = composed(photo.stem)
    id_ = id_.removesuffix(composed(suffix)) or id_
    references: dict[str, str] = {}
    if reference is not None:
        pairs = to_path(reference)
        found = {id_: pairs} if is_file(pairs) else find_photos(pairs)
        if id_ not in found:
            raise InputError(f"{photo} has no reference of its name in {pairs}; name the file")
        references = {id_: str(found[id_])}
    paths = texts([str(photo)])
    return _dataset(texts([id_]), paths, references, reference, name or id_, photo, note)


def _dataset(
    ids: Packed[str],
    paths: Packed[str],
    references: Mapping[str, str],
    reference: Path | str | None,
    name: str,
    folder: Path,
    note: str,
) -> Dataset:
    paired = reference is not None
    beside = texts(references[id_] for id_ in ids) if paired else None
    samples = SampleList(ids, paths, beside, array("I", in_order(ids, natural_key)))
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
    paths = map(to_path, listed.paths)
    return dict(zip(listed.ids, paths, strict=True))


# What any folder may hold beside its photos.
_EXPECTED = (tree.OTHER, tree.HIDDEN, tree.OURS)


@dataclass(frozen=True, slots=True)
class _Listing:
    """Photos; paths of those without the suffix; and what else is there, by its kind."""

    ids: Packed[str] = field(default_factory=texts)
    paths: Packed[str] = field(default_factory=texts)
    other: list[str] = field(default_factory=list)
    kinds: dict[str, list[str]] = field(default_factory=dict)


def _look(
    folder: Path, suffix: str = "", within: Path | None = None, leave: Path | None = None
) -> _Listing:
    if not is_dir(folder):
        what = f"{folder} is a file" if is_file(folder) else f"no such folder: {folder}"
        raise InputError(what)
    suffix = composed(suffix)
    found = _Listing()
    for thing in tree.walk(folder, within, leave):
        # A link to nothing fails on its own when its turn comes.
        if thing.kind not in (tree.PHOTO, tree.DANGLING):
            _refuse(thing)
            found.kinds.setdefault(thing.kind, []).append(thing.path)
            continue
        id_ = composed(thing.id)
        if suffix and not (id_.endswith(suffix) and len(id_.rpartition("/")[2]) > len(suffix)):
            found.other.append(thing.path)
            continue
        found.ids.append(id_[: len(id_) - len(suffix)])
        found.paths.append(thing.path)
    _check_twins(found)
    _check_nested(found)
    if not found.ids:
        wanted = f" ending in {suffix!r}" if suffix else ""
        some_end = f"; {len(found.other)} photos there end otherwise"
        hint = some_end if found.other else f" ({', '.join(EXTENSIONS)})"
        raise InputError(f"no photos{wanted} in {folder}{hint}")
    return found


def _check_twins(found: _Listing) -> None:
    """Results are files named by id, and some file systems fold case and accents."""
    import numpy as np

    # A dict of a million ids would be most of what is held.
    hashed = np.fromiter((hash(tree.folded(id_)) for id_ in found.ids), np.int64, len(found.ids))
    several, counts = np.unique(hashed, return_counts=True)
    first: dict[str, int] = {}
    for place in np.flatnonzero(np.isin(hashed, several[counts > 1])).tolist():
        id_, path = found.ids[place], found.paths[place]
        earlier = first.setdefault(tree.folded(id_), place)
        if earlier != place:
            same, other = found.ids[earlier], to_path(found.paths[earlier])
            how = "" if same != id_ or other.stem == id_ else " but for how accents are written"
            raise InputError(
                f"{other} and {path} have one id, {id_!r}{how}; rename or remove one of them"
            )


def _check_nested(found: _Listing) -> None:
    inner: dict[str, str] = {}
    for place, id_ in enumerate(found.ids):
        if ".png/" in id_:
            parents = (parent for parent in PurePosixPath(id_).parents if parent.suffix == ".png")
            for parent in parents:
                inner.setdefault(parent.with_suffix("").as_posix(), found.paths[place])
    for place, id_ in enumerate(found.ids) if inner else ():
        if id_ in inner:
            raise InputError(
                f"{inner[id_]} lies in a folder named like the result of {found.paths[place]}; "
                "rename one of them"
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


def _check_pairs(photos: set[str], references: Mapping[str, str], folder: Path) -> None:
    alone = sorted(photos - references.keys(), key=natural_key)
    if alone:
        raise InputError(
            f"{len(alone)} of {len(photos)} photos have no reference in {folder}: {some(alone)}; "
            f"pairs need the same name, or two suffixes ({BY_SUFFIX})"
        )
    unused = sorted(references.keys() - photos, key=natural_key)
    if unused:
        warnings.warn(
            f"{len(unused)} references in {folder} have no photo and are not used: {some(unused)}",
            stacklevel=3,
        )


def some(names: list[str]) -> str:
    """Names for a message: the first three, and how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
