"""A crawl that is killed, again and again: nothing is lost, nothing doubled."""

from __future__ import annotations

import gzip
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from ffs.state import State
from tests.ffs.conftest import environment
from tests.ffs.flickr import KEY, World
from tests.ffs.server import FAULTS, Server

FACTOR = 500


def start(folder: Path, api: str, photos: int, *words: str) -> subprocess.Popen[bytes]:
    """The verb in a process of its own, with waits `FACTOR` times shorter."""
    words = ("--out", str(folder), "--api", api, "--photos", str(photos), *words)
    days = ["--since", "2015-01-01", "--until", "2016-01-01"]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ffs.clocks", str(FACTOR), "ffs", "crawl", *words, *days],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    out, err = process.communicate(timeout=900)
    assert KEY.encode() not in out + err
    assert b"Traceback" not in err, err.decode()
    return process.returncode, (out + err).decode()


def reconcile(folder: Path, server: Server, photos: int, kills: int, said: str) -> str:
    """What is on disk against the server's log; returns a line that sums it up.

    ``said`` is what all the processes printed. On a busy machine a whole answer may come too
    late for the client; it says that it tries again, as it does of every fault.
    """
    ends = [server.ends(kind) for kind in ("api", "image")]
    faults = sum(end.get(name, 0) for end in ends for name in FAULTS)
    late = max(0, said.count("; trying again in") - faults)
    summary = f"{kills} kills, {late} late answers"
    kills += late
    state = State(folder)
    rows = {row["id"]: row for row in state.rows("SELECT * FROM photos")}
    state.close()
    kept = {id_ for id_, row in rows.items() if row["state"] == "kept"}
    failed = {id_ for id_, row in rows.items() if row["state"] == "failed"}
    assert len(kept) == photos
    files = {path.stem: path for path in (folder / "photos").iterdir()}
    # A photo that was being made when the last kill came is wanted still, and may lie there.
    assert kept <= set(files)
    assert not list((folder / "photos").glob(".*"))
    world = server.world
    for id_ in kept:
        number = world.place[id_]
        assert (rows[id_]["views"], rows[id_]["faves"]) == (
            world.views[number],
            world.faves[number],
        )
    for id_ in random.Random(0).sample(sorted(kept), min(40, len(kept))):
        with Image.open(files[id_]) as image:
            image.load()
            assert image.size == (1280, 720)
    replies = sorted((folder / "replies").iterdir())
    assert [int(path.name[:8]) for path in replies] == list(range(1, len(replies) + 1))
    answered = Counter(
        json.dumps(e.what, sort_keys=True) for e in server.log if e.kind == "api" and e.end == "200"
    )
    written: Counter[str] = Counter()
    listed: set[str] = set()
    for path in replies:
        reply = json.loads(gzip.decompress(path.read_bytes()))
        params = {k: v for k, v in reply["params"].items() if k != "extras"}
        params |= {"method": reply["method"], "format": "json", "nojsoncallback": "1"}
        written[json.dumps(params, sort_keys=True)] += 1
        body = json.loads(reply["text"])
        listed |= {row["id"] for row in body.get("photos", {}).get("photo", [])}
    # Each reply was given once; an answer without one was on its way when a kill came.
    assert not written - answered
    assert max(written.values()) == 1
    lost = answered - written
    assert sum(lost.values()) <= kills
    videos = {i for i in listed if 0.035 <= world.odd[world.place[i]] < 0.04}
    assert listed - videos == set(rows)
    images = Counter(
        e.what["path"].rpartition("/")[2].partition("_")[0]
        for e in server.log
        if e.kind == "image" and e.end == "200"
    )
    assert kept <= set(images)
    again = sum(images.values()) - len(images)
    twice = {id_ for id_, n in images.items() if n > 1}
    assert again <= kills, [
        (round(e.at, 2), e.what["path"], e.end)
        for e in server.log
        if e.kind == "image" and any(id_ in e.what["path"] for id_ in twice)
    ]
    assert len(set(images) - kept - failed) <= 1
    return (
        f"{len(kept)} kept, {len(failed)} failed, {len(replies)} replies; server: "
        f"{server.ends('api')} api, {server.ends('image')} images; {summary}, "
        f"{sum(lost.values())} answers and {again} images came twice"
    )


@pytest.mark.slow
def test_interrupted_killed_resumed(tmp_path: Path) -> None:
    server, folder = Server(World(6000, seed=4), faults=True), tmp_path / "out"
    with server.served() as api:
        heard = ""
        for sign in (signal.SIGINT, signal.SIGKILL):
            process = start(folder, api, 500)  # more than it can have when the signal comes
            before = len(list(folder.glob("photos/*.jpg")))
            end = time.monotonic() + 120
            while len(list(folder.glob("photos/*.jpg"))) < before + 2 and time.monotonic() < end:
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(sign)
            code, said = finish(process)
            heard += said
            if sign == signal.SIGINT:
                assert code == 130, said
                assert "interrupted; what is done is kept, the same command resumes" in said
            else:
                assert code == -signal.SIGKILL
        target = len(list(folder.glob("photos/*.jpg"))) + 3
        code, said = finish(start(folder, api, target))
    assert code == 0, said
    reconcile(folder, server, target, 2, heard + said)


@pytest.mark.long
def test_twenty_random_kills(tmp_path: Path) -> None:
    server, folder = Server(World(6000, seed=4), faults=True, seed=1), tmp_path / "out"
    rng, kills, heard = random.Random(7), 0, ""
    with server.served() as api:
        target = 60
        while kills < 20:
            asked = len(server.log)
            process = start(folder, api, target)
            while len(server.log) == asked and process.poll() is None:
                time.sleep(0.01)  # until it is at work
            time.sleep(rng.uniform(0.0, 1.5))
            if process.poll() is None:
                process.kill()
                kills += 1
            else:
                target += 20
            heard += finish(process)[1]
        code, said = finish(start(folder, api, target))
    assert code == 0, said
    print(reconcile(folder, server, target, kills, heard + said))


@pytest.mark.long
def test_two_thousand_photos(tmp_path: Path) -> None:
    """Two thousand photos with all faults on, killed and interrupted on the way."""
    photos = 2000
    server, folder = Server(World(60_000, seed=6), faults=True, seed=2), tmp_path / "out"
    begun, heard = time.monotonic(), ""
    with server.served() as api:
        for share, sign in ((0.2, signal.SIGKILL), (0.5, signal.SIGINT), (0.8, signal.SIGKILL)):
            process = start(folder, api, photos, "--calls", "0")
            while len(list(folder.glob("photos/*.jpg"))) < photos * share:
                assert process.poll() is None, finish(process)
                time.sleep(0.2)
            process.send_signal(sign)
            heard += finish(process)[1]
        code, said = finish(start(folder, api, photos, "--calls", "0"))
    assert code == 0, said
    assert re.search(rf"^{photos} photos kept", said, flags=re.MULTILINE)
    print(f"{reconcile(folder, server, photos, 3, heard + said)}; {time.monotonic() - begun:.0f} s")
    print(said)
