"""The viewer of the page in Chromium: its pixels are the scored ones; its address is its view."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from reports.page import write_report
from tests.reports.runs import make_run
from wespe_bench.images import read_rgb

pytestmark = pytest.mark.slow

# Odd sides, and wider than the small copies in the page.
HEIGHT, WIDTH = 301, 421
LABELS = ("clahe", "unsharp")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods on two photos; every result is noise of its own."""
    root = tmp_path_factory.mktemp("runs")
    for number, label in enumerate(LABELS):
        values = {"psnr": np.array([20.0, 22.0]) + number}
        make_run(root, label, values, size=(HEIGHT, WIDTH), noise=number)
    write_report(root)
    write_report(root, out=root / "single", single_file=True)
    return root


def result(runs: Path, label: str, sample: str = "s00") -> np.ndarray:
    return read_rgb(runs / "photos" / label / "images" / f"{sample}.png")


def address(runs: Path, more: str, file: str = "report.html") -> str:
    return (runs / file).as_uri() + "#photo=s00&left=clahe&right=unsharp&" + more


def status(page: Page, text: str) -> None:
    expect(page.locator("dialog [data-status]")).to_contain_text(text)


def seen(page: Page) -> np.ndarray:
    """The canvas as the screen shows it, in the screen's pixels; labels hidden."""
    page.locator("[data-labels]").evaluate("labels => (labels.style.visibility = 'hidden')")
    canvas = page.locator("dialog canvas")
    canvas.evaluate("canvas => (canvas.style.outline = 'none')")
    canvas.evaluate(
        "async () => { for (const _ of [1, 2]) await new Promise(requestAnimationFrame) }"
    )
    with Image.open(io.BytesIO(canvas.screenshot())) as image:
        return np.asarray(image.convert("RGB"))


def place_of(part: np.ndarray, whole: np.ndarray) -> tuple[int, int]:
    """(top, left) of the only place where ``whole`` has ``part``."""
    first = (whole == part[0, 0]).all(axis=2)
    rows, columns = part.shape[:2]
    found = [
        (top, left)
        for top, left in np.argwhere(first)
        if np.array_equal(whole[top : top + rows, left : left + columns], part)
    ]
    assert len(found) == 1
    return found[0]


def doubled(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


@pytest.mark.parametrize("ratio", [1, 2])
def test_at_100_percent_the_screen_has_the_scored_pixels(
    runs: Path, browser: Browser, ratio: int
) -> None:
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, device_scale_factor=ratio, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(address(runs, "zoom=1"))
    status(page, "100%, the pixels that were scored")
    screen = seen(page)
    places = [place_of(result(runs, label), screen) for label in LABELS]
    assert places[0][0] == places[1][0] and places[0][1] + WIDTH <= places[1][1]
    context.close()


def test_at_200_percent_every_scored_pixel_is_a_square(runs: Path, page: Page) -> None:
    page.goto(address(runs, "zoom=2&mode=flicker"))
    status(page, "clahe: 200%, the pixels that were scored")
    screen = seen(page)
    # Of the photo, which is higher than the window, the middle.
    middle = slice(100, 200)
    place_of(doubled(result(runs, "clahe")[middle, middle]), screen)


def test_flicker_changes_by_key_and_nothing_else_moves(runs: Path, page: Page) -> None:
    page.goto(address(runs, "zoom=1&mode=flicker"))
    places = []
    for label in (*LABELS, LABELS[0]):
        status(page, f"{label}: 100%, the pixels")
        places.append(place_of(result(runs, label), seen(page)))
        page.keyboard.press("f")
    assert len(set(places)) == 1


def test_one_zoom_and_place_for_all_panes(runs: Path, page: Page) -> None:
    page.goto(address(runs, "zoom=2"))
    status(page, "200%, the pixels")
    canvas = page.locator("dialog canvas")
    canvas.press("+")
    status(page, "400%")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 160, steps=3)
    page.mouse.up()
    for _ in range(2):
        canvas.press("-")
    page.mouse.wheel(0, -1)  # into the left pane
    status(page, "200%")
    screen = seen(page)
    half = screen.shape[1] // 2
    part = slice(120, 180)
    places = [
        place_of(doubled(result(runs, label)[part, part]), side)
        for label, side in zip(LABELS, (screen[:, :half], screen[:, half:]), strict=True)
    ]
    # The panes differ by the line between them.
    assert places[0][0] == places[1][0] and abs(places[0][1] - places[1][1]) <= 1


def test_the_difference_is_that_of_the_pixels(runs: Path, page: Page) -> None:
    page.goto(address(runs, "zoom=1&mode=difference"))
    status(page, "100%, the pixels")
    one, two = (result(runs, label).astype(int) for label in LABELS)
    apart = abs(one - two)
    place_of(np.minimum(4 * apart, 255).astype(np.uint8), seen(page))
    page.get_by_label("Brighter by").select_option("1")
    expect(page.locator("[data-most]")).to_have_text("255 levels")
    place_of(apart.astype(np.uint8), seen(page))


def test_a_single_file_has_the_pixels_of_a_crop(runs: Path, page: Page) -> None:
    assert not (runs / "single" / "report_files").exists()
    page.goto(address(runs, "zoom=1&mode=flicker", "single/report.html"))
    status(page, "inside the frame")
    pixels = result(runs, "clahe")
    screen = seen(page)
    side = HEIGHT // 5
    page.get_by_role("button", name="Place 1").click()
    x, y = (float(v) for v in re.findall(r"[xy]=([\d.]+)", page.evaluate("location.hash")))
    left, top = round(x * WIDTH - side / 2), round(y * HEIGHT - side / 2)
    place_of(pixels[top : top + side, left : left + side], screen)


def test_without_its_folder_the_page_says_so(runs: Path, page: Page, faults: list[str]) -> None:
    moved = runs / "moved"
    moved.mkdir(exist_ok=True)
    (moved / "report.html").write_bytes((runs / "report.html").read_bytes())
    page.goto(address(runs, "zoom=1", "moved/report.html"))
    status(page, "the folder of pictures is not beside this page")
    assert faults and all("ERR_FILE_NOT_FOUND" in fault for fault in faults)
    faults.clear()


def test_the_address_is_the_view(runs: Path, page: Page, new_page: Callable[[], Page]) -> None:
    page.goto((runs / "report.html").as_uri())
    page.locator(".look").get_by_role("button", name="s01").click()
    selects = page.get_by_role("dialog").locator("[data-choices] select")
    selects.nth(0).select_option(label="unsharp")
    selects.nth(1).select_option(label="Reference")
    page.get_by_role("button", name="Add a picture").click()
    page.get_by_role("button", name="200%").click()
    page.locator("dialog canvas").press("ArrowRight")
    found = page.evaluate("location.href")
    assert "photo=s01&left=unsharp&right=Reference&more=" in found and "zoom=2" in found
    other = new_page()
    other.goto(found)
    status(other, "200%, the pixels")
    expect(other.get_by_role("dialog").get_by_role("heading")).to_have_text("s01")
    assert other.get_by_label("Picture 3").count() == 1
    one, two = seen(other), seen(page)
    assert np.array_equal(one, two)
    other.keyboard.press("Escape")
    expect(other).to_have_url((runs / "report.html").as_uri())


def test_the_slider_shows_each_on_its_side(runs: Path, page: Page) -> None:
    page.goto(address(runs, "zoom=1&mode=slider"))
    status(page, "100%, the pixels")
    page.locator("[data-split]").press("ArrowRight")
    screen = seen(page)
    cut = round(screen.shape[1] * 0.51)
    part = slice(50, 150)
    one, two = (result(runs, label) for label in LABELS)
    _, left = place_of(one[part, :150], screen)
    assert left + 150 <= cut
    _, right = place_of(two[part, 271:], screen)
    assert right >= cut and right - left == 271
