"""Licences by name, what changes them, and the share of photos without a large file."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from ffs import manifest
from ffs.state import State
from tests.ffs.conftest import Loopback, Verb
from tests.ffs.flickr import LICENCES
from tests.ffs.test_verbs import complaint, stems


def test_a_licence_that_changes(verb: Verb, loopback: Loopback, tmp_path: Path) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 8)[0] == 0
    reserved, relicensed, *_ = kept = sorted(stems(tmp_path / "out" / "photos"))
    before, place = server.world.license.copy(), server.world.place
    try:
        server.world.license[place[reserved]] = 0
        server.world.license[place[relicensed]] = 16
        code, out, _ = verb(*words, "--photos", 8, "--refresh")
    finally:
        server.world.license = before
    assert (code, out) == (
        0,
        "7 photos read again; removed: 0 gone, 1 closed (all rights reserved now)\n",
    )
    assert stems(tmp_path / "out" / "photos") == set(kept[1:])
    assert verb("ffs", "export", "out")[0] == 0
    rows = {r["id"]: r for r in csv.DictReader((tmp_path / "out" / "ids.csv").open())}
    assert rows[relicensed]["license_url"] == LICENCES[16]["url"]


@pytest.mark.slow
def test_the_share_without_a_large_file_is_said_and_kept(
    verb: Verb, loopback: Loopback, tmp_path: Path
) -> None:
    server, words = loopback
    server.world.free[:] = server.world.owner % 2 == 0
    try:
        code, out, _ = verb(*words, "--photos", 30)
        smaller = verb(*words, "--out", "small", "--photos", 30, "--size", "1024x576")
    finally:
        server.world.free[:] = False
    assert code == 0
    (share,) = re.findall(r"no file as large as --size.* \((\d+)% of those that pass", out)
    assert 25 < int(share) < 60
    assert "--size 1024x576 takes most of the others, too" in out
    assert "--size 1024x576" not in smaller[1]
    (rest,) = re.findall(r"no file as large as --size.* \((\d+)% of those that pass", smaller[1])
    assert int(rest) < int(share)  # portrait photos: their 16:9 window is smaller
    assert verb("ffs", "build", "out", "--test", 4, "--validation", 4)[0] == 0
    assert f"({share}% of those that pass the other filters)" in manifest.read("out").note


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], {1, 2, 4, 5, 9, 11, 14}),
        (["--license", "cc"], {1, 2, 4, 5, 9, 11, 14}),
        (["--license", "cc-by,5"], {4, 5, 11}),
        (["--license", "0-1"], {0, 1}),
    ],
)
def test_licences_by_name(
    verb: Verb, loopback: Loopback, tmp_path: Path, words: list[str], ids: set[int]
) -> None:
    server, crawl = loopback
    assert verb(*crawl, *words, "--photos", 300, "--counts-only")[0] == 0
    state = State(tmp_path / "out")
    rows = state.rows("SELECT DISTINCT license FROM photos WHERE state = 'wanted'")
    state.close()
    assert {row["license"] for row in rows} == ids
    asked = [e.what["license"] for e in server.log if "license" in e.what]
    assert set(asked) == {",".join(str(n) for n in sorted(chosen(words, ids)))}


def chosen(words: list[str], ids: set[int]) -> set[int]:
    """All of Flickr's ids that the option takes, those of no photo among them."""
    every = {int(row["id"]) for row in LICENCES} - {0}
    return {
        "": every,
        "cc": every - {7, 8},
        "cc-by,5": {4, 5, 11},
        "0-1": {0, 1},
    }[words[-1] if words else ""]


def test_a_licence_that_flickr_does_not_list(
    verb: Verb, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, words = loopback
    monkeypatch.setattr("tests.ffs.flickr.LICENCES", LICENCES[:9])
    line = complaint(verb(*words, "--photos", 1, "--license", "cc0"))
    assert "--license cc0: Flickr lists no such licence; name its id, one of 0, 1, 2" in line
