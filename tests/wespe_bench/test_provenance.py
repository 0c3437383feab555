"""Hashes of files: what tells that a photo is another one today."""

from __future__ import annotations

import os
from pathlib import Path

from wespe_bench import load_dataset, provenance


def test_photo_replaced_under_its_size_and_time(photos: Path) -> None:
    target = photos / "img1.png"
    cache = provenance._hash_cache()

    def revision(data: bytes) -> str:
        target.write_bytes(data)
        os.utime(target, (1_600_000_000, 1_600_000_000))
        cache.put(str(target.absolute()), _stamp(target), provenance.sha256_file(target))
        cache.save()
        return load_dataset("folder", input=photos).revision

    data = target.read_bytes()
    before = revision(data)
    # Inside the checksum at the end: unreadable, of the same size.
    assert revision(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]) != before
    assert revision(data) == before


def _stamp(path: Path) -> tuple[int, str]:
    status = path.stat()
    return status.st_size, f"{status.st_mtime_ns}:{status.st_ctime_ns}"


def test_verify_hashes_again(photos: Path) -> None:
    target = photos / "img1.png"
    provenance._hash_cache().put(str(target.absolute()), _stamp(target), "0" * 64)
    assert provenance.sha256_file(target) == "0" * 64
    provenance.forget()
    assert provenance.sha256_file(target) == provenance.sha256_bytes(target.read_bytes())
