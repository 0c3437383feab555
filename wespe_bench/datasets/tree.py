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

from wespe_bench import places
from wespe_bench.images import EXTENSIONS, HEIC_EXTENSIONS

#: A folder that holds a file of this name is not looked into for photos.
MARKER = ".wespe-bench"

# What a `Found` can be. The first is a photo; the next are worth a remark and no more;
# the others keep photos from being seen.
PHOTO = "photo"
OTHER = "not a photo by its name"
HIDDEN = "hidden"
OURS = "a folder of wespe-bench's own"
AGAIN = "link to a folder that is listed already"
OUTSIDE = "link to a folder outside of the data set, not followed"
DANGLING = "link to nothing"
LINKED = "linked from outside of the data set"
SPECIAL = "neither file nor folder"
UNREADABLE = "folder that cannot be listed"
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


def walk(folder: Path | str, within: Path | str | None = None) -> Iterator[Found]:
    """Everything below ``folder``, folder by folder, each in the order of its names.

    ``within`` is the data set's root, inside which links to folders are followed (default:
    ``folder`` itself). Memory grows with the largest single folder, not with the tree.
    ``folder`` may be a place in a store, which knows no links.
    """
    if not isinstance(folder, str) and places.is_remote(folder):
        yield from _walk_store(folder)
        return
    root = os.path.realpath(within or folder)
    seen: set[tuple[int, int]] = set()
    real = [(str(folder), "")]
    linked: list[tuple[str, str]] = []
    while real or linked:
        if real:
            path, prefix = real.pop()
        else:
            # Links come last, so that what a link and a real folder both lead to is listed
            # under its real name.
            path, prefix = linked.pop(0)
            target = os.path.realpath(path)
            if not inside(target, root):
                yield Found(OUTSIDE, path)
                continue
        try:
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in seen:
                yield Found(AGAIN, path)
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            yield Found(UNREADABLE, path)
            continue
        names = {entry.name for entry in entries}
        if "run.json" in names or MARKER in names:
            yield Found(OURS, path)
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                yield Found(HIDDEN, entry.path)
            elif entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, f"{prefix}{entry.name}/"))
            # os.path answers "no" for a link to itself, where the entry would raise.
            elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
                linked.append((entry.path, f"{prefix}{entry.name}/"))
            else:
                yield _file(entry, prefix, root)
        real.extend(reversed(folders))


def _walk_store(folder: Path) -> Iterator[Found]:
    root = str(folder)
    for place, folders, files in places.walk(folder):
        path = str(place)
        if "run.json" in files or MARKER in files:
            folders.clear()
            yield Found(OURS, path)
            continue
        for name in [name for name in folders if name.startswith(".")]:
            folders.remove(name)
            yield Found(KEY if name in (".", "..") else HIDDEN, f"{path}/{name}")
        prefix = f"{path.removeprefix(root).strip('/')}/".lstrip("/")
        for name in files:
            kind, stem = kind_of(name)
            if name.startswith("."):
                kind = HIDDEN
            elif kind == PHOTO and "::" in prefix + name:
                kind = KEY
            elif kind == PHOTO and not usable(prefix + stem):
                kind = UNUSABLE
            yield Found(kind, f"{path}/{name}", prefix + stem if kind == PHOTO else "")


def kind_of(name: str) -> tuple[str, str]:
    """What a file is by its name, and the name without its ending."""
    stem, dot, ending = name.rpartition(".")
    extension = f".{ending.lower()}" if dot else ""
    if extension in EXTENSIONS:
        return PHOTO, stem
    return HEIC if extension in HEIC_EXTENSIONS else OTHER, stem


def _file(entry: os.DirEntry[str], prefix: str, root: str) -> Found:
    kind, stem = kind_of(entry.name)
    if kind != PHOTO:
        return Found(kind, entry.path)
    id_ = prefix + stem
    if not os.path.isfile(entry.path):  # noqa: PTH113
        # A link to a device is as endless as the device.
        nothing = entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110
        return Found(DANGLING if nothing else SPECIAL, entry.path, id_)
    linked = entry.is_symlink() and not inside(os.path.realpath(entry.path), root)
    return Found(PHOTO if usable(id_) else UNUSABLE, entry.path, id_, linked)


def inside(path: str, root: str) -> bool:
    """Whether a real path is ``root`` or below it."""
    return os.path.commonpath([root, path]) == root


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
