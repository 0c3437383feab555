"""When the network, the server or the rater's hands do what they should not."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.wespe_bench.study.page.conftest import Served
from tests.wespe_bench.study.page.screen import begin, choose, expect_place, until, wait_for_pair

pytestmark = pytest.mark.slow


def lost(faults: list[str]) -> None:
    """The browser itself reports each request that failed; nothing else may stand there."""
    assert faults and all("Failed to load resource" in fault for fault in faults), faults
    faults.clear()


def test_a_lost_reply_is_asked_for_again_with_the_same_vote(
    served: Served, page: Page, faults: list[str]
) -> None:
    sent: list[str] = []

    def lose_the_first_two(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "")["vote"])
        if len(sent) == 1:
            route.abort()  # it never arrived
        elif len(sent) == 2:
            route.fetch()  # it was stored, and nobody heard of it
            route.abort()
        else:
            route.continue_()

    page.route("**/api/votes/*", lose_the_first_two)
    begin(page, served.url)
    choose(page, "left")
    expect(page.get_by_text("No connection. Keep this page open.")).to_be_visible()
    choose(page, "right")  # one may go on meanwhile
    expect_place(page, "3 of 6")
    until(page, "study.unsaved === 0")
    expect(page.locator("#state")).to_be_empty()
    assert len(sent) == 4 and len(set(sent[:3])) == 1
    assert [vote["choice"] for vote in served.votes()] == ["left", "right"]
    assert [vote["revised"] for vote in served.votes()] == [0, 0]
    lost(faults)


def test_a_photo_that_does_not_come_is_asked_for_again(
    served: Served, page: Page, faults: list[str]
) -> None:
    broken = {"now": True}
    page.route("**/tiles/**", lambda route: route.abort() if broken["now"] else route.continue_())
    page.goto(served.url)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("A photo does not load. Trying again.")).to_be_visible()
    page.keyboard.press("a")  # nobody chooses what was not shown
    expect_place(page, "1 of 6")
    broken["now"] = False
    wait_for_pair(page)
    expect(page.locator("#state")).to_be_empty()
    expect_place(page, "1 of 6")
    assert served.votes() == []
    lost(faults)


def test_a_double_click_and_a_held_key_choose_once(served: Served, page: Page) -> None:
    begin(page, served.url)
    page.get_by_role("button", name="Prefer A").dblclick()
    wait_for_pair(page)
    expect_place(page, "2 of 6")
    page.keyboard.down("b")
    wait_for_pair(page)
    page.keyboard.down("b")  # the repeats of a key that is held
    page.keyboard.down("b")
    page.keyboard.up("b")
    expect_place(page, "3 of 6")
    page.get_by_role("button", name="Prefer B").focus()
    page.keyboard.down("Enter")
    wait_for_pair(page)
    page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect_place(page, "4 of 6")
    until(page, "study.unsaved === 0")
    assert [vote["choice"] for vote in served.votes()] == ["left", "right", "right"]


def test_two_windows_of_one_rater_meet_where_the_server_stands(
    served: Served, page: Page, faults: list[str]
) -> None:
    begin(page, served.url)
    other = page.context.new_page()
    other.goto(page.url)
    for side in ("left", "left", "right"):
        choose(other, side)
    until(other, "study.unsaved === 0")
    choose(page, "right")
    expect_place(page, "4 of 6")
    assert [vote["choice"] for vote in served.votes()] == ["left", "left", "right"]
    lost(faults)


def test_a_closed_study_says_so(served_alone: Served, page: Page, faults: list[str]) -> None:
    begin(page, served_alone.url)
    choose(page, "left")
    until(page, "study.unsaved === 0")
    wait_for_pair(page)
    served_alone.close()
    choose(page, "left")
    expect(page.get_by_role("heading", name="This study is closed")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="This study is closed")).to_be_visible()
    assert len(served_alone.votes()) == 1
    lost(faults)


def test_a_wrong_link_says_so(served: Served, page: Page, faults: list[str]) -> None:
    page.goto(f"{served.url}#r=cut-short")
    expect(page.get_by_role("heading", name="This link leads to no study")).to_be_visible()
    lost(faults)


def test_without_the_link_the_browser_offers_to_go_on(served: Served, page: Page) -> None:
    begin(page, served.url)
    choose(page, "left")
    until(page, "study.unsaved === 0")
    page.goto("about:blank")
    page.goto(served.url)
    expect(page.get_by_text("1 of 6 pairs answered")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect_place(page, "2 of 6")
    page.goto("about:blank")
    page.goto(served.url)
    page.get_by_role("button", name="Start as someone else").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
