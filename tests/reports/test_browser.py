"""The pages in Chromium: sorted, filtered, looked into; narrow, dark, and silent on the console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from reports.page import write_report
from tests.reports.runs import make_run
from wespe_bench.cli import call

LABELS = ("identity", "clahe", "auto_levels")
SHIFTS = {"identity": 0.0, "clahe": 3.0, "auto_levels": -3.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three methods on five photos, one better and one worse than nothing on each of them."""
    root = tmp_path_factory.mktemp("runs")
    psnr = np.array([21.0, 19.5, 24.0, 18.0, 22.5])
    for number, label in enumerate(LABELS):
        values = {"psnr": psnr + SHIFTS[label], "entropy": 6 + np.arange(5) / 10 + number}
        make_run(root, label, values, size=(96, 128), shade=40 * number)
    write_report(root)
    assert call("leaderboard", ["--runs", str(root)]) == 0
    return root


def methods(page: Page) -> list[str]:
    heads = page.locator("table.results tbody tr:visible th").all_inner_texts()
    return [text.split()[0] for text in heads]


def check_width(page: Page) -> None:
    """No page is wider than its window; tables scroll in boxes of their own."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def test_the_table_sorts_by_what_is_clicked(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    head = page.locator("table.results th", has_text="PSNR")
    best_first = ["clahe", "identity", "auto_levels"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert methods(page) == best_first
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert methods(page) == best_first[::-1]


def test_a_photo_is_looked_into(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    every = page.locator(".look")
    every.get_by_role("button", name="clahe").click()
    names = every.locator("button.open").all_inner_texts()
    assert names == ["s02", "s04", "s00", "s01", "s03"]  # by clahe's PSNR, best first
    every.get_by_role("button", name="s04").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("s04")
    expect(dialog.locator("[data-place]")).to_have_text("2 of 5")
    row = dialog.locator("tbody tr", has_text="clahe")
    expect(row.locator("td").first).to_have_text("25.50")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text("s00")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_slider_follows_keys_and_hand(runs: Path, page: Page) -> None:
    page.goto((runs / "report.html").as_uri())
    stage = page.locator("[data-stage]").first
    stage.scroll_into_view_if_needed()
    cut = "stage => stage.style.getPropertyValue('--cut')"
    assert stage.evaluate(cut) == "50%"
    stage.get_by_role("slider").press("ArrowRight")
    assert stage.evaluate(cut) == "51%"
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert abs(float(stage.evaluate(cut).rstrip("%")) - 25) < 1.5


def test_the_board_filters_and_its_cards_are_there(runs: Path, page: Page) -> None:
    folder = runs / "leaderboard"
    page.goto((folder / "leaderboard.html").as_uri())
    assert methods(page)[0] == "clahe"
    page.get_by_label("Method").fill("auto")
    assert methods(page) == ["auto_levels"]
    expect(page.locator("[aria-live]")).to_have_text("1 row")
    page.get_by_label("Method").fill("")
    assert len(methods(page)) == 3
    for link in page.locator("table.results a").all():
        address = link.get_attribute("href")
        assert address and (folder / address).is_file()


@pytest.mark.parametrize("file", ["report.html", "leaderboard/leaderboard.html"])
def test_narrow_and_dark(runs: Path, page: Page, file: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((runs / file).as_uri())
    check_width(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1400, "height": 900})
    check_width(page)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness: list[Any] = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (dark, light)]
    assert brightness[0] < 150 < 600 < brightness[1]
