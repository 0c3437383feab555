"""Hashes of files: what tells that a photo is another one today."""

from __future__ import annotations

import os
from pathlib import Path

from wespe_bench import load_dataset, provenance


def test_photo_replaced_under_its_size_and_time(photos: Path, tmp_path: Path) -> None:
    target = photos / "img1.png"
    os.utime(target, (1_600_000_000, 1_600_000_000))
    load_dataset("folder", input=photos)
    data = bytearray(target.read_bytes())
    data[-20] ^= 1  # inside the check sum of the end: unreadable, of the same size
    target.write_bytes(data)
    os.utime(target, (1_600_000_000, 1_600_000_000))
    stale = load_dataset("folder", input=photos).revision
    provenance._hash_cache().save()
    assert load_dataset("folder", input=photos).revision == stale
    provenance.forget()
    assert load_dataset("folder", input=photos).revision != stale
