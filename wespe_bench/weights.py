"""Weight files of other people's networks: found, downloaded when asked, hashed.

Here are files and bytes only; what a file means is its reader's business. Nothing is
downloaded unless the caller says so, and nothing is used before its hash is checked.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from wespe_bench import provenance
from wespe_bench.downloads import Resuming, unreachable
from wespe_bench.errors import InputError, require


def folder() -> Path:
    """Where downloads are kept: ``weights`` in the cache folder (`provenance.cache_folder`).

    Raises InputError for a user who has neither a home nor WESPE_CACHE.
    """
    cache = provenance.cache_folder()
    if cache is None:
        raise InputError("no folder to keep weights in; set WESPE_CACHE to one")
    return cache / "weights"


def local(path: Path | str, sha256: str = "") -> Path:
    """The file at ``path``, checked against the hash (or the beginning of one) when given.

    Raises InputError when it is missing, no file, or has another hash.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such weight file'}")
    found = provenance.sha256_file(path)
    if not found.startswith(sha256.lower()):
        raise InputError(
            f"{path}: its SHA-256 begins with {found[:12]}, expected {sha256[:12]}; "
            "the file is damaged or another one"
        )
    return path


def in_wheel(distribution: str, name: str) -> Path:
    """The file called ``name`` of an installed distribution, whose code is not imported.

    Raises InputError when the distribution is not installed, or has no such file.
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(
            f"{distribution} is not installed, and {name} comes with it; "
            f"install it with: pip install {distribution}"
        ) from None
    for file in files:
        path = Path(str(file.locate()))
        if path.name == name and path.is_file():
            return path
    raise InputError(
        f"the installed {distribution} {importlib.metadata.version(distribution)} "
        f"has no file {name}; reinstall it"
    )


def download(url: str, sha256: str) -> Path:
    """The file behind ``url``, from the cache when it is there; what broke off is resumed.

    ``sha256`` is the hash of its bytes, or the beginning of it. Raises InputError when it
    cannot be had or is another file than expected, which is then deleted.
    """
    require("pooch")
    import pooch
    import requests

    name = Path(urlsplit(url).path).name
    path = folder() / name
    if not path.is_file():
        print(f"downloading {url}", file=sys.stderr)
        partial = f".{name}.fetch"
        try:
            (folder() / partial).unlink(missing_ok=True)  # whole, but its hash was never checked
            resuming = Resuming(folder() / f"{partial}.partial")
            pooch.retrieve(url, known_hash=None, fname=partial, path=folder(), downloader=resuming)
        except requests.RequestException as error:
            raise InputError(f"{unreachable(url, error)}; it cannot be downloaded") from None
        except OSError as error:
            raise InputError(f"{url}: cannot be kept ({error.strerror or error})") from None
        found = provenance.sha256_file(folder() / partial)
        if not found.startswith(sha256.lower()):
            (folder() / partial).unlink()
            raise InputError(
                f"{url}: its SHA-256 begins with {found[:12]}, expected {sha256[:12]}; not kept"
            )
        (folder() / partial).replace(path)
    return local(path, sha256)


def of_torchvision(name: str, released: Any, *, fetch: bool, option: str) -> Path:
    """The weight file of a network of torchvision's: what it has cached, or what is fetched.

    Args:
        name: What people call the network.
        released: torchvision's record of these weights.
        fetch: Whether to download them where they are not here.
        option: How the user names a file; only users of an option are offered --download.

    Raises:
        InputError: They are not here and not to be downloaded, or cannot be.
    """
    import torch

    url = str(released.url)
    file = url.rpartition("/")[2]
    # torchvision's own convention: the name ends in the beginning of the file's hash.
    sha256 = Path(file).stem.rpartition("-")[2]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file
    if cached.is_file():
        return local(cached, sha256)
    if (folder() / file).is_file() or fetch:
        return download(url, sha256)
    size = f"{released.meta['_file_size']:.0f} MB"
    raise InputError(
        f"torchvision's {name} is not on this machine; give its file ({file}) with {option}"
        + (f", or let it be downloaded ({size}) with --download" * option.startswith("--"))
    )


def dequantise(levels: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """float32 of ``indices``' shape: each index's level.

    ``levels`` is float (up to 256,), ``indices`` uint8 of any shape. Raises ValueError for an
    index beyond the levels or a level that is not finite.

    >>> dequantise(np.array([0.5, -1.0]), np.array([[1, 0]], np.uint8))
    array([[-1. ,  0.5]], dtype=float32)
    """
    levels = np.asarray(levels, np.float32).reshape(-1)
    if not np.isfinite(levels).all():
        raise ValueError("levels that are not finite")
    if indices.dtype != np.uint8 or (indices.size and int(indices.max()) >= len(levels)):
        raise ValueError(f"indices that are not uint8 below {len(levels)}")
    return np.asarray(levels[indices])
