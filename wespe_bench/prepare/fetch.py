"""The verb ``data fetch``: download and unpack where the terms allow, else say how to get it.

A download that broke off goes on where it stopped (HTTP Range); it counts once its SHA-256
is right. Where none is published, the hash of first sight is kept in
``fetch.lock.json`` once the archive is unpacked, and holds from then on. What is downloaded
has hidden names of our own, so that no file of the user's is taken for it or touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wespe_bench import atomic, provenance, reading
from wespe_bench.arguments import DataOptions
from wespe_bench.datasets.source import Archive, Source, sources
from wespe_bench.downloads import Resuming, file_name, unreachable
from wespe_bench.errors import InputError, unknown
from wespe_bench.journal import make_folder
from wespe_bench.prepare.archives import Refused, is_archive, stem, unpack

#: Where hashes are kept, in the folder where data sets live.
LOCK = "fetch.lock.json"


@dataclass(frozen=True)
class Fetch(DataOptions):
    """Download a data set and unpack it below $WESPE_DATA, where its terms allow that.

    For the others it prints the official page and the steps, and ends with 2. An address, or an
    archive on this machine, is unpacked with the same care: nothing is written outside its folder.

    Examples:
      wespe-bench data fetch div2k
      wespe-bench data fetch downloads/dped.tar.gz --out data/dped
    """

    source: str
    """A data set's name, the address of an archive, or an archive's path."""
    sha256: str | None = None
    """What the archive at an address or path has to hash to."""
    out: str | None = None
    """The folder to unpack into (default: NAME where data sets live)."""
    mirror: str | None = None
    """Another address to take a named set's archives from; their hashes stay the same."""
    keep: bool = False
    """Keep the downloaded archive."""


def fetch(archive: Archive, into: Path, lock: Path, *, keep: bool = False) -> tuple[Path, int]:
    """Download ``archive``, check it, unpack it below ``into``: its folder and number of files.

    0 files when the folder was there already. Raises InputError when the server cannot be
    reached or breaks off for good, the hash is wrong, or the archive is refused; then it is
    deleted, and no hash of it is kept.
    """
    _check_address(archive.url)
    if archive.folder and (into / archive.folder).is_dir():
        return into / archive.folder, 0
    kept = into / file_name(archive.url)
    if keep and kept.exists():
        raise InputError(f"{kept} is there already; move it away, or leave out --keep")
    path, known = download(archive, into, lock)
    try:
        if not is_archive(path):
            raise Refused("no zip or tar file")
        folder, files = unpack(path, into, folder=archive.folder or stem(kept))
    except Refused as error:
        path.unlink(missing_ok=True)
        why = str(error).removeprefix(f"{path}: ")
        raise InputError(f"what came from {archive.url} was thrown away: {why}") from None
    except InputError as error:
        raise InputError(str(error).replace(path.name, kept.name)) from None
    if not known:
        digest = provenance.sha256_file(path)
        entries = read_lock(lock) | {archive.url: digest}
        atomic.write_text(lock, json.dumps(entries, indent=1, sort_keys=True) + "\n")
        print(f"{archive.url}: sha256 {digest}, on first sight")
    if keep:
        path.rename(kept)
    else:
        path.unlink()
    return folder, files


def download(archive: Archive, into: Path, lock: Path) -> tuple[Path, bool]:
    """The file at ``archive.url``, below ``into`` under a name of ours; resumed.

    And whether its hash was known, and so was checked.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # our bar says it
    name = private_name(archive.url)
    known = archive.sha256 or read_lock(lock).get(archive.url, "")
    make_folder(into)
    if not known:
        print(f"{archive.url}: no published SHA-256; what comes now is kept in {lock}")
    try:
        path = Path(
            pooch.retrieve(
                archive.url,
                known_hash=f"sha256:{known}" if known else None,
                fname=name,
                path=into,
                downloader=Resuming(into / f"{name}.partial", archive.size),
            )
        )
    except requests.RequestException as error:
        raise InputError(unreachable(archive.url, error)) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        what = "try again, and if it stays so, tell the maintainers"
        if not archive.sha256:
            what = f"if the new file is right, delete the line of this address in {lock}"
        raise InputError(
            f"{archive.url}: what came does not have the SHA-256 {known}, so it was thrown "
            f"away; {what}"
        ) from None
    return path, bool(known)


def read_lock(lock: Path) -> dict[str, str]:
    """Address -> SHA-256 of first sight. Raises InputError when the file is damaged."""
    try:
        entries = reading.read_json(lock)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        entries = None
    if not isinstance(entries, dict) or not all(
        re.fullmatch("[0-9a-f]{64}", str(digest)) for digest in entries.values()
    ):
        raise InputError(f"{lock}: damaged; mend it, or delete it to trust what comes next")
    return entries


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets without an IPv6 address in them, a port that is no number
        fine = False
    if not fine:
        raise InputError(f"{url!r}: no address; expected https://HOST/FILE")


def private_name(url: str) -> str:
    """What the file at ``url`` is called until it is unpacked: no other address has this name."""
    short = file_name(url).encode()[:80].decode(errors="ignore")
    return f".{short}.{hashlib.sha256(url.encode()).hexdigest()[:16]}.fetch"


def main(config: Fetch) -> int:
    """The verb ``data fetch``."""
    from wespe_bench.provenance import data_folder

    root = Path(config.data) if config.data else data_folder()
    name, known = config.source, sources()
    if config.sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", config.sha256):
        raise InputError(f"--sha256 {config.sha256!r}: expected 64 hexadecimal digits")
    if re.match(r"https?://", name):
        archives: tuple[Archive, ...] = (Archive(name, (config.sha256 or "").lower()),)
        into = Path(config.out) if config.out else root
    elif source := known.get(name):
        if not source.archives:
            print(_steps(source, root), flush=True)
            raise InputError(f"{name}: nothing was downloaded; get it by hand, as said above")
        if config.sha256:
            raise InputError("--sha256 goes with an address or a path; a named set has its own")
        print(f"{name}: {source.title}; terms: {source.licence}; page: {source.page}")
        archives = tuple(archive.at(config.mirror) for archive in source.archives)
        into = Path(config.out) if config.out else root / name
    elif "://" in name:
        raise InputError(f"{name}: only http:// and https:// addresses can be fetched")
    elif not name:
        raise InputError("the name is empty; is a variable unset?")
    elif Path(name).exists() or "/" in name or Path(name).suffix:
        return _unpack_local(config, root)
    else:
        raise unknown("data set", name, known)
    for archive in archives:
        folder, files = fetch(archive, into, root / LOCK, keep=config.keep)
        print(f"{files} files -> {folder}" if files else f"{folder} is there already")
    return 0


def _steps(source: Source, root: Path) -> str:
    """What to do by hand, as text."""
    lines = [f"{source.name}: {source.title}", f"  terms: {source.licence}"]
    lines += [f"  page:  {source.page}"] if source.page else []
    lines += [f"  how:   {source.get}"]
    if source.page:
        lines += [f"  unpack: wespe-bench data fetch ARCHIVE --out {root / source.name}"]
    return "\n".join(lines)


def _unpack_local(config: Fetch, root: Path) -> int:
    path = Path(config.source)
    if path.is_dir():
        raise InputError(f"{path} is a folder; there is nothing to unpack")
    if config.sha256 and provenance.sha256_file(path) != config.sha256.lower():
        raise InputError(f"{path}: its SHA-256 is not {config.sha256}")
    folder, files = unpack(path, Path(config.out) if config.out else root)
    print(f"{files} files -> {folder}")
    return 0
