"""The cache of hashes: what it knows, what it forgets, and that damage costs time only."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from wespe_bench import hash_cache
from wespe_bench.hash_cache import HashCache

A, B = "a" * 64, "b" * 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hashes.sqlite"


def test_a_later_process_knows_what_was_saved(file: Path) -> None:
    cache = HashCache(file)
    cache.put("photo", (3, 10**18), A)
    cache.put("s3://bucket/photo", (3, '"etag"'), B)
    cache.put("name \udcff of no encoding", (0, 0), B)
    assert cache.get("photo", (3, 10**18)) == A
    assert HashCache(file).get("photo", (3, 10**18)) is None
    cache.save()
    later = HashCache(file)
    assert later.get("photo", (3, 10**18)) == A
    assert later.get("s3://bucket/photo", (3, '"etag"')) == B
    assert later.get("name \udcff of no encoding", (0, 0)) == B


def test_another_size_or_time_is_another_file(file: Path) -> None:
    cache = HashCache(file)
    cache.put("photo", (3, 5), A)
    for _ in range(2):
        assert cache.get("photo", (4, 5)) is None
        assert cache.get("photo", (3, 6)) is None
        assert cache.get("photo", (3, "5")) is None
        cache.save()
    cache.put("photo", (3, 6), B)
    cache.save()
    assert cache.get("photo", (3, 5)) is None
    assert cache.get("photo", (3, 6)) == B


def test_forgotten_paths_and_forgotten_trust(file: Path) -> None:
    cache = HashCache(file)
    for name in ("one", "two"):
        cache.put(name, (1, 1), A)
    cache.save()
    cache.put("one", (1, 1), A)
    cache.forget("one")
    assert cache.get("one", (1, 1)) is None and cache.get("two", (1, 1)) == A
    cache.forget()
    assert cache.get("two", (1, 1)) is None
    cache.put("three", (1, 1), B)
    cache.save()
    assert cache.get("three", (1, 1)) == B  # hashed since
    # Other processes trust what was hashed before as ever.
    assert HashCache(file).get("two", (1, 1)) == A


@pytest.mark.parametrize("content", [b"not a database, but as long as the head of one" * 99, b""])
def test_a_damaged_file_is_begun_again(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    cache = HashCache(file)
    cache.put("photo", (1, 1), A)
    cache.save()
    assert HashCache(file).get("photo", (1, 1)) == A


def test_a_file_damaged_meanwhile_costs_no_run(file: Path) -> None:
    cache = HashCache(file)
    for number in range(2000):
        cache.put(f"photo{number}", (1, 1), A)
    cache.save()
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(os.urandom(file.stat().st_size - 4096))
    again = HashCache(file)
    assert all(again.get(f"photo{n}", (1, 1)) in (A, None) for n in range(2000))
    again.put("photo", (1, 1), B)
    again.save()
    assert again.get("photo", (1, 1)) == B


def test_another_table_of_that_name_is_no_hash(file: Path) -> None:
    file.parent.mkdir()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE hashes (path BLOB PRIMARY KEY, other)")
    cache = HashCache(file)
    cache.put("photo", (1, 1), A)
    assert cache.get("photo", (1, 1)) == A
    cache.save()
    assert cache.get("other", (1, 1)) is None


def test_without_a_writable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for cache in (HashCache(tmp_path / "file" / "hashes.sqlite"), HashCache(None)):
        cache.put("photo", (1, 1), A)
        cache.save()
        assert cache.get("photo", (1, 1)) == A


def test_many_entries_are_written_on_the_way(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_cache, "_AT_ONCE", 10)
    cache = HashCache(file)
    for number in range(25):
        cache.put(str(number), (1, 1), A)
    other = HashCache(file)
    assert [other.get(str(n), (1, 1)) is not None for n in (0, 19, 20)] == [True, True, False]


def test_threads_share_it(file: Path) -> None:
    cache = HashCache(file)

    def work(name: str) -> None:
        for number in range(200):
            cache.put(f"{name}{number}", (1, 1), A)
            assert cache.get(f"{name}{number}", (1, 1)) == A
            cache.save()

    threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(HashCache(file).get(f"{name}199", (1, 1)) == A for name in "xyz")
