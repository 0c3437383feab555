"""The crawl, in this process: what is kept is what Flickr says, once, politely, and resumable."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ffs import manifest
from ffs.state import FILE, State, set_aside, set_asides
from tests.ffs.conftest import NOW, crawling
from tests.ffs.flickr import KEY, World
from tests.ffs.server import Server
from wespe_bench.images import read_rgb

PHOTOS = 12


def kept(folder: Path) -> dict[str, dict[str, object]]:
    state = State(folder)
    try:
        rows = state.rows("SELECT * FROM photos WHERE state = 'kept' ORDER BY id")
        return {row["id"]: dict(row) for row in rows}
    finally:
        state.close()


def check(folder: Path, world: World) -> dict[str, dict[str, object]]:
    """Every kept photo is Flickr's, passes the filters, and lies there as it should."""
    found = kept(folder)
    assert {path.stem for path in (folder / "photos").iterdir()} == set(found)
    for id_, row in found.items():
        number = world.place[id_]
        assert (row["views"], row["faves"]) == (world.views[number], world.faves[number])
        assert row["uploaded"] == world.uploaded[number]
        assert row["license"] == world.license[number] != 0
        assert world.views[number] >= 50
        assert max(world.files(number).values())[0] > 1200
        path = folder / "photos" / f"{id_}.jpg"
        assert manifest.provenance.sha256_bytes(path.read_bytes()) == row["sha256"]
    assert max(Counter(row["owner"] for row in found.values()).values()) <= 3
    return found


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Server]:
    """A dozen photos, crawled with all faults on, stopped three times on the way."""
    from tests.ffs.clocks import Jumping

    server = Server(World(20_000, seed=1, base="https://flickr.test"), Jumping(NOW), faults=True)
    folder = tmp_path_factory.mktemp("crawl") / "out"
    for budget in (2, 1, 3, 0):
        with crawling(server, folder, PHOTOS, calls=budget) as crawl:
            code = crawl.crawl()
        server.clock.sleep(1)
    assert code == 0
    return folder, server


def test_what_is_kept_is_what_flickr_says(crawled: tuple[Path, Server]) -> None:
    folder, server = crawled
    found = check(folder, server.world)
    assert len(found) == PHOTOS
    for id_ in found:
        with Image.open(folder / "photos" / f"{id_}.jpg") as image:
            assert image.size == (1280, 720)
            assert image.format == "JPEG"
            assert not image.getexif()
            assert "comment" not in image.info


def test_pixels_are_the_middle_of_the_photo(crawled: tuple[Path, Server]) -> None:
    from tests.ffs.pictures import jpeg

    folder, server = crawled
    id_ = next(iter(kept(folder)))
    number = server.world.place[id_]
    letter = next(e.what["path"] for e in server.log if f"/{id_}_" in e.what.get("path", ""))[-5]
    size = server.world.files(number)[letter]
    kind, strength = int(server.world.owner[number]), int(server.world.strength[number])
    whole = Image.fromarray(read_rgb(jpeg(id_, kind, strength, size)))
    high = round(size[0] * 9 / 16)
    box = (0, (size[1] - high) // 2, size[0], (size[1] - high) // 2 + high)
    expected = np.asarray(whole.resize((1280, 720), Image.Resampling.LANCZOS, box=box), float)
    ours = read_rgb(folder / "photos" / f"{id_}.jpg").astype(float)
    assert np.abs(ours - expected).mean() < 2.5  # JPEG at 95


def test_the_log_agrees(crawled: tuple[Path, Server]) -> None:
    folder, server = crawled
    replies = sorted((folder / "replies").iterdir())
    assert server.ends("api")["200"] == len(replies)
    asked = [entry.what for entry in server.log if entry.kind == "api" and entry.end == "200"]
    for path, what in zip(replies, asked, strict=True):
        reply = json.loads(gzip.decompress(path.read_bytes()))
        assert what["method"] == reply["method"]
        assert reply["params"].items() - {("extras", reply["params"].get("extras"))} <= what.items()
    images = Counter(
        e.what["path"].rpartition("/")[2].partition("_")[0]
        for e in server.log
        if e.kind == "image" and e.end == "200"
    )
    assert set(images.values()) == {1}
    assert set(kept(folder)) <= set(images)


def test_requests_are_paced(crawled: tuple[Path, Server]) -> None:
    _, server = crawled
    for kind, gap in (("api", 1.0), ("image", 0.5)):
        times = [e.at for e in server.log if e.kind == kind and "placeholder" not in e.end]
        redirected = [e.at for e in server.log if e.end == "placeholder"]
        pairs = [(a, b) for a, b in pairwise(times) if b not in redirected]
        assert all(after - before >= gap - 1e-6 for before, after in pairs)


def test_the_key_is_nowhere(crawled: tuple[Path, Server]) -> None:
    folder, server = crawled
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            assert KEY.encode() not in data, path
    assert KEY not in server.received()


def test_a_state_that_is_lost_is_made_again(crawled: tuple[Path, Server], tmp_path: Path) -> None:
    import shutil

    folder, server = crawled
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = kept(copy)
    for path in copy.glob("crawl.sqlite*"):
        path.unlink()
    asked = len(server.log)
    with crawling(server, copy, PHOTOS) as crawl:
        assert crawl.crawl() == 0
    assert len(server.log) == asked  # photos that are there are not asked for again
    after = kept(copy)
    same = ("sha256", "views", "faves", "owner", "state", "counted")
    for id_ in before.keys() | after.keys():
        assert [before[id_][n] for n in same] == [after[id_][n] for n in same]


def test_every_state_that_is_set_aside_is_kept(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / "crawl.sqlite").write_text(str(number))
        set_aside(tmp_path)
    contents = {path.name: path.read_text() for path in set_asides(tmp_path)}
    assert contents.pop("crawl.sqlite.old") == "0"
    assert contents == {f"crawl.sqlite.old{n + 1}": str(n) for n in range(1, 12)}


def test_a_reply_that_was_not_applied_is_applied_later(server: Server, tmp_path: Path) -> None:
    whole, early = [], b""
    for budget in (4, 9, 1):  # the last one finds the database of the first
        with crawling(server, tmp_path / "a", 10**6, counts_only=True, calls=budget) as crawl:
            if budget == 1:
                assert crawl._state.get("reply") == 13
                assert crawl._state.rows("SELECT id, state FROM photos ORDER BY place") == whole
                continue
            assert crawl.crawl() == 3
            whole = crawl._state.rows("SELECT id, state FROM photos ORDER BY place")
            crawl._state.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        early = early or (tmp_path / "a" / FILE).read_bytes()
        (tmp_path / "a" / FILE).write_bytes(early)


def test_a_used_up_range_ends_the_crawl(tmp_path: Path) -> None:
    from tests.ffs.clocks import Jumping

    world = World(3000, seed=2, base="https://flickr.test")
    server = Server(world, Jumping(NOW), faults=True)
    with crawling(server, tmp_path / "a", 10**6, counts_only=True, per_owner=10**6) as crawl:
        assert crawl.crawl() == 3
        rows = crawl._state.rows("SELECT id, state, why, views, faves, asked FROM photos")
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids))
    visible = {
        str(world.ids[n])
        for n in range(3000)
        if world.license[n] and not world.unlisted[n] and not 0.035 <= world.odd[n] < 0.04
    }
    # A page that was read while its window still grew may be all that showed a photo.
    assert set(ids) == visible
    for row in rows:
        number = world.place[row["id"]]
        if row["state"] == "wanted":
            assert (row["views"], row["faves"]) == (world.views[number], world.faves[number])
        if row["state"] == "wanted" and world.odd[number] < 0.02:
            assert row["asked"] == "faves"  # "99+", or nothing: asked for by itself
    assert {row["why"] for row in rows if row["state"] == "out"} >= {"resolution", "views"}
    assert not [row for row in rows if row["state"] == "incomplete"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("photos", "listed_there"),
    [(5000, 60_000), (16_000, 120_000)],
)
def test_few_photos_come_twice(tmp_path: Path, photos: int, listed_there: int) -> None:
    """The share of duplicates among all that was listed, the 16,000 photos of a paper included."""
    from tests.ffs.clocks import Jumping

    server = Server(World(listed_there, seed=5, base="https://flickr.test"), Jumping(NOW))
    with crawling(server, tmp_path / "a", photos, counts_only=True, min_views=150) as crawl:
        assert crawl.crawl() == 0
        listed, known = crawl._state.get("listed"), crawl._state.get("known")
        totals = [w.total for w in crawl._state.windows()]
        empty = crawl._state.rows("SELECT COUNT(*) FROM windows WHERE done AND total < 1000")
    searches = [e for e in server.log if e.what.get("method") == "flickr.photos.search"]
    print(
        f"{listed} rows in {len(searches)} searches, {len(server.log)} calls in all, {known} rows "
        f"twice ({known / listed:.2%}); {len(totals)} windows of {min(totals)} to {max(totals)}"
    )
    assert known < 0.05 * listed
    assert empty[0][0] <= 0.1 * len(totals)
    assert max(totals) <= 3500
