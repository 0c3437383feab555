"""A short session of six pairs in Chromium: what was seen is what is stored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.wespe_bench.study.page.conftest import PAIRS, Served
from tests.wespe_bench.study.page.screen import (
    Pair,
    begin,
    choose,
    expect_place,
    pixel,
    rest,
    seen_pair,
    until,
    wait_for_pair,
)


@pytest.mark.slow
def test_a_session_by_click_and_key_survives_reload_and_a_closed_tab(
    served: Served, new_page: Callable[[], Page], requests: list[str]
) -> None:
    page = new_page()
    begin(page, served.url)
    expect_place(page, "1 of 6")
    chosen: list[tuple[Pair, str]] = []

    def answer(side: str, by: str) -> None:
        chosen.append((choose(page, side, by), side))

    answer("left", "click")
    answer("right", "key")
    wait_for_pair(page)
    link = page.url
    assert link.startswith(f"{served.url}#r=")

    page.keyboard.press("+")  # looking closely changes nothing that is stored
    page.keyboard.press("ArrowRight")
    page.reload()
    wait_for_pair(page)
    expect_place(page, "3 of 6")
    answer("right", "number")

    wait_for_pair(page)
    page.keyboard.press("Backspace")  # one step back, and another mind
    expect_place(page, "3 of 6")
    wait_for_pair(page)
    expect(page.get_by_role("button", name="Prefer B")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Back")).to_have_attribute("aria-disabled", "true")
    assert seen_pair(page) == chosen[-1][0]
    page.keyboard.press("Backspace")  # there is no second step
    expect_place(page, "3 of 6")
    chosen[-1] = (choose(page, "left", "enter"), "left")

    wait_for_pair(page)
    until(page, "study.unsaved === 0")
    page.close()
    page = new_page()
    page.goto(link)
    wait_for_pair(page)
    expect_place(page, "4 of 6")
    answer("left", "number")
    answer("right", "enter")
    answer("right", "click")

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(page.get_by_text("Your answers are saved")).to_be_visible()
    votes = served.votes()
    assert len(votes) == PAIRS
    assert [vote["position"] for vote in votes] == [1, 2, 3, 4, 5, 6]
    assert [(vote["left"], vote["right"], vote["choice"]) for vote in votes] == [
        (seen.left, seen.right, side) for seen, side in chosen
    ]
    assert [vote["revised"] for vote in votes] == [0, 0, 1, 0, 0, 0]
    assert sorted(seen.sample for seen, _ in chosen) == list(range(PAIRS))
    assert all(250 <= vote["milliseconds"] < 60_000 for vote in votes)
    size = page.viewport_size
    assert size is not None
    window = f"{size['width']}x{size['height']}"
    screens = {(vote["surround"], vote["window"], vote["pixel_ratio"]) for vote in votes}
    assert screens == {("#777777", window, "1")}
    assert len({vote["rater"] for vote in votes}) == 1
    # The rater's word never stands in an address that a server logs.
    word = link.split("#r=")[1]
    assert len(word) >= 22 and requests and not any(word in line for line in requests)


def test_both_panes_show_the_same_place(served: Served, page: Page) -> None:
    begin(page, served.url)

    def place() -> tuple[int, int]:
        left, right = (pixel(page, side)[:2] for side in ("left", "right"))
        assert left == right
        return left

    x, y = place()
    assert abs(x - 127) <= 1 and abs(y - 127) <= 1
    page.get_by_role("button", name="100%").click()
    expect(page.locator("#scale")).to_have_text("100%")
    x, y = place()
    assert abs(x - 127) <= 1 and abs(y - 127) <= 1

    box = page.locator("#right").bounding_box()
    assert box is not None
    centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*centre)
    page.mouse.down()
    page.mouse.move(centre[0] - 200, centre[1] - 100, steps=4)
    page.mouse.up()
    x, y = place()  # 200 of 1500 pixels to the right, 100 of 1000 down
    assert abs(x - (127.5 + 200 / 1500 * 255)) <= 1
    assert abs(y - (127.5 + 100 / 1000 * 255)) <= 1

    before = pixel(page, "left", 0.25, 0.25)
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.wheel(0, -200)
    until(page, "rating.stage.scale > 1.4")
    after = pixel(page, "left", 0.25, 0.25)  # the place under the wheel stays
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= 1
    place()

    page.keyboard.press("0")
    until(page, "rating.stage.view.zoom === 1")
    x, y = place()
    assert abs(x - 127) <= 1 and abs(y - 127) <= 1


def test_only_what_is_seen_is_fetched_and_little_is_kept(
    served: Served, requests: list[str], page: Page
) -> None:
    """The photos have 6, 2 and 1 tiles; fitted into their panes they show the 2, and of the next
    pair as many wait."""
    begin(page, served.url)
    rest(page)

    def levels() -> dict[str, int]:
        urls = [
            line.removeprefix("GET /tiles/").split("/") for line in set(requests) if "/t" in line
        ]
        return {level: sum(url[1] == level for url in urls) for level in "012"}

    assert levels() == {"0": 0, "1": 4 * 2, "2": 4}
    # At 400% the middle of the photo is one tile of each side.
    page.evaluate("rating.tiles.limit = 4; rating.stage.full(); rating.stage.zoom(4)")
    rest(page)
    assert page.evaluate("rating.stage.scale") == 4
    assert levels() == {"0": 2 * 2, "1": 4 * 2, "2": 4}
    before = pixel(page, "left")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowUp")
    until(page, "rating.stage.view.x < 0.1")
    rest(page)
    for _ in range(30):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    until(page, "rating.stage.view.x > 0.55")
    rest(page)
    assert page.evaluate("rating.tiles.kept.size <= 2 * rating.tiles.wanted.length")
    assert before != pixel(page, "left")
    page.keyboard.press("0")
    until(page, "rating.stage.view.zoom === 1")
    rest(page)
    assert abs(pixel(page, "left")[0] - 127) <= 1 and abs(pixel(page, "right")[1] - 127) <= 1
