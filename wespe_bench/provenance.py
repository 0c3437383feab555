"""Where a number comes from: hashes of files, revisions, code fingerprints, versions.

File hashes are cached by path, size and modification time in
``$WESPE_CACHE`` (default ``~/.cache/wespe-bench``); ``verify=True`` ignores the cache.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.types import Sample

# A file changed twice within one tick of the clock keeps its time stamp, so what was
# changed this recently is never trusted from the cache.
_SETTLED_NS = 2_000_000_000
_MOST_ENTRIES = 1_000_000

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
    "pandas",
    "pyarrow",
)


def sha256_bytes(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def cache_folder() -> Path:
    """``$WESPE_CACHE``, else ``wespe-bench`` below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("WESPE_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wespe-bench"


class _HashCache:
    """Path -> (size, mtime_ns, sha256), read once and written back when the process ends."""

    def __init__(self) -> None:
        self.path = cache_folder() / "sha256.json"
        self.entries = self._read()
        self.fresh: dict[str, list[Any]] = {}
        atexit.register(self.save)

    def _read(self) -> dict[str, list[Any]]:
        try:
            entries = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}

    def save(self) -> None:
        if not self.fresh:
            return
        entries = self._read() | self.fresh
        if len(entries) > _MOST_ENTRIES:
            entries = self.fresh
        try:
            atomic.write_text(self.path, json.dumps(entries))
        except OSError:
            pass  # without a writable cache the files are hashed again next time
        self.fresh = {}


@functools.cache
def _hash_cache() -> _HashCache:
    return _HashCache()


def sha256_file(path: Path, *, verify: bool = False) -> str:
    """SHA-256 of a file's bytes; ``verify`` reads it even when the cache knows it.

    Raises InputError when the file cannot be read.
    """
    try:
        status = path.stat()
        cache = _hash_cache()
        key = str(path.absolute())
        known = cache.entries.get(key)
        if (
            not verify
            and isinstance(known, list)
            and known[:2] == [status.st_size, status.st_mtime_ns]
        ):
            return str(known[2])
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if time.time_ns() - status.st_mtime_ns > _SETTLED_NS:
        entry = [status.st_size, status.st_mtime_ns, digest]
        cache.entries[key] = cache.fresh[key] = entry
    return digest


def revision(rows: Iterable[tuple[str, str, str | None]]) -> str:
    """One hash for a data set: over its sorted (id, content SHA-256, reference SHA-256).

    Independent of folder, order and time stamps; any changed byte changes it.
    """
    digest = hashlib.sha256()
    for row in sorted((id_, content, reference or "") for id_, content, reference in rows):
        digest.update(json.dumps(row, ensure_ascii=True).encode())
    return digest.hexdigest()


def hash_samples(
    samples: Iterable[Sample], *, verify: bool = False
) -> list[tuple[str, str, str | None]]:
    """(id, SHA-256 of the photo, SHA-256 of the reference or None) of each sample."""
    return [
        (
            sample.id,
            sha256_file(sample.path, verify=verify),
            None if sample.reference is None else sha256_file(sample.reference, verify=verify),
        )
        for sample in samples
    ]


def fingerprint(enhancer: Any) -> str:
    """A string that changes when the enhancer may answer differently.

    Its own ``fingerprint`` attribute if it has one; else the SHA-256 of the source file
    that defines it, with the versions of the libraries classical enhancers rest on. Code
    in other files of the author's, and weights, are not seen: state a ``fingerprint``.
    """
    stated = getattr(enhancer, "fingerprint", None)
    if stated is not None:
        return str(stated() if callable(stated) else stated)
    target = inspect.unwrap(enhancer)
    if isinstance(target, functools.partial):
        target = target.func
    if not (inspect.isfunction(target) or inspect.ismethod(target)):
        target = type(target)
    name = getattr(target, "__qualname__", repr(target))
    try:
        source = Path(inspect.getsourcefile(target) or "").read_bytes()
    except (OSError, TypeError):
        source = b""  # typed at a prompt, or compiled: only the name is known
    digest = hashlib.sha256(source + name.encode()).hexdigest()
    stack = [f"{n}{_version(n)}" for n in ("numpy", "scipy", "scikit-image", "pillow")]
    return f"{name}:{digest[:16]}:{'+'.join(stack)}"


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def versions() -> dict[str, str]:
    """Versions of wespe-bench, Python and of the installed libraries that can move a number."""
    found = {"wespe_bench": _version("wespe-bench"), "python": platform.python_version()}
    found |= {name: _version(name) for name in LIBRARIES}
    return {name: version for name, version in found.items() if version != "-"}


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
