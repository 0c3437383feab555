"""Any folder of photos, optionally with a folder of references paired by name.

A photo's id is its path below the folder without extension. Its reference is the file
with the same id, once the two suffixes are taken off: with ``input_suffix="_phone"`` and
``reference_suffix="_dslr"``, ``07_phone.png`` and ``07_dslr.jpg`` are the pair ``07``, and
both folders may be one and the same.
"""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from pathlib import Path

from wespe_bench import provenance
from wespe_bench.errors import InputError
from wespe_bench.images import EXTENSIONS
from wespe_bench.types import Dataset, Sample

#: A folder that holds a file of this name is not looked into for photos.
MARKER = ".wespe-bench"


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
    photos = find_photos(Path(input), input_suffix)
    references: dict[str, Path] = {}
    if reference is not None:
        if Path(input).resolve() == Path(reference).resolve() and input_suffix == reference_suffix:
            raise InputError(
                f"{input} would be its own reference; give two folders, or two suffixes "
                "(--input-suffix _phone --reference-suffix _dslr)"
            )
        references = find_photos(Path(reference), reference_suffix)
        _check_pairs(photos, references, Path(reference))
    samples = tuple(
        Sample(id_, photos[id_], references.get(id_)) for id_ in sorted(photos, key=natural_key)
    )
    return Dataset(
        name=name or Path(input).resolve().name or "folder",
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


def find_photos(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Id -> path of every photo below ``folder`` whose id ends in ``suffix`` (taken off).

    Hidden files are skipped, and so are run folders and `MARKER` folders; links to folders
    are not followed, with a warning. Raises InputError: no such folder, no photo in it, an
    unreadable subfolder, two files with one id.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror})")

    found: dict[str, Path] = {}
    folded: dict[str, str] = {}
    other = 0
    linked: list[str] = []
    special: list[str] = []
    for parent, subfolders, files in os.walk(folder, onerror=refuse):
        if "run.json" in files or MARKER in files:
            subfolders.clear()  # our own results and samples are nobody's photos
            continue
        linked += [str(Path(parent, s)) for s in subfolders if Path(parent, s).is_symlink()]
        subfolders[:] = sorted(s for s in subfolders if not s.startswith("."))
        for file in sorted(files):
            path = Path(parent, file)
            if file.startswith(".") or path.suffix.lower() not in EXTENSIONS:
                continue
            if path.exists() and not path.is_file():
                special.append(str(path))  # a pipe would keep us waiting for ever
                continue
            id_ = path.relative_to(folder).with_suffix("").as_posix()
            if suffix and not (id_.endswith(suffix) and len(path.stem) > len(suffix)):
                other += 1
                continue
            id_ = id_[: len(id_) - len(suffix)]
            _check_id(id_, path)
            # Results are files named by id, and some file systems fold case and accents.
            same = folded.setdefault(unicodedata.normalize("NFC", id_).casefold(), id_)
            if same in found:
                raise InputError(
                    f"{found[same]} and {path} have one id, {id_!r}; rename or remove one of them"
                )
            found[id_] = path
    for id_ in found:
        for parent_id in Path(id_).parents:
            if parent_id.suffix == ".png" and parent_id.with_suffix("").as_posix() in found:
                raise InputError(
                    f"{found[id_]} lies in a folder named like the result of "
                    f"{found[parent_id.with_suffix('').as_posix()]}; rename one of them"
                )
    if linked:
        warnings.warn(f"linked folders are not followed: {_some(linked)}", stacklevel=3)
    if special:
        warnings.warn(f"neither file nor folder, left out: {_some(special)}", stacklevel=3)
    if not found:
        wanted = f" ending in {suffix!r}" if suffix else ""
        hint = f"; {other} photos there end otherwise" if other else f" ({', '.join(EXTENSIONS)})"
        raise InputError(f"no photos{wanted} in {folder}{hint}")
    return found


def _check_id(id_: str, path: Path) -> None:
    try:
        id_.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!r}: the file name is not valid UTF-8; rename it") from None
    if any(unicodedata.category(c) == "Cc" for c in id_) or "\\" in id_:
        raise InputError(f"{str(path)!r}: control characters or backslashes in a name; rename it")


def _check_pairs(photos: dict[str, Path], references: dict[str, Path], folder: Path) -> None:
    alone = sorted(photos.keys() - references.keys(), key=natural_key)
    if alone:
        raise InputError(
            f"{len(alone)} of {len(photos)} photos have no reference in {folder}: {_some(alone)}; "
            "pairs need the same name (see --input-suffix and --reference-suffix)"
        )
    unused = sorted(references.keys() - photos.keys(), key=natural_key)
    if unused:
        warnings.warn(
            f"{len(unused)} references in {folder} have no photo and are not used: {_some(unused)}",
            stacklevel=3,
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
