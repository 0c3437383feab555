"""``ffs crawl``, ``forget``, ``export`` through the command line: results and complaints."""

from __future__ import annotations

import csv
import gzip
import os
import re
from pathlib import Path

import pytest

from ffs import manifest, photos, retries
from tests.conftest import Command
from tests.ffs.clocks import Jumping
from tests.ffs.conftest import NOW, Loopback, Verb, environment
from tests.ffs.flickr import KEY, LICENCES, World
from tests.ffs.server import Server

SINCE, UNTIL = "2015-01-01", "2016-01-01"


def complaint(result: tuple[int, str, str], code: int = 2) -> str:
    """The last line on standard error; nothing before it is an error."""
    assert result[0] == code, result
    lines = [line for line in result[2].splitlines() if line.startswith("wespe-bench")]
    assert lines, result
    return lines[-1]


def stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.jpg")}


def test_crawl_build_forget_export(verb: Verb, loopback: Loopback, tmp_path: Path) -> None:
    server, words = loopback
    code, out, _ = verb(*words, "--photos", 14)
    assert code == 0
    assert out.startswith("14 photos kept, ")
    assert verb(*words, "--photos", 14)[0] == 0  # again: nothing to do
    assert verb("ffs", "build", "out", "--test", 2, "--validation", 2)[0] == 0
    ratings = manifest.read(tmp_path / "out")
    assert len(ratings.photos) >= 13  # an owner's other photo may be held back
    assert {photo.licence for photo in ratings.photos} - {""}
    gone = ratings.photos[3]
    # What it was asked stays in the log: every search since must not bring it back.
    code, out, _ = verb("ffs", "forget", "out", gone.id, "999")
    assert (code, "999: not in this folder" in out, "1 photo forgotten" in out) == (0, True, True)
    for path in (tmp_path / "out").rglob("*"):
        assert gone.id not in path.name
        if path.is_file() and path.name != "forgotten.txt":
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            assert gone.id.encode() not in data, path
    left = manifest.read(tmp_path / "out")
    assert [p.id for p in left.photos] == [p.id for p in ratings.photos if p != gone]
    assert left.revision != ratings.revision
    asked = len(server.log)
    for extra in ([], ["--rebuild"]):
        assert verb(*words, "--photos", 14, *extra)[0] == 0
        assert gone.id not in stems(tmp_path / "out" / "photos")
        assert len(stems(tmp_path / "out" / "photos")) == 14
    assert not any(gone.id in str(entry.what) for entry in server.log[asked:])
    assert verb("ffs", "export", "out", "--out", "ids.csv")[0] == 0
    rows = list(csv.DictReader((tmp_path / "ids.csv").open()))
    assert len(rows) == 14
    for row in rows:
        number = server.world.place[row["id"]]
        owner = f"{10_000_000 + server.world.owner[number]}@N00"
        assert row["page"] == f"https://www.flickr.com/photos/{owner}/{row['id']}"
        assert (int(row["views"]), int(row["faves"])) == (
            server.world.views[number],
            server.world.faves[number],
        )
        assert row["license_url"] == LICENCES[int(row["license"])]["url"]
        assert row["uploaded"].startswith("2015-")
    assert sum(row["label"] in ("high", "low") for row in rows) == len(left.photos)


def test_refresh_reads_counts_again_and_drops_what_is_gone(
    verb: Verb, loopback: Loopback, tmp_path: Path
) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 8)[0] == 0
    kept = sorted(stems(tmp_path / "out" / "photos"))
    removed, place = kept[2], server.world.place
    server.world.removed.add(removed)
    faves = server.world.faves.copy()
    try:
        server.world.faves = faves + 7
        code, out, err = verb(*words, "--photos", 8, "--refresh", "--calls", 1)
        assert code == 3, err
        code, out, _ = verb(*words, "--photos", 8, "--refresh")
        assert (code, out) == (
            0,
            "7 photos read again; removed: 1 gone, 0 closed (all rights reserved now)\n",
        )
        assert verb("ffs", "export", "out")[0] == 0
        rows = {r["id"]: r for r in csv.DictReader((tmp_path / "out" / "ids.csv").open())}
        assert sorted(rows) == [id_ for id_ in kept if id_ != removed]
        assert all(int(row["faves"]) == faves[place[id_]] + 7 for id_, row in rows.items())
        assert stems(tmp_path / "out" / "photos") == set(rows)
    finally:
        server.world.faves = faves


def test_no_key(verb: Verb, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    server, words = loopback
    for key, said in (
        ("", "no Flickr key"),
        ("tooshort", "holds no Flickr key"),
        ("a b" * 9, "no"),
    ):
        monkeypatch.setenv("FLICKR_API_KEY", key)
        line = complaint(verb(*words))
        assert said in line
        assert "FLICKR_API_KEY" in line
        assert not key or key not in line
    assert not server.log
    assert not Path("out").exists()


def test_no_key_in_a_process_of_its_own(command: Command) -> None:
    environment_ = {k: v for k, v in os.environ.items() if k != "FLICKR_API_KEY"}
    result = command("ffs", "crawl", "--out", "out", env=environment_)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "no Flickr key: put one in the environment as FLICKR_API_KEY" in result.stderr
    assert "new ones need Pro" in result.stderr


def test_a_revoked_key(verb: Verb, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 3)[0] == 0
    there = stems(Path("out/photos"))
    monkeypatch.setenv("FLICKR_API_KEY", "f" * 32)
    line = complaint(verb(*words, "--photos", 6, "--rebuild", "--min-views", 100000))
    assert "Flickr refuses the key in FLICKR_API_KEY (code 100: Invalid API Key ([key] has" in line
    assert "what is fetched is kept" in line
    assert [entry.end for entry in server.log].count("fail 100") == 1
    assert stems(Path("out/photos")) == there


def test_quota_hit(verb: Verb, loopback: Loopback) -> None:
    server, words = loopback
    server.plan, server.retry_after = ["ok", "ok", "429"], "3000"
    line = complaint(verb(*words, "--photos", 3))
    assert (
        "wants no more requests for 3000 s (the quota is used up); what is fetched is kept" in line
    )
    assert verb(*words, "--photos", 3)[0] == 0


def test_the_budget_of_calls(verb: Verb, loopback: Loopback) -> None:
    server, words = loopback
    line = complaint(verb(*words, "--photos", 30, "--calls", 2), 3)
    assert re.search(r"\d+ of 30 photos: the 2 calls of this run are used up; the same", line)
    assert len([entry for entry in server.log if entry.kind == "api"]) == 2


def test_network_gone_for_a_minute(verb: Verb, loopback: Loopback) -> None:
    server, words = loopback
    server.plan = ["ok", "ok", *["cut"] * 5]
    code, _, err = verb(*words, "--photos", 2)
    assert code == 0
    assert err.count("the answer broke off (RemoteProtocolError); trying again in") == 5


def test_network_gone_for_good(verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "System", lambda: Jumping(NOW))
    line = complaint(verb("ffs", "crawl", "--out", "out", "--api", "http://127.0.0.1:9/rest/"))
    assert "127.0.0.1: cannot be reached (ConnectError), 8 times; what is fetched is kept" in line


def test_image_server_out_of_order(verb: Verb, loopback: Loopback) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 2)[0] == 0
    server.plan = ["503"] * 24
    line = complaint(verb(*words, "--photos", 5))
    assert "3 photos in a row: HTTP 503, 8 times; what is fetched is kept" in line
    assert verb(*words, "--photos", 5)[0] == 0
    assert len(stems(Path("out/photos"))) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--photos", "0"], "--photos 0: expected a number from 1"),
        (["--license", "x"], "--license 'x': expected names (open, cc, cc-by, cc-by-sa"),
        (["--since", "2015"], "--since '2015': expected a day, as 2016-05-31"),
        (["--since", "2016-02-01"], "--since 2016-02-01 is not before --until 2016-01-01"),
        (["--min-views", "0"], "--min-views 0: expected a number from 1"),
        (["--size", "20"], "--size '20': expected WIDTHxHEIGHT"),
        (["--api", "ftp://x"], "--api 'ftp://x': no address"),
        (["--api", "http://example.org/"], "the key would be sent unencrypted; use https"),
        (["--calls", "-1"], "--calls -1: expected a number of calls"),
    ],
)
def test_wrong_options(verb: Verb, words: list[str], said: str) -> None:
    base = ["ffs", "crawl", "--out", "out", "--until", UNTIL]
    assert said in complaint(verb(*base, *words))
    assert not Path("out").exists()


def test_nothing_to_refresh(verb: Verb) -> None:
    line = complaint(verb("ffs", "crawl", "--out", "out", "--refresh"))
    assert "out is no crawl yet; there is nothing to refresh" in line


def test_faster_than_flickr_allows(verb: Verb) -> None:
    line = complaint(verb("ffs", "crawl", "--out", "out", "--calls-per-second", "5"))
    assert "--calls-per-second 5.0: expected a number above 0, at most 1" in line


def test_another_crawl_in_the_folder(verb: Verb, loopback: Loopback, tmp_path: Path) -> None:
    _, words = loopback
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("x")
    assert "holds thesis.doc" in complaint(verb(*words, "--out", "full"))
    assert verb(*words, "--photos", 1)[0] == 0
    line = complaint(verb(*words, "--photos", 1, "--min-views", 10))
    assert "out was begun with --min-views 50, now 10; add --rebuild" in line
    line = complaint(verb(*words, "--photos", 1, "--license", 4, "--rebuild"))
    assert "choose another --out" in line
    assert "add --rebuild" not in line
    assert verb(*words, "--photos", 1, "--min-views", 10, "--rebuild")[0] == 0


def test_a_folder_that_is_no_crawl(verb: Verb, tmp_path: Path) -> None:
    for words in (["export", "."], ["build", "."], ["forget", ".", "1"]):
        assert re.search("no crawl|neither a crawl", complaint(verb("ffs", *words)))
    (tmp_path / "crawl.json").write_text("{}")
    assert "crawl.json: damaged, or not written by ffs crawl" in complaint(
        verb("ffs", "build", ".")
    )
    (tmp_path / "ffs.json").write_text("{}")
    (tmp_path / "crawl.json").unlink()
    assert "IDS requires an argument" in complaint(verb("ffs", "forget", "."))


def test_files_that_are_not_photos_are_left_out(verb: Verb, loopback: Loopback) -> None:
    server, words = loopback
    server.spoilt = 4
    code, out, _ = verb(*words, "--photos", 6)
    assert code == 0
    ends = server.ends("image")
    assert ends["404"] and ends["redirect"]
    failed = re.search(r"(\d+) failed", out)
    assert failed
    assert int(failed[1]) == ends.get("404", 0) + ends.get("placeholder", 0)
    for path in Path("out/photos").glob("*.jpg"):
        assert int(path.stem) % 4 > 2
    assert photos.QUALITY == 95


def test_the_key_leaks_from_no_process(tmp_path: Path) -> None:
    """A whole crawl in a process of its own, everything it wrote and said searched for the key."""
    import subprocess
    import sys

    server = Server(World(3000, seed=3), faults=True)
    with server.served() as api:
        words = ["ffs", "crawl", "--out", str(tmp_path / "out"), "--api", api, "--photos", "5"]
        words += ["--since", SINCE, "--until", UNTIL]
        result = subprocess.run(
            [sys.executable, "-X", "dev", "-m", "tests.ffs.clocks", "2000", *words],
            env=environment(),
            capture_output=True,
            check=False,
            timeout=120,
        )
    assert result.returncode == 0, result.stderr.decode()
    spoken = result.stdout + result.stderr + server.received().encode()
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            spoken += gzip.decompress(data) if path.suffix == ".gz" else data
    assert len(spoken) > 100_000
    assert KEY.encode() not in spoken
