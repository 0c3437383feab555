"""Where a number comes from: hashes of files, revisions, versions, the machine.

File hashes are cached by path, size and the times of file and inode in
``$WESPE_CACHE`` (default ``~/.cache/wespe-bench``); `forget` (--verify) hashes all again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wespe_bench import paths, reading
from wespe_bench.errors import InputError
from wespe_bench.fingerprints import fingerprint as fingerprint
from wespe_bench.fingerprints import name_of as name_of
from wespe_bench.fingerprints import version_of
from wespe_bench.sample_list import HashedSamples
from wespe_bench.types import Sample

if TYPE_CHECKING:
    from wespe_bench.hash_cache import HashCache

# A file changed twice within one tick of the clock keeps its time stamp, so what was
# changed this recently is never trusted from the cache.
_SETTLED_NS = 2_000_000_000

#: Stands for the hash of a file that cannot be read.
UNREADABLE = "unreadable"

#: Libraries whose version can change a number; run.json records them.
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "pillow",
    "numba",
    "torch",
    "torchvision",
    "onnxruntime",
    "pandas",
    "pyarrow",
)


def sha256_bytes(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def data_folder() -> Path:
    """Where data sets and imported models live: ``$WESPE_DATA``, default ``data`` here.

    Raises InputError for an address.
    """
    return _here("WESPE_DATA", os.environ.get("WESPE_DATA") or "data")


def _here(name: str, folder: str) -> Path:
    if "://" in folder:
        raise InputError(f"{name}={folder}: expected a folder of this machine")
    return Path(folder)


def cache_folder() -> Path | None:
    """``$WESPE_CACHE``, else ``wespe-bench`` below ``$XDG_CACHE_HOME`` or ``~/.cache``.

    None for a user without a home. Raises InputError for an address.
    """
    if chosen := os.environ.get("WESPE_CACHE"):
        return _here("WESPE_CACHE", chosen)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "wespe-bench"
    try:
        return Path.home() / ".cache" / "wespe-bench"
    except RuntimeError:
        return None


def made_folder(data: Path | str | None = None) -> Path:
    """Where photos that we make ourselves are kept: ``data``, else ``$WESPE_DATA``, else the cache.

    Raises InputError for an address, and for a user without a home who names no folder.
    """
    if data or os.environ.get("WESPE_DATA"):
        return Path(data) if data else data_folder()
    if (cache := cache_folder()) is None:
        raise InputError("no folder to keep photos in; name one with --data or WESPE_DATA")
    return cache


@functools.cache
def _hash_cache() -> HashCache:
    from wespe_bench.hash_cache import HashCache

    folder = cache_folder()
    return HashCache(None if folder is None else folder / "hashes.sqlite")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, from the cache while size and times are the same.

    Of an object in a store while size and version are. Raises InputError when it cannot be read,
    TimeoutError when the store falls silent.
    """
    if paths.is_remote(path):
        return _sha256_remote(path)
    try:
        reading.check_regular(path)
        status = path.stat()
        cache = _hash_cache()
        key = str(path.absolute())
        # rsync and tar keep a file's time; the time of its inode they cannot set.
        stamp = (status.st_size, f"{status.st_mtime_ns}:{status.st_ctime_ns}")
        if known := cache.get(key, stamp):
            return known
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
        cache.put(key, stamp, digest)
    return digest


def _sha256_remote(path: Path) -> str:
    cache, key = _hash_cache(), str(path)
    try:
        stamp = paths.stamp(path)
        if stamp is not None and (known := cache.get(key, stamp)):
            return known
        digest = sha256_bytes(paths.read_bytes(path))
    except TimeoutError:  # the next photo would wait as long: the verb ends
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if stamp is not None:
        cache.put(key, stamp, digest)
    return digest


def forget(path: Path | None = None) -> None:
    """Drop ``path`` from the cache; without one, trust only what this process hashes from now."""
    _hash_cache().forget(None if path is None else str(path.absolute()))


def revision(rows: HashedSamples | Iterable[tuple[str, str, str | None]]) -> str:
    """One hash for a data set: over its sorted (id, content SHA-256, reference SHA-256).

    Independent of folder, order and time stamps; any changed byte changes it.
    """
    if isinstance(rows, HashedSamples):
        return revision_in_order(rows.by_id())
    return revision_in_order(sorted((id_, photo, other or "") for id_, photo, other in rows))


def revision_in_order(rows: Iterable[tuple[str, str, str]]) -> str:
    """`revision` of rows that are sorted, with "" for no reference."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=True).encode())
    return digest.hexdigest()


def content_of(path: Path) -> str:
    """`sha256_file`, or "unreadable": such a file fails on its own when its turn comes."""
    try:
        return sha256_file(path)
    except InputError:
        return UNREADABLE


def content_if_there(path: Path) -> str | None:
    """`content_of` a file, None where there is none."""
    return content_of(path) if paths.is_file(path) else None


def hash_samples(samples: Sequence[Sample]) -> HashedSamples:
    """(id, `content_of` the photo, that of the reference or None) of each sample."""
    photos = paths.each(content_of, (sample.path for sample in samples))
    paired = (sample.reference for sample in samples if sample.reference is not None)
    pairs = paths.each(content_of, paired)
    references = (None if sample.reference is None else next(pairs) for sample in samples)
    return HashedSamples(samples, photos, references)


def versions() -> dict[str, str]:
    """Versions of wespe-bench, Python and of the installed libraries that can move a number."""
    found = {"wespe_bench": version_of("wespe-bench"), "python": platform.python_version()}
    found |= {name: version_of(name) for name in LIBRARIES}
    return {name: version for name, version in found.items() if version != "-"}


@functools.cache
def machine() -> str:
    """Operating system, architecture and processor model; never the host's name."""
    model = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    parts = [platform.system(), platform.machine(), model, f"{os.cpu_count()} cores"]
    return ", ".join(part for part in parts if part)


def device() -> str:
    """The accelerator torch would use, "cpu" without one or when torch was never loaded."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "cpu"
