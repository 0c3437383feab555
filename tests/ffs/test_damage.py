"""A crawl's folder that is damaged, full, copied or foreign: one line, and the way on works."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ffs import settings
from ffs.state import State
from tests.faults.injected import filling
from tests.ffs.conftest import Loopback, Verb
from tests.ffs.test_verbs import complaint, stems


def test_disk_full(verb: Verb, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    _, words = loopback
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling(20))
        line = complaint(verb(*words, "--photos", 12))
    assert line.endswith("No space left on device; what is done is kept")
    assert len(stems(Path("out/photos"))) > 2
    assert not list(Path("out").rglob("*.tmp")) + list(Path("out").rglob("*.download"))
    assert verb(*words, "--photos", 12)[0] == 0
    assert len(stems(Path("out/photos"))) == 12


@pytest.mark.parametrize("how", ["header", "middle"])
def test_a_corrupt_database(verb: Verb, loopback: Loopback, how: str) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 4)[0] == 0
    path = Path("out/crawl.sqlite")
    data = bytearray(path.read_bytes())
    begin = 0 if how == "header" else 8192
    data[begin : begin + 4000] = b"\xa5" * 4000
    path.write_bytes(data)
    line = complaint(verb(*words, "--photos", 4))
    assert "out/crawl.sqlite: damaged" in line
    assert "ffs crawl --rebuild makes it again from the raw replies, and nothing is lost" in line
    asked = len(server.log)
    assert verb(*words, "--photos", 4, "--rebuild")[0] == 0
    assert len(server.log) == asked


def test_a_damaged_reply(verb: Verb, loopback: Loopback) -> None:
    _, words = loopback
    assert verb(*words, "--photos", 2)[0] == 0
    path = Path("out/replies/00000002.json.gz")
    path.write_bytes(path.read_bytes()[:50])
    line = complaint(verb(*words, "--photos", 2, "--rebuild"))
    assert "00000002.json.gz: damaged; delete it" in line


def test_a_database_that_cannot_grow(verb: Verb, loopback: Loopback) -> None:
    _, words = loopback
    assert verb(*words, "--photos", 1)[0] == 0
    real = State._open

    def small(self: State) -> None:
        real(self)
        self.rows("PRAGMA max_page_count = 1")  # SQLite's own word for a full disk

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "_open", small)
        line = complaint(verb(*words, "--photos", 10**6, "--counts-only"))
    assert "out/crawl.sqlite: database or disk is full; what is fetched is kept" in line
    assert verb(*words, "--photos", 2)[0] == 0


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        db.execute("CREATE TABLE photos (place INTEGER PRIMARY KEY, id TEXT, state TEXT)")
        db.execute("INSERT INTO photos VALUES (1, '7', 'kept')")
        db.execute("PRAGMA user_version = 1")
    db.close()


def edited(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE photos SET views = 'many' WHERE state = 'kept'")
    db.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (foreign, "its tables are not a crawl's"),
        (edited, "photos holds values of a wrong type"),
        (lambda path: path.write_bytes(b"\xa5" * 50_000), "file is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "malformed"),
    ],
)
def test_a_database_of_another_program(
    verb: Verb, loopback: Loopback, spoil: Callable[[Path], object], said: str
) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 4)[0] == 0
    there, path = stems(Path("out/photos")), Path("out/crawl.sqlite")
    spoil(path)
    for other in (words, ["ffs", "build", "out"], ["ffs", "export", "out"]):
        line = complaint(verb(*other))
        assert f"out/crawl.sqlite: damaged ({said}" in line or said in line
        assert "ffs crawl --rebuild makes it again" in line
    asked = len(server.log)
    assert verb(*words, "--photos", 4, "--rebuild")[0] == 0
    assert (len(server.log), stems(Path("out/photos"))) == (asked, there)
    assert verb("ffs", "export", "out")[0] == 0


@pytest.mark.parametrize(
    "about",
    [None, {}, {"kind": "x"}, {"kind": "search", "window": {"x": 1}}, {"kind": "info", "id": 1}],
)
def test_a_reply_that_is_not_a_reply(verb: Verb, loopback: Loopback, about: object) -> None:
    _, words = loopback
    assert verb(*words, "--photos", 2)[0] == 0
    there, path = stems(Path("out/photos")), Path("out/replies/00000002.json.gz")
    reply = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps(reply | {"about": about}).encode()))
    line = complaint(verb(*words, "--photos", 2, "--rebuild"))
    assert "00000002.json.gz: damaged; delete it and run ffs crawl --rebuild" in line
    path.unlink()
    assert verb(*words, "--photos", 2, "--rebuild")[0] == 0
    assert stems(Path("out/photos")) >= there


def test_lost_replies_are_requested_again_once(verb: Verb, loopback: Loopback) -> None:
    """Numbers go on where the state is: a reply it took for an old one would change nothing."""
    _, words = loopback
    assert verb(*words, "--photos", 10**6, "--counts-only", "--calls", 4)[0] == 3
    shutil.rmtree("out/replies")
    _, out, _ = verb(*words, "--photos", 10**6, "--counts-only", "--calls", 3)
    assert "7 replies, 3 calls in this run" in out
    names = ["00000005.json.gz", "00000006.json.gz", "00000007.json.gz"]
    assert sorted(path.name for path in Path("out/replies").iterdir()) == names


@pytest.mark.parametrize("until", [10**30, -(10**18)])
def test_dates_out_of_range_in_the_settings(verb: Verb, loopback: Loopback, until: int) -> None:
    _, words = loopback
    assert verb(*words, "--photos", 1)[0] == 0
    path = Path("out") / settings.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"until": until}))
    for other in (words, ["ffs", "build", "out"]):
        assert "out/crawl.json: damaged, or not written by" in complaint(verb(*other))


def test_a_folder_copied_elsewhere_goes_on(verb: Verb, loopback: Loopback) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 4)[0] == 0
    shutil.copytree("out", "away/deep")
    shutil.rmtree("out")
    asked = len(server.log)
    for extra in ([], ["--rebuild"]):
        assert verb(*words, "--out", "away/deep", "--photos", 4, *extra)[0] == 0
    assert len(server.log) == asked
    assert verb("ffs", "export", "away/deep")[0] == 0


def test_forgetting_also_changes_earlier_files(verb: Verb, loopback: Loopback) -> None:
    """The database that --rebuild set aside and the exported list name a photo as well."""
    _, words = loopback
    assert verb(*words, "--photos", 4)[0] == 0
    assert verb(*words, "--photos", 4, "--rebuild")[0] == 0
    assert verb("ffs", "export", "out")[0] == 0
    id_ = min(stems(Path("out/photos")))
    odd = complaint(verb("ffs", "forget", "out", f"../photos/{id_}"))
    assert odd.endswith(f"'../photos/{id_}' is no id of a photo")
    assert id_ in stems(Path("out/photos"))
    assert verb("ffs", "forget", "out", id_)[0] == 0
    for path in Path("out").rglob("*"):
        if path.is_file() and path.name != "forgotten.txt":
            assert id_.encode() not in path.read_bytes(), path
    assert Path("out/ids.csv").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "gopher://x:1"), ("SSL_CERT_FILE", "nowhere.pem")]
)
def test_a_proxy_that_cannot_be_used(
    verb: Verb, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    _, words = loopback
    monkeypatch.setenv(name, value)
    assert "the environment's proxy or certificates cannot be used (" in complaint(verb(*words))


def test_a_disk_that_fills_up_during_a_download(
    verb: Verb, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files: the line names the file, which is not left behind."""
    _, words = loopback
    # Under the limit Python would keep half of a module's bytecode, for good.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert verb(*words, "--photos", 2)[0] == 0
    there = stems(Path("out/photos"))
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (45_000, hard))
        line = complaint(verb(*words, "--photos", 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert line.endswith(".download: File too large; what is done is kept")
    assert {path.stem for path in Path("out/photos").iterdir()} == there
    assert verb(*words, "--photos", 3)[0] == 0
