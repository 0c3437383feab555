"""What a person does on the page, and sees."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.wespe_bench.study.page.photos import METHODS, read_code


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair on screen: the sample, and the methods on either side."""

    sample: int
    left: str
    right: str


def begin(page: Page, url: str) -> None:
    """Consent and start."""
    page.goto(url)
    page.get_by_role("checkbox", name="I want to take part").check()
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_pair(page)


def until(page: Page, condition: str, seconds: float = 30) -> None:
    """Until a JavaScript expression holds. Not ``wait_for_function``: that evaluates a string
    inside the page, which its policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never came true: {condition}"
        page.wait_for_timeout(20)


def wait_for_pair(page: Page) -> None:
    """Until both photos stand on screen and a choice counts."""
    until(
        page,
        "document.body.dataset.pair === 'shown' && performance.now() - rating.appeared > TOO_SOON",
    )


def rest(page: Page) -> None:
    """Until what was asked of the view is loaded and drawn: a new view, or a tile that came, is
    drawn in the next frame, which a busy machine shows late."""
    until(page, "rating.tiles.loading.size === 0 && !rating.stage.waiting")


def pixel(page: Page, side: str, x: float = 0.5, y: float = 0.5) -> tuple[int, int, int]:
    """The colour a pane shows at a place given as fractions of it, once it is at rest."""
    rest(page)
    red, green, blue, _ = page.evaluate(
        """([side, x, y]) => {
          const canvas = document.getElementById(side);
          const [left, top] = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
          return [...canvas.getContext("2d").getImageData(left, top, 1, 1).data];
        }""",
        [side, x, y],
    )
    return red, green, blue


def seen_pair(page: Page) -> Pair:
    """Read off the colours of both panes."""
    (sample, left), (other, right) = (read_code(pixel(page, side)[2]) for side in ("left", "right"))
    assert sample == other
    return Pair(sample, METHODS[left], METHODS[right])


def choose(page: Page, side: str, by: str = "key") -> Pair:
    """Choose "left" or "right" by "key", "number", "click" or "enter"; returns what was seen."""
    wait_for_pair(page)
    seen = seen_pair(page)
    button = page.get_by_role("button", name="Prefer A" if side == "left" else "Prefer B")
    if by == "click":
        button.click()
    elif by == "enter":
        button.focus()
        page.keyboard.press("Enter")
    else:
        keys = {"key": "ab", "number": "12"}[by]
        page.keyboard.press(keys[side == "right"])
    return seen


def expect_place(page: Page, text: str) -> None:
    expect(page.locator("#progress")).to_have_text(text)
