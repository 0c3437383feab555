"""Keyboard alone, a phone, contrast, and what a screen reader reads out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.wespe_bench.study.page.conftest import Served
from tests.wespe_bench.study.page.screen import (
    begin,
    choose,
    expect_place,
    pixel,
    rest,
    until,
    wait_for_pair,
)

pytestmark = pytest.mark.slow


def test_by_keyboard_alone_in_the_order_of_the_screen(served: Served, page: Page) -> None:
    page.goto(served.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_pair(page)
    expect(page.get_by_role("heading", name="Which photo do you prefer?")).to_be_focused()
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px", names
    assert names == ["help", "stage", "choose-left", "out", "fit", "full", "in", "choose-right"]
    page.keyboard.press("Enter")
    wait_for_pair(page)
    expect_place(page, "2 of 6")
    expect(page.locator("#choose-right")).to_be_focused()


def test_single_keys_can_be_turned_off(served: Served, page: Page) -> None:
    begin(page, served.url)
    page.get_by_role("button", name="Help").click()
    page.keyboard.press("a")  # behind the dialog nothing is chosen
    page.get_by_role("checkbox", name="Use these keys anywhere").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("+")
    expect_place(page, "1 of 6")
    assert page.evaluate("rating.stage.view.zoom") == 1
    page.locator("#stage").focus()
    page.keyboard.press("b")
    page.keyboard.press("+")
    until(page, "rating.stage.view.zoom > 1")
    expect_place(page, "1 of 6")
    page.reload()
    wait_for_pair(page)
    page.keyboard.press("b")
    expect_place(page, "1 of 6")


def test_a_screen_reader_is_told_the_place(served: Served, page: Page) -> None:
    begin(page, served.url)
    expect(page.locator("#said")).to_have_text("Pair 1 of 6")
    choose(page, "left")
    expect(page.locator("#said")).to_have_text("Pair 2 of 6")
    tree = page.locator("#rating").aria_snapshot()
    for line in ('img "Photo A"', 'img "Photo B"', 'button "Prefer A"', 'group "Zoom"'):
        assert line in tree
    assert re.search(r'application "Photos A and B"', tree)
    assert re.search(r'progressbar "2 of 6"', tree)
    assert page.evaluate("document.documentElement.lang") == "en"


CONTRASTS = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility({visibilityProperty: true})) continue;
    const style = getComputedStyle(element);
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (own || element.matches("input[type=text]")) {
      const text = (element.textContent || element.value).trim().slice(0, 30);
      found.push(["text", text, ratio(parse(style.color), ground(element)), 4.5]);
    }
    if (element.matches("button:not([aria-disabled=true]), input[type=text]")) {
      const around = ground(element.parentElement);
      const edge = Math.max(
        ratio(parse(style.borderTopColor), around), ratio(ground(element), around));
      found.push(["edge", element.id, edge, 3]);
      found.push(["focus", element.id, ratio(accent(), around), 3]);
    }
  }
  function accent() {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--accent)";
    const color = parse(getComputedStyle(probe).color);
    probe.remove();
    return color;
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_wherever_there_is_text(served: Served, page: Page, scheme: Any) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for edges of controls and the focus ring; every state."""
    page.emulate_media(color_scheme=scheme)
    seen = []

    def look() -> None:
        found = page.evaluate(CONTRASTS)
        seen.extend(found)
        low = [line for line in found if line[2] < line[3]]
        assert low == []

    page.goto(served.url)
    expect(page.get_by_role("checkbox")).to_be_visible()
    page.evaluate("byId('intro-fault').hidden = byId('code').hidden = false")
    look()
    begin(page, served.url)
    look()
    choose(page, "left")
    wait_for_pair(page)
    page.keyboard.press("Backspace")
    wait_for_pair(page)
    look()
    page.get_by_role("button", name="Help").click()
    look()
    page.keyboard.press("Escape")
    page.evaluate("thank()")
    look()
    page.evaluate("explain(410)")
    look()
    texts = {text for kind, text, *_ in seen if kind == "text"}
    assert {
        "Start",
        "A",
        "Prefer B",
        "Thank you",
        "1 of 6",
        "You chose A. Choose again to g",
    } <= texts


@pytest.fixture
def phone(browser: Browser) -> Any:
    made = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True
    )
    yield made
    made.close()


def test_on_a_phone_all_fits_and_two_fingers_zoom(served: Served, phone: Any) -> None:
    page = phone.new_page()
    begin(page, served.url)

    def boxes() -> dict[str, Any]:
        names = ("left", "right", "choose-left", "choose-right", "help", "back", "in", "out")
        return {name: page.locator(f"#{name}").bounding_box() for name in names}

    def check_inside(width: int, height: int) -> None:
        for name, box in boxes().items():
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, name
            assert box["y"] >= 0 and box["y"] + box["height"] <= height, name
            assert min(box["width"], box["height"]) >= 24, name  # WCAG 2.2, target size
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    check_inside(390, 844)
    upright = boxes()
    assert upright["left"]["y"] + upright["left"]["height"] <= upright["right"]["y"]
    assert page.evaluate("byId('left').width") == 780  # the screen's own pixels

    # Two fingers, 100 pixels apart, move to 200: twice the size, about their middle.
    touch = phone.new_cdp_session(page)
    middle = upright["left"]["x"] + 195, upright["left"]["y"] + upright["left"]["height"] / 2
    before = page.evaluate("rating.stage.scale")

    def fingers(kind: str, *apart: float) -> None:
        points = [{"x": middle[0] + side * a, "y": middle[1], "id": n}
                  for a in apart for n, side in enumerate((-1, 1))]  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 50)
    for apart in (60, 75, 90, 100):
        fingers("touchMove", apart)
    fingers("touchEnd")
    until(page, f"Math.abs(rating.stage.scale / {before} - 2) < 0.05")
    assert pixel(page, "left")[:2] == pixel(page, "right")[:2]
    assert abs(pixel(page, "left")[0] - 127) <= 2
    assert page.evaluate("visualViewport.scale") == 1  # the page itself did not zoom

    page.set_viewport_size({"width": 844, "height": 390})
    until(page, "byId('left').width < 900")
    check_inside(844, 390)
    sides = boxes()
    assert sides["left"]["x"] + sides["left"]["width"] <= sides["right"]["x"]
    assert sides["left"]["height"] > 200


def test_at_100_percent_each_pixel_is_the_photos_own(
    served: Served, new_page: Callable[[], Page]
) -> None:
    """The middle 300 x 200 pixels of both panes: every column and row of the coded photo."""
    page = new_page()
    begin(page, served.url)
    page.get_by_role("button", name="100%").click()
    until(page, "rating.stage.scale === 1")
    rest(page)
    codes = page.evaluate(
        """() => ["left", "right"].map((side) => {
          const canvas = byId(side);
          const [x, y] = [(canvas.width - 300) >> 1, (canvas.height - 200) >> 1];
          const {data} = canvas.getContext("2d").getImageData(x, y, 300, 200);
          const red = Array.from({length: 300}, (_, i) => data[4 * i]);
          const green = Array.from({length: 200}, (_, i) => data[4 * 300 * i + 1]);
          return [red, green];
        })"""
    )
    red = [round(x * 255 / 1499) for x in range(1500)]
    green = [round(y * 255 / 999) for y in range(1000)]
    for columns, rows in codes:
        assert any(columns == red[at : at + 300] for at in range(590, 611))
        assert any(rows == green[at : at + 200] for at in range(390, 411))


def test_every_rater_has_the_same_surround(served: Served, page: Page) -> None:
    page.goto(served.url)
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colour = "getComputedStyle(document.querySelector('figure')).backgroundColor"
        seen.add(page.evaluate(colour))
    assert seen == {"rgb(119, 119, 119)"}
