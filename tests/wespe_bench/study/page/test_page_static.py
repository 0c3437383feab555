"""The variant without a server, from file://: votes are a download, and resume in the browser."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.wespe_bench.study.page.conftest import PAIRS
from tests.wespe_bench.study.page.screen import choose, expect_place, until, wait_for_pair
from wespe_bench.study import importing
from wespe_bench.study.manifest import Study
from wespe_bench.study.static import write_static

pytestmark = pytest.mark.slow


@pytest.fixture
def static_folder(tmp_path: Path, built: tuple[Path, Study]) -> Path:
    """What `study build --static` leaves."""
    return write_static(built[0], built[1]).rename(tmp_path / "static")


def start(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("checkbox", name="I want to take part").check()
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_pair(page)


def shown(page: Page) -> tuple[str, str, str]:
    """(question, left picture, right picture): canvases of file:// photos cannot be read."""
    question, left, right = page.evaluate(
        """() => {
          const urls = [...rating.tiles.kept.keys()].join(" ");
          const {id, left, right} = rating.question;
          const drawn = [left, right].every(({picture}) => urls.includes(picture));
          return drawn && rating.stage.complete ? [id, left.picture, right.picture] : null;
        }"""
    )
    return question, left, right


def download(page: Page, name: str) -> tuple[str, Any]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    return waiting.value.suggested_filename, json.loads(waiting.value.path().read_text("utf-8"))


def test_a_session_from_disk_ends_in_a_file(
    static_folder: Path, page: Page, built: tuple[Path, Study], tmp_path: Path
) -> None:
    start(page, (static_folder / "index.html").as_uri())
    expected = []
    for place, side in enumerate(["left", "right", "right", "left", "left", "right"], 1):
        if place == 3:
            page.reload()
            expect_place(page, "3 of 6")
        if place == 5:  # a closed tab, and the bare address
            page.goto("about:blank")
            page.goto((static_folder / "index.html").as_uri())
            expect(page.get_by_text("4 of 6 pairs answered")).to_be_visible()
            page.get_by_role("button", name="Go on").click()
        wait_for_pair(page)
        expected.append((*shown(page), side, place))
        page.keyboard.press("a" if side == "left" else "b")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.get_by_role("button", name="Back to the last pair").click()
    wait_for_pair(page)
    page.get_by_role("button", name="Prefer A").click()
    expected[-1] = (*expected[-1][:3], "left", 6)

    name, file = download(page, "Save my answers")
    assert name == f"votes-{file['rater']}.json"
    assert set(file) == {"format", "study", "rater", "seed", "votes"}
    assert (file["format"], file["study"]) == (1, built[1].revision)
    assert len(file["rater"]) == 22 and 0 <= file["seed"] < 2**32
    assert [
        (vote["question"], vote["left"], vote["right"], vote["choice"], vote["position"])
        for vote in file["votes"]
    ] == expected
    assert [vote["revised"] for vote in file["votes"]] == [0, 0, 0, 0, 0, 1]
    assert all(type(vote["milliseconds"]) is int for vote in file["votes"])
    size = page.viewport_size
    assert size is not None
    screen = {"surround": "#777777", "width": size["width"], "height": size["height"], "ratio": 1}
    assert [vote["screen"] for vote in file["votes"]] == [screen] * 6
    pairs = {q.id: {q.first, q.second} for q in built[1].questions}
    assert {vote["question"]: {vote["left"], vote["right"]} for vote in file["votes"]} == pairs
    first = {q.id: q.first for q in built[1].questions}
    shown_left = sum(vote["left"] == first[vote["question"]] for vote in file["votes"])
    assert shown_left == PAIRS // 2
    (tmp_path / name).write_text(json.dumps(file), "utf-8")
    rater, answers = importing.read(tmp_path / name, built[1])
    assert rater == file["rater"] and len(answers) == PAIRS
    assert not page.evaluate(
        "performance.getEntriesByType('resource').some(e => /^http/.test(e.name))"
    )


def test_someone_else_starts_afresh(static_folder: Path, page: Page) -> None:
    start(page, (static_folder / "index.html").as_uri())
    page.keyboard.press("a")
    expect_place(page, "2 of 6")
    page.get_by_role("button", name="Help").click()
    _, part = download(page, "Save my answers so far")
    assert len(part["votes"]) == 1
    page.keyboard.press("Escape")
    page.goto("about:blank")
    page.goto((static_folder / "index.html").as_uri())
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Start as someone else").click()
    expect(page.get_by_role("checkbox")).to_be_visible()
    assert page.evaluate("study.position") == 0
    assert page.evaluate("study.rater") != part["rater"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def plain_host(folder: Path) -> Iterator[str]:
    """A web host that only has files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    server.handle_error = lambda *_: None  # called-off tiles
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_plain_web_host_does(static_folder: Path, page: Page) -> None:
    with plain_host(static_folder) as url:
        start(page, url)
        choose(page, "left")
        expect_place(page, "2 of 6")
        page.reload()
        until(page, "study && study.position === 1")
        expect_place(page, "2 of 6")
        page.goto("about:blank")
