"""Where files are: paths of this machine, and addresses in stores: s3://, gs://, hf://.

A place is a `pathlib.Path`, or for an address the object of universal_pathlib that has the same
methods over fsspec. What else the two need done differently stands here. Work on this machine
imports neither library and asks nothing twice.

Which server a store is, and with which key, the libraries read from the user's environment
(``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ``FSSPEC_S3='{"anon": true}'``); no file names one.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, TypeVar, cast

from wespe_bench import patience, progress
from wespe_bench.errors import InputError, one_line

#: The stores whose addresses are understood, each with the extra that reads it.
STORES = {"s3": "s3", "gs": "gs", "hf": "hf"}

# What a store answers before it is asked for the bytes, by which it tells versions apart.
_VERSIONS = ("ETag", "etag", "md5Hash", "blob_id")
#: Why `walk` does not enter a folder.
UNREADABLE = "folder that cannot be listed"
AGAIN = "link to a folder that is listed already"
OUTSIDE = "link to a folder outside of the data set, not followed"

_AT_ONCE = 16
_LONGEST = 200
_LIBRARIES = (
    *("aiobotocore", "aiohttp", "botocore"),
    *("gcsfs", "google", "requests", "urllib3"),
    *("huggingface_hub", "httpx", "httpx2"),
)
# Letters, digits and what S3, Google and Hugging Face have besides.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/|$)")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)

_Result = TypeVar("_Result")


def to_path(where: Path | str) -> Path:
    """A path, or an address such as ``s3://bucket/photos``, as an object with a path's methods.

    A leading ``~`` is the user's home, unless a file here is called so.

    Raises InputError for other addresses, one without a bucket, and where the store's extra is
    not installed.

    >>> to_path("runs/demo").name
    'demo'
    >>> to_path("ftp://host/photos")
    Traceback (most recent call last):
    wespe_bench.errors.InputError: ftp://...: no store; known: s3://, gs://, hf://; else give a path
    """
    address = _ADDRESS.fullmatch(where) if isinstance(where, str) else None
    if address is None:
        return _home(Path(where)) if isinstance(where, str) else where
    scheme, inside = address[1], address[2]
    if scheme not in STORES:
        known = ", ".join(f"{name}://" for name in STORES)
        raise InputError(f"{scheme}://...: no store; known: {known}; else give a path")
    if not _BUCKET.match(inside):
        raise InputError(f"{where!r}: expected {scheme}://BUCKET/FOLDER")
    if "::" in inside:  # fsspec would read on with another scheme
        raise InputError(f"{where!r}: '::' has no meaning in an address")
    try:
        from upath import UPath

        # A listing that another process has added to since would lose its rows.
        found = UPath(where, use_listings_cache=False, **patience.options(scheme))
        found.fs  # noqa: B018  here it is that the store's own library is needed
    except ImportError:
        raise InputError(
            f"{where}: needs uv sync --extra {STORES[scheme]} (or pip install "
            f"'wespe-bench[{STORES[scheme]}]')"
        ) from None
    return cast(Path, found)


def _home(path: Path) -> Path:
    """A path that begins with ``~``, which shells leave as it is in quotes and after ``=``."""
    if not (path.parts and path.parts[0].startswith("~")) or os.path.lexists(path.parts[0]):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"{path}: no home folder is known for {path.parts[0]}") from None


def is_remote(path: Path) -> bool:
    """Whether a place is an address in a store."""
    return not isinstance(path, PurePath)


def is_dir(path: Path) -> bool:
    """Whether a place is a folder. Raises OSError where a store does not say."""
    with _as_oserror(path):
        return path.is_dir()


def is_file(path: Path) -> bool:
    """Whether a place is a file. Raises OSError where a store does not say."""
    if not is_remote(path):
        return path.is_file()
    remote = cast(Any, path)
    with _as_oserror(path):
        try:
            return bool(remote.fs.info(remote.path)["type"] == "file")
        except Exception as error:  # fsspec's own answer to a silent store is "no"
            if patience.ended(error):
                raise
            return False


def read_bytes(path: Path) -> bytes:
    """The bytes of a remote object. Raises OSError."""
    remote = cast(Any, path)
    with _as_oserror(path):
        return bytes(remote.fs.cat_file(remote.path))  # one request, where open() takes two


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Store an object whole: stores show all of it or nothing. Raises OSError."""
    remote = cast(Any, path)
    if remote.protocol == "hf":  # each file would be a commit
        raise OSError(errno.EROFS, "Hugging Face's repositories are only read", str(path))
    with _as_oserror(path):
        patience.upload(path, bytes(data))


def names(folder: Path) -> list[str]:
    """The names in a folder, in no order. Raises OSError where there is none (a store: [])."""
    if not is_remote(folder):
        return os.listdir(folder)
    return [
        name
        for found in _walk(folder, lambda path, why: None, depth=1)
        for name in (*found.folders, *found.files)
    ]


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder, and the names in it, sorted; ``links`` are the files that are links."""

    path: Path
    folders: list[str]
    files: list[str]
    links: frozenset[str] = frozenset()


def walk(
    folder: Path, skipped: Callable[[Path, str], object], *, within: Path | None = None
) -> Iterator[Listing]:
    """Every folder at and below ``folder``; those removed from ``Listing.folders`` are not entered.

    A folder is entered once, however many links lead to it: links come last, so that it has its
    real name where it has one. With ``within``, links that lead out of that folder are not
    followed. ``skipped`` is called with the path of a folder that is not entered and the reason:
    `UNREADABLE`, `AGAIN` or `OUTSIDE`. A store has no links; OSError is raised where it does not
    answer, or refuses ``folder`` itself.
    """
    if is_remote(folder):
        yield from _walk(folder, skipped)
        return
    root = None if within is None else os.path.realpath(within)
    seen: set[tuple[int, int]] = set()
    waiting, linked = [str(folder)], deque[str]()
    while waiting or linked:
        path = waiting.pop() if waiting else ""
        if not path:
            path = linked.popleft()
            if root is not None and not inside(os.path.realpath(path), root):
                skipped(Path(path), OUTSIDE)
                continue
        try:
            status = os.stat(path)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                skipped(Path(path), AGAIN)
                continue
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            skipped(Path(path), UNREADABLE)
            continue
        seen.add((status.st_dev, status.st_ino))
        links = {entry.name for entry in entries if entry.is_symlink()}
        # os.path answers "no" for a link to itself, where the entry would raise.
        folders = [
            entry.name
            for entry in entries
            if (
                os.path.isdir(entry.path)  # noqa: PTH112
                if entry.name in links
                else entry.is_dir(follow_symlinks=False)
            )
        ]
        shown = set(folders)
        files = [entry.name for entry in entries if entry.name not in shown]
        yield Listing(Path(path), folders, files, frozenset(links - shown))
        below = [(name in links, os.path.join(path, name)) for name in folders]  # noqa: PTH118
        waiting.extend(name for is_link, name in reversed(below) if not is_link)
        linked.extend(name for is_link, name in below if is_link)


def inside(path: str, root: str) -> bool:
    """Whether a real path is ``root`` or below it."""
    return os.path.commonpath([root, path]) == root


def _walk(
    folder: Path, skipped: Callable[[Path, str], object], depth: int | None = None
) -> Iterator[Listing]:
    """`walk` in a store. fsspec's own walk leaves out in silence what the store refuses to list."""
    remote = cast(Any, folder)
    # Hugging Face's listings take ten times as long with what is known of each file.
    options = {"expand_info": False} if remote.protocol == "hf" else {}
    root = remote.path.rstrip("/")
    waiting = [(root, 1)]
    while waiting:
        path, level = waiting.pop()
        below = path[len(root) :].strip("/")
        here = folder / below if below else folder
        try:
            with _as_oserror(here):
                found = remote.fs.ls(path, detail=True, **options)
        except FileNotFoundError:
            continue
        except PermissionError:
            if not below:
                raise
            skipped(here, UNREADABLE)
            continue
        kinds = {entry["name"].rstrip("/"): entry["type"] for entry in found}
        kinds.pop(path, None)  # a store may keep an empty object named like the folder itself
        listed: tuple[list[str], list[str]] = ([], [])
        for name, kind in sorted(kinds.items()):
            listed[kind != "directory"].append(name.rpartition("/")[2])
        listing = Listing(here, *listed)
        yield listing
        if depth is None or level < depth:
            waiting += [(f"{path}/{name}", level + 1) for name in reversed(listing.folders)]


def stamp(path: Path) -> tuple[int, str] | None:
    """Size and version of a remote object, equal only for equal bytes; None if unknown.

    Raises OSError.
    """
    remote = cast(Any, path)
    with _as_oserror(path):
        status = remote.fs.info(remote.path)
    if status["type"] != "file":
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    version = next((str(status[name]) for name in _VERSIONS if status.get(name)), None)
    return None if version is None else (status["size"], version)


def each(function: Callable[[Path], _Result], paths: Iterable[Path]) -> Iterator[_Result]:
    """``function`` of each path, in order, called when its result is asked for.

    Where the first is remote, of several at once, as answers take long.
    """
    rest = iter(paths)
    first = next(rest, None)
    if first is None:
        return
    if not is_remote(first):
        yield function(first)
        yield from map(function, rest)
        return
    from concurrent.futures import ThreadPoolExecutor

    silent: list[TimeoutError] = []

    def ask(path: Path) -> _Result:
        if silent:  # the others would wait as long
            raise silent[0]
        try:
            return function(path)
        except TimeoutError as error:
            silent.append(error)
            raise

    listed = [first, *rest]
    threads = ThreadPoolExecutor(_AT_ONCE)
    try:
        with progress.bar(len(listed), "ask the store", "file", delay=3) as bar:
            for answer in threads.map(ask, listed):
                yield answer
                bar.update()
    finally:
        threads.shutdown(cancel_futures=True)  # Ctrl-C does not wait for those in the queue


def unanswered(error: BaseException) -> bool:
    """Whether an exception is a store's: no connection, no key, no such bucket."""
    return type(error).__module__.partition(".")[0] in _LIBRARIES


@contextmanager
def _as_oserror(path: Path) -> Generator[None]:
    """What goes wrong in a store, as the OSError a file would raise; a silent one is named.

    Raises TimeoutError where a request was given up.
    """
    if not is_remote(path):
        yield
        return
    begun = time.monotonic()
    try:
        with patience.said(path):
            yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "No such file or folder", str(path)) from None
    except PermissionError as error:
        reason = f"the store refuses it: {one_line(error)[:_LONGEST]}; see the keys it is given"
        raise PermissionError(errno.EACCES, reason, str(path)) from None
    except Exception as error:
        if patience.ended(error):
            reason = f"given up: the store gave no answer for {time.monotonic() - begun:.0f} s"
            raise TimeoutError(errno.ETIMEDOUT, reason, str(path)) from None
        if not (isinstance(error, OSError) or unanswered(error)):
            raise
        number = getattr(error, "errno", None) or errno.EIO
        raise OSError(number, one_line(error)[:_LONGEST], str(path)) from None
