"""Any folder of photos, optionally with a folder of references paired by name.

A photo's id is its path below the folder without extension. Its reference is the file
with the same id, once the two suffixes are taken off: with ``input_suffix="_phone"`` and
``reference_suffix="_dslr"``, ``07_phone.png`` and ``07_dslr.jpg`` are the pair ``07``, and
both folders may be one and the same.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from wespe_bench import provenance
from wespe_bench.datasets import tree
from wespe_bench.errors import InputError
from wespe_bench.images import EXTENSIONS
from wespe_bench.places import is_dir, place
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

    ``name`` defaults to the folder's. Raises InputError when a folder is missing or holds no
    photo, when two files share an id, and when a photo lacks its reference; references
    without a photo are named in a warning and left out.
    """
    folder = place(input)
    photos = find_photos(folder, input_suffix)
    references: dict[str, Path] = {}
    if reference is not None:
        pairs = place(reference)
        if folder.resolve() == pairs.resolve() and input_suffix == reference_suffix:
            raise InputError(
                f"{input} would be its own reference; give two folders, or two suffixes "
                f"({BY_SUFFIX})"
            )
        references = find_photos(pairs, reference_suffix)
        _check_pairs(photos, references, pairs)
    samples = tuple(
        Sample(id_, photos[id_], references.get(id_)) for id_ in sorted(photos, key=natural_key)
    )
    return Dataset(
        name=name or folder.resolve().name or "folder",
        revision=provenance.revision(provenance.hash_samples(samples)),
        paired=reference is not None,
        samples=samples,
        note=note,
    )


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts "img2" before "img10".

    >>> sorted(["img10", "img2"], key=natural_key)
    ['img2', 'img10']
    """
    parts = re.split(r"(\d+)", text)
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts]


def find_photos(folder: Path, suffix: str = "", within: Path | None = None) -> dict[str, Path]:
    """Id -> path of every photo below ``folder`` whose id ends in ``suffix`` (taken off).

    Hidden files are skipped, and so are run folders and `tree.MARKER` folders. Links to folders
    are followed inside of ``within`` (default: ``folder``); what lies elsewhere, or is no file,
    is left out with a warning. Raises InputError: no such folder, no photo in it, an unreadable
    subfolder, an unusable name, two files with one id.
    """
    if not is_dir(folder):
        raise InputError(f"no such folder: {folder}")
    found: dict[str, Path] = {}
    folded: dict[str, str] = {}
    other = 0
    left_out: dict[str, list[str]] = {}
    for thing in tree.walk(folder, within):
        # A link to nothing fails on its own when its turn comes.
        if thing.kind not in (tree.PHOTO, tree.DANGLING):
            _refuse(thing)
            if thing.kind not in (tree.OTHER, tree.HIDDEN, tree.OURS):
                left_out.setdefault(thing.kind, []).append(thing.path)
            continue
        id_ = thing.id
        if suffix and not (id_.endswith(suffix) and len(id_.rpartition("/")[2]) > len(suffix)):
            other += 1
            continue
        id_ = id_[: len(id_) - len(suffix)]
        # Results are files named by id, and some file systems fold case and accents.
        same = folded.setdefault(tree.folded(id_), id_)
        if same in found:
            raise InputError(
                f"{found[same]} and {thing.path} have one id, {id_!r}; rename or remove one of them"
            )
        found[id_] = place(thing.path)
    for id_ in found:
        for parent_id in Path(id_).parents:
            if parent_id.suffix == ".png" and parent_id.with_suffix("").as_posix() in found:
                raise InputError(
                    f"{found[id_]} lies in a folder named like the result of "
                    f"{found[parent_id.with_suffix('').as_posix()]}; rename one of them"
                )
    for kind, paths in left_out.items():
        warnings.warn(f"{kind}: {some(paths)}", stacklevel=3)
    if not found:
        wanted = f" ending in {suffix!r}" if suffix else ""
        hint = f"; {other} photos there end otherwise" if other else f" ({', '.join(EXTENSIONS)})"
        raise InputError(f"no photos{wanted} in {folder}{hint}")
    return found


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
