"""What lies below a folder: its photos, and everything there that is not one, with the reason.

Nothing is left out in silence: whatever is not listed as a photo is yielded as something else,
for the caller to refuse, to warn of or to count. Links to files are files, and say so when they
lead elsewhere. A link to a folder is followed when it stays inside the data set and leads to
what is not listed anyway, so no chain of links can make a walk endless or a photo count twice.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wespe_bench import paths
from wespe_bench.images import EXTENSIONS, HEIC_EXTENSIONS

#: A folder that holds a file of this name is not looked into for photos.
MARKER = ".wespe-bench"

# What a `Found` can be. The first is a photo; the next are worth a remark and no more;
# the others keep photos from being seen.
PHOTO = "photo"
OTHER = "not a photo by its name"
HIDDEN = "hidden"
OURS = "a folder of wespe-bench's own"
AGAIN, OUTSIDE, UNREADABLE = paths.AGAIN, paths.OUTSIDE, paths.UNREADABLE
DANGLING = "link to nothing"
LINKED = "linked from outside of the data set"
SPECIAL = "neither file nor folder"
UNUSABLE = "name with control characters, a backslash or bytes that are not UTF-8"
KEY = "key with '..' or '::' in it"
HEIC = "HEIC, which needs pip install 'wespe-bench[heic]'"

#: Kinds that are remarks; every other kind but `PHOTO` is a fault.
REMARKS = (OTHER, HIDDEN, OURS, AGAIN, LINKED)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing below a folder: what it is, its path, and for a photo its id.

    The id is the path below the folder with "/" between folders, without extension.
    ``linked`` says that a photo is a link to a file outside of the data set.
    """

    kind: str
    path: str
    id: str = ""
    linked: bool = False


def walk(
    folder: Path | str, within: Path | str | None = None, leave: Path | None = None
) -> Iterator[Found]:
    """Everything below ``folder``, folder by folder, each in the order of its names.

    ``within`` is the data set's root, inside which links to folders are followed (default:
    ``folder`` itself); nothing of the folder ``leave`` in it is listed. Memory grows with the
    largest single folder, not with the tree.
    ``folder`` may be a place in a store, which knows no links.
    """
    folder = Path(folder) if isinstance(folder, str) else folder
    within = Path(within) if isinstance(within, str) else within or folder
    remote = paths.is_remote(folder)
    root = "" if remote else os.path.realpath(within)
    start = str(folder)
    skipped: list[Found] = []
    for listing in paths.walk(
        folder, lambda path, why: skipped.append(Found(why, str(path))), within=within
    ):
        yield from skipped
        skipped.clear()
        path = str(listing.path)
        if path != start and path == str(leave):
            listing.folders.clear()
            continue
        if "run.json" in listing.files or MARKER in listing.files:
            listing.folders.clear()
            yield Found(OURS, path)
            continue
        prefix = f"{path.removeprefix(start).strip('/')}/".lstrip("/")
        folders = set(listing.folders)
        for name in sorted((*listing.folders, *listing.files)):
            if name.startswith("."):
                if name in folders:
                    listing.folders.remove(name)
                yield Found(KEY if name in (".", "..") else HIDDEN, f"{path}/{name}")
            elif name not in folders:
                linked = name in listing.links
                yield (
                    _remote(path, name, prefix)
                    if remote
                    else _file(path, name, prefix, linked, root)
                )
    yield from skipped


def kind_of(name: str) -> tuple[str, str]:
    """What a file is by its name, and the name without its ending."""
    stem, dot, ending = name.rpartition(".")
    extension = f".{ending.lower()}" if dot else ""
    if extension in EXTENSIONS:
        return PHOTO, stem
    return HEIC if extension in HEIC_EXTENSIONS else OTHER, stem


def _remote(folder: str, name: str, prefix: str) -> Found:
    kind, stem = kind_of(name)
    if kind == PHOTO and "::" in prefix + name:
        kind = KEY
    elif kind == PHOTO and not usable(prefix + stem):
        kind = UNUSABLE
    return Found(kind, f"{folder}/{name}", prefix + stem if kind == PHOTO else "")


def _file(folder: str, name: str, prefix: str, linked: bool, root: str) -> Found:
    kind, stem = kind_of(name)
    path = os.path.join(folder, name)  # noqa: PTH118
    if kind != PHOTO:
        return Found(kind, path)
    id_ = prefix + stem
    if not os.path.isfile(path):  # noqa: PTH113
        # A link to a device is as endless as the device.
        nothing = linked and not os.path.exists(path)  # noqa: PTH110
        return Found(DANGLING if nothing else SPECIAL, path, id_)
    outside = linked and not paths.inside(os.path.realpath(path), root)
    return Found(PHOTO if usable(id_) else UNUSABLE, path, id_, outside)


def usable(id_: str) -> bool:
    """Whether an id can name a file below a folder, a row and a line of text, everywhere."""
    try:
        id_.encode("utf-8")
    except UnicodeEncodeError:
        return False
    parts = id_.split("/")
    if "" in parts or "." in parts or ".." in parts or "\\" in id_:
        return False
    return not any(unicodedata.category(c) == "Cc" for c in id_)


def folded(id_: str) -> str:
    """What file systems that ignore case, and the way accents are written, make of an id."""
    return unicodedata.normalize("NFC", id_).casefold()
